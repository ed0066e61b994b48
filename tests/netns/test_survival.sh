#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The most telling rows of the survival matrix (make survival), with fewer connections: what second chance
# and exceptions keep alive, that each is needed for it, and that plain Maglev would break it.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${NET_BUILD:-$ROOT/build}
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT
COUNT=0

# The matrix in MODE with these EVENTS, its rows as tests.
matrix()
{
	local mode=$1 events=$2 event verdict shown
	OUT=$OUT NET_BUILD=$BUILD MODE=$mode EVENT=$events CONNECTIONS=300 HTTP_RATE=100 SESSIONS=6 HTTP2=4 \
		KIND=${KIND:-idle trickle download upload http ssh mysql} HOLD=1 \
		"$ROOT/tests/survival/run" >"$OUT/out" 2>&1 || true
	while IFS=$'\t' read -r _ event verdict shown; do
		result "$mode: $event: $shown" "$verdict"
	done <"$OUT/rows.tsv"
	# a run that died has not made its last rows
	result "$mode: every row ran" "$(wc -w <<<"$events") of $(wc -w <<<"$events") rows" \
		"$(wc -l <"$OUT/rows.tsv") of $(wc -w <<<"$events") rows"
}

# result NAME VERDICT | NAME EXPECTED GOT
result()
{
	COUNT=$((COUNT + 1))
	if [ "${3:-$2}" = "$([ $# = 3 ] && echo "$2" || echo ok)" ]; then
		echo "ok $COUNT - $1"
		return
	fi
	echo "not ok $COUNT - $1: ${3:-$2}"
	sed 's/^/#   /' "$OUT/out"
}

# breaks MODE EVENT: the same event does break connections there: the rows above can fail.
breaks()
{
	local broken
	broken=$(awk -F'\t' -v mode="$1" -v event="$2" '$1 == mode && $2 == event { n += $5 } END { print n + 0 }' \
		"$OUT/results.tsv")
	result "$1: $2 breaks connections: $broken" "$([ "$broken" -gt 0 ] && echo ok || echo "none broke")"
}

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP not root"
	exit 0
fi
matrix both "rehash lost-move settled"
matrix chance "drain rehash"
KIND="idle trickle" matrix exceptions "rehash"
breaks exceptions rehash
KIND="idle trickle http" matrix single "three restart"
KIND="idle trickle" matrix maglev "drain"
breaks maglev drain
echo "1..$COUNT"
