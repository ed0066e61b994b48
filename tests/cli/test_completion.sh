#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the shells are told that may come next, by poise itself, and what bash and zsh make of it.
set -u

# shellcheck source=harness.bash
. "$(dirname "$0")/harness.bash"
completion=$here/../../dist/completion

# offers NAME EXPECTED WORDS...: exactly these, in any order, when the last word is being typed
offers() {
	local name=$1 wanted=$2
	shift 2
	timeout 60 "$poise" --complete --socket "$socket" "$@" >"$work/out" 2>"$work/err" </dev/null
	code=$?
	judge "$name" "$wanted"
}

# judge NAME EXPECTED: of $work/out
judge() {
	local got
	got=$(sort "$work/out" | tr '\n' ' ')
	[ "$code" = 0 ] && [ ! -s "$work/err" ] && [ "${got% }" = "$(sorted "$2")" ]
	report "$1" $?
}

sorted() {
	tr ' ' '\n' <<<"$1" | sort | tr '\n' ' ' | sed 's/ $//'
}

test_commands() {
	local names
	names=$("$poise" help | sed -n 's/^  \([a-z][a-z]*\)\( .*\|$\)/\1/p' | sort -u | tr '\n' ' ')
	offers "every command that help lists, once" "${names% }" ""
	offers "those that begin so" "backend batch" ba
	offers "the second word of a group" "list show" service ""
	offers "likewise, when it has begun" "drain" backend dr
	offers "nothing for what is no command" "" frobnicate ""
	offers "help: commands" "backend batch" help ba
	offers "help: their second words" "list show" help service ""
}

test_operands() {
	offers "services" "web mail game" backend drain ""
	offers "a service's backends" "app-01 app-02 app-03" backend drain web app
	offers "another one's" "mx-01" drain mail ""
	offers "no more operands" "" backend drain web app-01 ""
	offers "a new backend has a new name" "" backend add web ""
	offers "options between the words do not matter" "app-02" backend weight --json web app-02
	offers "alternatives" "tcp udp" explain ""
	offers "files" ":files" check ""
	offers "files where they may be left out" ":files" save ""
}

test_options() {
	offers "a command's options" "--wait --timeout --socket --json --help --version" backend drain --
	offers "and no others" "--now" backend remove web app-01 --no
	offers "the value of --service" "web" capture --service w
	offers "the value of --host" "10.0.1.11 10.0.1.12 10.0.1.13" drain --host 10
	offers "the value of --encapsulation" "gue gre" backend add a b c --encapsulation g
	offers "the value of --write" ":files" capture -w ""
	offers "a number's" "" backend add a b c --weight ""
}

test_daemon() {
	stop_fake
	offers "no poised: no names, no complaint" "" backend drain ""
	for mode in garbage wrong:services=7 wrong:services.0.name=7 closes turns-away; do
		start_fake "$mode"
		offers "a poised that answers $mode: as good as it goes" \
			"$([ "$mode" = wrong:services.0.name=7 ] && echo mail game)" backend drain ""
	done
	start_fake silent
	offers "a silent poised is not waited for" "" backend drain ""
	start_fake good
}

# in_bash WORDS...: what bash would offer
in_bash() {
	PATH=$(dirname "$poise"):$PATH timeout 60 bash --norc -c '
		. "$1"; shift
		COMP_WORDS=(poise "$@"); COMP_CWORD=$#
		compopt() { :; }
		_poise; printf "%s\n" "${COMPREPLY[@]}"' bash "$completion/poise.bash" "$@" \
		>"$work/out" 2>"$work/err"
	code=$?
}

test_bash() {
	in_bash -s "$socket" backend drain web app-0
	judge "bash: names" "app-01 app-02 app-03"
	in_bash --socket = "$socket" backend drain web app-0
	judge "bash: a word that readline cuts in pieces" "app-01 app-02 app-03"
	in_bash -s "$socket" explain tcp "[2001" : db8 :: "1]" : 5 --interf
	judge "bash: an address that it cuts in pieces" "--interface"
	in_bash check "$here/harness"
	judge "bash: files" "$here/harness.bash"
}

test_zsh() {
	if ! command -v zsh >/dev/null; then
		count=$((count + 1))
		echo "ok $count # SKIP zsh is not installed"
		return
	fi
	PATH=$(dirname "$poise"):$PATH zsh -f -c '
		compadd() { shift; print -l -- "$@"; }
		_files() { print -l -- FILES; }
		file=$1; shift
		words=(poise "$@"); CURRENT=$#words
		. $file' zsh "$completion/_poise" -s "$socket" backend drain web "" >"$work/out" 2>"$work/err"
	code=$?
	judge "zsh: names" "app-01 app-02 app-03"
	PATH=$(dirname "$poise"):$PATH zsh -f -c '
		compadd() { shift; print -l -- "$@"; }
		_files() { print -l -- FILES; }
		file=$1; shift
		words=(poise "$@"); CURRENT=$#words
		. $file; true' zsh "$completion/_poise" check "" >"$work/out" 2>"$work/err"
	code=$?
	judge "zsh: files" "FILES"
}

start_fake good
test_commands
test_operands
test_options
test_daemon
test_bash
test_zsh
echo "1..$count"
[ $failures = 0 ]
