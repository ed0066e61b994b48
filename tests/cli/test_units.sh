#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What 'make install' installs: the units name programs that are there, and systemd knows each key.

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
command -v systemd-analyze >/dev/null || {
	echo "1..0 # SKIP systemd-analyze is not installed"
	exit 0
}
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
make -s -C "$ROOT" install PREFIX="$DIR" >"$DIR/log" 2>&1 || {
	cat "$DIR/log"
	echo "not ok 1 - make install"
	exit 1
}
echo "ok 1 - make install"
n=1 failed=0
for unit in poised poise-agent; do
	n=$((n + 1))
	# it exits 0 on unknown keys: any output is a failure
	said=$(systemd-analyze verify --man=no "$DIR/lib/systemd/system/$unit.service" 2>&1)
	if [ -z "$said" ]; then
		echo "ok $n - $unit.service"
	else
		printf '%s\n' "$said" | sed 's/^/# /'
		echo "not ok $n - $unit.service"
		failed=1
	fi
done
echo "1..$n"
exit $failed
