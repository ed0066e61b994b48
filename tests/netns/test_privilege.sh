#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poised as a user without root: what it keeps, what it can still do, what stays root and for how
# long; who may do what on its socket; and what is logged of it.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

READERS=50001 WRITERS=50002 STRANGERS=50003 USER_ID=50010

# Prints a configuration with poised as nobody: config_user [SETTLE]; more interfaces in $MORE.
config_user()
{
	config_web 1 2 3 | sed -e "s/^seed:/user: nobody\nseed:/" \
		-e "s/^  socket:.*/&\n  readers: $READERS\n  writers: $WRITERS/" \
		-e "s/^tunnel:/${MORE:-}tunnel:/"
}

# poise as another user with a group: as_group GROUP ARGUMENT...
as_group()
{
	local group=$1
	shift
	on balancer setpriv --reuid $USER_ID --regid $USER_ID --groups "$group" --inh-caps=-all \
		"$NET_DIR/poise" --socket "$NET_SOCKET" "$@"
}

# A line of /proc/PID/status without its name.
proc() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' '; }

# The process that keeps root.
keeper()
{
	local pid
	for pid in $(ip netns pids "$(net_name balancer)"); do
		[ "$(cat "/proc/$pid/comm")" != poised-keeper ] || echo "$pid"
	done | grep .
}

# What no process should hold for longer than poised: sockets but its own, files, locks.
keeper_holds()
{
	local pid link held=
	pid=$(keeper)
	for link in "/proc/$pid"/fd/*; do
		link=$(readlink "$link")
		case $link in
		anon_inode:bpf-* | "$NET_DIR"/poised.log | /dev/null) ;;
		*) held="$held ${link%%:*}" ;;
		esac
	done
	equal " socket" "$held"
}

logged() { grep -qE "$1" "$NET_DIR/poised.log"; }

# Every line of FILE is a JSON object with a time, a level and a message.
all_json()
{
	local lines
	lines=$(wc -l <"$1")
	[ "$lines" -gt 5 ] || { echo "only $lines lines"; return 1; }
	jq -es --argjson lines "$lines" 'length == $lines and all(.[]; (.time | test("^[0-9]{4}-.*Z$")) and
		(.level | IN("error", "warning", "info", "debug")) and (.message | length > 0))' "$1"
}

json_event() { jq -es "any(.[]; $1)" "$NET_DIR/json.log"; }

# A service manager that writes down what it is told, a line each.
manager_start()
{
	/usr/bin/python3 -uc '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
while True:
    print(s.recv(4096).decode(), flush=True)
' "$NET_DIR/notify" >"$NET_DIR/notify.log" &
	MANAGER=$!
	wait_for 60 test -S "$NET_DIR/notify"
}

told() { grep -qx "$1" "$NET_DIR/notify.log"; }

state_kept()
{
	local file=$NET_DIR/state/state.json
	equal "65534 600" "$(stat -c '%u %a' "$file")" && grep -q app-01 "$file"
}

# The id of the program on lb0 is that of the pinned one.
is_plain()
{
	equal "$(bpftool prog show pinned "$NET_PINS/program" -j | jq .id)" \
		"$(ip -n "$(net_name balancer)" -j -d link show lb0 | jq '.[0].xdp.prog.id')"
}

# captured FILE: packets of requests come, and not by the plain program; they are served.
captured()
{
	on_start balancer capture "$NET_DIR/poise" --socket "$NET_SOCKET" capture --count 5 -w "$1"
	local capture=$!
	wait_for 60 test -s "$1"
	! is_plain >/dev/null || { echo "the plain program is attached"; return 1; }
	equal 5 "$(pages "$VIP44" 5 | wc -l)" || return 1
	wait "$capture" && contains "$(cat "$NET_DIR/capture.log")" "5 packets, 0 lost"
}

attached_to() { on balancer ip link show "$1" | grep -q xdp; }
not_attached_to() { ! attached_to "$1"; }

NET_SOCKET=$NET_DIR/run/poised.sock # in a directory that poised makes, and gives to its user
tap_begin one
chmod 711 "$NET_DIR" # the users below are others
cp "$NET_BUILD/poise" "$NET_DIR/poise"
config_user >"$NET_CONFIG"
chmod 644 "$NET_CONFIG"
check "a user that does not exist is refused by --check" contains "$(sed 's/nobody/no-such-user/' \
	"$NET_CONFIG" >"$NET_DIR/bad.yaml"; "$NET_BUILD/poised" --check -c "$NET_DIR/bad.yaml" 2>&1)" \
	"user: found 'no-such-user', allowed is a user of this host, by name or number"
check "and a group that does not" contains "$(sed "s/$READERS/no-such-group/" \
	"$NET_CONFIG" >"$NET_DIR/bad.yaml"; "$NET_BUILD/poised" --check -c "$NET_DIR/bad.yaml" 2>&1)" \
	"control.readers: found 'no-such-group', allowed is a group of this host"

poised_start
check "all backends come up" wait_for 60 all_up
check "poised is nobody" equal "65534 65534 65534 65534" "$(proc "$NET_POISED" Uid)"
# CAP_NET_ADMIN 12, CAP_PERFMON 38, CAP_BPF 39
check "with three capabilities" equal 000000c000001000 "$(proc "$NET_POISED" CapEff)"
check "and no others to take" equal 000000c000001000 "$(proc "$NET_POISED" CapPrm)"
check "nor to give" equal "0000000000000000 0000000000000000" \
	"$(proc "$NET_POISED" CapBnd) $(proc "$NET_POISED" CapAmb)"
check "and no new privileges" equal 1 "$(proc "$NET_POISED" NoNewPrivs)"
check "one process stays root" equal "0 0 0 0" "$(proc "$(keeper)" Uid)"
check "with four capabilities" equal 000000c000201000 "$(proc "$(keeper)" CapEff)"
check "and holds nothing of poised's" keeper_holds
check "requests are balanced" spread "$VIP44" 1 2 3

check "a reader may read" as_group $READERS status
check "a reader may not write" contains "$(as_group $READERS backend drain web app-01 2>&1)" \
	"user '$USER_ID' may read only: 'backend-drain' needs group '$WRITERS'"
check "nothing was drained" is_state up web app-01
check "a stranger may not read" contains "$(as_group $STRANGERS status 2>&1)" \
	"user '$USER_ID' may do nothing here: that needs group '$READERS' or '$WRITERS'"
check "a writer may write" as_group $WRITERS backend weight web app-01 50
check "what it did is logged" logged \
	"change: backend 'web/app-01': weight 100 -> 50, by $USER_ID \(uid $USER_ID, pid [0-9]+\)"
check "and kept in the state file, by the user" wait_for 60 state_kept
check "and what was refused" logged "refused: user '$USER_ID' may read only: 'backend-drain' needs"
check "twice, as the status counts" equal 2 "$(status .refused)"
check "root may write" poise backend weight web app-01 100

# what is left can still do what it must
ip -n "$(net_name balancer)" link add lb9 type veth peer name lb9p
ip -n "$(net_name balancer)" link set lb9 up
MORE='  - name: lb9\n' config_user >"$NET_CONFIG"
check "a reload attaches to another interface" poise reload
check "it is attached" attached_to lb9
check "status says so" equal true "$(status '.interfaces[] | select(.name == "lb9").attached')"
{
	config_user
	service_yaml web46 "$VIP46" 6 1 2 3
} >"$NET_CONFIG"
check "a reload makes a service, and leaves the interface" poise reload
check "it is detached" wait_for 60 not_attached_to lb9
check "the new service serves" wait_for 60 spread "$VIP46" 1 2 3
config_user | sed 's/nobody/root/' >"$NET_CONFIG"
check "a reload cannot change the user" contains "$(poise reload 2>&1)" \
	"user: found 'root', but poised runs with 'nobody': restart poised"
config_user | sed 's/{ type: http, path: .healthz,/{ type: exec, command: [\/bin\/true], user: daemon,/' \
	>"$NET_CONFIG"
check "nor check by what was given up" contains "$(poise reload 2>&1)" \
	"a check needs cap_setuid, which poised gave up at its start: restart poised"

# a capture: the keeper puts a program of its own in the place of the plain one, and that back
check "a capture gets packets" captured "$NET_DIR/first"
check "the plain program is back" wait_for 60 is_plain
config_user | sed "s/readers: $READERS/readers: $STRANGERS/" >"$NET_CONFIG"
check "a reload changes the readers" poise reload
check "and tells them, before and after" logged \
	"change: control.readers $READERS -> $STRANGERS, by root"
check "a capture by the keeper once more" captured "$NET_DIR/second"
check "and the plain program" wait_for 60 is_plain

# death and return
config_user >"$NET_CONFIG"
OLD_KEEPER=$(keeper)
poised_stop KILL
check "the keeper ends with poised" wait_for 60 pids_gone "$OLD_KEEPER"
poised_start
check "a new poised takes over" wait_for 60 all_up
check "and serves" spread "$VIP44" 1 2 3
kill -KILL "$(keeper)"
MORE='  - name: lb9\n' config_user >"$NET_CONFIG"
check "without the keeper a reload is refused in words" contains "$(poise reload 2>&1)" \
	"cannot attach to interface 'lb9': the process that keeps root for that has died: restart"
check "and all else goes on" spread "$VIP44" 1 2 3
poised_stop TERM
check "the socket's file is gone" refused 2 ls "$NET_SOCKET"

config_user >"$NET_CONFIG"
manager_start
NOTIFY_SOCKET=$NET_DIR/notify WATCHDOG_USEC=400000 on_start balancer json "$NET_BUILD/poised" --config "$NET_CONFIG" --log-format json
NET_POISED=$!
wait_for 60 poise version
check "the user's checks end well" wait_for 60 all_up
as_group $WRITERS backend drain web app-02 >/dev/null
check "the service manager is told that poised is ready" wait_for 60 told READY=1
check "and that it is alive" wait_for 60 told WATCHDOG=1
check "and how it is" wait_for 60 told "STATUS=2 services, 6 of 6 backends up"
sed -i '0,/path: \/healthz,/s//path: \/,/' "$NET_CONFIG"
poise reload >/dev/null
poise backend remove web app-03 --now >/dev/null
check "and of a reload, with its time" wait_for 60 told 'MONOTONIC_USEC=[0-9]*'
check "every line is a JSON object" all_json "$NET_DIR/json.log"
check "a change has its fields" json_event ".event == \"change\" and .service == \"web\" and
	.backend == \"app-02\" and .what == \"drained\" and .uid == $USER_ID and .pid > 1"
check "so has each change of a reload" json_event '.event == "change" and .service == "web" and
	.what == "check.path" and .before == "/healthz" and .after == "/" and .by == "root"'
check "a removal tells what was there" json_event '.what == "removed" and .backend == "app-03" and
	.before == "address 10.0.1.13, weight 100, ipip" and .after == null and
	(.message | contains("weight 100, ipip): its connections are cut, by root"))'
check "and so has what a check found" json_event '.service == "web" and .backend == "app-01" and
	(.message | startswith("next hop "))'
check "detach removes everything, by the keeper" poise detach
check "nothing is attached" not_attached_to lb0
check "nothing is pinned" refused 2 ls "$NET_PINS"
wait "$NET_POISED" || true
check "the service manager is told of the end" wait_for 60 told STOPPING=1
kill "$MANAGER"
tap_end
