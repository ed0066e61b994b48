/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers of poised as checked structures (docs/CONTROL.md says what each field means). Strings
 * point into the JSON and live as long as it does.
 */
#ifndef POISE_VIEW_H
#define POISE_VIEW_H

#include <jansson.h>
#include <stdbool.h>

struct view_backend {
	const char *service, *name, *address, *state, *reason;
	const char *encapsulation, *server_id; /* "" where there is none */
	json_int_t active;		       /* recorded flows; -1: the service records none */
	json_int_t weight, declared_weight;    /* -1: not declared */
	json_int_t effective_weight;	       /* less than the weight in a slow start */
	json_int_t slots, leaving_slots, named_slots, exceptions, packets, bytes, connections;
	double share;
	bool gone;
	const json_t *differs; /* array of strings */
	struct {
		const char *state, *error, *warning; /* "" where there is none */
		json_int_t passed, failed, checked_at, changed_at, last_duration_ms;
	} health;
	struct {
		const char *health, *admin, *reason, *error; /* health NULL: it has none */
		json_int_t percent;
		bool heard;
	} agent;
	struct {
		const char *state, *text, *interface, *gateway, *mac; /* "" where not known */
		json_int_t mtu;
	} next_hop;
};

struct view_check {
	const char *type; /* NULL: there is no check, and nothing below is set */
	const char *path, *host, *body, *expect; /* NULL where there is none */
	const json_t *settings; /* the type's own keys; NULL: an older poised does not tell them */
	json_int_t port, interval_ms, timeout_ms, rise, fall;
	bool tunnel, probe_mtu;
};

struct view_service {
	const char *name, *address, *ports, *protocol, *on_down;
	const char *scheduler, *affinity, *encapsulation;
	const char *udp;		     /* NULL: TCP */
	json_int_t idle_ms;		     /* -1: it records no flows */
	json_int_t quic_config, quic_length; /* length 0: none */
	json_int_t ring_size, moving_slots, named_slots, backends_up, backends_total, packets,
		bytes;
	json_int_t waiting_slots, waiting_ms;
	bool second_chance, exceptions;
	bool panic;		    /* all backends are used, for too few are up */
	json_int_t panic_threshold; /* percent */
	json_int_t slow_start_ms;   /* 0: none */
	struct view_check check;
	const json_t *backends; /* array, empty where the answer has none */
};

struct view_interface {
	const char *name, *mode, *chain;
	bool attached;
	bool configured;     /* the configuration names it */
	const char *problem; /* why it is not, or not as configured; NULL: nothing is known */
	const char *renamed; /* its name now; NULL: its own */
};

struct view_status {
	const char *version, *config, *pin_path;
	json_int_t abi, settle_ms, flow_entries, flows_used;
	json_int_t uptime_ms;		     /* as view_uptime_ms() */
	const json_t *interfaces, *services; /* arrays */
	const char *applied_from;  /* what was applied by command; NULL: the configuration file */
	const char *state_problem; /* why changes by command are not saved; NULL: they are */
};

/* Each returns false, after a complaint, if json is not what it must be. */
bool view_backend(json_t *json, struct view_backend *out);
bool view_check(json_t *json, struct view_check *out);
bool view_service(json_t *json, struct view_service *out);
bool view_interface(json_t *json, struct view_interface *out);
bool view_status(json_t *json, struct view_status *out);

/* How long poised has run, by its answer to version or status; -1: it does not say it. */
json_int_t view_uptime_ms(const json_t *answer);

/* The array of that name in object; NULL, after a complaint, if there is none. */
json_t *view_array(const json_t *object, const char *name);

/* Whether a list of strings holds text. */
bool view_holds(const json_t *list, const char *text);

/* As json_unpack_ex(), complaining that the thing called what is not understood. */
bool view_unpack(json_t *json, const char *what, const char *format, ...);

/* Prints a list of strings called name, a line each behind prefix; complains of what is none. */
bool view_say_lines(const json_t *list, const char *name, const char *prefix);

/* Prints value to standard output: indented on a terminal, else on one line. */
void print_json(const json_t *value);

#endif
