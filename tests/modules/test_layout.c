/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Values of one layout turned into those of another, by the types of two made-up programs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <bpf/btf.h>
#include <errno.h>
#include <stdint.h>

#include "layout.h"

struct old {
	uint32_t a;
	uint16_t b[3];
	uint16_t gone;
};

struct new
{
	uint64_t added;
	uint16_t b[4];
	uint64_t a;
};

struct small {
	uint8_t a;
};

struct types {
	struct btf *btf;
	int u8, u16, u32, u64;
};

static struct types types_new(void)
{
	struct types types = { .btf = btf__new_empty() };

	assert_non_null(types.btf);
	types.u8 = btf__add_int(types.btf, "u8", 1, 0);
	types.u16 = btf__add_int(types.btf, "u16", 2, 0);
	types.u32 = btf__add_int(types.btf, "u32", 4, 0);
	types.u64 = btf__add_int(types.btf, "u64", 8, 0);
	return types;
}

static struct layout layout_old(struct types *types)
{
	int array = btf__add_array(types->btf, types->u32, types->u16, 3);
	int id = btf__add_struct(types->btf, "value", sizeof(struct old));

	btf__add_field(types->btf, "a", types->u32, 8 * offsetof(struct old, a), 0);
	btf__add_field(types->btf, "b", array, 8 * offsetof(struct old, b), 0);
	btf__add_field(types->btf, "gone", types->u16, 8 * offsetof(struct old, gone), 0);
	return (struct layout){ types->btf, id };
}

static struct layout layout_new(struct types *types)
{
	int array = btf__add_array(types->btf, types->u32, types->u16, 4);
	int id = btf__add_struct(types->btf, "value", sizeof(struct new));

	btf__add_field(types->btf, "added", types->u64, 8 * offsetof(struct new, added), 0);
	btf__add_field(types->btf, "b", array, 8 * offsetof(struct new, b), 0);
	btf__add_field(types->btf, "a", types->u64, 8 * offsetof(struct new, a), 0);
	return (struct layout){ types->btf, id };
}

static struct layout layout_small(struct types *types, int type)
{
	int id = btf__add_struct(types->btf, "value", sizeof(struct small));

	btf__add_field(types->btf, "a", type, 0, 0);
	return (struct layout){ types->btf, id };
}

static void members_keep_their_names(void **state)
{
	struct types one = types_new(), other = types_new();
	struct layout from = layout_old(&one), to = layout_new(&other);
	const struct old in = { .a = 0x12345678, .b = { 1, 2, 0xffff }, .gone = 9 };
	struct new out = { .added = 7 };

	(void)state;
	assert_int_equal(layout_convert(&from, &in, &to, &out), 0);
	assert_int_equal(out.a, 0x12345678);
	assert_int_equal(out.b[0], 1);
	assert_int_equal(out.b[2], 0xffff);
	assert_int_equal(out.b[3], 0);
	assert_int_equal(out.added, 0);
	btf__free(one.btf);
	btf__free(other.btf);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct types one = types_new(), other = types_new();
	struct layout from = layout_new(&one), to = layout_old(&other);
	struct new in = { .a = 0xffffffff, .b = { 1, 2, 3, 0 } };
	struct old out;

	(void)state;
	assert_int_equal(layout_convert(&from, &in, &to, &out), 0);
	assert_int_equal(out.a, 0xffffffff);
	in.b[3] = 1;
	assert_int_equal(layout_convert(&from, &in, &to, &out), -ERANGE);
	in.b[3] = 0;
	in.a = 0x100000000;
	assert_int_equal(layout_convert(&from, &in, &to, &out), -ERANGE);
	btf__free(one.btf);
	btf__free(other.btf);
}

static void another_kind_of_member_is_refused(void **state)
{
	struct types types = types_new();
	int array = btf__add_array(types.btf, types.u32, types.u8, 1);
	struct layout from = layout_small(&types, types.u8), to = layout_small(&types, array);
	struct small in = { .a = 1 }, out;

	(void)state;
	assert_int_equal(layout_convert(&from, &in, &to, &out), -EPROTO);
	btf__free(types.btf);
}

static void layouts_are_compared_by_their_members(void **state)
{
	struct types one = types_new(), other = types_new();
	struct layout a = layout_old(&one), b = layout_old(&other), c = layout_new(&other);

	(void)state;
	assert_true(layout_equal(&a, &b));
	assert_false(layout_equal(&a, &c));
	btf__free(one.btf);
	btf__free(other.btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_keep_their_names),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(another_kind_of_member_is_refused),
		cmocka_unit_test(layouts_are_compared_by_their_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
