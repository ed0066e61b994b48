#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A gRPC server with the health service: grpc_server.py ADDRESS:PORT FILE [CERTIFICATE KEY]

Each answer is what FILE holds at that time: a number, HealthCheckResponse's status, or the name of
a gRPC status code. The service "shop.Cart" is the only one that it knows beside itself."""

import sys
from concurrent import futures

import grpc


def check(request, context):
    with open(sys.argv[2], encoding="ascii") as file:
        said = file.read().strip()
    if request not in (b"", b"\x0a\x09shop.Cart"):
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    if not said.isdigit():
        context.abort(getattr(grpc.StatusCode, said), "as the file says")
    return bytes([8, int(said)])


def main():
    handler = grpc.unary_unary_rpc_method_handler(check)  # of bytes as they are
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler}),))
    if len(sys.argv) > 3:
        with open(sys.argv[3], "rb") as certificate, open(sys.argv[4], "rb") as key:
            pair = (key.read(), certificate.read())
        server.add_secure_port(sys.argv[1], grpc.ssl_server_credentials((pair,)))
    else:
        server.add_insecure_port(sys.argv[1])
    server.start()
    server.wait_for_termination()


main()
