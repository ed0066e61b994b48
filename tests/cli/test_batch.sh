#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The commands of the CLI that change several backends, against fake_poised.py: batch, drain, undrain;
# and what is said where changes are not saved.
set -u

# shellcheck source=harness.bash
. "$(dirname "$0")/harness.bash"

# batch LINE...: runs 'poise batch' with these lines
batch() {
	printf '%s\n' "$@" >"$work/in"
	timeout 60 "$poise" --socket "$socket" batch "${options[@]}" <"$work/in" >"$work/out" 2>"$work/err"
	code=$?
}

test_unsaved() {
	local warning='^poise: warning: this is in effect, but not saved.*No space left on device$'
	start_fake full
	run backend weight web app-01 50
	expect "a change that is not saved: a warning" 0 out ': up, weight 50' err "$warning"
	run drain --host 10.0.1.11
	expect "of a host, too" 0 out draining err "$warning"
	run undrain web app-01
	expect "and of one that is undrained" 0 out ': up' err "$warning"
	batch 'drain web app-01'
	expect "and of a batch" 0 out draining err "$warning"
	start_fake good
	run backend weight web app-01 50
	expect "none where it is saved" 0 no-err warning
}

test_batch() {
	options=()
	start_fake good
	batch 'drain web app-01' '' '# a comment' 'weight web app-02 50  # half' \
		'backend add web app-07 10.0.1.17 --weight 30 --if-missing' 'remove web app-03 --now'
	expect "batch: each change is shown" 0 out '^web/app-01 10\.0\.1\.11: draining' \
		out '^web/app-02 .* weight 50' out '^web/app-07 10\.0\.1\.17: .* weight 30' \
		out '^web/app-03 .*: removed'
	[ "$(wc -l <"$work/out")" = 4 ]
	report "in a line each" $?
	options=(--json)
	batch 'undrain web app-01'
	expect_json "batch --json" '.backends | length == 1 and .[0].name == "app-01"'
	options=()
	batch 'drain web app-01' 'weight web app-02 5x' 'explode web' 'drain web' 'status' \
		'drain web app-01 --wait' 'drain web app-01 --frobnicate' 'undrain web app-01 app-02'
	expect "batch: every wrong line" 2 no-out . err 'weight "5x": allowed' err 'line 2 is wrong' \
		err '"explode": allowed are add, remove' err 'line 3 is wrong' err 'usage: poise backend drain' \
		err 'line 4 is wrong' err '"status": allowed' err 'does not wait' \
		err 'unknown option "--frobnicate"' err 'usage: poise backend undrain' err 'line 8 is wrong' \
		no-err 'line 1 is'
	batch
	expect "batch: nothing to do" 2 err 'no command on standard input'
	batch "drain $(printf 'x %.0s' {1..30})"
	expect "batch: too many words" 2 err 'line 1: too many words'
	batch 'drain web nope'
	expect "batch: refused by poised" 1 err 'no backend "nope"' no-out .
	start_fake 'wrong:backends=7'
	batch 'drain web app-01'
	expect "batch: an odd answer" 3 err 'is not understood'
}

test_host() {
	start_fake good
	run drain web app-01
	expect "drain is backend drain" 0 out '^web/app-01 .*: draining'
	run undrain web app-01
	expect "undrain is backend undrain" 0 out '^web/app-01 .*: up'
	run drain --host 10.0.1.12
	expect "drain --host" 0 out '^web/app-02 10\.0\.1\.12: draining'
	run undrain --host 10.0.1.12 --json
	expect_json "undrain --host --json" '.backends[0].state == "up"'
	run drain --host 10.0.1.12 --wait
	expect "drain --host --wait" 0 out 'its connections are gone'
	run drain --host 10.0.1.99
	expect "no such host" 1 err 'no service has a backend with address 10\.0\.1\.99'
	run drain web
	expect "too few operands" 2 err 'SERVICE NAME, or poise drain --host ADDRESS'
	run drain web app-01 --host 10.0.1.12
	expect "both" 2 err 'SERVICE NAME, or poise drain --host ADDRESS'
	run undrain --host 10.0.1.12 --wait
	expect "undrain does not wait" 2 err '"undrain" takes no --wait'
	start_fake never
	run drain --host 10.0.1.12 --wait --timeout 1
	expect "waiting for a host has an end" 1 err 'still has connections after 1 s'
}

test_if_missing() {
	start_fake good
	run backend add web app-07 10.0.1.17 --if-missing --json
	expect_json "backend add --if-missing" '.backend.name == "app-07"'
	run backend drain web app-01 --if-missing
	expect "which no other command takes" 2 err 'takes no --if-missing'
}

test_batch
test_host
test_if_missing
test_unsaved
echo "1..$count"
[ "$failures" = 0 ]
