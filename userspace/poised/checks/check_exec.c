/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 'exec' check: a program of the configuration says whether the backend is well, by its exit
 * status. The first line that it writes is kept as the reason when it fails.
 */
#include "check_exec.h"

#include <errno.h>
#include <event2/event.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec_process.h"
#include "printable.h"

enum {
	LINE_BYTES = 112, /* kept of what it writes */
	MAX_OUTPUT_KIB = 64,
	KIB = 1024,
	READ_BYTES = 4096,
	ENVIRONMENT_COUNT = 5,
	MS_PER_SECOND = 1000,
};

static const char default_user[] = "nobody";
static const char path_variable[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
				    "/bin";

struct exec {
	struct check check;
	struct event_base *base;
	char **command;
	char *user;
	uid_t uid; /* 0: it cannot be used; problem says why */
	gid_t gid;
	char *environment[ENVIRONMENT_COUNT + 1]; /* the first is path_variable */
	/* of the check under way: */
	bool running;
	struct exec_process process;
	struct event *ended, *output;
	size_t output_bytes;
	char line[LINE_BYTES]; /* not printable so far */
	size_t line_bytes;
	bool line_ended;
	struct event *refused; /* what start() found out, reported from the loop */
	char problem[LINE_BYTES];
};

/* Ends what is under way; the status of waitpid(), -1 when it had not ended by itself. */
static int end_process(struct exec *exec)
{
	int status = -1;

	if (!exec->running)
		return status;
	exec->running = false;
	event_free(exec->ended);
	event_free(exec->output);
	exec->ended = exec->output = NULL;
	exec_process_end(&exec->process, exec->base, &status);
	return status;
}

static void keep_line(struct exec *exec, const char *data, size_t length)
{
	const char *end = memchr(data, '\n', length);
	size_t wanted = end ? (size_t)(end - data) : length;

	if (exec->line_ended)
		return;
	if (wanted > sizeof(exec->line) - exec->line_bytes)
		wanted = sizeof(exec->line) - exec->line_bytes;
	memcpy(exec->line + exec->line_bytes, data, wanted);
	exec->line_bytes += wanted;
	exec->line_ended = end;
}

/* Reads what is there: false when it was too much. */
static bool read_output(struct exec *exec)
{
	char data[READ_BYTES];
	ssize_t got;

	while ((got = read(exec->process.output, data, sizeof(data))) > 0) {
		keep_line(exec, data, got);
		exec->output_bytes += got;
		if (exec->output_bytes > MAX_OUTPUT_KIB * KIB)
			return false;
	}
	if (got == 0) /* closed: only its end is of interest now */
		event_del(exec->output);
	return true;
}

static void fail_large(struct exec *exec)
{
	end_process(exec);
	check_fail(&exec->check, CHECK_TEXT_EXEC_OUTPUT, MAX_OUTPUT_KIB);
}

static void output_ready(evutil_socket_t fd, short what, void *context)
{
	struct exec *exec = context;

	(void)fd;
	(void)what;
	if (!read_output(exec))
		fail_large(exec);
}

static void report(struct exec *exec, int status)
{
	char line[LINE_BYTES];

	printable_copy(exec->line, exec->line_bytes, line, sizeof(line));
	if (status == 0)
		check_pass(&exec->check);
	else if (WIFSIGNALED(status))
		check_fail(&exec->check, CHECK_TEXT_EXEC_SIGNAL, WTERMSIG(status),
			   line[0] ? ": " : "", line);
	else
		check_fail(&exec->check, CHECK_TEXT_EXEC_STATUS, WEXITSTATUS(status),
			   line[0] ? ": " : "", line);
}

static void process_ended(evutil_socket_t fd, short what, void *context)
{
	struct exec *exec = context;

	(void)fd;
	(void)what;
	if (read_output(exec))
		report(exec, end_process(exec));
	else
		fail_large(exec);
}

static void report_refused(evutil_socket_t fd, short what, void *context)
{
	struct exec *exec = context;

	(void)fd;
	(void)what;
	check_not_run(&exec->check, CHECK_TEXT_NOT_RUN, exec->problem);
}

static int watch(struct exec *exec)
{
	exec->ended = event_new(exec->base, exec->process.pidfd, EV_READ, process_ended, exec);
	exec->output = event_new(exec->base, exec->process.output, EV_READ | EV_PERSIST,
				 output_ready, exec);
	if (exec->ended && exec->output && event_add(exec->ended, NULL) == 0 &&
	    event_add(exec->output, NULL) == 0)
		return 0;
	if (exec->ended)
		event_free(exec->ended);
	if (exec->output)
		event_free(exec->output);
	return -ENOMEM;
}

static int start_process(struct exec *exec)
{
	struct exec_spec spec = { .command = exec->command,
				  .environment = exec->environment,
				  .user = exec->user,
				  .uid = exec->uid,
				  .gid = exec->gid,
				  .cpu_seconds = exec->check.timeout_ms / MS_PER_SECOND + 1 };
	char step[EXEC_STEP_BYTES];
	int r;

	if (exec->uid == 0)
		return -EINVAL;
	r = exec_process_start(&spec, &exec->process, step);
	if (r)
		snprintf(exec->problem, sizeof(exec->problem), "%s: %s", step, strerror(-r));
	return r;
}

static int exec_start(struct check *check)
{
	struct exec *exec = (struct exec *)check;
	int status;

	exec->output_bytes = exec->line_bytes = 0;
	exec->line_ended = false;
	if (start_process(exec) != 0) {
		event_active(exec->refused, EV_TIMEOUT, 0);
		return 0;
	}
	if (watch(exec) != 0) {
		exec_process_end(&exec->process, exec->base, &status);
		return -ENOMEM;
	}
	exec->running = true;
	return 0;
}

static void exec_cancel(struct check *check)
{
	struct exec *exec = (struct exec *)check;

	event_del(exec->refused);
	end_process(exec);
}

static void exec_expire(struct check *check)
{
	exec_cancel(check);
	check_fail(check, CHECK_TEXT_EXEC_TIMEOUT, check->timeout_ms);
}

static void exec_destroy(struct check *check)
{
	struct exec *exec = (struct exec *)check;

	if (exec->refused) {
		exec_cancel(check);
		event_free(exec->refused);
	}
	for (size_t i = 0; exec->command && exec->command[i]; i++)
		free(exec->command[i]);
	free(exec->command);
	for (size_t i = 1; i < ENVIRONMENT_COUNT; i++)
		free(exec->environment[i]);
	free(exec->user);
	free(exec);
}

static int copy_command(struct exec *exec, char *const *command)
{
	size_t count = 0;

	while (command[count])
		count++;
	exec->command = calloc(count + 1, sizeof(*exec->command));
	for (size_t i = 0; exec->command && i < count; i++) {
		exec->command[i] = strdup(command[i]);
		if (!exec->command[i])
			return -ENOMEM;
	}
	return exec->command ? 0 : -ENOMEM;
}

static int set_variable(char **out, const char *format, const char *value)
{
	if (asprintf(out, format, value) >= 0)
		return 0;
	*out = NULL;
	return -ENOMEM;
}

static int make_environment(struct exec *exec, const struct check_target *target, uint16_t port)
{
	char address[ADDRESS_TEXT_BYTES], number[sizeof("65535")];

	address_format(&target->backend_address, address);
	snprintf(number, sizeof(number), "%u", port);
	exec->environment[0] = (char *)path_variable;
	if (set_variable(&exec->environment[1], "POISE_SERVICE=%s", target->service) ||
	    set_variable(&exec->environment[2], "POISE_BACKEND=%s", target->backend) ||
	    set_variable(&exec->environment[3], "POISE_ADDRESS=%s", address) ||
	    set_variable(&exec->environment[4], "POISE_PORT=%s", number))
		return -ENOMEM;
	return 0;
}

/* Once, for the system may ask others on the network for it. */
static void find_user(struct exec *exec)
{
	struct passwd *user = getpwnam(exec->user);

	if (!user)
		snprintf(exec->problem, sizeof(exec->problem), "user '%s' does not exist",
			 exec->user);
	else if (user->pw_uid == 0)
		snprintf(exec->problem, sizeof(exec->problem),
			 "user '%s' is root, allowed is any other", exec->user);
	exec->uid = user ? user->pw_uid : 0;
	exec->gid = user ? user->pw_gid : 0;
}

static struct check *exec_create(const struct check_env *env, const struct check_target *target,
				 const struct config_check *config)
{
	struct exec *exec;

	if (!config->command || !config->command[0] || config->command[0][0] != '/') {
		errno = EINVAL;
		return NULL;
	}
	exec = calloc(1, sizeof(*exec));
	if (!exec)
		return NULL;
	exec->base = env->base;
	exec->refused = event_new(env->base, -1, 0, report_refused, exec);
	exec->user = strdup(config->user ? config->user : default_user);
	if (!exec->refused || !exec->user || copy_command(exec, config->command) ||
	    make_environment(exec, target, config->port)) {
		exec_destroy(&exec->check);
		errno = ENOMEM;
		return NULL;
	}
	find_user(exec);
	return &exec->check;
}

const struct check_kind check_exec = {
	.create = exec_create,
	.start = exec_start,
	.expire = exec_expire,
	.cancel = exec_cancel,
	.destroy = exec_destroy,
};
