# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The load of the survival matrix: what opens connections, and what became of them. Sourced after net.sh.
# Two programs on the client's host take the same commands (client.c): survival_client with the many
# connections, and sessions.py with those of real programs.
#
# The results of a row are lines of $NET_DIR/results:
#     KIND TOTAL WHOLE REFUSED RESET CLOSED WRONG SILENT STALL_MS BACKEND:BROKEN,...
# with tabs between; backend 0 is one that never answered.

CONNECTIONS=${CONNECTIONS:-2000} # of each kind, half of them begun before the event
HTTP_RATE=${HTTP_RATE:-500}      # connections a second
SESSIONS=${SESSIONS:-30}         # of ssh, and of mysql
HTTP2=${HTTP2:-20}               # HTTP/2 connections at a time, with eight streams each
KIND=${KIND:-idle trickle download upload http http2 ssh mysql}

declare -A TO FROM # file descriptors, by program
PROGRAMS=          # that run

wants()
{
	local kind
	for kind; do
		[[ " $KIND " != *" $kind "* ]] || return 0
	done
	return 1
}

# program_start NAME COMMAND...: on the client's host, its input and output at hand.
program_start()
{
	local name=$1 pipe to from
	shift
	for pipe in to from; do
		rm -f "$NET_DIR/$name.$pipe"
		mkfifo "$NET_DIR/$name.$pipe"
	done
	# opened both ways: neither end waits for the other
	exec {to}<>"$NET_DIR/$name.to" {from}<>"$NET_DIR/$name.from"
	TO[$name]=$to FROM[$name]=$from
	nsenter --net="/run/netns/$(net_name client)" "$@" <"$NET_DIR/$name.to" >"$NET_DIR/$name.from" \
		2>>"$NET_DIR/$name.log" &
	PROGRAMS="$PROGRAMS $name"
}

say() { echo "$2" >&"${TO[$1]}"; }

# Begins half of the connections, and waits until they live.
load_half()
{
	local kind name live
	for kind in idle trickle download upload; do
		! wants $kind || say client "open $kind $((CONNECTIONS / 2))"
	done
	for kind in ssh mysql; do
		! wants $kind || say sessions "open $kind $((SESSIONS / 2))"
	done
	! wants http2 || say sessions "open http2 $((HTTP2 / 2))"
	for name in $PROGRAMS; do
		say "$name" wait
	done
	for name in $PROGRAMS; do
		read -r -t 300 -u "${FROM[$name]}" live
		[ "${live%% *}" = live ] || { echo "$name said '$live'"; return 1; }
	done
}

load_start()
{
	PROGRAMS=
	if wants idle trickle download upload http; then
		program_start client "$NET_BUILD/tests/survival/survival_client" "$SILENT_S" $VIP4 $VIP6 $VIPX
		! wants http || say client "http $HTTP_RATE"
	fi
	! wants http2 ssh mysql || program_start sessions "$NET_ROOT/tests/survival/sessions.py" "$SILENT_S" $VIP4 "$NET_DIR"
	load_half
}

# Ends every connection, and writes the results.
load_finish()
{
	local name line to from
	for name in $PROGRAMS; do
		say "$name" finish
	done
	: >"$NET_DIR/results"
	for name in $PROGRAMS; do
		while read -r -t 300 -u "${FROM[$name]}" line && [ "$line" != end ]; do
			echo "$line" >>"$NET_DIR/results"
		done
		[ "${line:-}" = end ] || { echo "$name ended without its counts"; return 1; }
		to=${TO[$name]} from=${FROM[$name]}
		exec {to}>&- {from}<&-
	done
}
