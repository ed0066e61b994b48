// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The configuration from any bytes: no crash, no leak, and either a configuration that keeps its
 * promises or at least one printable error.
 *
 * mkdir -p build/corpus && cp examples/poise.yaml build/corpus
 * clang -g -O1 -std=c11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -Iinclude -Iuserspace/lib
 *       -o build/fuzz_config tests/fuzz/fuzz_config.c userspace/lib/config*.c
 *       userspace/lib/yaml_tree.c userspace/lib/address.c -lyaml
 * build/fuzz_config -max_len=4096 -max_total_time=300 build/corpus
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the rest of Poise relies on. */
static void require(bool condition)
{
	if (!condition)
		abort();
}

static void require_check(const struct config_service *service)
{
	const struct config_check *check = &service->check;

	if (check->type == CHECK_NONE)
		return;
	require(check->port && check->rise && check->fall);
	require(check->timeout_ms && check->timeout_ms <= check->interval_ms);
	if (check->type == CHECK_TCP) {
		require(!check->path && !check->host && !check->body && !check->expect_count);
		return;
	}
	require(check->path && check->path[0] == '/' && !strpbrk(check->path, "\r\n "));
	require(!check->host || !strpbrk(check->host, "\r\n "));
	require(check->expect_count && check->expect_count <= CONFIG_MAX_EXPECT);
}

static void require_service(const struct config_service *service)
{
	size_t i;

	require(!config_check_name(service->name) && address_is_host(&service->address));
	require(service->port && service->protocol && is_prime(service->ring_size));
	require_check(service);
	for (i = 0; i < service->backend_count; i++) {
		require(!config_check_name(service->backends[i].name));
		require(address_is_host(&service->backends[i].address));
		require(service->backends[i].weight <= POISE_MAX_WEIGHT);
	}
}

static void require_config(const struct config *config)
{
	size_t i;

	require(config->interface_count && config->interface_count <= CONFIG_MAX_INTERFACES);
	require(config->control_socket[0] == '/' && config->pin_path[0] == '/');
	require(config->settle_ms >= CONFIG_MIN_SETTLE_MS);
	require(config->source_ipv4.address.family == 4 && config->source_ipv6.address.family == 6);
	for (i = 0; i < config->service_count; i++)
		require_service(&config->services[i]);
}

static void require_line(const char *line)
{
	for (; *line; line++)
		require((unsigned char)*line >= ' ' && *line != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	size_t i;

	if (!config_load_text("fuzz", (const char *)data, size, &config, &errors)) {
		require(!errors.count);
		require_config(config);
	} else {
		require(errors.count && !config);
	}
	for (i = 0; i < errors.count; i++)
		require_line(errors.lines[i]);
	config_free(config);
	config_errors_free(&errors);
	return 0;
}
