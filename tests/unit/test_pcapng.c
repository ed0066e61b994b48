/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* pcapng: the bytes of each block as draft-ietf-opsawg-pcapng has them, and what Wireshark's own
 * programs read in a whole file. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pcapng.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

enum { NOT_FOUND = 127 }; /* the shell's exit code */

struct memory {
	char *bytes;
	size_t length;
	FILE *file;
};

static void memory_open(struct memory *memory)
{
	memory->file = open_memstream(&memory->bytes, &memory->length);
	assert_non_null(memory->file);
}

/* The expected bytes are those of a little-endian host. */
static void memory_expect(struct memory *memory, const uint8_t *expected, size_t length)
{
	fclose(memory->file);
	assert_int_equal(memory->length % 4, 0);
	if (__BYTE_ORDER == __LITTLE_ENDIAN) {
		assert_int_equal(memory->length, length);
		assert_memory_equal(memory->bytes, expected, length);
	}
	free(memory->bytes);
}

/* 4.1: type, length, magic, version 1.0, an unknown section length, options, the length again. */
static void a_section_says_who_wrote_it(void **state)
{
	struct memory memory;

	(void)state;
	memory_open(&memory);
	pcapng_begin(memory.file, "poise 1");
	memory_expect(&memory, BYTES("\x0a\x0d\x0d\x0a\x2c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0"
				     "\xff\xff\xff\xff\xff\xff\xff\xff"
				     "\4\0\7\0poise 1\0\0\0\0\0\x2c\0\0\0"));
}

/* 4.2: Ethernet, the length that packets are cut to, name, nanoseconds. */
static void an_interface_has_a_name_and_nanoseconds(void **state)
{
	struct memory memory;

	(void)state;
	memory_open(&memory);
	pcapng_interface(memory.file, "edge", 256);
	memory_expect(&memory, BYTES("\1\0\0\0\x28\0\0\0\1\0\0\0\0\1\0\0"
				     "\2\0\4\0edge\x09\0\1\0\x09\0\0\0\0\0\0\0\x28\0\0\0"));
}

/* 4.3: the time's upper half first, both lengths, the data padded, comment and direction. */
static void a_packet_has_time_lengths_and_comment(void **state)
{
	struct pcapng_packet packet = { .interface = 1,
					.time_ns = 0x0102030405060708,
					.data = (const uint8_t *)"abcde",
					.captured = 5,
					.length = 1500,
					.comment = "dropped" };
	struct memory memory;

	(void)state;
	memory_open(&memory);
	pcapng_packet(memory.file, &packet);
	memory_expect(&memory,
		      BYTES("\6\0\0\0\x40\0\0\0\1\0\0\0\4\3\2\1\x08\7\6\5\5\0\0\0\xdc\5\0\0"
			    "abcde\0\0\0\1\0\7\0dropped\0\2\0\4\0\1\0\0\0\0\0\0\0"
			    "\x40\0\0\0"));
}

static void a_packet_that_leaves_says_so(void **state)
{
	struct pcapng_packet packet = { .data = (const uint8_t *)"", .outbound = 1, .comment = "" };
	struct memory memory;

	(void)state;
	memory_open(&memory);
	pcapng_packet(memory.file, &packet);
	memory_expect(&memory, BYTES("\6\0\0\0\x30\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				     "\1\0\0\0\2\0\4\0\2\0\0\0\0\0\0\0\x30\0\0\0"));
}

/* An option's length has 16 bits (3.5): a longer text is cut, and the block's length still holds.
 */
static void a_comment_is_cut_to_what_an_option_holds(void **state)
{
	char *comment = malloc(70001);
	struct pcapng_packet packet = { .data = (const uint8_t *)"", .comment = comment };
	struct memory memory;
	uint32_t length;
	uint16_t bytes;

	(void)state;
	memset(comment, 'x', 70000);
	comment[70000] = '\0';
	memory_open(&memory);
	pcapng_packet(memory.file, &packet);
	fclose(memory.file);
	memcpy(&length, memory.bytes + 4, sizeof(length));
	assert_int_equal(length, memory.length);
	memcpy(&length, memory.bytes + memory.length - 4, sizeof(length));
	assert_int_equal(length, memory.length);
	memcpy(&bytes, memory.bytes + 30, sizeof(bytes));
	assert_int_equal(bytes, UINT16_MAX);
	free(memory.bytes);
	free(comment);
}

/* Two interfaces, and packets whose data and comments end at every place of a word. */
static void write_file(FILE *file)
{
	static const char *const comments[] = { "a", "ab", "abc", "abcd" };
	static const uint8_t data[64] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };

	pcapng_begin(file, "poise test");
	pcapng_interface(file, "edge", 128);
	pcapng_interface(file, "inner0", 128);
	for (uint32_t i = 0; i < 8; i++) {
		struct pcapng_packet packet = { .interface = i % 2,
						.time_ns = 1700000000123456789 + i,
						.data = data,
						.captured = 60 + i % 4,
						.length = 1000 + i,
						.outbound = i / 4,
						.comment = comments[i % 4] };

		pcapng_packet(file, &packet);
	}
}

/* What the command prints; its exit code is returned. */
static int run(const char *format, const char *path, char *out, size_t size)
{
	char command[512];
	size_t length;
	FILE *pipe;
	int status;

	snprintf(command, sizeof(command), format, path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	length = fread(out, 1, size - 1, pipe);
	out[length] = '\0';
	status = pclose(pipe);
	return WEXITSTATUS(status);
}

static void wireshark_reads_what_was_written(void **state)
{
	static const char fields[] =
		"tshark -n -r %s -T fields -E separator=, -e frame.interface_name -e "
		"frame.time_epoch "
		"-e frame.cap_len -e frame.len -e frame.packet_flags_direction -e frame.comment "
		"2>/dev/null";
	char path[] = "/tmp/poise-pcapng-XXXXXX", out[4096];
	FILE *file = fdopen(mkstemp(path), "w");
	int status;

	(void)state;
	write_file(file);
	assert_int_equal(fclose(file), 0);
	status = run(fields, path, out, sizeof(out));
	if (status == NOT_FOUND) {
		unlink(path);
		print_message("SKIP: tshark is not installed\n");
		skip();
	}
	assert_int_equal(status, 0);
	assert_string_equal(out, "edge,1700000000.123456789,60,1000,0x00000001,a\n"
				 "inner0,1700000000.123456790,61,1001,0x00000001,ab\n"
				 "edge,1700000000.123456791,62,1002,0x00000001,abc\n"
				 "inner0,1700000000.123456792,63,1003,0x00000001,abcd\n"
				 "edge,1700000000.123456793,60,1004,0x00000002,a\n"
				 "inner0,1700000000.123456794,61,1005,0x00000002,ab\n"
				 "edge,1700000000.123456795,62,1006,0x00000002,abc\n"
				 "inner0,1700000000.123456796,63,1007,0x00000002,abcd\n");
	assert_int_equal(run("capinfos -TmcE %s 2>&1 | tail -n 1", path, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "ether"));
	assert_non_null(strstr(out, ",8"));
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_says_who_wrote_it),
		cmocka_unit_test(an_interface_has_a_name_and_nanoseconds),
		cmocka_unit_test(a_packet_has_time_lengths_and_comment),
		cmocka_unit_test(a_packet_that_leaves_says_so),
		cmocka_unit_test(a_comment_is_cut_to_what_an_option_holds),
		cmocka_unit_test(wireshark_reads_what_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
