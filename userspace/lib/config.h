/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The configuration: from YAML text to checked structures. Pure: reads one file, no logging, keeps
 * nothing. config_load_*() either returns a whole valid configuration or every error of the text.
 */
#ifndef POISE_CONFIG_H
#define POISE_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "poise_abi.h"

enum {
	CONFIG_MAX_BYTES = 16 << 20, /* of a file */
	CONFIG_MAX_ERRORS = 100,     /* reported; one line more says that there were others */
	CONFIG_MAX_INTERFACES = 64,
	CONFIG_MAX_EXPECT = 8,
	CONFIG_MIN_SETTLE_MS = 1000,
	CONFIG_MAX_SETTLE_MS = 12 * 3600 * 1000, /* well below the coarse clock's wrap */
};

enum interface_mode { INTERFACE_AUTO, INTERFACE_NATIVE, INTERFACE_GENERIC };
enum on_down { ON_DOWN_REHASH, ON_DOWN_KEEP };
enum check_type {
	CHECK_NONE,
	CHECK_TCP,
	CHECK_TLS,
	CHECK_HTTP,
	CHECK_HTTPS,
	CHECK_GRPC,
	CHECK_REDIS,
	CHECK_POSTGRES,
	CHECK_MYSQL,
	CHECK_DNS,
	CHECK_UDP,
	CHECK_EXEC,
};
enum check_via { CHECK_DIRECT, CHECK_TUNNEL };
enum mysql_role { MYSQL_ANY, MYSQL_PRIMARY, MYSQL_REPLICA };
enum scheduler { SCHEDULER_MAGLEV, SCHEDULER_SOURCE, SCHEDULER_ROUNDROBIN, SCHEDULER_LEASTCONN };
enum udp_mode { UDP_STATELESS, UDP_STICKY };

struct config_interface {
	char name[IF_NAMESIZE];
	enum interface_mode mode;
};

struct status_range {
	uint16_t first, last;
};

/* Bytes of any value; length 0: none. */
struct config_bytes {
	uint8_t *bytes;
	size_t length;
};

/* Of tls, https and, when 'tls' is written, of tcp, grpc, redis, postgres and mysql. */
struct config_check_tls {
	bool on;
	bool insecure;	   /* whoever answers is believed; default: false */
	char *server_name; /* SNI and what the certificate must name; NULL: neither is asked for.
			    * https: default: the host's name */
	char *ca_file;	   /* NULL: the system's */
	uint16_t min_days; /* a certificate that ends sooner is warned of; default 14, 0: never */
};

/* Texts that are not of the check's type are NULL. config_check_copy() and config_check_free() know
 * each of them, config_check_equal() every member. */
struct config_check {
	enum check_type type;	   /* CHECK_NONE: no 'check' key, the backends count as up */
	uint16_t port;		   /* default: the service's */
	uint32_t interval_ms;	   /* default 1 s; 100 ms to 1 h */
	uint32_t fast_interval_ms; /* while the state may be changing; 0, default: the interval */
	uint32_t timeout_ms; /* default 500 ms, or the shorter interval if less; 10 ms to that */
	uint16_t rise, fall; /* default 2, 3; 1 to 100 */
	uint8_t jitter;	     /* percent of the interval by which starts vary; default 5, 0-50 */
	enum check_via via;
	bool probe_mtu; /* with via: tunnel */
	uint32_t mark;	/* with via: tunnel: the configuration's probe_mark; else 0 */
	struct config_check_tls tls;
	char *path; /* http, https: default "/" */
	char *host; /* http, https, grpc: NULL: the backend's address */
	char *body; /* http, https: substring that the answer must hold; NULL: any */
	struct status_range expect[CONFIG_MAX_EXPECT]; /* http, https: default 200-399 */
	size_t expect_count;
	struct config_bytes send, answer; /* tcp, tls, udp: 'send' and 'expect' */
	char *user;			  /* mysql, postgres, redis, exec */
	char *password_file;		  /* mysql, redis */
	enum mysql_role role;		  /* mysql */
	uint32_t max_lag_ms;		  /* mysql, of a replica; 0: any */
	char *query;			  /* dns: a name; default "." */
	uint16_t query_type;		  /* dns: default NS (2) */
	uint8_t rcode;			  /* dns: default NOERROR (0) */
	char *grpc_service;		  /* grpc: NULL: the server as a whole */
	char **command;			  /* exec: ends with NULL */
};

/* The backend's own word on its weight and state, in the format of HAProxy's agent-check. */
struct config_agent {
	uint16_t port; /* 0: none */
	uint32_t interval_ms, timeout_ms;
};

struct config_backend {
	char name[POISE_NAME_BYTES];
	struct address address;
	uint16_t weight;       /* 0-1000, default 100 */
	bool drain;	       /* takes no new connection; default: false */
	uint8_t encapsulation; /* enum poise_encapsulation; default: the service's */
	/* In services with 'quic', required there: as many bytes as the service says. */
	uint8_t server_id[POISE_QUIC_ID_BYTES];
	uint8_t server_id_length; /* 0: none */
};

/* Connection ids that name their backend; length 0: none. */
struct config_quic {
	uint8_t config_id;	  /* 0-6: the config rotation bits */
	uint8_t server_id_length; /* 1-15 bytes */
};

struct config_service {
	char name[POISE_NAME_BYTES];
	struct address address;	  /* of a prefix its first: bits after prefix_length are 0 */
	uint8_t prefix_length;	  /* 32 or 128: one address */
	uint16_t port, last_port; /* host order, both included; 1-65535 for 'any' */
	uint8_t protocol;	  /* IPPROTO_TCP or IPPROTO_UDP */
	uint32_t ring_size;	  /* prime */
	enum scheduler scheduler; /* default maglev */
	uint8_t affinity;	  /* bits of the client's address that choose the backend;
				   * 0: the whole connection does. 'source': 32 or 128 */
	enum udp_mode udp;	  /* default stateless; UDP only */
	uint32_t idle_ms;	  /* of recorded flows: default 15 m for TCP, 2 m for UDP */
	struct config_quic quic;  /* UDP only */
	uint8_t encapsulation;	  /* enum poise_encapsulation; default: the tunnel's */
	enum on_down on_down;
	struct config_check check;
	struct config_agent agent;
	uint32_t slow_start_ms;	 /* a returning backend's weight rises for so long; 0: at once */
	uint8_t panic_threshold; /* percent: with fewer backends up than that, all are used; 0:
				    never */
	bool damping;		 /* of backends that go up and down; default: true */
	bool second_chance;	 /* TCP over GUE alone: moving slots' packets carry a chain
				  * (docs/WIRE.md); default: false */
	bool exceptions;	 /* connections in moving slots are recorded; default: true. false
				  * without second_chance: slots never move */
	struct config_backend *backends;
	size_t backend_count;
};

struct config_icmp {
	bool echo;	     /* default: true */
	uint32_t echo_rate;  /* a second and CPU, 1-1000000; default 1000 */
	uint32_t error_rate; /* likewise, 0-1000000; default 1000 */
};

struct config_fragments {
	bool pass_early;     /* 'early: pass'; default: drop */
	uint32_t timeout_ms; /* 1 s to 120 s; default 30 s */
};

struct config {
	struct config_interface *interfaces; /* at least one */
	size_t interface_count;
	struct prefix source_ipv4; /* default 172.16.0.0/16 */
	struct prefix source_ipv6; /* default 100::/64 */
	uint8_t encapsulation;	   /* tunnel's: enum poise_encapsulation; default ipip */
	uint16_t gue_port;	   /* default 6080 */
	bool pass_oversize;	   /* 'oversize: pass', IPv4 without DF; default: drop */
	bool decrement_ttl;	   /* default: false */
	struct config_icmp icmp;
	struct config_fragments fragments;
	uint32_t probe_mark;   /* of checks with via: tunnel, POISE_PROBE_INDEX's bits 0 */
	uint32_t flow_entries; /* of recorded flows: a power of two, default 1048576 */
	uint64_t seed;
	char *control_socket;
	char *control_readers, *control_writers; /* groups, by name or number; NULL: none */
	char *user; /* that poised becomes, by name or number; NULL: it stays who it is */
	char *pin_path;
	char *state_dir; /* default /var/lib/poise */
	uint64_t settle_ms;
	struct config_service *services;
	size_t service_count;
};

struct config_errors {
	char **lines; /* "file:line:column: path: what was found, what is allowed" */
	size_t count;
};

/* Returns 0 and a configuration that config_free() releases; -EINVAL with at least one error;
 * -ENOMEM. errors must be zeroed before, and config_errors_free()d after. */
int config_load_file(const char *path, struct config **out, struct config_errors *errors);

/* The same for text of length bytes; name stands for the file in errors. */
int config_load_text(const char *name, const char *text, size_t length, struct config **out,
		     struct config_errors *errors);

void config_free(struct config *config);
void config_errors_free(struct config_errors *errors);

/* out: texts of its own. 0 or -ENOMEM, and then out holds none. */
int config_check_copy(const struct config_check *check, struct config_check *out);
void config_check_free(struct config_check *check); /* what it points to */
bool config_check_equal(const struct config_check *a, const struct config_check *b);
bool config_agent_equal(const struct config_agent *a, const struct config_agent *b);

/* The words of the configuration. */
const char *config_check_type_text(enum check_type type);

/* Checks for values that also come by command: 0 or -EINVAL.
 * A name is 1-63 of letters, digits, '.', '_', '-', and begins with a letter or digit. */
int config_check_name(const char *name);

bool is_prime(uint32_t n);

#endif
