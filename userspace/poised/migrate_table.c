/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables of exceptions and recorded flows. A word means the same in every version that has a
 * member of its name: one of another layout has another name. So words are taken as they are, in
 * the bucket of the same number.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "maps_private.h"
#include "migrate_private.h"
#include "poise_flow.h"

/* Both versions' tables, in memory. */
struct tables {
	char *from;
	struct layout_member words; /* of a bucket there */
	size_t from_size, from_stride;
	struct poise_exception_bucket *to;
	size_t to_size;
	uint32_t buckets;
};

static bool find_words(const struct change *change, struct layout_member *out)
{
	struct layout bucket = former_value(&change->from);

	return bucket.type && layout_find(&bucket, "word", out) && out->size == sizeof(__u64) &&
	       out->count <= POISE_EXCEPTION_WAYS;
}

bool table_suits(const struct migration *migration, const struct change *change)
{
	struct layout_member words;

	(void)migration;
	return find_words(change, &words) && change->from.info.map_flags & BPF_F_MMAPABLE;
}

static void tables_close(struct tables *tables)
{
	maps_unshare(tables->from, tables->from_size);
	maps_unshare(tables->to, tables->to_size);
}

static int tables_open(const struct change *change, struct tables *out)
{
	size_t stride = (change->from.info.value_size + 7) / 8 * 8;
	uint32_t buckets = bpf_map__max_entries(change->to);

	*out = (struct tables){ .from_size = stride * buckets,
				.from_stride = stride,
				.to_size = sizeof(struct poise_exception_bucket) * buckets,
				.buckets = buckets };
	if (!find_words(change, &out->words))
		return -EPROTO;
	out->from = maps_share(change->from.fd, out->from_size);
	out->to = maps_share(bpf_map__fd(change->to), out->to_size);
	if (out->from && out->to)
		return 0;
	tables_close(out);
	return -ENOMEM;
}

static __u64 former_word(const struct tables *tables, uint32_t number, uint32_t way)
{
	const char *bucket = tables->from + number * tables->from_stride + tables->words.offset;

	return word_load(bucket + way * sizeof(__u64), sizeof(__u64));
}

/*
 * What has ended is not taken over before the follow-up: its addresses and ports may begin anew
 * meanwhile, at another backend, and an old record would speak for the new connection.
 */
static __u64 word_to_fill(const struct tables *tables, uint32_t number, uint32_t way)
{
	__u64 word = former_word(tables, number, way);

	if (poise_exception_backend(word) && poise_exception_state(word) == POISE_EXCEPTION_CLOSING)
		return POISE_EXCEPTION_GAP;
	return word;
}

int table_fill(struct migration *migration, struct change *change)
{
	struct tables tables;
	int err = tables_open(change, &tables);

	(void)migration;
	if (err)
		return err;
	for (uint32_t i = 0; i < tables.buckets; i++)
		for (uint32_t way = 0; way < tables.words.count; way++)
			tables.to[i].word[way] = word_to_fill(&tables, i, way);
	tables_close(&tables);
	return 0;
}

static bool same_flow(__u64 a, __u64 b)
{
	return !((a ^ b) >> POISE_EXCEPTION_PRINT_SHIFT) && poise_exception_backend(a) &&
	       poise_exception_backend(b);
}

/* Of two words of a flow the one that was stamped last is right, of the same tick the one that is
 * there. */
static bool is_newer(__u64 word, __u64 there)
{
	__u16 ahead = poise_exception_stamp(word) - poise_exception_stamp(there);

	return ahead && ahead < POISE_FUTURE_TICKS;
}

/* The flow's place in a bucket of the new table, or NULL. */
static __u64 *find_flow(struct poise_exception_bucket *bucket, __u64 word)
{
	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++)
		if (same_flow(word_load(&bucket->word[way], sizeof(__u64)), word))
			return &bucket->word[way];
	return NULL;
}

static uint32_t rank_of(__u64 there, __u64 word)
{
	uint32_t age = poise_age(poise_exception_stamp(word), poise_exception_stamp(there));

	if (!poise_exception_backend(there))
		return 2 << 16;
	return poise_exception_state(there) == POISE_EXCEPTION_HALF_OPEN ? 1 << 16 | age : age;
}

/* The place that is worth least; of empty ones the last, for word 0 is to be filled last. */
static __u64 *find_place(struct poise_exception_bucket *bucket, __u64 word)
{
	__u64 *worst = NULL;
	uint32_t worst_rank = 0;

	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++) {
		uint32_t rank = rank_of(word_load(&bucket->word[way], sizeof(__u64)), word);

		if (worst && rank < worst_rank)
			continue;
		worst = &bucket->word[way];
		worst_rank = rank;
	}
	return worst;
}

/* A packet that changed the place meanwhile knows it better. */
static void put_word(__u64 *place, __u64 there, __u64 word)
{
	__atomic_compare_exchange_n(place, &there, word, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Whether the flow has a place there; then it has the newer word of the two. */
static bool renew_flow(struct poise_exception_bucket *bucket, __u64 word)
{
	__u64 *place = find_flow(bucket, word), there;

	if (!place)
		return false;
	there = word_load(place, sizeof(there));
	if (same_flow(there, word) && is_newer(word, there))
		put_word(place, there, word);
	return true;
}

static void add_flow(struct poise_exception_bucket *bucket, __u64 word)
{
	__u64 *place = find_place(bucket, word);

	put_word(place, word_load(place, sizeof(*place)), word);
}

/* Whether the new program recorded an exception in the bucket of the other level. */
static bool renew_other_level(struct poise_exception_bucket *table, uint32_t number, __u64 word)
{
	if (number >= POISE_EXCEPTION_FIRST)
		return renew_flow(&table[(number - POISE_EXCEPTION_FIRST) % POISE_EXCEPTION_FIRST],
				  word);
	for (uint32_t i = number; i < POISE_EXCEPTION_SECOND; i += POISE_EXCEPTION_FIRST)
		if (renew_flow(&table[POISE_EXCEPTION_FIRST + i], word))
			return true;
	return false;
}

static void follow_exception(struct poise_exception_bucket *table, uint32_t number, __u64 word)
{
	if (!renew_flow(&table[number], word) && !renew_other_level(table, number, word))
		add_flow(&table[number], word);
	if (number >= POISE_EXCEPTION_FIRST) /* or nobody looks into the second bucket */
		put_word(&table[(number - POISE_EXCEPTION_FIRST) % POISE_EXCEPTION_FIRST].word[0],
			 0, POISE_EXCEPTION_GAP);
}

static void follow_flow(struct poise_exception_bucket *table, uint32_t number, __u64 word)
{
	if (!renew_flow(&table[number], word))
		add_flow(&table[number], word);
}

static int follow(struct change *change,
		  void (*take)(struct poise_exception_bucket *, uint32_t, __u64))
{
	struct tables tables;
	int err = tables_open(change, &tables);

	if (err)
		return err;
	for (uint32_t i = 0; i < tables.buckets; i++)
		for (uint32_t way = 0; way < tables.words.count; way++) {
			__u64 word = former_word(&tables, i, way);

			if (poise_exception_backend(word))
				take(tables.to, i, word);
		}
	tables_close(&tables);
	return 0;
}

int table_follow_exceptions(struct migration *migration, struct change *change)
{
	(void)migration;
	return follow(change, follow_exception);
}

int table_follow_flows(struct migration *migration, struct change *change)
{
	(void)migration;
	return follow(change, follow_flow);
}
