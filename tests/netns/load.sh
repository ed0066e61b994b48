# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Load that notices the least loss: wrk with a connection a request and with keep-alive, and long
# connections, each of which must stay with its server. Sourced after tap.sh.

LONG_CONNECTIONS=100

# load_start VIP...: until load_stop.
load_start()
{
	local vip urls=()
	for vip; do
		urls+=("$(url "$vip" /)")
	done
	on_start client long /usr/bin/python3 "$NET_ROOT/tests/netns/long_clients.py" \
		"$LONG_CONNECTIONS" "${urls[@]}"
	LOAD_LONG=$!
	load_wrk wrk-keep "${urls[0]}"
	LOAD_KEEP=$!
	load_wrk wrk-close "${urls[0]}" -H 'Connection: close'
	LOAD_CLOSE=$!
	wait_for 60 grep -q 'all connected' "$NET_DIR/long.log"
}

# long_answered NAME PROCESS: each connection of that long_clients.py, whose log is NAME's, has an answer
# to what it asks from now on, and none is broken.
long_answered()
{
	local log=$NET_DIR/$1.log before
	before=$(grep -c '^answered' "$log" || true)
	kill -USR1 "$2" && wait_for 120 answered_again "$log" "$before" && ! grep broken "$log"
}

answered_again() { [ "$(grep -c '^answered' "$1")" -gt "$2" ]; }

# Little of the processor is wrk's: the rest is for what is tested.
load_wrk()
{
	local name=$1 target=$2
	shift 2
	on_start client "$name" nice -n 15 wrk -t 1 -c 2 -d 1h --timeout 10s "$@" "$target"
}

# No long connection is broken, and wrk runs.
load_lives()
{
	long_answered long "$LOAD_LONG" || return 1
	! pids_gone "$LOAD_KEEP" && ! pids_gone "$LOAD_CLOSE" && ! pids_gone "$LOAD_LONG"
}

# Ends the load; the checks that follow read what it says.
load_stop()
{
	kill -INT "$LOAD_KEEP" "$LOAD_CLOSE"
	kill -TERM "$LOAD_LONG"
	wait "$LOAD_KEEP" "$LOAD_CLOSE" "$LOAD_LONG" || true
}

long_whole()
{
	cat "$NET_DIR/long.log"
	grep -q "^$LONG_CONNECTIONS live" "$NET_DIR/long.log"
}

load_checks()
{
	check "keep-alive: no request failed" wrk_clean "$NET_DIR/wrk-keep.log"
	check "a connection a request: no request failed" wrk_clean "$NET_DIR/wrk-close.log"
	check "$LONG_CONNECTIONS long connections stayed with their servers" long_whole
}
