#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Slots that name the backends before (second chance, exceptions off) survive kill -9: poised dies at
# each step of a start over what is pinned; a plain poised starts, and the slots name the same
# backends. Connections that live by the chain alone live on.
# A service whose second_chance is switched has what its configuration says after a death, too.
# So they do when poised starts with empty maps, and dies there: no slot has an owner before it has
# its names.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=load.sh
. "$(dirname "$0")/load.sh"
# shellcheck source=faults.sh
. "$(dirname "$0")/faults.sh"

# config EXCEPTIONS: the services web, with second chance, and other, which is switched: SECOND
config()
{
	config_head | sed 's/^settle:.*/settle: 15m/'
	service_yaml web "$VIP44" 4 1 2 3 4 | second_chance "$1"
	if [ "$2" = true ]; then
		service_yaml other "$VIP46" 4 1 2 3 | second_chance off
	else
		service_yaml other "$VIP46" 4 1 2 3 | sed 's/port: 80/&\n    ring_size: 1021\n    encapsulation: gue/'
	fi
}

second_chance()
{
	sed -e "s/port: 80/&\n    ring_size: 1021\n    encapsulation: gue\n    second_chance: true\n    exceptions: $1/" \
		-e 's/interval: [^}]*/interval: 1s, timeout: 1s, rise: 1, fall: 5 /'
}

agents_attach()
{
	local i
	for i in 1 2 3 4; do
		on "b$i" "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-b$i" \
			--vip "$VIP44" --vip "$VIP46" --second-chance 10.0.1.0/24 \
			--from 172.16.0.0/16 >>"$NET_DIR/agent.log" 2>&1
	done
}

# What every slot of web names, without ages and states.
names()
{
	poise ring export web | /usr/bin/python3 -c 'import json, sys
for s in json.load(sys.stdin)["services"]:
    b = [""] + [t.split()[1] for t in s["backends"]]
    for run in s["moves"].split(";")[:-1]:
        slots, owner, previous, earlier, *_ = run.split()
        first, last = map(int, slots.split("-"))
        for slot in range(first, last + 1):
            print(slot, *(b[int(i)] for i in (owner, previous, earlier)))' | sort -n
}

named() { status '[.services[] | select(.name == "web")][0] | .named_slots > 300 and .moving_slots == 0'; }

lives() { ! grep broken "$NET_DIR/long.log" && ! pids_gone "$LOAD_LONG"; }
all_live() { long_answered long "$LOAD_LONG"; }

# What was named before is named after the death.
recovered()
{
	poised_start && wait_for 60 all_up_but_drained && equal true "$(named)" &&
		equal "$NAMES" "$(names)" && all_live
}

all_up_but_drained()
{
	equal true "$(status '[.services[].backends[].state] | all(. == "up" or . == "draining")')"
}

# crash POINT COMMAND...
crash()
{
	local point=$1
	shift
	"$@" || true
	check "dies at $point" died
	disarm
	check "$point: the slots name whom they named, connections live" recovered
	poised_stop KILL
}

# at POINT: a poised that dies there while it starts
at() { arm "$1"; faulty_start; }

#
# empty maps: what is drained is in the state file
#

forget_all()
{
	poise ring export >"$NET_DIR/history.json" 2>/dev/null || true
	poised_stop KILL
	poise detach --pin-path "$NET_PINS" >/dev/null 2>&1 || true
}

# empty_start POINT [OPTION...]: a poised that dies there, or with POINT= waits, and has no maps.
empty_start()
{
	arm "$1"
	faulty_begin "${@:2}"
	wait_for 60 grep -q "^fault point ${1%=}" "$NET_DIR/faulty.log"
}

# The slots of web whose owner is nobody.
ownerless() { "$NET_BUILD/ring_owners" "$NET_PINS" web | grep -c '^$' || true; }

all_named() { equal 1021 "$(status '[.services[] | select(.name == "web")][0].named_slots')"; }
as_before() { equal "$NAMES" "$(names)"; }

# served COMMAND...: every slot of web has an owner, and its names are as the command expects.
served() { "$@" && equal 0 "$(ownerless)" && lives; }

# While owners could be there and names are not found, each connection asks for its page.
waits_for_names()
{
	equal 1021 "$(ownerless)" && sleep 1.5 && equal 1021 "$(ownerless)" && lives
}

# empty WHAT EXPECTED OPTION...
empty()
{
	forget_all
	empty_start ring-not-named= "${@:3}"
	check "empty maps, $1: no slot has an owner before its names" waits_for_names
	disarm
	check "$1: every slot has an owner and names" wait_for 60 served "$2"
	check "$1: connections live" all_live
}

crash_empty()
{
	forget_all
	empty_start "$1"
	check "empty maps: dies at $1" died
	disarm
	poised_start
	check "$1: every slot has an owner and names" wait_for 60 served all_named
	check "$1: connections live" all_live
}

#
# the service 'other' is switched
#

# What a change of an owner in it leaves: 'named' or 'recorded' slots.
leaves()
{
	poise drain other app-03 >/dev/null
	wait_for 60 equal "$1" "$(status '[.services[] | select(.name == "other")][0] |
		if .named_slots > 0 then "named" elif .moving_slots > 0 then "recorded" else "settled" end')" &&
		poise undrain other app-03 >/dev/null && lives
}

# crash_switch POINT SECOND LEAVES: dies there while second_chance becomes SECOND.
crash_switch()
{
	disarm
	faulty_start
	arm "$1"
	config off "$2" >"$NET_CONFIG"
	poise reload >/dev/null 2>&1 || true
	check "second_chance: $2: dies at $1" died
	disarm
	poised_start && wait_for 60 all_up_but_drained
	check "$1: a change of owner leaves $3 slots" leaves "$3"
	poised_stop KILL
}

tap_begin one
config off false >"$NET_CONFIG"
poised_start
wait_for 60 all_up
on_start client long /usr/bin/python3 "$NET_ROOT/tests/netns/long_clients.py" "$LONG_CONNECTIONS" "$(url "$VIP44" /)"
LOAD_LONG=$!
wait_for 60 grep -q 'all connected' "$NET_DIR/long.log"
poise drain web app-01 >/dev/null
poise drain web app-02 >/dev/null
check "slots name who drained, and record nothing" equal true "$(named)"
NAMES=$(names)
poised_stop KILL

for point in services-adopted backends-adopted adopted services-changed committed; do
	crash "$point" at "$point"
done
check "web's connections were held by the chain" all_live

crash_switch chains-fit true named
crash_switch chains-settled false recorded

poised_start
empty "a neighbour's history" as_before --history "$NET_DIR/history.json"
empty "no history" all_named
for point in ring-not-named ring-half-shown ring-shown; do
	crash_empty "$point"
done
kill -TERM "$LOAD_LONG"
wait "$LOAD_LONG" || true
check "$LONG_CONNECTIONS long connections stayed with their servers" long_whole
tap_end
