/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What all of the CLI shares: exit codes, a command line taken apart, and the table of commands. */
#ifndef POISE_CLI_H
#define POISE_CLI_H

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,     /* the reason was printed */
	EXIT_USAGE = 2,	      /* wrong usage, likewise */
	EXIT_UNREACHABLE = 3, /* poised cannot be reached or understood, likewise */
	EXIT_LOST = 4,	      /* status: the program is not on an interface, which was shown */
};

enum {
	MAX_WORDS = 8,	  /* of a command line, options aside, */
	MAX_NAMES = 4096, /* unless it takes a list of services: as many as there can be */
	ALL_WORDS = 2 + MAX_NAMES,
};

/* Options that only some commands take. */
enum option_bits {
	OPTION_WEIGHT = 1 << 0,
	OPTION_NOW = 1 << 1,
	OPTION_WAIT = 1 << 2,
	OPTION_TIMEOUT = 1 << 3,
	OPTION_PIN_PATH = 1 << 4,
	OPTION_ENCAPSULATION = 1 << 5,
	OPTION_SERVER_ID = 1 << 6,
	OPTION_FORCE = 1 << 7,
	OPTION_IF_MISSING = 1 << 8,
	OPTION_HOST = 1 << 9,
	OPTION_DRY_RUN = 1 << 10,
	OPTION_OF_DOCTOR = 1 << 11, /* --config and --verbose */
	OPTION_LENIENT = 1 << 28,   /* of status */
};

/* Of explain, capture and top; from the top down, so that the two lists do not meet. */
enum {
	OPTION_TCP_FLAGS = 1 << 30,
	OPTION_PAYLOAD = 1 << 26,
	OPTION_QUIC_ID = 1 << 25,
	OPTION_INTERFACE = 1 << 24,
	OPTION_LENGTH = 1 << 23,
	OPTION_DF = 1 << 22,
	OPTION_FRAME = 1 << 21,
	OPTION_DROPS = 1 << 20,
	OPTION_ALL = 1 << 19,
	OPTION_SENT = 1 << 18,
	OPTION_SERVICE = 1 << 17,
	OPTION_SAMPLE = 1 << 16,
	OPTION_COUNT = 1 << 15,
	OPTION_SECONDS = 1 << 14,
	OPTION_BYTES = 1 << 13,
	OPTION_WRITE = 1 << 12,
	OPTIONS_OF_CAPTURE = OPTION_DROPS | OPTION_ALL | OPTION_SENT | OPTION_SERVICE |
			     OPTION_SAMPLE | OPTION_COUNT | OPTION_SECONDS | OPTION_BYTES |
			     OPTION_WRITE,
	OPTIONS_OF_EXPLAIN = OPTION_TCP_FLAGS | OPTION_PAYLOAD | OPTION_QUIC_ID | OPTION_INTERFACE |
			     OPTION_LENGTH | OPTION_DF | OPTION_FRAME,
	OPTIONS_OF_TOP = 1 << 29, /* --interval and --once */
};

struct invocation {
	const char *socket, *pin_path;
	const char *encapsulation, *server_id, *host;
	bool json, help, version, now, wait, force, if_missing, dry_run;
	const char *payload, *quic_id, *interface, *frame;
	bool syn, ack, fin, rst, dont_fragment;
	const char *service, *write;
	bool drops, all, sent;
	const char *config;
	bool verbose, lenient;
	unsigned length, sample, count, seconds, bytes; /* where given */
	unsigned interval;				/* seconds; 0: not given */
	bool once;
	unsigned given;			  /* enum option_bits */
	unsigned weight, timeout_s;	  /* where given */
	const char *words[ALL_WORDS + 1]; /* the command's name, then its operands */
	size_t word_count;
	const char *const *operands; /* behind the command's name */
	size_t operand_count;
};

struct command {
	const char *name;     /* "status", "backend add" */
	const char *operands; /* as the usage shows them, with the options of its own */
	const char *summary;  /* one line */
	const char *text;     /* more lines, with an example */
	unsigned options;     /* enum option_bits that it takes */
	size_t least, most;   /* operands */
	int (*run)(const struct invocation *invocation); /* returns an exit code */
};

extern const struct command commands[];
extern const size_t command_count;

#endif
