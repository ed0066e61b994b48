#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A group of the control socket that has another number in /etc/group: a reload takes it, and says so.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

group_is() { echo "poise-readers:x:$1:" >"$NET_DIR/group"; }

tap_begin one
group_is 4711
config_web 1 | sed 's/^  socket:.*/&\n  readers: poise-readers/' >"$NET_CONFIG"
on_start balancer poised unshare -m sh -c "mount --bind $NET_DIR/group /etc/group &&
	exec $NET_BUILD/poised --log-format json --config $NET_CONFIG"
NET_POISED=$!
wait_for 60 poise version
check "a reload that finds the same number" poise reload
check "says nothing of it" test -z "$(grep 'number of the group' "$NET_DIR/poised.log")"
group_is 4712
check "a reload that finds another" poise reload
check "tells it with before and after" equal "4711 4712" "$(grep 'number of the group' \
	"$NET_DIR/poised.log" | jq -r 'select(.what | endswith("control.readers")) | "\(.before) \(.after)"')"
tap_end
