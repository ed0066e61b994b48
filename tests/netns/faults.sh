# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A poised that dies where a test says (build/poised-faults: userspace/lib/fault.h). Sourced after
# tap.sh.

FAULT_FILE=$NET_DIR/fault

# arm POINT: it dies there; POINT=: it waits there until another one is said.
arm() { echo "$1" >"$FAULT_FILE"; }
disarm() { rm -f "$FAULT_FILE"; }

# Starts it, with further OPTIONS. The points that it passes are in $NET_DIR/faulty.log.
# faulty_begin [OPTION...]
faulty_begin()
{
	: >"$NET_DIR/faulty.log"
	on_start balancer faulty env POISE_FAULT_FILE="$FAULT_FILE" \
		"$NET_BUILD/poised-faults" --config "$NET_CONFIG" "$@"
	NET_POISED=$!
}

# Starts it, and waits until it answers or is gone.
faulty_start()
{
	faulty_begin
	wait_for 60 answers_or_gone
}

answers_or_gone() { pids_gone "$NET_POISED" || poise version; }

# It died where it was to.
died()
{
	local got=0
	wait_for 60 pids_gone "$NET_POISED" || return 1
	wait "$NET_POISED" 2>/dev/null || got=$?
	equal 137 $got
}
