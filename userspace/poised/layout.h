/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the values of a map are laid out, by their type information (BTF), and values of one layout
 * turned into those of another: members are known by their names.
 */
#ifndef POISE_LAYOUT_H
#define POISE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

struct btf;

struct layout {
	const struct btf *btf;
	uint32_t type; /* id; 0: nothing is known of it */
};

/* Do both have the same members at the same places? */
bool layout_equal(const struct layout *a, const struct layout *b);

/* A member of a structure, and where it lies. */
struct layout_member {
	struct layout layout;  /* its own; of a list, that of an entry */
	uint32_t offset, size; /* bytes; of a list, the size of an entry */
	uint32_t count;	       /* entries of a list, else 1 */
};

/* The structure of that name; its type is 0 when there is none. */
struct layout layout_named(const struct btf *btf, const char *name);
/* Whether the structure has such a member. */
bool layout_find(const struct layout *structure, const char *name, struct layout_member *out);

/*
 * What 'from' has no member for is 0, what 'to' has none for is left out. out has room for a value
 * of 'to'. 0; -ERANGE: a number or list does not fit; -EPROTO: a member is of another kind.
 */
int layout_convert(const struct layout *from, const void *in, const struct layout *to, void *out);

#endif
