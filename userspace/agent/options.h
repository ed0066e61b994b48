/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a subcommand was asked for, parsed from its arguments. */
#ifndef POISE_AGENT_OPTIONS_H
#define POISE_AGENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "poise_agent_abi.h"

enum exit_code { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

enum attach_mode { ATTACH_AUTO, ATTACH_NATIVE, ATTACH_GENERIC, ATTACH_TC };

/* Of options.mss, beside bytes. */
enum { MSS_OFF = 0, MSS_AUTO = -1 };

/* Options that a subcommand takes. --pin-path and --verbose are taken by all. */
enum option_set {
	OPTIONS_ATTACH = 1 << 0, /* --gue-port, --mode, --setup; --vip must be there */
	OPTIONS_JSON = 1 << 1,
	OPTIONS_INTERFACE = 1 << 2,	     /* an interface's name must be there */
	OPTIONS_OPTIONAL_INTERFACE = 1 << 3, /* one may be there */
	OPTIONS_TARGET = 1 << 4, /* --vip, --from, --encapsulation, --second-chance, --netns,
				  * --source, --mss */
	OPTIONS_RUN = 1 << 5,	 /* --user, --agent-check, --load-target, --drain-file,
				  * --drain-time */
};

struct listen_address {
	struct address address; /* family 0: every address of this host */
	uint16_t port;		/* host order; 0: do not listen */
};

struct options {
	const char *interface; /* NULL: none was given */
	struct prefix *vips;   /* one of full length is an address */
	size_t vip_count;
	struct prefix *sources; /* none: any source */
	size_t source_count;
	struct prefix *hops; /* --second-chance; none: it is off */
	size_t hop_count;
	const char *namespaces[POISE_AGENT_MAX_NAMESPACES]; /* absolute paths */
	size_t namespace_count;
	struct prefix source4, source6; /* of tunnels whose family changes */
	uint32_t encapsulations;	/* bit n: enum poise_agent_encapsulation n is opened */
	uint16_t gue_port;		/* host order */
	int32_t mss; /* bytes of the largest TCP segment over IPv4, MSS_OFF or MSS_AUTO */
	enum attach_mode mode;
	const char *pin_path; /* the directory that has a directory of each interface */
	bool setup, json, verbose;
	bool stays;	  /* it is 'run', and what follows counts */
	const char *user; /* NULL: as it is */
	struct listen_address agent_check;
	double load_target;	/* tasks a CPU */
	const char *drain_file; /* an absolute path; NULL: none */
	unsigned int drain_seconds;
};

/* Parses a subcommand's arguments (argv[0] is its name), which the options refer to. EXIT_DONE, or
 * EXIT_USAGE after telling on stderr what is wrong. options_free() releases what options hold, in
 * both cases. */
int options_parse(int argc, char **argv, unsigned int allowed, struct options *options);
void options_free(struct options *options);

#endif
