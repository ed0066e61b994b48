#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise top in a terminal (tmux), against a poised that forwards: traffic shows as rates, d drains a
# backend, and a restart of poised is survived.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

if ! command -v tmux >/dev/null; then
	echo "1..0 # SKIP tmux is not installed"
	exit 0
fi

terminal() { env -u TMUX tmux -S "$NET_DIR/tmux" "$@"; }
screen() { terminal capture-pane -p; }

# shows REGEX: within 20 s
shows()
{
	wait_for 60 eval "screen | grep -qE -- '$1'" || { echo "expected: $1"; screen; return 1; }
}

really_draining() { equal draining "$(status -r '.services[0].backends[0].state')"; }

tap_begin one 2
trap 'trap "" INT TERM; terminal kill-server 2>/dev/null || true; net_down' EXIT
config_web 1 2 >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up
on_start client wrk wrk -t1 -c4 -d600 "http://$VIP44/"
terminal -f /dev/null new-session -d -x 80 -y 24 \
	"'$NET_BUILD/poise' --socket '$NET_SOCKET' top; echo ended \$?; exec cat"
check "the service that has traffic is the first, with a rate" \
	shows '^web +203\.0\.113\.10:80 +tcp +2/2 +[1-9][0-9.]*k? '
check "the other one has none" shows '^web6 .* 2/2 +0 +0 +0 +'
terminal send-keys Enter
check "both backends have some" shows '^app-0[12] +up +100 +[45][0-9]\.[0-9]% +[1-9][0-9.]*k? '
terminal send-keys '<' '<' '<' '<'
check "by name" shows 'by BACKEND up'
terminal send-keys d
check "a drain is asked about" shows '^Drain web/app-01'
terminal send-keys y
check "the screen says that it drains" shows '^app-01 +draining'
check "it really does" wait_for 60 really_draining
poised_stop KILL
check "poised is away, and that is told" shows 'NO CONNECTION'
poised_start
check "it is back" shows 'connected again: poised was restarted'
check "and still drains the backend" shows '^app-01 +draining'
terminal send-keys q
check "q ends it" shows '^ended 0'
tap_end
