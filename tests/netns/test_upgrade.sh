#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poised is replaced by one with another map layout (build/next: tests/netns/make_next), and back,
# under load and in the middle of changes: no request fails, no connection breaks, and what was changed
# by command stays.
# Runs alone: its load takes what is left of all processors.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=load.sh
. "$(dirname "$0")/load.sh"
# shellcheck source=faults.sh
. "$(dirname "$0")/faults.sh"

NEXT=$NET_BUILD/next/build/poised
declare -A LONG # process ids of long_clients.py, by name

# upgrade_start POISED: starts that one
upgrade_start()
{
	on_start balancer poised "$1" --config "$NET_CONFIG"
	NET_POISED=$!
	wait_for 60 poise version
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

answers() { ! tail -n 100 "$NET_DIR/poised.log" | grep "do not answer"; }

# replace POISED ABI WHAT
replace()
{
	local before
	before=$(packets)
	poised_stop KILL
	check "$3: it starts over the pins of the other version" upgrade_start "$1"
	check "$3: it is of ABI version $2" equal "$2" "$(abi)"
	check "$3: what was changed by command is kept" wait_for 60 changes_kept
	check "$3: slots still move" still_moving
	check "$3: counters go on" counted_on "$before"
	check "$3: the data plane answers" answers
	check "$3: nothing is left of the other pins" equal "" "$(ls -d "${NET_PINS}_next" 2>/dev/null)"
	check "$3: requests succeed" spread "$VIP44" 2:150 3 4
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
	arm "$1"
	faulty_begin
	check "$what: it dies" died
	check "$what: it starts" upgrade_start "$2"
	check "$what: it is of ABI version $3" equal "$3" "$(abi)"
	check "$what: what was changed by command is kept" wait_for 60 changes_kept
	check "$what: nothing is left of the other pins" \
		equal "" "$(ls -d "${NET_PINS}_next" 2>/dev/null)"
	check "$what: no connection broke" load_lives
}

# In what follows app-01 is drained, app-03 is down, and the service rr records every connection.
config_recorded()
{
	SETTLE=15m config_web 1 2 3 4 | sed '/app-01/s/ }/, drain: true }/'
	service_yaml rr "$VIP46" 6 1 2 3 4 | sed 's/^    port:/    scheduler: roundrobin\n&/'
}

at_point() { [ "$(tail -n 1 "$NET_DIR/faulty.log")" = "fault point $1" ]; }

# Connections that begin now, from the same ports each time, to be kept for long: begin_long NAME PORT
begin_long()
{
	on_start client "$1" env LOCAL_PORT="$2" /usr/bin/python3 "$NET_ROOT/tests/netns/long_clients.py" 80 \
		"$(url "$VIP44" /)" "$(url "$VIP46" /)"
	LONG[$1]=$!
	wait_for 60 grep -q 'all connected' "$NET_DIR/$1.log"
}

long_ends()
{
	kill "${LONG[@]}"
	wait "${LONG[@]}" || true
	LONG=()
}

none_broke()
{
	local name
	for name in "${!LONG[@]}"; do
		long_answered "$name" "${LONG[$name]}" || return 1
	done
	! grep broken "$NET_DIR"/long-*.log
}

# The later version's program runs on while a poised takes its maps over, which waits when they are
# copied; at POINT it dies, or with POINT= waits again, and connections begin at each time.
# takes_over POINT
takes_over()
{
	local point=${1%=} name=long-${1/=/-waits} what="copied, then $1"
	poised_stop KILL
	check "$what: the later version is there" upgrade_start "$NEXT"
	check "$what: a backend is down" wait_for 60 is_state down web app-03
	check "$what: for the other service, too" wait_for 60 is_state down rr app-03
	check "$what: connections come and go" begin_long "$name-0" 1000
	long_ends
	poised_stop KILL
	arm migration-filled=
	faulty_begin
	check "$what: the maps are copied" wait_for 60 at_point migration-filled
	check "$what: connections begin" begin_long "$name-1" 1000
	arm "$1"
	check "$what: it goes on" wait_for 60 at_point "$point"
	check "$what: connections begin once more" begin_long "$name-2" 1500
	check "$what: no connection broke so far" none_broke
	if [ "$point" = "$1" ]; then
		check "$what: it died" died
		check "$what: it starts anew" upgrade_start "$NET_BUILD/poised"
	fi
	disarm
	check "$what: it is there" wait_for 60 poise version
	recorded_count "$what"
}

# What the records say differs from what goes without them: they are all known.
# recorded_count WHAT
recorded_count()
{
	check "$1: the recording service changes" poise backend drain rr app-04
	server_start 3
	check "$1: the backend that was down returns" wait_for 60 is_state up web app-03
	check "$1: no connection broke" none_broke
	check "$1: nothing is left of the other pins" equal "" "$(ls -d "${NET_PINS}_next" 2>/dev/null)"
	long_ends
	poise backend undrain rr app-04 >/dev/null
	host_kill b3 nginx
}

tap_begin one
if [ ! -x "$NEXT" ]; then
	echo "1..0 # SKIP $NEXT is not built"
	exit 0
fi
SETTLE=15m config_web 1 2 3 | sed 's/interval: [^}]*/interval: 3s, timeout: 3s, rise: 1, fall: 5 /' \
	>"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up
load_start "$VIP44" "$VIP66"
check "a backend is added" poise backend add web app-04 "$(backend_address 4 4)"
check "it comes up" wait_for 60 is_state up web app-04
check "a backend is drained" poise backend drain web app-01
check "a backend is weighed" poise backend weight web app-02 150
NOW=$(abi)
replace "$NEXT" $((NOW + 1)) "upgrade"
replace "$NET_BUILD/poised" "$NOW" "downgrade"
replace "$NEXT" $((NOW + 1)) "upgrade again"
replace "$NET_BUILD/poised" "$NOW" "and back"
dies slots-parked "$NEXT" $((NOW + 1))
dies migration-filled "$NEXT" $((NOW + 1))
dies next-pinned:7 "$NET_BUILD/poised" "$NOW"
dies pins-exchanged "$NEXT" $((NOW + 1))
dies attached "$NET_BUILD/poised" "$NOW"
dies all-attached "$NEXT" $((NOW + 1))
dies pin-removed:3 "$NET_BUILD/poised" "$NOW"
check "requests succeed" spread "$VIP44" 2:150 3 4
load_stop
load_checks
config_recorded >"$NET_CONFIG"
check "a service that records is added" poise reload
check "its backends are up" wait_for 60 is_state up rr app-01 app-02 app-03 app-04
host_kill b3 nginx
takes_over attached=
takes_over attached
takes_over pins-exchanged
check "poise detach succeeds" poise detach
tap_end
