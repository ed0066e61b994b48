/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "layout.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

enum { MAX_DEPTH = 8, BYTE_BITS = 8 };

/* A type without its names and qualifiers; enumerations count as numbers. */
static struct layout plain(const struct btf *btf, uint32_t type)
{
	int id = btf__resolve_type(btf, type);

	return (struct layout){ btf, id < 0 ? 0 : (uint32_t)id };
}

static const struct btf_type *type_of(const struct layout *layout)
{
	return btf__type_by_id(layout->btf, layout->type);
}

static bool is_number(const struct btf_type *type)
{
	return btf_is_int(type) || btf_is_any_enum(type);
}

static const char *member_name(const struct layout *layout, const struct btf_member *member)
{
	return btf__name_by_offset(layout->btf, member->name_off);
}

static const struct btf_member *find_member(const struct layout *layout, const char *name)
{
	const struct btf_type *type = type_of(layout);
	const struct btf_member *members = btf_members(type);

	for (int i = 0; i < btf_vlen(type); i++)
		if (strcmp(member_name(layout, &members[i]), name) == 0)
			return &members[i];
	return NULL;
}

struct layout layout_named(const struct btf *btf, const char *name)
{
	int id = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) : -ENOENT;

	return (struct layout){ btf, id < 0 ? 0 : (uint32_t)id };
}

bool layout_find(const struct layout *structure, const char *name, struct layout_member *out)
{
	struct layout whole = plain(structure->btf, structure->type);
	const struct btf_member *member =
		btf_is_struct(type_of(&whole)) ? find_member(&whole, name) : NULL;
	int64_t size;

	if (!member)
		return false;
	*out = (struct layout_member){ .layout = plain(whole.btf, member->type),
				       .offset = member->offset / BYTE_BITS,
				       .count = 1 };
	if (btf_is_array(type_of(&out->layout))) {
		out->count = btf_array(type_of(&out->layout))->nelems;
		out->layout = plain(whole.btf, btf_array(type_of(&out->layout))->type);
	}
	size = btf__resolve_size(whole.btf, out->layout.type);
	out->size = size > 0 ? size : 0;
	return size > 0;
}

static bool equal(const struct layout *a, const struct layout *b, int depth);

static bool equal_structs(const struct layout *a, const struct layout *b, int depth)
{
	const struct btf_member *x = btf_members(type_of(a)), *y = btf_members(type_of(b));

	if (btf_vlen(type_of(a)) != btf_vlen(type_of(b)))
		return false;
	for (int i = 0; i < btf_vlen(type_of(a)); i++) {
		struct layout left = plain(a->btf, x[i].type), right = plain(b->btf, y[i].type);

		if (x[i].offset != y[i].offset ||
		    strcmp(member_name(a, &x[i]), member_name(b, &y[i])) != 0 ||
		    !equal(&left, &right, depth + 1))
			return false;
	}
	return true;
}

static bool equal_arrays(const struct layout *a, const struct layout *b, int depth)
{
	const struct btf_array *x = btf_array(type_of(a)), *y = btf_array(type_of(b));
	struct layout left = plain(a->btf, x->type), right = plain(b->btf, y->type);

	return x->nelems == y->nelems && equal(&left, &right, depth + 1);
}

static bool equal(const struct layout *a, const struct layout *b, int depth)
{
	const struct btf_type *x = type_of(a), *y = type_of(b);

	if (!x || !y || depth > MAX_DEPTH)
		return false;
	if (is_number(x))
		return is_number(y) && x->size == y->size;
	if (btf_is_array(x))
		return btf_is_array(y) && equal_arrays(a, b, depth);
	return btf_is_struct(x) && btf_is_struct(y) && x->size == y->size &&
	       equal_structs(a, b, depth);
}

bool layout_equal(const struct layout *a, const struct layout *b)
{
	struct layout left = plain(a->btf, a->type), right = plain(b->btf, b->type);

	return equal(&left, &right, 0);
}

static bool any(const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i])
			return true;
	return false;
}

/* Numbers are unsigned: those of the contract are. */
static int convert_number(const char *in, size_t in_size, char *out, size_t out_size)
{
	size_t size = in_size < out_size ? in_size : out_size;
	bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	const char *low = big ? in + in_size - size : in;

	if (any(big ? in : in + size, in_size - size))
		return -ERANGE;
	memset(out, 0, out_size);
	memcpy(big ? out + out_size - size : out, low, size);
	return 0;
}

static int convert(const struct layout *from, const char *in, const struct layout *to, char *out,
		   int depth);

static int convert_array(const struct layout *from, const char *in, const struct layout *to,
			 char *out, int depth)
{
	const struct btf_array *x = btf_array(type_of(from)), *y = btf_array(type_of(to));
	struct layout left = plain(from->btf, x->type), right = plain(to->btf, y->type);
	int64_t in_size = btf__resolve_size(left.btf, left.type);
	int64_t out_size = btf__resolve_size(right.btf, right.type);
	uint32_t count = x->nelems < y->nelems ? x->nelems : y->nelems;
	int err = in_size > 0 && out_size > 0 ? 0 : -EPROTO;

	for (uint32_t i = 0; i < count && !err; i++)
		err = convert(&left, in + i * in_size, &right, out + i * out_size, depth + 1);
	return !err && any(in + count * in_size, (x->nelems - count) * in_size) ? -ERANGE : err;
}

static int convert_struct(const struct layout *from, const char *in, const struct layout *to,
			  char *out, int depth)
{
	const struct btf_type *type = type_of(to);
	int err = 0;

	for (int i = 0; i < btf_vlen(type) && !err; i++) {
		const struct btf_member *member = &btf_members(type)[i];
		const struct btf_member *source = find_member(from, member_name(to, member));
		struct layout left, right = plain(to->btf, member->type);

		if (!source)
			continue;
		left = plain(from->btf, source->type);
		err = convert(&left, in + source->offset / BYTE_BITS, &right,
			      out + member->offset / BYTE_BITS, depth + 1);
	}
	return err;
}

static int convert(const struct layout *from, const char *in, const struct layout *to, char *out,
		   int depth)
{
	const struct btf_type *x = type_of(from), *y = type_of(to);

	if (!x || !y || depth > MAX_DEPTH)
		return -EPROTO;
	if (is_number(x) && is_number(y))
		return convert_number(in, x->size, out, y->size);
	if (btf_is_array(x) && btf_is_array(y))
		return convert_array(from, in, to, out, depth);
	if (btf_is_struct(x) && btf_is_struct(y))
		return convert_struct(from, in, to, out, depth);
	return -EPROTO;
}

int layout_convert(const struct layout *from, const void *in, const struct layout *to, void *out)
{
	struct layout left = plain(from->btf, from->type), right = plain(to->btf, to->type);
	int64_t size = btf__resolve_size(right.btf, right.type);

	if (size <= 0)
		return -EPROTO;
	memset(out, 0, size);
	return convert(&left, in, &right, out, 0);
}
