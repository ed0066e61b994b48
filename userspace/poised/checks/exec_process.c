/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The child runs in this process's memory until it has become the program (vfork): copying the page
 * tables of a daemon with mapped rings for each check would be dear. So it calls nothing but the
 * kernel, and leaves the first failure in a structure that this process then reads.
 */
#include "exec_process.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

enum {
	MAX_FILES = 64,
	MAX_FILE_BYTES = 1 << 20,
	MAX_MEMORY_BYTES = 1 << 30,
	FILE_MASK = 077,
	EXIT_FAILED = 127,
};

enum step { STEP_FILES, STEP_LIMITS, STEP_USER, STEP_RIGHTS, STEP_PROGRAM };

struct child {
	const struct exec_spec *spec;
	int null, output; /* to be its standard files */
	pid_t parent;
	sigset_t no_signals;
	/* what it left: */
	volatile enum step step;
	volatile int error;
};

static int set_files(const struct child *child)
{
	if (dup2(child->null, STDIN_FILENO) < 0 || dup2(child->output, STDOUT_FILENO) < 0 ||
	    dup2(child->output, STDERR_FILENO) < 0)
		return -1;
	return syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
}

static int set_limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit limit, now;

	/* raising a limit would need a capability */
	if (getrlimit(resource, &now) != 0)
		return -1;
	limit.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
	limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
	return setrlimit(resource, &limit);
}

static int set_limits(const struct child *child)
{
	rlim_t seconds = child->spec->cpu_seconds;

	return set_limit(RLIMIT_CPU, seconds, seconds + 1) ||
	       set_limit(RLIMIT_NOFILE, MAX_FILES, MAX_FILES) ||
	       set_limit(RLIMIT_FSIZE, MAX_FILE_BYTES, MAX_FILE_BYTES) ||
	       set_limit(RLIMIT_AS, MAX_MEMORY_BYTES, MAX_MEMORY_BYTES) ||
	       set_limit(RLIMIT_CORE, 0, 0);
}

/* The library's functions would change all threads of the process whose memory this is. */
static int set_user(const struct child *child)
{
	uid_t uid = child->spec->uid;
	gid_t gid = child->spec->gid;

	if (getuid() == uid && geteuid() == uid)
		return 0; /* who is no other user needs no capability for it */
	return syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, gid, gid, gid) ||
	       syscall(SYS_setresuid, uid, uid, uid);
}

/* A change of user clears the signal of the parent's death, so that this comes after. */
static int set_rights(const struct child *child)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return -1;
	if (getppid() != child->parent) /* it died before the signal was asked for */
		_exit(EXIT_FAILED);
	return 0;
}

/* By the system call itself, for the C library leaves two signals of its own as it found them. */
static void set_signals(const struct child *child)
{
	static const unsigned long as_a_new_process_has_it[4]; /* the kernel's struct sigaction */

	for (int number = 1; number < NSIG; number++)
		syscall(SYS_rt_sigaction, number, as_a_new_process_has_it, NULL, NSIG / 8);
	sigprocmask(SIG_SETMASK, &child->no_signals, NULL);
}

static void __attribute__((noreturn, noinline)) run_child(struct child *child)
{
	setsid();
	set_signals(child);
	umask(FILE_MASK);
	child->step = STEP_FILES;
	if (chdir("/") != 0 || set_files(child) != 0)
		goto failed;
	child->step = STEP_LIMITS;
	if (set_limits(child) != 0)
		goto failed;
	child->step = STEP_USER;
	if (set_user(child) != 0)
		goto failed;
	child->step = STEP_RIGHTS;
	if (set_rights(child) != 0)
		goto failed;
	child->step = STEP_PROGRAM;
	execve(child->spec->command[0], child->spec->command, child->spec->environment);
failed:
	child->error = errno;
	_exit(EXIT_FAILED);
}

static pid_t __attribute__((noinline)) fork_child(struct child *child)
{
	pid_t pid = vfork();

	if (pid == 0)
		run_child(child);
	return pid;
}

static void describe(const struct child *child, char step[EXEC_STEP_BYTES])
{
	static const char *const texts[] = {
		[STEP_FILES] = "opening its files",
		[STEP_LIMITS] = "setting its limits",
		[STEP_RIGHTS] = "giving up rights",
		[STEP_PROGRAM] = "starting the program",
	};

	if (child->step == STEP_USER)
		snprintf(step, EXEC_STEP_BYTES, "becoming user '%s'", child->spec->user);
	else
		snprintf(step, EXEC_STEP_BYTES, "%s", texts[child->step]);
}

/* No signal may be handled in the child while the memory is shared. */
static pid_t fork_undisturbed(struct child *child)
{
	sigset_t all, before;
	pid_t pid;
	int error;

	sigfillset(&all);
	sigemptyset(&child->no_signals);
	child->parent = getpid();
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork_child(child);
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -error : pid;
}

static int start_child(struct child *child, struct exec_process *out, char step[EXEC_STEP_BYTES])
{
	out->pid = fork_undisturbed(child);
	if (out->pid < 0)
		return out->pid;
	if (child->error) {
		describe(child, step);
		waitpid(out->pid, NULL, 0);
		return -child->error;
	}
	/* not collected so far: the number cannot be another's */
	out->pidfd = syscall(SYS_pidfd_open, out->pid, 0);
	if (out->pidfd < 0) {
		int error = errno;

		kill(-out->pid, SIGKILL);
		waitpid(out->pid, NULL, 0);
		return -error;
	}
	return 0;
}

int exec_process_start(const struct exec_spec *spec, struct exec_process *out,
		       char step[EXEC_STEP_BYTES])
{
	struct child child = { .spec = spec };
	int pipes[2], r;

	snprintf(step, EXEC_STEP_BYTES, "making a process");
	child.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (child.null < 0)
		return -errno;
	if (pipe2(pipes, O_CLOEXEC) != 0) {
		r = -errno;
		goto out_null;
	}
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	child.output = pipes[1];
	r = start_child(&child, out, step);
	out->output = pipes[0];
	close(pipes[1]);
	if (r)
		close(pipes[0]);
out_null:
	close(child.null);
	return r;
}

/* One that was killed, but that the kernel has not ended so far. */
struct remains {
	struct event *event;
	pid_t pid;
	int pidfd;
};

static void collect(evutil_socket_t fd, short what, void *context)
{
	struct remains *remains = context;

	(void)fd;
	(void)what;
	waitpid(remains->pid, NULL, WNOHANG);
	event_free(remains->event);
	close(remains->pidfd);
	free(remains);
}

static void collect_later(const struct exec_process *process, struct event_base *base)
{
	struct remains *remains = calloc(1, sizeof(*remains));

	if (remains) {
		*remains = (struct remains){ .pid = process->pid, .pidfd = process->pidfd };
		remains->event = event_new(base, process->pidfd, EV_READ, collect, remains);
		if (remains->event && event_add(remains->event, NULL) == 0)
			return;
		if (remains->event)
			event_free(remains->event);
		free(remains);
	}
	log_error("process %d, which ran a check, is not collected: out of memory",
		  (int)process->pid);
	close(process->pidfd);
}

void exec_process_end(struct exec_process *process, struct event_base *base, int *status)
{
	siginfo_t info = { 0 };

	/* has it ended? It stays uncollected, and its group's number thereby taken */
	waitid(P_PID, process->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	kill(-process->pid, SIGKILL);
	*status = -1;
	if (waitpid(process->pid, status, WNOHANG) == process->pid)
		close(process->pidfd);
	else
		collect_later(process, base);
	if (info.si_pid == 0)
		*status = -1;
	close(process->output);
}
