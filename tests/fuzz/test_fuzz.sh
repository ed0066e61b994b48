#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The packet fuzzer for a minute, after every input that is kept: no access beside a packet or a
# map's value, and what tests/fuzz/check.h says of every packet. What it finds is in
# build/corpus/packet-found. FUZZ_SECONDS=N: another time. Others run on what is kept, or for seconds.
set -u

cd "$(dirname "$0")/../.." || exit 1
out=$(mktemp)
trap 'rm -f "$out"' EXIT

report()
{
	if "${@:3}" >"$out" 2>&1; then
		echo "ok $1 - $2"
		return
	fi
	echo "not ok $1 - $2"
	grep -vE '^#[0-9]+' "$out" | head -n 60 | sed 's/^/# /'
}

echo 1..7
report 1 "packets: every input that is kept" tests/fuzz/run packet kept
report 2 "packets: new inputs" tests/fuzz/run packet "${FUZZ_SECONDS:-60}"
report 3 "packets to the agent: every input that is kept" tests/fuzz/run agent kept
report 4 "configurations: the examples" tests/fuzz/run config kept
report 5 "answers of checks: every input that is kept" tests/fuzz/run answer kept
report 6 "requests and state files: every input that is kept" tests/fuzz/run control kept
report 7 "requests and state files: new inputs" tests/fuzz/run control 5
