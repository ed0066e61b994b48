/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * survival_flood INTERFACE GATEWAY_MAC VIP PORT COUNT FIRST RATE: sends COUNT SYNs to the IPv4
 * address VIP, RATE a second, each from another source out of 10.64.0.0/10: those of numbers FIRST
 * and on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCH = 64,
	SOURCES = 1 << 22,	  /* addresses of a /10 */
	STEP = 0x9e3779b1,	  /* odd: every source comes once before one comes twice */
	SOURCE_BASE = 0x0a400000, /* 10.64.0.0 */
};

struct frame {
	struct ether_header ether;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static uint32_t sum_words(const void *data, size_t len, uint32_t sum)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static uint16_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

static void frame_fill(struct frame *f, uint32_t n, uint32_t vip, uint16_t port)
{
	uint32_t sum;

	f->ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP };
	f->ip.tot_len = htons(sizeof(f->ip) + sizeof(f->tcp));
	f->ip.saddr = htonl(SOURCE_BASE + n * STEP % SOURCES);
	f->ip.daddr = vip;
	f->ip.check = folded(sum_words(&f->ip, sizeof(f->ip), 0));
	f->tcp = (struct tcphdr){ .doff = 5, .syn = 1 };
	f->tcp.source = htons(1024 + n % 60000);
	f->tcp.dest = port;
	f->tcp.seq = n;
	f->tcp.window = htons(65535);
	sum = sum_words(&f->ip.saddr, 8, IPPROTO_TCP + sizeof(f->tcp));
	f->tcp.check = folded(sum_words(&f->tcp, sizeof(f->tcp), sum));
}

static int socket_open(const char *interface)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_ifindex = if_nametoindex(interface) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror(interface);
		exit(1);
	}
	return fd;
}

static int send_batch(int fd, struct mmsghdr *messages, int count)
{
	int sent = 0, n;

	while (sent < count) {
		n = sendmmsg(fd, messages + sent, count - sent, 0);
		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			return -1;
		if (n < 0)
			usleep(100);
		else
			sent += n;
	}
	return 0;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int main(int argc, char **argv)
{
	static struct frame frames[BATCH];
	static struct mmsghdr messages[BATCH];
	static struct iovec pieces[BATCH];
	struct ether_header ether = { .ether_type = htons(ETHERTYPE_IP),
				      .ether_shost = { 2, 0, 0, 0, 0, 1 } };
	uint32_t vip, count, first, rate, sent;
	int64_t begun_ns;
	int fd;

	if (argc != 8 || inet_pton(AF_INET, argv[3], &vip) != 1 ||
	    sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &ether.ether_dhost[0],
		   &ether.ether_dhost[1], &ether.ether_dhost[2], &ether.ether_dhost[3],
		   &ether.ether_dhost[4], &ether.ether_dhost[5]) != 6)
		return 2;
	count = strtoul(argv[5], NULL, 10);
	first = strtoul(argv[6], NULL, 10);
	rate = strtoul(argv[7], NULL, 10);
	fd = socket_open(argv[1]);
	begun_ns = now_ns();
	for (sent = 0; sent < count;) {
		int n = count - sent < BATCH ? (int)(count - sent) : BATCH;

		sleep_until(begun_ns + (int64_t)sent * 1000000000 / rate);
		for (int i = 0; i < n; i++) {
			frames[i].ether = ether;
			frame_fill(&frames[i], first + sent + i, vip, htons(atoi(argv[4])));
			pieces[i] = (struct iovec){ &frames[i], sizeof(frames[i]) };
			messages[i].msg_hdr =
				(struct msghdr){ .msg_iov = &pieces[i], .msg_iovlen = 1 };
		}
		if (send_batch(fd, messages, n)) {
			perror("sendmmsg");
			return 1;
		}
		sent += n;
	}
	return 0;
}
