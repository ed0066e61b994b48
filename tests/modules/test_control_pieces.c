/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers of the control socket that are made in pieces: whole, in order, and never much of one at
 * a time, whatever their reader does. */
#include "control_fixture.h"

#include <event2/buffer.h>

enum {
	FEW = 3,
	MANY = 4096,		    /* pieces of a long answer */
	PIECE_BYTES = 16 << 10,	    /* of it */
	MOST_AHEAD_BYTES = 2 << 20, /* made and not read: in poised and in the socket */
};

#define ASK(command) "{\"version\":1,\"command\":\"" command "\"}\n"
#define BEGIN	     "{\"version\":1,\"ok\":true,\"result\":{"

static struct source {
	int wanted, told, freed;
	bool large, fails;
} source;

static int next(void *context, struct evbuffer *out)
{
	static char filling[PIECE_BYTES];
	struct source *from = context;

	memset(filling, 'x', sizeof(filling));
	if (from->fails && from->told == from->wanted / 2)
		return -ENOMEM;
	evbuffer_add_printf(out, "%s\"%d\":\"%.*s\"", from->told ? "," : "", from->told,
			    from->large ? PIECE_BYTES : 1, filling);
	return __atomic_add_fetch(&from->told, 1, __ATOMIC_SEQ_CST) < from->wanted;
}

static void ended(void *context)
{
	struct source *from = context;

	__atomic_add_fetch(&from->freed, 1, __ATOMIC_SEQ_CST);
}

static const struct control_pieces pieces = { next, ended };

static json_t *answer(struct server *server, const char *command)
{
	bool large = !strcmp(command, "long");

	memset(&source, 0, sizeof(source));
	source.wanted = large ? MANY : FEW;
	source.large = large;
	source.fails = !strcmp(command, "fails");
	if (control_answer_in_pieces(server->control, &pieces, &source))
		return NULL;
	if (!strcmp(command, "refused"))
		return NULL;
	return !strcmp(command, "headless") ? json_object() : json_pack("{s:i}", "head", 7);
}

static int set_up_pieces(void **state)
{
	int result = set_up(state);

	((struct server *)*state)->more = answer;
	return result;
}

static int set_up_impatient_pieces(void **state)
{
	int result = set_up_impatient_of_stalls(state);

	((struct server *)*state)->more = answer;
	return result;
}

static int ask(const struct server *server, const char *request)
{
	int fd = client(server);

	say(fd, request);
	return fd;
}

/* Waits until the server has given the source up. */
static void expect_freed(void)
{
	double limit = now() + ANSWER_WAIT_S;

	while (!__atomic_load_n(&source.freed, __ATOMIC_SEQ_CST) && now() < limit)
		pause_ms(10);
	assert_int_equal(source.freed, 1);
}

static void test_pieces_follow_what_the_handler_returned(void **state)
{
	int fd = ask(*state, ASK("headed") ASK("headless") ECHO("7"));

	expect(fd, BEGIN "\"head\":7,\"0\":\"x\",\"1\":\"x\",\"2\":\"x\"}}");
	expect(fd, BEGIN "\"0\":\"x\",\"1\":\"x\",\"2\":\"x\"}}");
	expect(fd, ECHOED("7"));
	assert_int_equal(source.freed, 1);
	close(fd);
}

static void test_a_refusal_has_no_pieces(void **state)
{
	int fd = ask(*state, ASK("refused") ECHO("7"));

	expect_refusal(fd, "without a reason");
	expect(fd, ECHOED("7"));
	assert_int_equal(source.freed, 1);
	assert_int_equal(source.told, 0);
	close(fd);
}

static void test_a_long_answer_is_whole(void **state)
{
	int fd = ask(*state, ASK("long"));
	char *line = hear(fd);
	json_t *parsed;

	assert_non_null(line);
	parsed = json_loads(line, 0, NULL);
	assert_int_equal(json_object_size(json_object_get(parsed, "result")), MANY + 1);
	json_decref(parsed);
	free(line);
	close(fd);
	expect_freed();
}

static void test_little_is_made_before_it_is_read(void **state)
{
	int fd = ask(*state, ASK("long")), told = -1;

	while (told != __atomic_load_n(&source.told, __ATOMIC_SEQ_CST) || told == 0) {
		told = source.told;
		expect_service(*state); /* others are served meanwhile */
		pause_ms(100);
	}
	assert_in_range(told * (size_t)PIECE_BYTES, PIECE_BYTES, MOST_AHEAD_BYTES);
	close(fd);
	expect_freed();
}

static void test_a_reader_who_half_closes_gets_all_of_it(void **state)
{
	int fd = ask(*state, ASK("long"));
	char *line;

	shutdown(fd, SHUT_WR);
	line = hear(fd);
	assert_non_null(line);
	assert_true(strlen(line) > (size_t)MANY * PIECE_BYTES);
	free(line);
	expect_end(fd);
}

static void test_a_reader_who_stalls_is_closed(void **state)
{
	int fd = ask(*state, ASK("long"));

	expect_freed();
	close(fd);
	expect_service(*state);
}

static void test_what_cannot_be_made_ends_the_connection(void **state)
{
	int fd = ask(*state, ASK("fails"));
	char rest[256];
	ssize_t got, held = 0;

	while ((got = recv(fd, rest + held, sizeof(rest) - held, 0)) > 0)
		held += got;
	assert_null(memchr(rest, '\n', held)); /* no answer is better than half of one */
	close(fd);
	expect_freed();
	expect_service(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up_pieces, tear_down)
#define IMPATIENT(name) cmocka_unit_test_setup_teardown(name, set_up_impatient_pieces, tear_down)
		TEST(test_pieces_follow_what_the_handler_returned),
		TEST(test_a_refusal_has_no_pieces),
		TEST(test_a_long_answer_is_whole),
		TEST(test_little_is_made_before_it_is_read),
		TEST(test_a_reader_who_half_closes_gets_all_of_it),
		IMPATIENT(test_a_reader_who_stalls_is_closed),
		TEST(test_what_cannot_be_made_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
