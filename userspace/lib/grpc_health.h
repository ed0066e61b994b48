/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The messages of grpc.health.v1.Health/Check (grpc/doc/health-checking.md), in the frame of gRPC
 * over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md): a byte for compression, four of length, a protobuf
 * message. What an answer holds is not trusted.
 */
#ifndef POISE_GRPC_HEALTH_H
#define POISE_GRPC_HEALTH_H

#include <stddef.h>
#include <stdint.h>

enum {
	GRPC_FRAME_BYTES = 5,
	GRPC_MAX_SERVICE = 255, /* of a service's name */
	GRPC_REQUEST_BYTES = GRPC_FRAME_BYTES + 3 + GRPC_MAX_SERVICE,
	GRPC_ANSWER_BYTES = 4096, /* an answer has two bytes, and whatever else the server adds */
};

/* HealthCheckResponse.ServingStatus; others are GRPC_STATUS_COUNT. */
enum grpc_status {
	GRPC_UNKNOWN,
	GRPC_SERVING,
	GRPC_NOT_SERVING,
	GRPC_SERVICE_UNKNOWN,
	GRPC_STATUS_COUNT,
};

/* service: NULL or "", the server as a whole; of at most GRPC_MAX_SERVICE bytes. Its length. */
size_t grpc_health_request(const char *service, uint8_t out[GRPC_REQUEST_BYTES]);

/* bytes: the whole body. 0; -ENOTSUP for one that is compressed; -EINVAL for what is no such
 * message, or more than one. */
int grpc_health_parse(const uint8_t *bytes, size_t length, enum grpc_status *out);

#endif
