# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the tests share: results in TAP, and the checks that several of them make. Sourced; sources
# lib.sh, and sees to it that the network is removed however the test ends.
#
# A test runs with 'set -eu': a step that fails outside of a check ends it without a plan, which
# tests/run counts as a failure.

set -euE -o pipefail

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=compare.sh
. "$(dirname "${BASH_SOURCE[0]}")/compare.sh"

TAP_COUNT=0
TAP_FAILED=0

# Makes the network of net_up and opens the tunnels, or skips the whole test.
tap_begin()
{
	local missing
	exec 3>&1 # a command that fails may have its output elsewhere
	trap 'tap_died "$BASH_COMMAND"' ERR
	trap 'trap "" INT TERM; net_down' EXIT # a second Ctrl-C must not stop this
	trap 'exit 130' INT
	trap 'exit 143' TERM
	[ ! -e "$NET_DIR" ] || net_down # of a run that was killed, and had this process id
	missing=$(net_missing)
	if [ -n "$missing" ]; then
		echo "1..0 # SKIP $missing"
		exit 0
	fi
	net_up "$@"
	agents_attach
}

tap_died()
{
	[ "$BASH_SUBSHELL" = 0 ] || return 0
	echo "# '$1' failed: ${FUNCNAME[*]:1} at lines ${BASH_LINENO[*]}" >&3
	tap_context >&3
}

# What a reader of a failure wants to see.
tap_context()
{
	poise status 2>&1 | sed 's/^/#   /' || true
	tail -n 5 "$NET_DIR/agent.log" 2>/dev/null | sed 's/^/#   poise-agent: /' || true
	tail -n 15 "$NET_DIR/poised.log" 2>/dev/null | sed 's/^/#   poised: /' || true
}

# check NAME COMMAND...: one test; the command's output is shown when it fails.
check()
{
	local name=$1
	shift
	TAP_COUNT=$((TAP_COUNT + 1))
	if "$@" >"$NET_DIR/check.out" 2>&1; then
		echo "ok $TAP_COUNT - $name"
		return
	fi
	echo "not ok $TAP_COUNT - $name"
	echo "#   failed: $*"
	sed 's/^/#   /' "$NET_DIR/check.out"
	TAP_FAILED=$((TAP_FAILED + 1))
	[ "$TAP_FAILED" -gt 1 ] || tap_context # later failures mostly follow from the first
}

tap_end() { echo "1..$TAP_COUNT"; }

#
# checks of this network, as those of compare.sh
#

# refused STATUS COMMAND...: the command ends with STATUS; its output is printed.
refused()
{
	local expected=$1 got=0
	shift
	"$@" || got=$?
	equal "$expected" "$got"
}

# spread VIP I[:WEIGHT]...: all requests succeed, and their pages come from the servers app-0I alone,
# each of which gets at least a third of its share by weight, 100 if left out. There are as many
# requests as give the smallest share 75: chance alone then gives a server less than that third in one
# run of a million millions.
spread()
{
	local vip=$1 n got server sum=0 smallest=1000 page count names=
	local -A weight=()
	shift
	for server; do
		weight[app-0${server%:*}]=${server#*:}
		[ "$server" != "${server%:*}" ] || weight[app-0$server]=100
		names="$names app-0${server%:*}"
	done
	for count in "${weight[@]}"; do
		sum=$((sum + count)) smallest=$((count < smallest ? count : smallest))
	done
	n=$((75 * sum / smallest))
	got=$(pages "$vip" $n) || { echo "a request failed; pages: $(tally <<<"$got" | xargs)"; return 1; }
	got=$(tally <<<"$got")
	echo "pages: $(xargs <<<"$got")"
	equal "$names" "$(awk '{ printf " %s", $1 }' <<<"$got")" || return 1
	equal $n "$(awk '{ n += $2 } END { print n }' <<<"$got")" || return 1
	while read -r page count; do
		[ $((3 * count * sum)) -ge $((n * weight[$page])) ] || return 1
	done <<<"$got"
}

# A wrk run's output: requests were made, and all went well.
wrk_clean()
{
	cat "$1"
	grep -q '^Requests/sec: *[1-9]' "$1" && ! grep -qE 'Socket errors|Non-2xx' "$1"
}
