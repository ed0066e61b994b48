#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poised is replaced by one with another map layout (build/next: tests/netns/make_next), and back,
# under load and in the middle of changes: no request fails, no connection breaks, and what was changed
# by command stays.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=load.sh
. "$(dirname "$0")/load.sh"

NEXT=$NET_BUILD/next/build/poised

# upgrade_start POISED: starts that one
upgrade_start()
{
	on_start balancer poised "$1" --config "$NET_CONFIG"
	NET_POISED=$!
	wait_for 15 poise version
}

abi() { status .abi; }

changes_kept()
{
	equal "draining up up up" "$(for i in 1 2 3 4; do status_of web "app-0$i"; done | xargs)" &&
		equal 150 "$(status_of web app-02 weight)" &&
		equal '["added"]' "$(status_of web app-04 'differs | tojson')" &&
		equal '["drained"]' "$(status_of web app-01 'differs | tojson')"
}

# shellcheck disable=SC2016 # $s is of jq
moving() { status --arg s "$1" '.services[] | select(.name == $s).moving_slots'; }

still_moving() { ! equal 0 "$(moving web)" >/dev/null; }

packets() { status '[.services[].packets] | add'; }

counted_on() { [ "$(packets)" -ge "$1" ]; }

# replace POISED ABI WHAT
replace()
{
	local before
	before=$(packets)
	poised_stop KILL
	check "$3: it starts over the pins of the other version" upgrade_start "$1"
	check "$3: it is of ABI version $2" equal "$2" "$(abi)"
	check "$3: what was changed by command is kept" wait_for 10 changes_kept
	check "$3: slots still move" still_moving
	check "$3: counters go on" counted_on "$before"
	check "$3: nothing is left of the other pins" equal "" "$(ls -d "${NET_PINS}_next" 2>/dev/null)"
	check "$3: requests succeed" spread "$VIP44" 120 2 3 4
	check "$3: no connection broke" load_lives
}

# The later version was there, this one dies at POINT of its start, then POISED starts.
# dies POINT POISED ABI
dies()
{
	local what="dies at $1, then $3 starts"
	poised_stop KILL
	check "$what: the later version is there" upgrade_start "$NEXT"
	poised_stop KILL
	echo "$1" >"$NET_DIR/fault"
	on_start balancer faulty env POISE_FAULT_FILE="$NET_DIR/fault" \
		"$NET_BUILD/poised-faults" --config "$NET_CONFIG"
	NET_POISED=$!
	check "$what: it dies" died
	check "$what: it starts" upgrade_start "$2"
	check "$what: it is of ABI version $3" equal "$3" "$(abi)"
	check "$what: what was changed by command is kept" wait_for 10 changes_kept
	check "$what: nothing is left of the other pins" \
		equal "" "$(ls -d "${NET_PINS}_next" 2>/dev/null)"
	check "$what: no connection broke" load_lives
}

died()
{
	local got=0
	wait_for 20 pids_gone "$NET_POISED"
	wait "$NET_POISED" 2>/dev/null || got=$?
	equal 137 $got
}

# The faulty poised takes over from the other version, waiting for WAIT_S at POINT.
# slow_start POINT
WAIT_S=3
slow_start()
{
	poised_stop KILL
	echo "$1=${WAIT_S}000" >"$NET_DIR/fault"
	on_start balancer faulty env POISE_FAULT_FILE="$NET_DIR/fault" \
		"$NET_BUILD/poised-faults" --config "$NET_CONFIG"
	NET_POISED=$!
	wait_for 20 at_point "$1"
}

at_point() { [ "$(tail -n 1 "$NET_DIR/faulty.log")" = "fault point $1" ]; }

# Connections that begin now, to be kept for long: begin_long NAME
begin_long()
{
	on_start client "$1" /usr/bin/python3 "$NET_ROOT/tests/netns/long_clients.py" 60 \
		"$(url "$VIP44" /)" "$(url "$VIP46" /)"
	eval "LONG_$1=\$!"
	wait_for 20 grep -q 'all connected' "$NET_DIR/$1.log"
}

# What began while the other version's program ran on, after its tables were copied, and what began
# in the new one's before it knew of that, lives; and it goes on to, when what the records say differs
# from what goes without them.
# window POINT
window()
{
	local what="waits at $1" name=${1//-/_}
	poised_stop KILL
	check "$what: the later version is there" upgrade_start "$NEXT"
	check "$what: a backend is down" backend_stops 3
	check "$what: it takes over" slow_start "$1"
	check "$what: connections begin meanwhile" begin_long "$name"
	check "$what: nothing answers so far" at_point "$1"
	check "$what: it is there" wait_for 20 poise version
	rm "$NET_DIR/fault"
	check "$what: no connection broke" load_lives
	check "$what: none of those broke" none_broke "$name"
	server_start 3
	check "$what: the backend returns" wait_for 30 is_state up web app-03
	check "$what: the other service changes" poise backend drain rr app-04
	sleep 2 # two answers of each connection
	check "$what: none of those broke then" none_broke "$name"
	check "$what: no other connection broke" load_lives
	poise backend undrain rr app-04
	kill "$(eval "echo \$LONG_$name")"
}

# Nobody is on that backend: the load does not break when it goes down.
backend_stops()
{
	host_kill "b$1" nginx
	wait_for 30 is_state down web "app-0$1"
}

none_broke() { ! grep broken "$NET_DIR/$1.log"; }

tap_begin one
if [ ! -x "$NEXT" ]; then
	echo "1..0 # SKIP $NEXT is not built"
	exit 0
fi
SETTLE=15m config_web 1 2 3 | sed 's/interval: [^}]*/interval: 3s, timeout: 3s, rise: 1, fall: 5 /' \
	>"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 15 all_up
load_start "$VIP44" "$VIP66"
check "a backend is added" poise backend add web app-04 "$(backend_address 4 4)"
check "it comes up" wait_for 15 is_state up web app-04
check "a backend is drained" poise backend drain web app-01
check "a backend is weighed" poise backend weight web app-02 150
NOW=$(abi)
replace "$NEXT" $((NOW + 1)) "upgrade"
replace "$NET_BUILD/poised" "$NOW" "downgrade"
replace "$NEXT" $((NOW + 1)) "upgrade again"
replace "$NET_BUILD/poised" "$NOW" "and back"
dies migration-filled "$NEXT" $((NOW + 1))
dies next-pinned:7 "$NET_BUILD/poised" "$NOW"
dies pins-exchanged "$NEXT" $((NOW + 1))
dies attached "$NET_BUILD/poised" "$NOW"
dies all-attached "$NEXT" $((NOW + 1))
dies pin-removed:3 "$NET_BUILD/poised" "$NOW"
check "requests succeed" spread "$VIP44" 120 2 3 4
load_stop
load_checks
check "poise detach succeeds" poise detach
tap_end
