/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What health.c and the kinds of checks (check_tcp.c, check_http.c) agree on: a kind runs one check
 * at a time against one backend, and reports how it ended. Schedules, deadlines and what the
 * results add up to are health.c's.
 */
#ifndef POISE_CHECK_H
#define POISE_CHECK_H

#include <stdint.h>

#include "address.h"
#include "config.h"
#include "health.h"

struct check;
struct curl_loop;
struct echoes;
struct event_base;
struct tls_contexts;

/*
 * How a check can fail, as people read it: X(name, format); each is an item of DIAGNOSTICS in
 * docs/poised.8. Of what a peer sent, nothing stands in one of them but codes, dates and a
 * certificate's name, made printable; the words in quotes are those of the configuration.
 */
#define CHECK_TEXTS(X)                                                                             \
	X(TIMEOUT_CONNECT, "timed out after %u ms while connecting")                               \
	X(TIMEOUT_TUNNEL,                                                                          \
	  "timed out after %u ms while connecting through the tunnel: is the service's address "   \
	  "there, and the tunnel open?")                                                           \
	X(TIMEOUT_ANSWER, "timed out after %u ms waiting for the answer")                          \
	X(TIMEOUT_MIDDLE, "timed out after %u ms in the middle of the answer")                     \
	X(TIMEOUT_EXPECT, "timed out after %u ms, what came is not what is expected")              \
	X(REFUSED, "connection refused")                                                           \
	X(RESET, "connection reset")                                                               \
	X(NO_HOST, "host unreachable")                                                             \
	X(NO_NETWORK, "network unreachable")                                                       \
	X(SYSTEM, "connection failed: %s")                                                         \
	X(CLOSED, "connection closed without an answer")                                           \
	X(CLOSED_MIDDLE, "connection closed in the middle of the answer")                          \
	X(NOT_HTTP, "answer is not HTTP/1")                                                        \
	X(HEADER_LARGE, "answer's header larger than %u KiB")                                      \
	X(STATUS, "status %ld, expected %s")                                                       \
	X(NO_BODY, "body does not hold '%s'")                                                      \
	X(BODY_LARGE, "answer larger than %u KiB, its beginning does not hold '%s'")               \
	X(HTTP, "HTTP failed: %s")                                                                 \
	X(TIMEOUT_TLS, "timed out after %u ms in the TLS handshake")                               \
	X(CLOSED_EXPECT, "connection closed, the answer is not what is expected")                  \
	X(ANSWER_LARGE, "answer larger than %u KiB, its beginning is not what is expected")        \
	X(ANSWER, "answer is not what is expected")                                                \
	X(FOREIGN, "%u datagrams came, none an answer")                                            \
	X(DNS_RCODE, "DNS answered %s, expected %s")                                               \
	X(PASSWORD, "password refused")                                                            \
	X(NOT_REDIS, "answer is not Redis's")                                                      \
	X(REDIS_LOADING, "Redis loads its data")                                                   \
	X(REDIS_PRIMARY, "Redis has lost its primary")                                             \
	X(REDIS_ERROR, "Redis answered with an error")                                             \
	X(NOT_POSTGRES, "answer is not PostgreSQL's")                                              \
	X(POSTGRES_TLS, "PostgreSQL does not speak TLS")                                           \
	X(POSTGRES_NOT_NOW, "PostgreSQL starts, stops or recovers")                                \
	X(POSTGRES_FULL, "PostgreSQL has no connection left")                                      \
	X(POSTGRES_ERROR, "PostgreSQL answered with error %s")                                     \
	X(NOT_TLS, "answer is not TLS")                                                            \
	X(TLS_CLOSED, "connection closed in the TLS handshake")                                    \
	X(TLS_VERSION, "no common TLS version, wanted is 1.2 or newer")                            \
	X(TLS_ALERT, "TLS refused by the server: %s")                                              \
	X(TLS_EXPIRED, "certificate has expired (%s)")                                             \
	X(TLS_EARLY, "certificate is not valid before %s")                                         \
	X(TLS_NAME, "certificate names %s, not %s")                                                \
	X(TLS_ISSUER, "certificate of an unknown issuer")                                          \
	X(TLS_CERTIFICATE, "certificate refused: %s")                                              \
	X(TLS, "TLS failed: %s")                                                                   \
	X(TLS_ENDS, "certificate ends in %d days (%s)")                                            \
	X(CA_FILE, "not checked: CA file %s: %s")                                                  \
	X(EXEC_STATUS, "exit status %d%s%s")                                                       \
	X(EXEC_SIGNAL, "killed by signal %d%s%s")                                                  \
	X(EXEC_TIMEOUT, "program did not end within %u ms")                                        \
	X(EXEC_OUTPUT, "program wrote more than %u KiB")                                           \
	X(GRPC_STATE, "gRPC health is %s, expected SERVING")                                       \
	X(GRPC_NO_HEALTH, "server does not implement the gRPC health service")                     \
	X(GRPC_NO_SERVICE, "server does not know the gRPC service '%s'")                           \
	X(GRPC_STATUS, "gRPC status %u (%s)")                                                      \
	X(NOT_GRPC, "answer is not gRPC")                                                          \
	X(GRPC_NONE, "connection ended without an answer by HTTP/2")                               \
	X(GRPC_MESSAGE, "answer is not a gRPC health message")                                     \
	X(MTU,                                                                                     \
	  "a packet of %u bytes does not get through the tunnel within %u ms, but small ones do")  \
	X(MYSQL, "MySQL: %s")                                                                      \
	X(MYSQL_NO_TLS, "MySQL server does not speak TLS")                                         \
	X(MYSQL_ERROR, "MySQL error %u")                                                           \
	X(NOT_MYSQL, "answer is not MySQL")                                                        \
	X(MYSQL_LARGE, "answers larger than %u KiB")                                               \
	X(MYSQL_READ_ONLY, "%s is ON, expected a primary")                                         \
	X(MYSQL_WRITABLE, "read_only is OFF, expected a replica")                                  \
	X(MYSQL_NO_REPLICA, "replication is not set up, expected a replica")                       \
	X(MYSQL_STOPPED, "replication stopped: %s thread not running")                             \
	X(MYSQL_NO_LAG, "replication lag is not known, at most %u s")                              \
	X(MYSQL_LAG, "replication lag %u s, at most %u s")                                         \
	X(NOT_RUN, "not checked: %s")                                                              \
	X(PASSWORD_FILE, "not checked: password file '%s': %s")

#define CHECK_TEXT_CONST(name, format) static const char CHECK_TEXT_##name[] = format;
CHECK_TEXTS(CHECK_TEXT_CONST)
#undef CHECK_TEXT_CONST

enum check_result {
	CHECK_PASSED,
	CHECK_FAILED,
	CHECK_NOT_RUN, /* this host lacked something (files, memory): says nothing of the backend */
};

/* Called once for every check that began and was not cancelled, from the event loop or from within
 * expire(), never from within start(). error is "" when it passed. The kind touches the check no
 * more after it, so that the callee may destroy it. */
typedef void (*check_done)(void *context, enum check_result result, const char *error);

/* Called while a check is under way, at most once: it passes so far, but will not for ever. */
typedef void (*check_warned)(void *context, const char *warning);

/* What checks run in; outlives them. */
struct check_env {
	struct event_base *base;
	struct curl_loop *curl;
	struct tls_contexts *tls;
	struct echoes *echoes;
};

/* How a probe travels at this moment (via: tunnel). */
struct check_way {
	uint16_t mtu; /* the largest packet that is forwarded to the backend, bytes; 0: unknown */
	struct address source;		       /* to send from; family 0: the kernel chooses */
	char problem[HEALTH_ERROR_BYTES - 16]; /* why none can be sent from this host; "": it can */
};

/* What is checked. */
struct check_target {
	struct address address; /* to connect to: the backend's; with via: tunnel, the service's */
	uint32_t mark; /* of the check's sockets (SO_MARK), which leads them into the tunnel; 0:
			  none */
	const char *service, *backend; /* names */
	struct address backend_address;
	/* With a mark: tells how probes travel as one starts. It and its context outlive the check.
	 */
	void (*find_way)(void *context, struct check_way *out);
	void *way_context;
};

/* For the kinds, on each socket that they made, before it connects: 0 or a negative errno. Puts
 * what it sends into the tunnel, in packets that fit it. */
int check_target_socket(const struct check_target *target, int fd);

struct check_kind {
	/* Copies what it needs of target and config. NULL on an error, with errno set; the caller
	 * fills the rest of struct check. */
	struct check *(*create)(const struct check_env *env, const struct check_target *target,
				const struct config_check *config);
	/* Begins a check; none is under way. 0, or a negative errno: this host could not begin. */
	int (*start)(struct check *check);
	/* The time is over: ends the check that is under way and reports what it was waiting for.
	 */
	void (*expire)(struct check *check);
	/* Ends the check that is under way, if any, without a report. */
	void (*cancel)(struct check *check);
	void (*destroy)(struct check *check); /* cancels */
};

/* The first member of what each kind creates. */
struct check {
	const struct check_kind *kind;
	check_done done;
	check_warned warned; /* NULL: nobody listens. Set by the caller */
	void *context;
	uint32_t timeout_ms;
	void (*find_way)(void *context, struct check_way *out); /* of the target */
	void *way_context;
};

/* NULL with errno EINVAL for CHECK_NONE and for what no check can be made of. */
struct check *check_new(const struct check_env *env, const struct check_target *target,
			const struct config_check *config, check_done done, void *context);
void check_free(struct check *check); /* takes NULL */
/* Begins a check; none is under way. 0, or a negative errno with error written: this host could not
 * begin. */
int check_start(struct check *check, char error[HEALTH_ERROR_BYTES]);

/* For the kinds: closes a connection without the reset that unread data would send. */
void check_close(int fd);

/* For the kinds: the last thing that they do with a check. */
void check_pass(struct check *check);
void check_fail(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The time was over before there was a connection. */
void check_fail_connecting(struct check *check);

/* This host lacked something: CHECK_NOT_RUN. */
void check_not_run(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Beside the result, before it. */
void check_warn(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A system call's error: fails the check, or reports that it could not be run. */
void check_fail_errno(struct check *check, int error);

#endif
