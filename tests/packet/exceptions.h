/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The exceptions table as tests see and fill it. */
#ifndef POISE_TEST_EXCEPTIONS_H
#define POISE_TEST_EXCEPTIONS_H

#include "fixture.h"

/* A flow's exception with the fixture's key; its words carry ages instead of stamps. */
struct record {
	uint16_t backend; /* NOBODY: there is none */
	uint8_t state;	  /* enum poise_exception_state, or GAP */
	uint16_t age;	  /* ticks */
};

/* Of nobody: POISE_EXCEPTION_GAP, not 0. */
enum { GAP = 3 };

void exceptions_clear(const struct fixture *fixture);
/* The words in use; only: the last of them. */
size_t exceptions_count(const struct fixture *fixture, uint64_t *only);

uint64_t exceptions_hash(const struct fixture *fixture, const struct packet *packet);
/* The flow's first bucket, and its second one. */
struct poise_exception_bucket *exceptions_bucket(const struct fixture *fixture, uint64_t hash);
struct poise_exception_bucket *exceptions_second(const struct fixture *fixture, uint64_t hash);

/* The word of a record at the clock value now. */
uint64_t exceptions_word(uint64_t hash, const struct record *record, uint16_t now);
/* Notes a word field by field. */
void exceptions_note(const char *what, uint64_t word, uint16_t now);

#endif
