/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "adopt.h"
#include "apply.h"
#include "apply_check.h"
#include "audit.h"
#include "balancer.h"
#include "boottime.h"
#include "capture.h"
#include "commands.h"
#include "config.h"
#include "control.h"
#include "fault.h"
#include "loader.h"
#include "log.h"
#include "maps.h"
#include "notify.h"
#include "pins.h"
#include "ring_ahead.h"
#include "ring_history.h"
#include "state.h"
#include "traced.h"

static int start_control(struct daemon *daemon, const struct config *config)
{
	char error[ACCESS_ERROR_BYTES];
	int err = access_resolve(config, &daemon->access, error);

	if (err) {
		log_error("%s", error);
		return err;
	}
	err = control_new(daemon->base, config->control_socket, &daemon->access, commands_handle,
			  daemon, &daemon->control);
	if (err == -EADDRINUSE)
		log_error("control socket '%s': another poised answers there; stop it, or set "
			  "another "
			  "control.socket",
			  config->control_socket);
	else if (err)
		log_error("control socket '%s': %s", config->control_socket, strerror(-err));
	return err;
}

static int start_data_plane(struct daemon *daemon, const struct config *config)
{
	struct loader_options options = { .pin_path = config->pin_path,
					  .seed = config->seed,
					  .flow_entries = config->flow_entries,
					  .interfaces = config->interfaces,
					  .interface_count = config->interface_count };
	char error[LOADER_ERROR_BYTES];
	int err = loader_new(&options, &daemon->loader, error);

	if (err)
		log_error("%s", error);
	return err;
}

static void log_errors(const struct lines *errors, const char *what)
{
	for (size_t i = 0; i < errors->count; i++)
		log_error("%s: %s", what, errors->text[i]);
}

/* One that cannot be used is no reason not to start. */
static void load_history(struct daemon *daemon)
{
	struct lines errors = {};

	if (!daemon->history)
		return;
	if (!daemon->balancer->empty)
		log_info("history '%s' is not read: the pinned maps know more", daemon->history);
	else if (ring_history_load(daemon->balancer, daemon->history, &errors))
		log_error("history '%s' is not used", daemon->history);
	log_errors(&errors, "history");
	lines_free(&errors);
}

static void on_settled(void *context)
{
	struct daemon *daemon = context;

	control_resume(daemon->control, state_last_settled(daemon->state));
}

static int start_balancer(struct daemon *daemon, struct config *config)
{
	struct audit_list changes = {};
	struct lines errors = {};
	int err = balancer_new(daemon->base, loader_maps(daemon->loader), &daemon->balancer);

	if (!err) {
		daemon->balancer->ahead = daemon->ahead;
		daemon->ahead = NULL;
	}
	if (!err && loader_adopted(daemon->loader))
		err = adopt_all(daemon->balancer);
	else if (!err)
		adopt_none(daemon->balancer);
	if (err) {
		log_error("cannot set up the services: %s", strerror(-err));
		return err;
	}
	FAULT_POINT("adopted");
	load_history(daemon);
	err = balancer_apply(daemon->balancer, config, &changes, &errors);
	log_errors(&errors, "configuration");
	audit_list_log(&changes);
	lines_free(&errors);
	audit_list_free(&changes);
	FAULT_POINT("start-applied");
	if (!err) {
		state_begin(daemon->state, daemon->balancer);
		state_on_settled(daemon->state, on_settled, daemon);
	}
	return err;
}

static int find_user(struct daemon *daemon, const struct config *config)
{
	char error[PRIVILEGE_ERROR_BYTES];
	int err = privilege_find_user(config, &daemon->user, error);

	if (err)
		log_error("%s", error);
	return err;
}

/* A file that the user may not read is no reason to stop now; a reload would be one too late. */
static void check_files(const struct daemon *daemon, const char *user)
{
	if (access(daemon->config_path, R_OK))
		log_warning("user '%s' cannot read '%s': %s: a reload will be refused", user,
			    daemon->config_path, strerror(errno));
}

/* What poised made as root and writes as the user. */
static void give_files(struct daemon *daemon, const struct config *config)
{
	int err = control_give(daemon->control, daemon->user.uid, daemon->user.gid);

	if (err)
		log_warning("control socket '%s': cannot give it to user '%s': %s",
			    config->control_socket, config->user, strerror(-err));
	err = privilege_give(&daemon->user, config->state_dir);
	if (err)
		log_warning("state_dir '%s': cannot give it to user '%s': %s", config->state_dir,
			    config->user,
			    err == -EACCES ? "others may enter it: make its mode 0700, or let that "
					     "user write there"
					   : strerror(-err));
}

/* Gives root up, when all that needs it is done: another process keeps it for what comes later. */
static int become_user(struct daemon *daemon)
{
	const struct config *config = daemon->balancer->config;
	char error[PRIVILEGE_ERROR_BYTES];
	int err;

	if (!privilege_is_other(&daemon->user))
		return 0;
	ring_ahead_stop(daemon->balancer->ahead); /* a process that forks has one thread */
	give_files(daemon, config);
	err = loader_keep_root(daemon->loader);
	if (err) {
		log_error("cannot start the process that keeps root: %s", strerror(-err));
		return err;
	}
	err = privilege_drop(&daemon->user, config, error);
	if (err) {
		log_error("%s", error);
		return err;
	}
	daemon->dropped = true;
	log_info("root is given up: poised runs as user '%s'", config->user);
	check_files(daemon, config->user);
	return 0;
}

int daemon_start(struct daemon *daemon, struct config *config)
{
	int err = -ENOMEM;

	daemon->started_at = time(NULL);
	daemon->started_ms = boottime_ms();
	daemon->base = event_base_new();
	if (daemon->base)
		err = find_user(daemon, config);
	if (!err)
		err = start_control(daemon, config);
	FAULT_POINT("control-bound");
	if (!err && !pins_has_program(config->pin_path))
		daemon->ahead = ring_ahead_begin(config);
	if (!err)
		err = start_data_plane(daemon, config);
	FAULT_POINT("data-plane-started");
	log_begin_start(!err && loader_adopted(daemon->loader));
	audit_begin_cause("start");
	if (!err)
		err = state_new(daemon->base, config->state_dir, &daemon->state);
	FAULT_POINT("state-read");
	if (!err)
		err = start_balancer(daemon, config);
	audit_end();
	if (err)
		config_free(config);
	else
		err = become_user(daemon);
	if (err)
		loader_undo(daemon->loader);
	return err;
}

void daemon_stop(struct daemon *daemon)
{
	capture_free(daemon->capture);
	state_free(daemon->state); /* answers wait for it */
	control_free(daemon->control);
	ring_ahead_free(daemon->ahead);
	balancer_free(daemon->balancer);
	traced_free(daemon->dry);
	loader_free(daemon->loader);
	if (daemon->base)
		event_base_free(daemon->base);
	free(daemon->config_path);
	free(daemon->applied_from);
}

static const struct config_interface *find_interface(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->interface_count; i++)
		if (strcmp(config->interfaces[i].name, name) == 0)
			return &config->interfaces[i];
	return NULL;
}

static void tell_interface(struct audit_list *changes, const char *name, const char *what,
			   const char *words)
{
	audit_list_add(changes, &(struct audit_change){ .interface = name, .what = what },
		       "interface '%s' %s", name, words);
}

/* Is one of the configuration missing? It may be among those that are not named. */
static bool any_missing(const struct daemon *daemon, const struct config *config)
{
	for (size_t i = 0; i < loader_attachment_count(daemon->loader); i++) {
		const struct attachment *attachment = loader_attachment(daemon->loader, i);

		if (!attachment->ifindex && find_interface(config, attachment->interface))
			return true;
	}
	return false;
}

static void tell_left(struct audit_list *changes, const struct attachment *left, bool detached)
{
	char words[sizeof("is '' now") + IF_NAMESIZE];

	snprintf(words, sizeof(words), "is '%s' now", attachment_name(left));
	if (detached)
		tell_interface(changes, left->interface, "detached", "detached");
	else
		tell_interface(changes, left->interface, "renamed", words);
}

/* Those that are not to be kept. changes: NULL to take a reload back, which is not told. */
static void detach_interfaces(struct daemon *daemon, const struct config *keep,
			      struct audit_list *changes)
{
	bool keep_unnamed = !changes || any_missing(daemon, keep);

	for (size_t i = loader_attachment_count(daemon->loader); i-- > 0;) {
		struct attachment left = *loader_attachment(daemon->loader, i);
		bool detached;

		if (left.unnamed ? keep_unnamed : find_interface(keep, left.interface) != NULL)
			continue;
		detached = loader_detach(daemon->loader, i);
		if (changes && (detached || left.name_now[0]))
			tell_left(changes, &left, detached);
		FAULT_POINT("interface-left");
	}
}

static void check_modes(const struct daemon *daemon, const struct config *config,
			struct lines *errors)
{
	for (size_t i = 0; i < config->interface_count; i++) {
		const char *name = config->interfaces[i].name;
		const struct config_interface *running =
			find_interface(daemon->balancer->config, name);

		if (running && running->mode != config->interfaces[i].mode)
			lines_add(errors,
				  "interfaces[%zu].mode: the mode of '%s' changes only at a "
				  "start after 'poise detach'",
				  i, name);
	}
}

/* Interfaces that the configuration adds, before anything else changes: they may fail. As at a
 * start, those that are not there are waited for. */
static int attach_interfaces(struct daemon *daemon, const struct config *config,
			     struct audit_list *changes, struct lines *errors)
{
	const struct config *running_config = daemon->balancer->config;
	char error[LOADER_ERROR_BYTES];

	check_modes(daemon, config, errors);
	if (errors->count)
		return -EINVAL;
	for (size_t i = 0; i < config->interface_count; i++) {
		const char *name = config->interfaces[i].name;

		if (find_interface(running_config, name))
			continue;
		if (loader_attach_or_wait(daemon->loader, &config->interfaces[i], error)) {
			lines_add(errors, "interfaces[%zu]: %s", i, error);
			return -EINVAL;
		}
		if (if_nametoindex(name))
			tell_interface(changes, name, "attached", "attached");
		else
			tell_interface(changes, name, "awaited",
				       "is not there: it is attached as soon as it is");
		FAULT_POINT("interface-added");
	}
	return 0;
}

/* The same name may be another number now; that the name changed is told with the configuration. */
static void tell_group(const char *key, const struct access_group *before,
		       const struct access_group *after)
{
	char what[64], from[16], to[16];

	if (!before->set || !after->set || before->id == after->id ||
	    strcmp(before->name, after->name) != 0)
		return;
	snprintf(what, sizeof(what), "number of the group of control.%s", key);
	snprintf(from, sizeof(from), "%u", (unsigned)before->id);
	snprintf(to, sizeof(to), "%u", (unsigned)after->id);
	audit_change(&(struct audit_change){ .what = what, .before = from, .after = to });
}

static void change_access(struct daemon *daemon, const struct access *access)
{
	int err;

	tell_group("readers", &daemon->access.readers, &access->readers);
	tell_group("writers", &daemon->access.writers, &access->writers);
	daemon->access = *access;
	err = control_access_changed(daemon->control);
	if (err)
		log_error("control socket: cannot set its mode: %s", strerror(-err));
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What a reload cannot change, for this process has given it up. */
static int check_privilege(const struct daemon *daemon, const struct config *config,
			   struct lines *errors)
{
	const char *running = daemon->balancer->config->user;
	char error[PRIVILEGE_ERROR_BYTES];

	if (!same_text(running, config->user)) {
		lines_add(errors,
			  "user: found '%s', but poised runs with '%s': restart poised, traffic "
			  "goes on meanwhile",
			  config->user ? config->user : "(none)", running ? running : "(none)");
		return -EINVAL;
	}
	if (!daemon->dropped || privilege_suffices(config, error))
		return 0;
	lines_add(errors, "%s", error);
	return -EPERM;
}

static int apply_config(struct daemon *daemon, struct config *config, struct audit_list *changes,
			struct lines *errors)
{
	struct access access = daemon->access;
	char error[ACCESS_ERROR_BYTES];
	int err = access_resolve(config, &access, error);

	if (err)
		lines_add(errors, "%s", error);
	if (!err)
		err = check_privilege(daemon, config, errors);
	if (!err)
		err = attach_interfaces(daemon, config, changes, errors);
	if (!err)
		err = balancer_apply(daemon->balancer, config, changes, errors);
	if (err) {
		detach_interfaces(daemon, daemon->balancer->config, NULL);
		config_free(config);
		return err;
	}
	FAULT_POINT("reload-applied");
	change_access(daemon, &access);
	detach_interfaces(daemon, config, changes);
	return 0;
}

static void take_errors(struct config_errors *found, struct lines *errors)
{
	for (size_t i = 0; i < found->count; i++)
		lines_add(errors, "%s", found->lines[i]);
	config_errors_free(found);
}

/* Tells the log how applying what is called name ended. */
static void log_applied(int err, const char *name, const struct audit_list *changes,
			const struct lines *errors)
{
	if (err) {
		log_error("reload refused, nothing changed: %zu errors in '%s'", errors->count,
			  name);
		log_errors(errors, "reload");
	} else {
		log_info("reloaded '%s': %zu changes", name, changes->count);
		audit_list_log(changes);
	}
}

static void set_applied_from(struct daemon *daemon, const char *name)
{
	free(daemon->applied_from);
	daemon->applied_from = name ? strdup(name) : NULL;
}

int daemon_reload(struct daemon *daemon, struct audit_list *changes, struct lines *errors)
{
	struct config_errors found = {};
	struct config *config;
	int err;

	notify_reloading();
	err = config_load_file(daemon->config_path, &config, &found);
	take_errors(&found, errors);
	if (!err)
		err = apply_config(daemon, config, changes, errors);
	if (!err)
		set_applied_from(daemon, NULL);
	log_applied(err, daemon->config_path, changes, errors);
	notify_reloaded();
	return err;
}

int daemon_apply(struct daemon *daemon, const char *name, const char *text, size_t length,
		 struct audit_list *changes, struct lines *errors)
{
	struct config_errors found = {};
	struct config *config;
	int err;

	notify_reloading();
	err = config_load_text(name, text, length, &config, &found);
	take_errors(&found, errors);
	if (!err)
		err = apply_config(daemon, config, changes, errors);
	if (!err)
		set_applied_from(daemon, strcmp(name, daemon->config_path) ? name : NULL);
	log_applied(err, name, changes, errors);
	notify_reloaded();
	return err;
}

int daemon_try(struct daemon *daemon, const char *name, const char *text, size_t length,
	       struct config **out, struct lines *errors)
{
	struct config_errors found = {};
	struct access access = daemon->access;
	char error[ACCESS_ERROR_BYTES];
	struct config *config;
	int err = text ? config_load_text(name, text, length, &config, &found)
		       : config_load_file(name, &config, &found);

	take_errors(&found, errors);
	if (err)
		return err;
	if (access_resolve(config, &access, error))
		lines_add(errors, "%s", error);
	check_modes(daemon, config, errors);
	apply_check(daemon->balancer, config, errors);
	if (errors->count) {
		config_free(config);
		return -EINVAL;
	}
	*out = config;
	return 0;
}

int daemon_detach(struct daemon *daemon, FILE *out)
{
	int err = loader_remove_all(daemon->loader, out);

	if (err)
		log_error("detach: %s", strerror(-err));
	audit_line("detached: nothing is balanced any more, poised ends");
	daemon->detached = true;
	event_base_loopbreak(daemon->base);
	return err;
}
