#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise top in a real terminal (tmux) against fake_poised.py: what stands on the screen, what keys do,
# and that the terminal is as it was afterwards.
set -u

# shellcheck source=harness.bash
. "$(dirname "$0")/harness.bash"

if ! command -v tmux >/dev/null; then
	echo "1..0 # SKIP tmux is not installed"
	exit 0
fi
unset TMUX
code=0
: >"$work/out"
: >"$work/err"

terminals=0 # each on a server of its own: one that ends may take its time
terminal() { tmux -S "$work/tmux-$terminals" "$@"; }
end_terminal() { [ $terminals = 0 ] || terminal kill-server 2>/dev/null; }
trap 'end_terminal; clean_up' EXIT

keys() { terminal send-keys "$@"; }
screen() { terminal capture-pane -p "$@"; }
lines() { screen | sed -n "$1p"; }

# shows NAME REGEX [COMMAND...]: the screen, or what the command prints, comes to hold the regex; 60 s
shows() {
	local name=$1 regex=$2 end=$((SECONDS + 60)) status=1
	shift 2
	[ $# -gt 0 ] || set -- screen
	while [ $SECONDS -lt $end ]; do
		if "$@" 2>&1 | grep -qE -- "$regex"; then
			status=0
			break
		fi
		sleep 0.1
	done
	if [ $status != 0 ]; then
		{ echo "wanted: $regex"; "$@" 2>&1; echo "screen:"; screen; } >"$work/out"
	fi
	report "$name" $status
}

# lacks NAME REGEX [COMMAND...]: what is there now does not
lacks() {
	local name=$1 regex=$2 status=0
	shift 2
	[ $# -gt 0 ] || set -- screen
	if "$@" | grep -E -- "$regex" >"$work/out"; then
		status=1
	fi
	report "$name" $status
}

# begin MODE [ARGUMENTS...]: poise top by a shell in a terminal of 80 x 24
begin() {
	start_fake "$1"
	shift
	end_terminal
	rm -f "$work/stty-after"
	terminals=$((terminals + 1))
	terminal -f /dev/null new-session -d -x 80 -y 24 "PS1='shell> ' exec sh"
	shows "a shell" '^shell>'
	keys "stty -g >$work/stty-before; echo what was there before" Enter
	shows "its screen" '^what was there before$'
	screen >"$work/screen-before"
	keys " $(printf '%q ' "$poise" --socket "$socket" top "$@"); echo ended \$?; stty -g >$work/stty-after" Enter
}

# restored NAME STATUS: the shell has its terminal back
restored() {
	shows "$1: the shell goes on" "^ended $2\$"
	shows "$1: what stood on the screen is there" '^what was there before$'
	lacks "$1: and nothing of it" 'poised 0\.1|q:quit'
	shows "$1: the terminal's modes are as they were" . cat "$work/stty-after"
	cmp -s "$work/stty-before" "$work/stty-after"
	report "$1: all of them" $?
}

state_of() { timeout 60 "$poise" -s "$socket" backend list "$1"; }

test_services() {
	begin traffic
	shows "the head: version, rates, drops" \
		'poised 0\.1\.0 up 1d 2h  10[01][0-9] pkt/s  1\.0[01]M bit/s  (49|50)[0-9] drop/s' lines 1
	shows "services by packets a second" '^web +203\.0\.113\.10:80 +tcp +2/3 +(99|100)[0-9] +(99[0-9]+|1\.00M) +0 +655' lines 4
	shows "new connections a second" '^mail .* (19|20|21) +0 *$' lines 5
	shows "panic" '^game .* PANIC$' lines 6
	shows "more about the first row" '^web 203\.0\.113\.10:80 tcp: 2 of 3 backends up$' lines 23
	lacks "everything fits 80 columns" '.{81}'
	keys '<' '<' '<' '<'
	shows "order by the name" 'by SERVICE up' lines 2
	shows "the first of them" '^game ' lines 4
	shows "the cursor is on the first row" '^game ' lines 23
	keys r
	shows "the other way round" '^web ' lines 4
	keys Down
	shows "a row down" '^mail ' lines 23
	keys r
	shows "another order" '^game ' lines 4
	shows "the cursor stays on its row" '^mail ' lines 23
	keys /
	keys -l ma
	shows "a filter is asked for" '^filter: ma_' lines 24
	shows "and works at once" '^mail ' lines 4
	lacks "no other row" '^(web|game) '
	keys Enter
	shows "the filter is told" 'services: 1, with "ma"' lines 2
	keys Escape
	shows "Esc ends it" 'services: 3' lines 2
	keys '?'
	shows "help" 'drain, undrain, weight of a backend'
	keys x
	shows "and back" '^SERVICE ' lines 3
	keys 3
	shows "drops with their rate" '^no_backend +drop +(49|50)[0-9] ' lines 4
	keys Tab
	shows "Tab goes round" 'services: 3' lines 2
	keys ' '
	shows "pause" '^PAUSED ' lines 2
	keys ' '
	shows "and go on" '^services' lines 2
	keys q
	restored "q" 0
}

test_changes() {
	begin traffic web
	shows "the backends of one service" '^backends of web: 3' lines 2
	shows "a row" '^app-01 +up +100 +33\.3%.* 3ms$' lines 4
	shows "a failed check" '^app-02 +down .* failed$' lines 5
	keys d
	shows "a drain is asked about" '^Drain web/app-01\? \[y/N\]$' lines 24
	shows "with what becomes of connections" 'no new connection, and keeps those that it has' lines 23
	keys n
	shows "n: nothing was changed" '^nothing was changed$' lines 23
	shows "really not" '^web +app-01 .* up ' state_of web
	keys d y
	shows "y: it drains" '^web/app-01: draining, weight 100$' lines 23
	shows "the row says so" '^app-01 +draining' lines 4
	shows "poised too" '^web +app-01\*? .* draining ' state_of web
	keys u y
	shows "undrain" '^web/app-01: up, weight 100$' lines 23
	keys Down w
	keys -l 1001
	keys Enter
	shows "a weight out of range" 'weight "1001": allowed is a whole number from 0 to 1000' lines 23
	keys BSpace BSpace BSpace BSpace
	keys -l 50
	keys Enter
	shows "a weight is asked about" '^Set the weight of web/app-02 to 50\? \[y/N\]$' lines 24
	keys y
	shows "and set" '^web/app-02: down, weight 50$' lines 23
	shows "at poised" '^web +app-02\*? .* 50 +down' state_of web
	shows "the detail line says why it is down" '^web/app-02: down, weight 50' lines 23
	lacks "no reason column in 80 columns" 'REASON'
	terminal resize-window -x 132 -y 30
	shows "a larger terminal has a column for the reason" 'CHECK +REASON' lines 3
	shows "its row" 'failed +check failed: connection refused' lines 5
	shows "and its last line" 'q:quit' lines 30
	terminal resize-window -x 30 -y 5
	shows "a tiny one says so" '^too few lines here'
	terminal resize-window -x 60 -y 12
	shows "a small one has what fits" '^app-02 +down +50 ' lines 5
	shows "to its last line" 'help' lines 12
	terminal resize-window -x 80 -y 24
	shows "and back" 'q:quit' lines 24
	stop_fake
	shows "poised is away" 'NO CONNECTION, trying again: cannot reach poised' lines 1
	shows "the last figures stay" '^app-01 ' lines 4
	keys d y
	shows "no change without a connection" 'no connection: nothing was changed' lines 23
	start_fake traffic
	shows "poised is back" 'connected again: poised was restarted' lines 23
	shows "with figures" 'poised 0\.1\.0' lines 1
	keys C-c # ends the shell's line, too
	shows "Ctrl-C ends it" '^shell> *$'
	keys "stty -g >$work/stty-after; echo ended by Ctrl-C" Enter
	restored "Ctrl-C" 'by Ctrl-C'
}

# the process of poise top
top_process() {
	local shell
	shell=$(terminal display-message -p '#{pane_pid}')
	cat "/proc/$shell/task/$shell/children"
}

test_signals() {
	local signal
	for signal in TERM HUP SEGV ABRT; do
		begin traffic
		shows "it runs" '^web '
		# shellcheck disable=SC2046 # one process
		kill -s $signal $(top_process)
		restored "SIG$signal" $((128 + $(kill -l $signal)))
	done
}

test_stop() {
	begin traffic
	shows "it runs" '^web '
	keys C-z
	shows "Ctrl-Z: the shell has its screen" '^what was there before$'
	keys fg Enter
	shows "fg: poise top again" '^web '
	keys q
	restored "stopped and gone on, q" '[0-9]+'
}

test_reader() {
	begin reader web
	shows "a reader sees everything" '^app-01 +up ' lines 4
	keys d y
	shows "and is told why a drain is refused" \
		"^refused: user 'eve' may read only: 'backend-drain' needs group 'ops'$" lines 23
	keys q
}

test_colors() {
	begin traffic
	shows "a service in panic is red" $'\x1b''\[1?;?31m.*game' screen -e
	keys q
	begin evil
	shows "no control character of poised's gets through" '^web\?\[31m\?' lines 4
	keys q
	shows "it ended" '^ended 0'
	export NO_COLOR=1
	begin traffic
	shows "NO_COLOR" '^game '
	lacks "no color then" $'\x1b''\[[0-9;]*3[0-7][;m]' screen -e
	shows "but the titles stand out" $'\x1b''\[7m.*SERVICE' screen -e
	keys q
	unset NO_COLOR
}

test_many() {
	begin many
	shows "4096 services" '^services: 4096'
	keys End
	shows "the last one" '^svc-4095 203'
	keys 2
	shows "16384 backends" '^backends: 16384'
	keys End
	shows "the last one of them" '^svc-4095/b-3 10\.15\.255\.3: up'
	keys /
	keys -l 0777
	keys Enter
	shows "a filter" '^backends: 4, with "0777"'
	keys q
	restored "many" 0
}

test_once() {
	start_fake traffic
	# the rate is over the time until the answer came, which may come late
	for _ in {1..20}; do
		run top --once
		! grep -qE ' (9|10)[0-9][0-9] pkt/s' "$work/out" || break
	done
	expect "--once: one look" 0 out 'poised 0\.1\.0.* (9|10)[0-9][0-9] pkt/s' out '^SERVICE ' out '^web ' \
		no-out $'\x1b' no-out 'q:quit'
	run top web --once
	expect "--once of a service" 0 out '^backends of web: 3' out '^app-02 +down'
	run top nosuch --once
	expect "of one that is not there" 1 err 'no service "nosuch"' no-out .
	run top
	expect "no terminal" 2 err 'top needs a terminal: .*poise status' no-out .
	run top --json
	expect "no JSON" 2 err 'poise stats --json'
	run top --interval 0 --once
	expect "an interval out of range" 2 err 'from 1 to 3600'
	TERM=nosuch run_on_terminal top
	expect "an unknown terminal" 1 out 'the terminal "nosuch" is not known: set TERM'
	stop_fake
	run top --once
	expect "no poised" 3 err 'cannot reach poised' no-out .
	start_fake 'wrong:version=7'
	run top --once
	expect "an answer of the wrong form" 3 err 'is not understood'
}

test_services
test_changes
test_signals
test_stop
test_reader
test_colors
test_many
test_once
echo "1..$count"
[ "$failures" = 0 ]
