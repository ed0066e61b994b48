#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poised is killed, stopped and started again under load: no request fails, long connections live on,
# and what was changed by command is still so.
# Runs alone: its load takes what is left of all processors.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

DOWNLOADS=20

# wrk_start NAME VIP [HEADER]
wrk_start()
{
	on_start client "$1" nice -n 15 wrk -t 1 -c 20 -d 1h --timeout 10s ${3:+-H "$3"} \
		"$(url "$2" /)"
	WRKS="$WRKS $!"
}

load_runs()
{
	local pid
	for pid in $WRKS; do
		! pids_gone "$pid" || return 1
	done
}

# While poised is not there: requests succeed, on the backends that take new connections.
alone()
{
	pids_gone "$NET_POISED" || { echo "poised still runs"; return 1; }
	spread "$VIP44" 2:150 3 4 && spread "$VIP66" 1 2 3
}

# What was changed by command: app-04 added, app-01 drained, app-02 weighs 150.
changes_kept()
{
	equal "draining up up up" "$(for i in 1 2 3 4; do status_of web "app-0$i"; done | xargs)" &&
		equal 150 "$(status_of web app-02 weight)" &&
		equal '["added"]' "$(status_of web app-04 'differs | tojson')" &&
		equal '["drained"]' "$(status_of web app-01 'differs | tojson')"
}

# restart SIGNAL WHAT
restart()
{
	poised_stop "$1"
	check "$2: requests succeed without poised" alone
	poised_start
	check "$2: a new poised keeps what was changed by command" wait_for 60 changes_kept
	check "$2: requests succeed" spread "$VIP44" 2:150 3 4
}

downloads_whole()
{
	local i result=0
	for ((i = 1; i <= DOWNLOADS; i++)); do
		download_finish "d$i" || result=1
	done
	return $result
}

poised_stops()
{
	local got=0
	kill -TERM "$NET_POISED"
	wait "$NET_POISED" || got=$?
	equal 0 $got
}

tap_begin one
# the load leaves checks little of the processor
SETTLE=15m config_web 1 2 3 | sed 's/interval: [^}]*/interval: 3s, timeout: 3s, rise: 1, fall: 3 /' \
	>"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up

# half of the long connections are IPv6; most of IPv4's become old ones by the changes that follow
for ((i = 1; i <= DOWNLOADS; i++)); do
	if [ $((i % 2)) = 0 ]; then
		download_start "d$i" "$VIP44" 1200k
	else
		download_start "d$i" "$VIP66" 1200k
	fi
done
check "a backend is added" poise backend add web app-04 "$(backend_address 4 4)"
check "it comes up" wait_for 60 is_state up web app-04
check "a backend is drained" poise backend drain web app-01
check "a backend is weighed" poise backend weight web app-02 150

WRKS=
wrk_start wrk-keep "$VIP44"
wrk_start wrk-close "$VIP44" 'Connection: close'
wrk_start wrk-keep6 "$VIP66"
wrk_start wrk-close6 "$VIP66" 'Connection: close'
for i in 1 2 3; do
	restart KILL "kill -9, $i"
done
restart TERM "stop"
check "the load lasted until here" load_runs
# shellcheck disable=SC2086 # a list
{
	kill -INT $WRKS
	wait $WRKS || true
}
check "keep-alive: no request failed, IPv4" wrk_clean "$NET_DIR/wrk-keep.log"
check "keep-alive: no request failed, IPv6" wrk_clean "$NET_DIR/wrk-keep6.log"
check "a connection a request: none failed, IPv4" wrk_clean "$NET_DIR/wrk-close.log"
check "a connection a request: none failed, IPv6" wrk_clean "$NET_DIR/wrk-close6.log"
check "$DOWNLOADS long connections end whole" downloads_whole
check "poised ends by SIGTERM with status 0" poised_stops
tap_end
