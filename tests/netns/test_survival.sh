#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The most telling rows of the survival matrix (make survival), with fewer connections: what second chance
# and exceptions keep alive, that each is needed for it, and that plain Maglev would break it.
# Runs alone: hundreds of connections on three balancers load all processors.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${NET_BUILD:-$ROOT/build}
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT
COUNT=0

# Runs these rows of the matrix, MODE/EVENT each, on one network.
matrix()
{
	OUT=$OUT NET_BUILD=$BUILD MODE="both chance exceptions single maglev" EVENT=$* CONNECTIONS=300 \
		HTTP_RATE=100 SESSIONS=6 COMPARED_SILENT_S=20 KIND="idle trickle download upload http ssh mysql" HOLD=1 \
		"$ROOT/tests/survival/run" >"$OUT/out" 2>&1 || true
	while IFS=$'\t' read -r mode event verdict shown; do
		result "$mode: $event: $shown" "$verdict"
	done <"$OUT/rows.tsv"
	# a run that died has not made its last rows
	result "every row ran" "$# rows" "$(wc -l <"$OUT/rows.tsv") rows"
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
matrix both/rehash both/lost-move both/settled chance/drain chance/rehash exceptions/rehash \
	single/three single/restart maglev/drain
breaks exceptions rehash
breaks maglev drain
echo "1..$COUNT"
