#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What was changed by command, over the declared configuration: it comes back after a reboot (no pins)
# and a detach, is told by diff, save and reload, and what cannot be saved is told too.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# app-01 drained, app-02 weighs 50, app-03 removed, app-04 added.
changed()
{
	equal '["drained"]' "$(status_of web app-01 'differs | tojson')" &&
		equal '50' "$(status_of web app-02 weight)" &&
		equal '["removed"]' "$(status_of web app-03 'differs | tojson')" &&
		equal '["added"]' "$(status_of web app-04 'differs | tojson')"
}

served_by_changed() { spread "$VIP44" 2 4; }

up() { is_state up web app-02 app-04; }

change()
{
	poise batch <<-END
		drain web app-01
		weight web app-02 50
		remove web app-03
		add web app-04 $(backend_address 4 4) --weight 50
	END
}

# Everything pinned vanishes, as in a reboot; poised is gone.
unpin()
{
	on balancer "$NET_BUILD/poise" --socket "$NET_SOCKET" detach --pin-path "$NET_PINS"
	[ ! -e "$NET_PINS" ]
}

# The log since the last start holds each of the words.
logged() { contains "$(cat "$NET_DIR/poised.log")" "$@"; }

saved()
{
	poise save "$NET_DIR/saved.yaml" && poise check "$NET_DIR/saved.yaml" &&
		contains "$(cat "$NET_DIR/saved.yaml")" 'drain: true' 'weight: 50' app-04 &&
		! grep -q 'app-03.*10' <(sed -n '/name: web$/,/name: web6/p' "$NET_DIR/saved.yaml")
}

no_differences() { equal "no differences" "$(poise diff "$1")"; }

diff_marks()
{
	contains "$(poise diff "$NET_CONFIG")" \
		'~ backend web/app-01: drain true -> false (set by command)' \
		'~ backend web/app-02: weight 50 -> 100 (set by command)' \
		'+ backend web/app-03: address' '(removed by command)' \
		'- backend web/app-04: address' '(added by command)'
}

reload_keeps()
{
	local foreseen got
	foreseen=$(poise reload --dry-run)
	got=$(poise reload)
	contains "$got" 'nothing has changed' \
		'kept: backend web/app-01: drain true by command stays over false of the file' \
		'kept: backend web/app-02: weight 50 by command stays over 100 of the file' \
		'kept: backend web/app-03: removed by command' \
		'kept: backend web/app-04: added by command' &&
		equal "$(grep ^kept <<<"$foreseen" | sort)" "$(grep ^kept <<<"$got" | sort)"
}

reload_overrules()
{
	contains "$(poise reload)" "backend 'app-04', added by command, is declared now" \
		"weight 50 of backend 'app-02', set by command, is declared now" \
		"that backend 'app-01' drains, by command, is declared now"
}

dry_run()
{
	local before
	before=$(poise config --json 2>/dev/null || poise save -)
	contains "$(poise "$@" --dry-run)" '+ backend web/app-04: address' 'slots would move' \
		'nothing has changed' || return 1
	equal "$(grep -v '^#' <<<"$before")" "$(poise save - | grep -v '^#')"
}

applied()
{
	contains "$(poise apply "$NET_DIR/new.yaml")" "backend 'app-04' added" "comes back to $NET_CONFIG" &&
		contains "$(poise status)" "applied by command, from $NET_DIR/new.yaml"
}

apply_refused()
{
	local got
	sed 's/port: 80$/port: 0/' "$NET_DIR/new.yaml" >"$NET_DIR/bad.yaml"
	got=$(refused 1 poise apply "$NET_DIR/bad.yaml" 2>&1) || { echo "$got"; return 1; }
	contains "$got" 'was refused, nothing changed' 'bad.yaml:' 'port: found 0'
}

problem() { status .state.problem; }

told() { contains "$(poise status)" 'runtime changes are not saved' "$@" && logged 'runtime changes are not saved'; }

saves_again() { equal null "$(problem)"; }

host_drained()
{
	poise drain --host "$(backend_address 1 4)" && is_state draining web app-01
}

tap_begin one
config_web 1 2 3 >"$NET_CONFIG"
config_web 1 2 3 4 >"$NET_DIR/new.yaml"
poised_start
check "all backends come up" wait_for 60 all_up

check "a dry run of apply changes nothing" dry_run apply "$NET_DIR/new.yaml"
check "a wrong file is refused with its errors" apply_refused
check "another file is applied" applied
check "a backend of it comes up" wait_for 60 is_state up web app-04
check "a reload comes back to poised's own file" contains "$(poise reload)" "backend 'app-04' removed"
check "a host drains" host_drained
check "and no more" poise undrain --host "$(backend_address 1 4)"

check "a batch of changes is made" change
check "what it added comes up" wait_for 60 up
check "the changes show" changed
check "diff marks them" diff_marks
check "a reload keeps them, and says so" reload_keeps
check "they are saved as a file" saved
check "which is what runs" no_differences "$NET_DIR/saved.yaml"

poised_stop KILL
check "everything pinned is removed" unpin
poised_start
check "after that the changes are back" wait_for 60 changed
check "backends come up" wait_for 60 up
check "and serve" served_by_changed
check "the log tells of it" logged 'took up 4 changes by command'
check "poise detach" poise detach
check "poised ends" wait_for 60 pids_gone "$NET_POISED"
poised_start
check "after a detach the changes are back, too" wait_for 60 changed

cp "$NET_DIR/saved.yaml" "$NET_CONFIG"
check "a file that declares them overrules them" reload_overrules
check "then nothing is by command" no_differences "$NET_CONFIG"
poised_stop TERM

# however this ends, the mount goes before the directory
trap 'umount "$NET_DIR/state" 2>/dev/null || true; trap "" INT TERM; net_down' EXIT
mount -t tmpfs -o size=16k none "$NET_DIR/state"
poised_start
check "backends come up" wait_for 60 up
cat /dev/zero >"$NET_DIR/state/filler" 2>/dev/null || true
poise backend weight web app-02 7 >/dev/null
check "a full disk is told" wait_for 60 told 'No space left on device'
rm "$NET_DIR/state/filler"
check "and gets over without a restart" wait_for 60 saves_again
mount -o remount,ro "$NET_DIR/state"
poise backend weight web app-02 8 >/dev/null
check "a read-only directory is told" wait_for 60 told 'Read-only file system'
check "the change is made all the same" equal 8 "$(status_of web app-02 weight)"
poised_stop TERM
umount "$NET_DIR/state"

echo '{"version": 1, "changes"' >"$NET_DIR/state/state.json"
poised_start
check "a damaged file is kept aside, and told" logged 'is kept as' "state.json.bad"
check "the pinned maps still know" equal 8 "$(status_of web app-02 weight)"
check "and are saved again" saves_again
tap_end
