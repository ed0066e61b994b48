# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the tests of the CLI share: fake_poised.py, and TAP for what the CLI prints and exits with. Sourced.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
poise=${POISE:-$here/../../build/poise}
work=$(mktemp -d /tmp/poise-cli-XXXXXX)
socket=$work/socket
count=0 failures=0 fake=
export LC_ALL=C.UTF-8
unset COLUMNS NO_COLOR

clean_up() {
	stop_fake
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# start_fake MODE: a new fake poised, as good as MODE says
start_fake() {
	local ready
	stop_fake
	coproc FAKE { exec /usr/bin/python3 "$here/fake_poised.py" "$socket" "$1"; }
	fake=$FAKE_PID
	read -r -t 60 ready <&"${FAKE[0]}"
	[ "$ready" = ready ] || { echo "Bail out! fake_poised.py does not start"; exit 1; }
}

stop_fake() {
	[ -n "$fake" ] || return 0
	kill "$fake" 2>/dev/null
	wait "$fake" 2>/dev/null
	fake=
}

# run ARGUMENTS...: sets code, and leaves $work/out and $work/err
run() {
	timeout 120 "$poise" --socket "$socket" "$@" >"$work/out" 2>"$work/err" </dev/null
	code=$?
}

# run_on_terminal ARGUMENTS...: the same with a terminal for standard output
run_on_terminal() {
	timeout 120 script -qec "$(printf '%q ' "$poise" --socket "$socket" "$@")" /dev/null \
		>"$work/out" 2>"$work/err" </dev/null
	code=$?
}

# report NAME STATUS
report() {
	count=$((count + 1))
	if [ "$2" = 0 ]; then
		echo "ok $count - $1"
		return
	fi
	failures=$((failures + 1))
	echo "not ok $count - $1"
	echo "# exit code $code; output and errors:"
	sed 's/^/# out: /' "$work/out" | head -40
	sed 's/^/# err: /' "$work/err" | head -20
}

# expect NAME CODE [out|err|no-out|no-err REGEX]...: of the last run
expect() {
	local name=$1 wanted=$2 bad=0
	shift 2
	[ "$code" = "$wanted" ] || { echo "# expected exit code $wanted"; bad=1; }
	while [ $# -gt 0 ]; do
		case $1 in
		out | err) grep -qE -- "$2" "$work/$1" || { echo "# no '$2' in $1"; bad=1; } ;;
		no-*) ! grep -qE -- "$2" "$work/${1#no-}" || { echo "# '$2' in ${1#no-}"; bad=1; } ;;
		esac
		shift 2
	done
	report "$name" $bad
}

# expect_json NAME JQ-FILTER: the last run's output is one JSON value that satisfies the filter
expect_json() {
	local bad=0
	[ "$code" = 0 ] && jq -es "length == 1 and (.[0] | $2)" "$work/out" >/dev/null 2>&1 || bad=1
	report "$1" $bad
}
