/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "keeper.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pins.h"
#include "traced.h"

enum { ANSWER_WAIT_S = 30, LIST_BYTES = 16384 };

enum keeper_task { KEEPER_USE, KEEPER_ATTACH, KEEPER_IS_THERE, KEEPER_REMOVE, KEEPER_REMOVE_ALL };

struct request {
	enum keeper_task task;
	uint32_t ifindex;
	struct config_interface interface;
};

struct answer {
	int result;
	struct attachment attachment;
	char error[ATTACH_ERROR_BYTES];
	char removed[LIST_BYTES]; /* lines */
};

struct keeper {
	int fd; /* -1: it is gone */
	pid_t pid;
};

/* The child's state. */
struct child {
	int fd;
	struct loader *loader;
	struct attach_program plain, program; /* the one of now */
	struct traced *capturing;	      /* NULL: it is the plain one */
	int maps[TRACED_OWN_MAPS];	      /* that came with a request */
	bool maps_came;
	const char *pin_path;
};

static void remove_all(const struct child *child, struct answer *answer)
{
	FILE *out = fmemopen(answer->removed, sizeof(answer->removed), "w");

	if (!out) {
		answer->result = -ENOMEM;
		return;
	}
	answer->result = attach_remove_all(child->program.settings_id, out);
	if (!answer->result && child->pin_path)
		answer->result = pins_remove(child->pin_path, out);
	fclose(out);
	answer->removed[sizeof(answer->removed) - 1] = '\0';
}

static int use(struct child *child)
{
	struct traced *capturing = NULL;
	int err = child->maps_came ? traced_join(child->loader, child->maps, &capturing) : 0;

	if (err)
		return err;
	traced_free(child->capturing); /* where it is attached the kernel keeps it */
	child->capturing = capturing;
	child->program = capturing ? traced_program(capturing) : child->plain;
	return 0;
}

/* poised has read much from others by now: what it asks for is checked, too. */
static void serve(struct child *child, const struct request *request, struct answer *answer)
{
	switch (request->task) {
	case KEEPER_USE:
		answer->result = use(child);
		return;
	case KEEPER_ATTACH:
		if (request->interface.mode > INTERFACE_GENERIC ||
		    !memchr(request->interface.name, '\0', sizeof(request->interface.name)))
			break;
		answer->result = attach_interface(&child->program, &request->interface,
						  &answer->attachment, answer->error);
		return;
	case KEEPER_IS_THERE:
		answer->result = attach_is_there(request->ifindex, child->program.settings_id);
		return;
	case KEEPER_REMOVE:
		answer->result = attach_remove(request->ifindex, child->program.settings_id);
		return;
	case KEEPER_REMOVE_ALL:
		remove_all(child, answer);
		return;
	}
	answer->result = -EINVAL;
}

/* A copy of poised's other descriptors would hold its locks and its socket when it has died. */
static void close_others(int own)
{
	char path[32], target[64];
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");

	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0 || fd == own || fd <= STDERR_FILENO || fd == dirfd(dir))
			continue;
		target[length] = '\0';
		if (strncmp(target, "anon_inode:bpf", strlen("anon_inode:bpf")) != 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
}

static int limit_rights(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_ADMIN, CAP_NET_ADMIN,
		      CAP_BPF, CAP_PERFMON, -1);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || capng_apply(CAPNG_SELECT_BOTH);
}

/* A message, with room for the descriptors of maps. */
struct message {
	struct msghdr header;
	struct iovec part;
	union {
		char bytes[CMSG_SPACE(TRACED_OWN_MAPS * sizeof(int))];
		struct cmsghdr align;
	} control;
};

static struct msghdr *message_of(struct message *message, struct request *request)
{
	message->part = (struct iovec){ request, sizeof(*request) };
	message->header = (struct msghdr){ .msg_iov = &message->part,
					   .msg_iovlen = 1,
					   .msg_control = message->control.bytes,
					   .msg_controllen = sizeof(message->control.bytes) };
	return &message->header;
}

static bool receive(struct child *child, struct request *request)
{
	struct message message;
	struct cmsghdr *control;
	bool whole = recvmsg(child->fd, message_of(&message, request), MSG_CMSG_CLOEXEC) ==
		     sizeof(*request);

	control = whole ? CMSG_FIRSTHDR(&message.header) : NULL;
	child->maps_came = control && control->cmsg_type == SCM_RIGHTS &&
			   control->cmsg_len == CMSG_LEN(sizeof(child->maps));
	if (child->maps_came)
		memcpy(child->maps, CMSG_DATA(control), sizeof(child->maps));
	return whole && (!control || child->maps_came);
}

static void close_maps(const struct child *child)
{
	for (int i = 0; i < TRACED_OWN_MAPS && child->maps_came; i++)
		close(child->maps[i]);
}

static void __attribute__((noreturn)) run(struct child *child, pid_t parent)
{
	struct request request;
	struct answer answer;

	prctl(PR_SET_NAME, "poised-keeper");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGHUP, SIG_IGN); /* they go to all of the service: poised decides what they mean */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	close_others(child->fd);
	if (limit_rights() || getppid() != parent)
		_exit(1);
	while (receive(child, &request)) {
		memset(&answer, 0, sizeof(answer));
		serve(child, &request, &answer);
		close_maps(child);
		if (send(child->fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

int keeper_new(struct loader *loader, const struct attach_program *program, const char *pin_path,
	       struct keeper **out)
{
	struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	pid_t parent = getpid();
	int ends[2];

	if (!keeper)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		free(keeper);
		return -errno;
	}
	keeper->pid = fork();
	if (keeper->pid == 0)
		run(&(struct child){ .fd = ends[1],
				     .loader = loader,
				     .plain = *program,
				     .program = *program,
				     .pin_path = pin_path },
		    parent);
	close(ends[1]);
	keeper->fd = ends[0];
	setsockopt(keeper->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (keeper->pid < 0) {
		int err = -errno;

		keeper_free(keeper);
		return err;
	}
	*out = keeper;
	return 0;
}

static void hang_up(struct keeper *keeper)
{
	if (keeper->fd >= 0)
		close(keeper->fd);
	keeper->fd = -1;
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	hang_up(keeper);
	if (keeper->pid > 0)
		waitpid(keeper->pid, NULL, 0);
	free(keeper);
}

/* maps: NULL, or those that go with it. */
static bool send_request(struct keeper *keeper, struct request *request, const int *maps)
{
	struct message message = {};
	struct msghdr *header = message_of(&message, request);
	struct cmsghdr *control = CMSG_FIRSTHDR(header);

	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(TRACED_OWN_MAPS * sizeof(int));
	if (maps)
		memcpy(CMSG_DATA(control), maps, TRACED_OWN_MAPS * sizeof(int));
	else
		header->msg_controllen = 0;
	return sendmsg(keeper->fd, header, MSG_NOSIGNAL) == sizeof(*request);
}

/* 0 when answer is there, whatever it says; or a negative errno. */
static int ask_with(struct keeper *keeper, struct request *request, const int *maps,
		    struct answer *answer)
{
	ssize_t length;

	if (keeper->fd < 0 || !send_request(keeper, request, maps)) {
		hang_up(keeper);
		return -ESRCH;
	}
	do
		length = recv(keeper->fd, answer, sizeof(*answer), 0);
	while (length < 0 && errno == EINTR);
	if (length == sizeof(*answer))
		return 0;
	length = length < 0 && errno == EAGAIN ? -ETIMEDOUT : -ESRCH;
	hang_up(keeper);
	return length;
}

static int ask(struct keeper *keeper, struct request *request, struct answer *answer)
{
	return ask_with(keeper, request, NULL, answer);
}

int keeper_use(struct keeper *keeper, const struct traced *capturing)
{
	struct request request = { .task = KEEPER_USE };
	int maps[TRACED_OWN_MAPS], err;
	struct answer answer;

	if (capturing)
		traced_own_maps(capturing, maps);
	err = ask_with(keeper, &request, capturing ? maps : NULL, &answer);
	return err ? err : answer.result;
}

int keeper_attach_interface(struct keeper *keeper, const struct config_interface *interface,
			    struct attachment *out, char error[ATTACH_ERROR_BYTES])
{
	struct request request = { .task = KEEPER_ATTACH, .interface = *interface };
	struct answer answer;
	int err = ask(keeper, &request, &answer);

	if (err) {
		snprintf(error, ATTACH_ERROR_BYTES,
			 "cannot attach to interface '%s': the process that keeps root for that "
			 "%s: restart poised, traffic goes on meanwhile",
			 interface->name, err == -ESRCH ? "has died" : "does not answer");
		return err;
	}
	*out = answer.attachment;
	memcpy(error, answer.error, ATTACH_ERROR_BYTES);
	return answer.result;
}

bool keeper_attach_is_there(struct keeper *keeper, uint32_t ifindex)
{
	struct request request = { .task = KEEPER_IS_THERE, .ifindex = ifindex };
	struct answer answer;

	return ask(keeper, &request, &answer) == 0 && answer.result > 0;
}

int keeper_attach_remove(struct keeper *keeper, uint32_t ifindex)
{
	struct request request = { .task = KEEPER_REMOVE, .ifindex = ifindex };
	struct answer answer;
	int err = ask(keeper, &request, &answer);

	return err ? err : answer.result;
}

int keeper_remove_all(struct keeper *keeper, FILE *out)
{
	struct request request = { .task = KEEPER_REMOVE_ALL };
	struct answer answer;
	int err = ask(keeper, &request, &answer);

	if (err)
		return err;
	if (out)
		fputs(answer.removed, out);
	return answer.result;
}
