#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise ring export and import, against a poised of its own in a network namespace, whose backends
# are nowhere: what one says another takes, and of a file that is wrong nothing at all.
set -u

[ "${POISE_RING_INSIDE:-}" ] || {
	[ "$(id -u)" = 0 ] && unshare -nm true 2>/dev/null || {
		echo "1..0 # SKIP needs root, to make namespaces"
		exit 0
	}
	POISE_RING_INSIDE=1 exec unshare -nm "$0" "$@"
}
# shellcheck source=harness.bash
. "$(dirname "$0")/harness.bash"

poised=
NAMES=(s0 s1 s2 s3 s4 s5 s6 s7 s8 s9)

host_up()
{
	mkdir "$work/bpf"
	mount -t bpf poise-test "$work/bpf" || return
	ip link set lo up
	ip link add v0 type veth peer name v1
	ip link set v0 up
	ip link set v1 up
	ip address add 10.9.0.1/24 dev v0
	for i in 11 12 13; do
		ip neigh add 10.9.0.$i lladdr 02:00:00:00:00:$i dev v0 nud permanent
	done
}

# Ten services with second chance, and one without
config()
{
	printf '%s\n' "interfaces:" "  - name: v0" "tunnel:" "  source_ipv4: 172.16.0.0/16" "  encapsulation: gue" \
		"seed: 24301" "settle: 2s" "control:" "  socket: $socket" "pin_path: $work/bpf/poise" "state_dir: $work/state" "services:"
	for name in "${NAMES[@]}" plain; do
		printf '%s\n' "- name: $name" "  address: 203.0.113.1${name#s}" "  port: 80" "  ring_size: 1021" \
			"  second_chance: $([ "$name" = plain ] && echo false || echo true)" "  exceptions: off" \
			"  backends:" "    - { name: b1, address: 10.9.0.11 }" \
			"    - { name: b2, address: 10.9.0.12 }" "    - { name: b3, address: 10.9.0.13 }"
	done | sed 's/113.1plain/113.99/'
}

answers() { "$poise" --socket "$socket" version >/dev/null 2>&1; }

# start_poised [ARGUMENTS...]
start_poised()
{
	"$here/../../build/poised" --config "$work/poise.yaml" "$@" >"$work/log" 2>&1 </dev/null &
	poised=$!
	for ((i = 0; i < 600; i++)); do
		answers && return
		sleep 0.1
	done
	sed 's/^/# /' "$work/log"
	echo "Bail out! poised does not start"
	exit 1
}

# Everything that was pinned goes with it.
stop_poised()
{
	"$poise" --socket "$socket" detach >/dev/null
	wait "$poised"
}

# How many slots of the services name somebody.
named() { "$poise" --socket "$socket" --json status | jq "[.services[].named_slots] | add"; }

# What a start with empty maps guesses is given up after the settle time: waits for that.
guesses_gone()
{
	for ((i = 0; i < 600; i++)); do
		[ "$(grep -c 'names that were a guess are given up' "$work/log")" != ${#NAMES[@]} ] || return
		sleep 0.1
	done
	return 1
}

anew()
{
	stop_poised
	start_poised
	guesses_gone
}

# import FILE-CONTENT; the code and output as of run
import()
{
	printf '%s' "$1" >"$work/file"
	run ring import "$work/file"
}

# object SERVICE MOVES [SIZE]: one of the list
object()
{
	printf '{"service":"%s","ring_size":%s,"backends":["b1 10.9.0.11","b2 10.9.0.12","b9 10.9.0.99"],"moves":"%s"}' \
		"$1" "${3:-1021}" "$2"
}

# history OBJECT...: a file
history_of()
{
	local IFS=,
	printf '{"history":1,"seed":"0x5eed","services":[%s]}' "$*"
}

test_export()
{
	run ring export
	expect_json "what names nobody" '.history == 1 and .seed == "0x5eed"'
	run drain --host 10.9.0.11
	run ring export
	expect_json "every service with second chance" '[.services[] | select(.moves != "")] | length == 10'
	cp "$work/out" "$work/history.json"
	run ring export "${NAMES[@]}"
	expect_json "ten of them, by name" '[.services[].service] | unique | length == 10'
	run ring export s3 s3
	expect_json "one that is named twice is told once" '[.services[].service] == ["s3"]'
	run ring export s3 nope
	expect "a service that is not there" 1 no-out . err "services\[1\]: there is no service 'nope'"
	run ring export plain
	expect "one without second chance" 1 no-out . err "'plain' has no second_chance"
	run ring
	expect "ring alone: what there is of it" 2 err 'ring export' err 'ring import'
}

test_import()
{
	local before
	before=$(named)
	[ "$before" -gt 3000 ]
	report "slots name who drained" $?
	stop_poised
	start_poised --history "$work/history.json"
	sleep 2.5 # guesses would be gone
	[ "$(named)" = "$before" ]
	report "poised --history: what the other one named" $?
	anew
	run ring import "$work/history.json" --json
	expect_json "ring import" ".slots == $before"
	[ "$(named)" = "$before" ]
	report "which is what slots name" $?
	run ring import -
	expect "standard input, with nothing in it" 1 err 'line 1'
	anew
}

# Each is refused, and names what it does not like.
REFUSED=(
	"not JSON|{|line 1"
	"an array|[]|no list of services"
	"nothing at all||line 1"
	"a bare word|hello|line 1"
	"no list|{\"history\":1,\"seed\":\"0x5eed\"}|no list of services"
	"another version|{\"history\":2,\"seed\":\"0x5eed\",\"services\":[]}|history: allowed is 1"
	"a version that is no number|{\"history\":\"1\",\"seed\":\"0x5eed\",\"services\":[]}|history: allowed is 1"
	"no version|{\"seed\":\"0x5eed\",\"services\":[]}|history: allowed is 1"
	"another seed|{\"history\":1,\"seed\":\"0x5eee\",\"services\":[]}|seed: allowed is that"
	"a seed that is a number|{\"history\":1,\"seed\":24301,\"services\":[]}|seed: allowed is that"
	"half a seed|{\"history\":1,\"seed\":\"0x5eedx\",\"services\":[]}|seed: allowed is that"
	"the same key twice|{\"history\":1,\"history\":1,\"seed\":\"0x5eed\",\"services\":[]}|duplicate"
	"an object that is none|$(history_of 7)|services\[0\]: allowed is an object"
	"no name|$(history_of '{"ring_size":1021,"backends":[],"moves":""}')|services\[0\]: allowed"
	"a size of 0|$(history_of "$(object s0 "" 0)")|services\[0\]: allowed"
	"a size below 0|$(history_of "$(object s0 "" -1021)")|services\[0\]: allowed"
	"a huge size|$(history_of "$(object s0 "" 4294968317)")|services\[0\]: allowed"
	"a size that is no whole number|$(history_of "$(object s0 "" 1021.0)")|services\[0\]: allowed"
	"a number beyond all|$(history_of "$(object s0 "" 99999999999999999999)")|line 1"
	"a backend without an address|$(history_of '{"service":"s0","ring_size":1021,"backends":["b1"],"moves":""}')|services\[0\]\.backends\[0\]: allowed"
	"a backend that is no text|$(history_of '{"service":"s0","ring_size":1021,"backends":[1],"moves":""}')|services\[0\]\.backends\[0\]: allowed"
	"a slot beyond the ring|$(history_of "$(object s0 "0-1021 1 2 0 n 0;")")|moves: not understood at byte"
	"a run backwards|$(history_of "$(object s0 "9-8 1 2 0 n 0;")")|moves: not understood at byte 0"
	"runs that overlap|$(history_of "$(object s0 "0-9 1 2 0 n 0;9-10 1 2 0 n 0;")")|moves: not understood at byte 14"
	"a backend beyond the list|$(history_of "$(object s0 "0-9 4 2 0 n 0;")")|moves: not understood"
	"a slot number beyond 64 bits|$(history_of "$(object s0 "0-18446744073709551616 1 2 0 n 0;")")|moves: not understood"
	"a huge age|$(history_of "$(object s0 "0-9 1 2 0 n 86401;")")|moves: not understood"
	"a number below 0|$(history_of "$(object s0 "0--9 1 2 0 n 0;")")|moves: not understood"
	"an unknown state|$(history_of "$(object s0 "0-9 1 2 0 x 0;")")|moves: not understood"
	"no end|$(history_of "$(object s0 "0-9 1 2 0 n 0")")|moves: not understood"
	"half a run|$(history_of "$(object s0 "0-9 1 2")")|moves: not understood"
	"a slot that two objects tell of|$(history_of "$(object s0 "0-9 1 2 0 n 0;")" "$(object s1 "0-9 1 2 0 n 0;")" "$(object s0 "9-9 1 2 0 n 0;")")|services\[2\]\.moves"
	"one service of many|$(history_of "$(object s0 "0-9 1 2 0 n 0;")" "$(object s1 "0-9 1 2 0 n 0;")" "$(object s2 "0-9 1 2 0 n;")")|services\[2\]\.moves"
	"a piece that poised does not take|$(history_of "$(object s0 "0-9 1 2 0 n 0;")" '{}')|services\[1\]: allowed"
)

test_refused()
{
	local row name text words
	[ "$(named)" = 0 ]
	report "nothing is named before" $?
	for row in "${REFUSED[@]}"; do
		name=${row%%|*} text=${row#*|} words=${row##*|}
		text=${text%|*}
		import "$text"
		expect "refused: $name" 1 no-out . err "$words"
	done
	import "$(printf '[%.0s' {1..100})"
	expect "refused: deep nesting" 1 no-out . err 'nested too deep'
	import "$(history_of "$(printf '{"a":%.0s' {1..20})1$(printf '}%.0s' {1..20})")"
	expect "refused: deep nesting inside" 1 no-out . err 'nested too deep'
	run ring import "$work/nowhere"
	expect "refused: no file" 1 no-out . err 'No such file'
	[ "$(named)" = 0 ]
	report "and nothing of any of them was taken" $?
}

test_left_out()
{
	import "$(history_of "$(object nope "0-9 1 2 0 n 0;")" "$(object plain "0-9 1 2 0 n 0;")" \
		"$(object s0 "0-9 1 2 0 n 0;" 4093)" "$(object s1 "0-9 3 3 3 n 0;")")"
	expect "left out: other services, another size, unknown backends" 0 out '^0 slots'
	import "$(history_of)"
	expect "left out: all, for there is nothing" 0 out '^0 slots'
	import "$(history_of "$(object s0 "0-9 2 1 0 n 0;")" "$(object s0 "10-19 2 1 0 n 0;")" "$(object s1 "0-9 2 1 0 n 0;")")"
	expect "taken: each slot in its piece" 0 out '^30 slots'
	[ "$(named)" = 30 ]
	report "which is told" $?
}

PIPE='import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    s.sendall(sys.stdin.readline().encode())
    print(s.makefile().readline(), flush=True)
    sys.stdin.readline()'

# A client that begins and does not end.
test_given_up()
{
	local piece answer half
	piece="{\"version\":1,\"command\":\"ring-import\",\"arguments\":$(history_of "$(object s5 "0-9 2 1 0 n 0;")")}"
	piece=${piece%\}\}},\"more\":true\}\}
	coproc HALF { exec /usr/bin/python3 -c "$PIPE" "$socket"; }
	printf '%s\n' "$piece" >&"${HALF[1]}"
	read -r -t 60 answer <&"${HALF[0]}"
	grep -q '"slots":0' <<<"$answer"
	report "a piece is kept" $?
	import "$(history_of "$(object s6 "0-9 2 1 0 n 0;")")"
	expect "one client at a time" 1 err "another client's history"
	[ "$(named)" = 30 ]
	report "what is kept does not count" $?
	half=$HALF_PID
	kill "$half"
	wait "$half" 2>/dev/null
	import "$(history_of "$(object s6 "0-9 2 1 0 n 0;")")"
	expect "when it is gone another one may" 0 out '^10 slots'
	[ "$(named)" = 40 ]
	report "what was kept is given up" $?
}

config >"$work/poise.yaml"
host_up || {
	echo "1..0 # SKIP no bpffs can be mounted"
	exit 0
}
trap '[ -z "$poised" ] || kill "$poised" 2>/dev/null; umount "$work/bpf"; clean_up' EXIT
start_poised
guesses_gone
test_export
test_import
test_refused
test_left_out
test_given_up
echo "1..$count"
[ "$failures" = 0 ]
