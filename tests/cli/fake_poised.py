#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A poised that balances nothing: it speaks the control protocol (docs/CONTROL.md) over invented
state, well or, by the name of a mode, badly. Usage: fake_poised.py SOCKET [MODE]

Prints "ready" when it listens; ends when its standard input does."""
import json
import os
import socket
import sys
import threading
import time

PATH = sys.argv[1]
MODE = sys.argv[2] if len(sys.argv) > 2 else "good"
BEGUN = time.time()
UPTIME_MS = 93784000  # 1d 2h 3m 4s
STARTED = int(BEGUN) - UPTIME_MS // 1000
STARTED_AT = STARTED - 10 * 86400  # the wall clock was set since


def make_backend(service, name, address, **changes):
    backend = {
        "service": service, "name": name, "address": address, "weight": 100,
        "declared_weight": 100, "state": "up", "reason": "", "differs": [],
        "health": {"state": "up", "passed": 7, "failed": 0, "error": "",
                   "checked_at": STARTED, "changed_at": STARTED, "last_duration_ms": 3},
        "next_hop": {"state": "ready", "text": "ready", "interface": "eth0",
                     "gateway": "10.0.1.1", "mac": "02:00:00:00:00:01", "mtu": 1500},
        "slots": 21846, "share": 0.33334, "leaving_slots": 0, "exceptions": 0, "gone": False,
        "packets": 1234567, "bytes": 987654321, "connections": 4321,
        "encapsulation": "ipip", "server_id": "", "active": None,
    }
    backend.update(changes)
    return backend


def make_service(name, address, ports, **changes):
    first, last = ports if isinstance(ports, tuple) else (ports, ports)
    service = {
        "name": name, "address": address, "port": first, "last_port": last,
        "ports": str(first) if first == last else f"{first}-{last}", "protocol": "tcp",
        "ring_size": 65537, "on_down": "rehash", "moving_slots": 0, "backends_up": 1,
        "backends_total": 1, "packets": 0, "bytes": 0, "check": None, "scheduler": "maglev",
        "affinity": "none", "udp": None, "idle_ms": None, "quic": None, "encapsulation": "ipip",
    }
    service.update(changes)
    return service


def make_state():
    down = make_backend("web", "app-02", "10.0.1.12", state="down",
                        reason="check failed: connection refused", share=0.0, slots=0)
    down["health"].update(state="down", passed=0, failed=4, error="connection refused")
    reweighted = make_backend("web", "app-03", "10.0.1.13", weight=50, differs=["weight"])
    return [
        make_service("web", "203.0.113.10", 80, moving_slots=655, backends_up=2,
                     backends_total=3, packets=12345678, bytes=9876543210,
                     check={"type": "http", "port": 80, "path": "/healthz", "expect": "200-399",
                            "interval_ms": 1000, "timeout_ms": 500, "rise": 2, "fall": 3},
                     backends=[make_backend("web", "app-01", "10.0.1.11"), down, reweighted]),
        make_service("mail", "2001:db8::25", 25, on_down="keep", scheduler="leastconn",
                     idle_ms=900000,
                     backends=[make_backend("mail", "mx-01", "2001:db8:1::1", active=4210)]),
        make_service("game", "2001:db8:7::/64", (8000, 8100), protocol="udp", udp="stateless",
                     affinity="source/56", panic=True, panic_threshold=50, slow_start_ms=30000,
                     quic={"config_id": 2, "server_id_length": 3}, encapsulation="gue",
                     backends=[make_backend("game", "g-01", "2001:db8:1::21", encapsulation="l2",
                                            effective_weight=40,
                                            server_id="0a0b0c")]),
    ]


def make_many():
    """As much as poised can hold."""
    services = []
    for i in range(4096):
        name = f"svc-{i:04}"
        backends = [make_backend(name, f"b-{j}", f"10.{i // 256}.{i % 256}.{j}", packets=i, bytes=i)
                    for j in range(4)]
        services.append(make_service(name, f"203.0.{i // 256}.{i % 256}", 80, backends_up=4,
                                     backends_total=4, backends=backends))
    return services


SERVICES = make_many() if MODE == "many" else make_state()
FLOWS = {"entries": 1048576, "used": 4210}
LOCK = threading.Lock()
DRAINING = {}  # (service, name): polls of backend-list until its connections are gone


class Refused(Exception):
    pass


def find_service(name):
    for service in SERVICES:
        if service["name"] == name:
            return service
    raise Refused(f'no service "{name}"')


def find_backend(arguments):
    service = find_service(arguments["service"])
    for backend in service["backends"]:
        if backend["name"] == arguments["name"]:
            return backend
    raise Refused(f'no backend "{arguments["name"]}" in service "{service["name"]}"')


def without_backends(service):
    return {key: value for key, value in service.items() if key != "backends"}


def status(arguments):
    interfaces = [
        {"name": "eth0", "mode": "native", "chain": "dispatcher", "attached": True},
        {"name": "eth1", "mode": "generic", "chain": "single", "attached": True},
        {"name": "eth2", "mode": "native", "chain": "single", "attached": MODE != "lost"}]
    return {"version": "0.1.0", "abi": 1, "started_at": STARTED_AT, "uptime_ms": UPTIME_MS,
            "config": "/etc/poise/poise.yaml", "pin_path": "/sys/fs/bpf/poise",
            "settle_ms": 900000, "flows": FLOWS, "interfaces": interfaces, "services": SERVICES}


def backend_list(arguments):
    for (service, name), left in list(DRAINING.items()):
        backend = find_backend({"service": service, "name": name})
        DRAINING[service, name] = left - 1
        backend["exceptions"] = max(left - 1, 0)
        backend["gone"] = left <= 1
    services = [find_service(arguments["service"])] if "service" in arguments else SERVICES
    return {"backends": [b for service in services for b in service["backends"]]}


def backend_show(arguments):
    backend = dict(find_backend(arguments))
    held = backend["name"] == "app-02"
    if not held:
        backend["effective_weight"] = 40
    return {
        "backend": backend, "check": find_service("web")["check"], "checks": 1234, "failures": 5,
        "slow_start": {"duration_ms": 30000, "running": not held, "left_ms": 12345},
        "damping": {"on": True, "held": held, "changes": 4 if held else 1,
                    "penalty": 3700 if held else 707,
                    "held_until_at": STARTED + 93900 if held else 0},
        "history": [{"at": STARTED, "kind": "health", "text": "down: connection refused"}]}


def backend_add(arguments):
    service = find_service(arguments["service"])
    backend = make_backend(service["name"], arguments["name"], arguments["address"],
                           weight=arguments.get("weight", 100), declared_weight=None,
                           state="starting", reason="not checked so far", differs=["added"],
                           encapsulation=arguments.get("encapsulation", "ipip"),
                           server_id=arguments.get("server_id", ""))
    service["backends"].append(backend)
    return {"backend": backend}


def backend_remove(arguments):
    backend = find_backend(arguments)
    backend.update(state="removed" if arguments.get("now") else "removing",
                   reason="removed by command", differs=["removed"])
    return {"backend": backend}


def backend_drain(arguments):
    backend = find_backend(arguments)
    backend.update(state="draining", reason="drained by command", exceptions=3,
                   leaving_slots=100, differs=["drained"])
    DRAINING[backend["service"], backend["name"]] = 4 if MODE != "never" else 10 ** 9
    return {"backend": backend}


def backend_undrain(arguments):
    backend = find_backend(arguments)
    DRAINING.pop((backend["service"], backend["name"]), None)
    backend.update(state="up", reason="", differs=[], leaving_slots=0)
    return {"backend": backend}


def backend_weight(arguments):
    backend = find_backend(arguments)
    backend.update(weight=arguments["weight"], differs=["weight"])
    return {"backend": backend}


def batch(arguments):
    return {"backends": [COMMANDS[item["command"]](item["arguments"])["backend"]
                         for item in arguments["commands"]]}


def on_host(change):
    def handle(arguments):
        found = [b for service in SERVICES for b in service["backends"]
                 if b["address"] == arguments["address"]]
        if not found:
            raise Refused(f'no service has a backend with address {arguments["address"]}')
        return {"backends": [change(b)["backend"] for b in found]}
    return handle


def count_traffic():
    """In mode traffic the counters go on: web 1000 packets a second of 125 bytes, mail 10, and
    20 connections a second to mx-01; 500 drops a second."""
    passed = time.time() - BEGUN
    rates = {"web": 1000, "mail": 10, "game": 0}
    for service in SERVICES:
        service["packets"] = int(rates[service["name"]] * passed)
        service["bytes"] = 125 * service["packets"]
    SERVICES[1]["backends"][0]["connections"] = int(20 * passed)
    return int(500 * passed)


def stats(arguments):
    drops = count_traffic() if MODE in ("traffic", "reader") else 17
    backends = [b for service in SERVICES for b in service["backends"]]
    return {
        "services": [{k: s[k] for k in ("name", "packets", "bytes", "backends_up",
                                        "backends_total", "panic") if k in s} for s in SERVICES],
        "backends": [{k: b[k] for k in ("service", "name", "packets", "bytes", "connections")}
                     for b in backends],
        "reasons": [
            {"name": "sent", "verdict": "tx", "packets": 12345678, "meaning": "sent"},
            {"name": "no_backend", "verdict": "drop", "packets": drops,
             "meaning": "no backend of the service can take the packet"}],
        "flows": FLOWS,
            "events": [{"name": "exception_recorded", "count": 99,
                    "meaning": "connections recorded as exceptions"}]}


def explain(arguments):
    flags = arguments.get("tcp_flags", ["syn"])
    moving = "ack" in flags
    backend = dict(find_backend({"service": "web", "name": "app-01"}),
                   takes_packets=True, takes_connections=not moving)
    slot = {"number": 4242, "slots": 65537, "moving": moving, "owner": "app-01"}
    if moving:
        slot.update(state="recorded", previous="app-02", earlier="app-03", stamp_age_ms=61000)
    return {
        "packet": {"interface": "eth0", "frame_bytes": 54, "bytes": 40, "tcp_flags": flags,
                   **{k: arguments[k] for k in ("protocol", "source", "source_port",
                                                "destination", "destination_port")}},
        "for_service_address": True,
        "service": without_backends(find_service("mail" if ":" in arguments["destination"] else "web")),
        "slot": slot, "because": "the settled slot's owner", "backend": backend,
        "record": {"table": "exceptions", "found": True, "backend": "app-01",
                   "state": "established", "age_ms": 5000} if moving else None,
        "outer": {"source": "172.16.1.2", "destination": "10.0.1.11"},
        "chain": [{"name": "app-02", "address": "10.0.1.12"},
                  {"name": "app-03", "address": "2001:db8::13"}] if moving else [],
        "size": {"packet": 40, "added": 20, "chain": 24, "chain_room": 36, "total": 84, "mtu": 1500,
                 "fits": True} if moving else
                {"packet": 40, "added": 20, "chain": 0, "chain_room": 0, "total": 60, "mtu": 1500,
                 "fits": True},
        "verdict": "tx", "reason": "sent", "meaning": "sent to a backend",
        "events": [] if moving else ["exception_recorded"], "frame": "00", "frame_out": "01"}


def config(arguments):
    """The texts are those of the files beside the socket."""
    def read(name):
        with open(f"{PATH}.{name}", encoding="utf-8") as file:
            return file.read()
    return {"file": f"{PATH}.file", "declared": read("declared"), "running": read("running")}


def dry_run(text):
    return {**config({}), "config": text, "left_out": 2,
            "moves": [{"service": "web", "slots": 65537, "moves": 6554}]}


def apply(arguments):
    if "nonsense" in arguments["text"]:
        raise Refused(f'\'{arguments["name"]}\' was refused, nothing changed', ["x.yaml:1:1: nonsense"])
    if arguments.get("dry_run"):
        return dry_run(arguments["text"])
    return {"file": f"{PATH}.file", "changes": ["a change"], "kept": [
        "backend web/app-03: weight 50 by command stays over 100 of the file"]}


def reload(arguments):
    if arguments.get("dry_run"):
        with open(f"{PATH}.file", encoding="utf-8") as file:
            return dry_run(file.read())
    if MODE == "refuse-reload":
        raise Refused("the configuration was refused",
                      ["poise.yaml:3:5: services: found a number", "poise.yaml:4:5: other"])
    return {"changes": ["service \"web\": weight of app-01 100 -> 50"] if MODE != "unchanged" else []}


COMMANDS = {
    "status": status, "backend-list": backend_list, "backend-show": backend_show, "backend-add": backend_add,
    "backend-remove": backend_remove, "backend-drain": backend_drain,
    "backend-undrain": backend_undrain, "backend-weight": backend_weight, "stats": stats,
    "reload": reload, "apply": apply, "config": config, "explain": explain, "batch": batch,
    "host-drain": on_host(backend_drain), "host-undrain": on_host(backend_undrain),
    "service-list": lambda a: {"services": [without_backends(s) for s in SERVICES]},
    "service-show": lambda a: {"service": find_service(a["service"])},
    "detach": lambda a: {"removed": ["program on eth0", "pin /sys/fs/bpf/poise/backends"]},
    "version": lambda a: {"version": "0.1.0", "abi": 1, "started_at": STARTED_AT,
                          "uptime_ms": UPTIME_MS,
                          "unsaved": "No space left on device" if MODE == "full" else None},
}


def answer(line):
    request = json.loads(line)
    if MODE in ("old", "new", "built"):
        return answer_of_another_release(request)
    if MODE == "reader" and request["command"] in ("backend-drain", "backend-weight"):
        return json.dumps({"version": 1, "ok": False, "error": "user 'eve' may read only: "
                           f"'{request['command']}' needs group 'ops'"})
    assert set(request) == {"version", "command", "arguments"}, request
    assert request["version"] == 1, request
    try:
        with LOCK:
            result = COMMANDS[request["command"]](request["arguments"])
            return json.dumps({"version": 1, "ok": True, "result": spoil(result)})
    except Refused as refusal:
        envelope = {"version": 1, "ok": False, "error": refusal.args[0]}
        if len(refusal.args) > 1:
            envelope["errors"] = refusal.args[1]
        return json.dumps(envelope)


def answer_of_another_release(request):
    """An older poised knows "version" and "status", and of those no argument."""
    version = {"old": "0.0.9", "new": "999.0.0", "built": "0.1.0"}[MODE]
    if request["command"] == "version":
        return json.dumps({"version": 1, "ok": True, "result": {"version": version, "abi": 1}})
    if request["command"] == "backend-add":
        return json.dumps({"version": 1, "ok": False, "error": "unknown argument 'if_missing'"})
    return json.dumps({"version": 1, "ok": False,
                       "error": f"unknown command '{request['command']}'"})


def spoil(result):
    """In mode wrong:PATH=JSON one value of the result is another, or, without =JSON, missing;
    in mode evil every text ends in what a terminal would obey."""
    if MODE == "evil":
        return make_evil(result)
    if not MODE.startswith("wrong:"):
        return result
    path, _, value = MODE[len("wrong:"):].partition("=")
    result = json.loads(json.dumps(result))
    place, keys = result, [int(k) if k.isdigit() else k for k in path.split(".")]
    for key in keys[:-1]:
        place = place[key]
    if value:
        place[keys[-1]] = json.loads(value)
    else:
        del place[keys[-1]]
    return result


def make_evil(value):
    if isinstance(value, dict):
        return {key: make_evil(item) for key, item in value.items()}
    if isinstance(value, list):
        return [make_evil(item) for item in value]
    return value + "\x1b[31m\r\n\x9b\u202e" if isinstance(value, str) else value


RAW = {
    "garbage": b"hello\n",
    "array": b"[]\n",
    "null": b"null\n",
    "version-2": b'{"version":2,"ok":true,"result":{}}\n',
    "no-result": b'{"version":1,"ok":true}\n',
    "no-error": b'{"version":1,"ok":false}\n',
    "wrong-lines": b'{"version":1,"ok":false,"error":"x","errors":[1]}\n',
    "deep": b"[" * 1000000 + b"\n",
    "half": b'{"version":1,"ok":tr',
    "closes": b"",
}


def serve(client):
    stream = client.makefile("rb")
    if MODE == "turns-away":
        client.sendall(b'{"version":1,"ok":false,"error":"too many clients: try again later"}\n')
        client.close()
        return
    try:
        for line in stream:
            if MODE == "silent":
                time.sleep(60)
            elif MODE == "endless":
                while True:
                    client.sendall(b"x" * (1 << 20))
            elif MODE == "drip":
                for byte in answer(line) + "\n":
                    client.sendall(byte.encode())
                    time.sleep(0.005)  # of the ten seconds that a client waits
            elif MODE in RAW:
                client.sendall(RAW[MODE])
                break
            else:
                client.sendall(answer(line).encode() + b"\n")
    except (BrokenPipeError, ConnectionResetError):
        pass
    stream.close()
    client.close()


def accept_all(listener):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


if os.path.exists(PATH):
    os.unlink(PATH)
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
    server.bind(PATH)
    server.listen(16)
    threading.Thread(target=accept_all, args=(server,), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
