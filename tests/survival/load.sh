# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The load of the survival matrix: what opens connections, and what became of them. Sourced after net.sh.
# The results of a row are lines of $NET_DIR/results:
#     KIND TOTAL WHOLE REFUSED RESET CLOSED WRONG SILENT STALL_MS BACKEND:BROKEN,...
# with tabs between; backend 0 is one that never answered.

CONNECTIONS=${CONNECTIONS:-2000} # of each kind, half of them begun before the event
HTTP_RATE=${HTTP_RATE:-500}      # connections a second
KIND=${KIND:-idle trickle download upload http}

wants() { [[ " $KIND " = *" $1 "* ]]; }

load_say() { echo "$*" >&"$TO_CLIENT"; }

# Begins half of the connections, and waits until they live.
load_half()
{
	local kind live
	for kind in idle trickle download upload; do
		! wants $kind || load_say "open $kind $((CONNECTIONS / 2))"
	done
	load_say wait
	read -r -t 120 -u "$FROM_CLIENT" live
	[ "${live%% *}" = live ] || { echo "the client said '$live'"; return 1; }
}

load_start()
{
	coproc CLIENT {
		exec nsenter --net="/run/netns/$(net_name client)" \
			"$NET_BUILD/tests/survival/survival_client" "$VIP4" "$VIP6" "$VIPX" \
			2>>"$NET_DIR/client.log"
	}
	# the shell forgets its own two when the client ends
	exec {FROM_CLIENT}<&"${CLIENT[0]}" {TO_CLIENT}>&"${CLIENT[1]}"
	! wants http || load_say "http $HTTP_RATE"
	load_half
}

# Ends every connection, and writes the results.
load_finish()
{
	local line
	load_say finish
	: >"$NET_DIR/results"
	while read -r -t 120 -u "$FROM_CLIENT" line && [ "$line" != end ]; do
		echo "$line" >>"$NET_DIR/results"
	done
	[ "${line:-}" = end ] || { echo "the client ended without its counts"; return 1; }
	exec {FROM_CLIENT}<&- {TO_CLIENT}>&-
}
