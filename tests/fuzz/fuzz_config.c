// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The configuration from any bytes: no crash, no leak, and either a configuration that keeps its
 * promises, and is the same when it is written and read again, or at least one printable error.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the rest of Poise relies on. */
static void require(bool condition)
{
	if (!condition)
		abort();
}

static void require_http(const struct config_check *check)
{
	require(check->path && check->path[0] == '/' && !strpbrk(check->path, "\r\n "));
	require(!check->host || !strpbrk(check->host, "\r\n "));
	require(check->expect_count && check->expect_count <= CONFIG_MAX_EXPECT);
}

static void require_check(const struct config_service *service)
{
	const struct config_check *check = &service->check;
	bool http = check->type == CHECK_HTTP || check->type == CHECK_HTTPS;

	if (check->type == CHECK_NONE)
		return;
	require(check->port && check->rise && check->fall);
	require(check->timeout_ms && check->timeout_ms <= check->interval_ms);
	require(http || (!check->path && !check->host && !check->body && !check->expect_count));
	require(check->tls.on || (!check->tls.server_name && !check->tls.ca_file));
	require(check->tls.on || (check->type != CHECK_TLS && check->type != CHECK_HTTPS));
	require(check->type != CHECK_DNS || (check->query && check->query_type));
	require(check->type != CHECK_UDP || (check->send.length && check->answer.length));
	if (http)
		require_http(check);
}

static bool has_bits_after(const struct address *address, unsigned int length)
{
	struct address masked = address_mask(address, length);

	return !address_equal(&masked, address);
}

static void require_endpoint(const struct config_service *service)
{
	unsigned int bits = service->address.family == 4 ? 32 : 128;

	require(service->address.family == 4 || service->address.family == 6);
	require(service->prefix_length >= bits / 4 && service->prefix_length <= bits);
	require(!has_bits_after(&service->address, service->prefix_length));
	require(service->port && service->port <= service->last_port);
	require(service->affinity <= bits);
}

static void require_schedule(const struct config_service *service)
{
	bool chooses = service->scheduler == SCHEDULER_ROUNDROBIN ||
		       service->scheduler == SCHEDULER_LEASTCONN;

	require(service->protocol == IPPROTO_TCP || service->protocol == IPPROTO_UDP);
	require(service->udp == UDP_STATELESS || service->udp == UDP_STICKY);
	require(service->protocol == IPPROTO_UDP || service->udp == UDP_STATELESS);
	require(service->protocol == IPPROTO_TCP || !chooses || service->udp == UDP_STICKY);
	require(!chooses || !service->affinity);
	require(service->idle_ms >= 1000 && service->idle_ms <= CONFIG_MAX_SETTLE_MS);
	require(service->quic.server_id_length <= POISE_QUIC_ID_BYTES);
	require(!service->quic.server_id_length ||
		(service->protocol == IPPROTO_UDP && service->udp == UDP_STATELESS));
}

static void require_backend(const struct config_service *service,
			    const struct config_backend *backend)
{
	require(!config_check_name(backend->name));
	require(address_is_host(&backend->address));
	require(backend->weight <= POISE_MAX_WEIGHT);
	require(backend->encapsulation <= POISE_ENCAP_L2);
	require(backend->encapsulation != POISE_ENCAP_L2 ||
		backend->address.family == service->address.family);
	require(backend->server_id_length == service->quic.server_id_length);
}

static void require_service(const struct config_service *service)
{
	size_t i;

	require(!config_check_name(service->name) && is_prime(service->ring_size));
	require(service->encapsulation <= POISE_ENCAP_L2);
	require_endpoint(service);
	require_schedule(service);
	require_check(service);
	for (i = 0; i < service->backend_count; i++)
		require_backend(service, &service->backends[i]);
}

static void require_config(const struct config *config)
{
	uint32_t flows = config->flow_entries;
	size_t i;

	require(config->interface_count && config->interface_count <= CONFIG_MAX_INTERFACES);
	require(config->control_socket[0] == '/' && config->pin_path[0] == '/');
	require(config->settle_ms >= CONFIG_MIN_SETTLE_MS);
	require(config->source_ipv4.address.family == 4 && config->source_ipv6.address.family == 6);
	require(config->encapsulation <= POISE_ENCAP_L2 && config->gue_port);
	require(config->icmp.echo_rate && config->fragments.timeout_ms >= 1000);
	require(flows >= POISE_MIN_FLOWS && flows <= POISE_MAX_FLOWS && !(flows & (flows - 1)));
	for (i = 0; i < config->service_count; i++)
		require_service(&config->services[i]);
}

static void require_line(const char *line)
{
	for (; *line; line++)
		require((unsigned char)*line >= ' ' && *line != 0x7f);
}

static void require_same_again(const struct config *config)
{
	struct config_errors errors = { 0 };
	struct config *again = NULL;
	char *first = NULL, *second = NULL;
	size_t length;

	require(!config_write_text(config, &first, &length));
	require(!config_load_text("written", first, length, &again, &errors));
	require(!config_write_text(again, &second, &length) && !strcmp(first, second));
	config_free(again);
	free(first);
	free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	size_t i;

	if (!config_load_text("fuzz", (const char *)data, size, &config, &errors)) {
		require(!errors.count);
		require_config(config);
		require_same_again(config);
	} else {
		require(errors.count && !config);
	}
	for (i = 0; i < errors.count; i++)
		require_line(errors.lines[i]);
	config_free(config);
	config_errors_free(&errors);
	return 0;
}
