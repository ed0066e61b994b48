#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A memory limit that leaves no room for more services: a reload that adds them is refused in words,
# what runs goes on, and it is done once the limit is raised.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# As many services more as SLOTS need room for: config_more SLOTS COUNT
config_more()
{
	local i
	config_web 1 2
	for ((i = 1000; i < 1000 + $2; i++)); do
		cat <<-END
			  - { name: s-$i, address: $VIP46, port: $i, protocol: tcp, ring_size: $1,
			      backends: [{ name: app-01, address: $(backend_address 1 4) }] }
		END
	done
}

services() { status '.services | length'; }
used() { cat "${LIMIT%/*}"/memory.{usage_in_bytes,current} 2>/dev/null || true; }

tap_begin one
if ! LIMIT=$(memory_group); then
	echo "1..0 # SKIP no memory control group can be made"
	exit 0
fi
config_web 1 2 >"$NET_CONFIG"
config_more 655373 20 >"$NET_DIR/large.yaml"
config_more 65537 20 >"$NET_DIR/more.yaml"
echo 1G >"$LIMIT"
# shellcheck disable=SC2016 # for the inner shell
on_start balancer poised sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "${LIMIT%/*}" \
	"$NET_BUILD/poised" --config "$NET_CONFIG"
NET_POISED=$!
wait_for 60 poise version
check "all backends come up" wait_for 60 all_up

bytes=$(($(used) + 6000000))
echo $bytes >"$LIMIT"
check "too many services for the limit are refused, in words" \
	contains "$(refused 1 poise apply "$NET_DIR/large.yaml" 2>&1)" "no memory for their rings" \
	"the memory limit of this cgroup, in '$LIMIT', is $((bytes / 1048576))." "raise it"
check "nothing changed" equal 2 "$(services)"
bytes=$(($(used) + 3000000))
echo $bytes >"$LIMIT"
for command in "explain tcp 198.51.100.7:4242 $VIP44:80" "capture --count 1 -w $NET_DIR/one.pcapng"; do
	# shellcheck disable=SC2086 # words
	check "so is poise ${command%% *}" contains "$(refused 1 poise $command 2>&1)" \
		"the memory limit of this cgroup, in '$LIMIT', is $((bytes / 1048576))." "raise it"
done
check "requests succeed" spread "$VIP44" 1 2
echo 1G >"$LIMIT"
check "with a higher limit it is done" poise apply "$NET_DIR/more.yaml"
check "all are there" equal 22 "$(services)"
check "and poise explain explains" contains "$(poise explain tcp 198.51.100.7:4242 "$VIP44:80")" app-0
check "the others serve" spread "$VIP44" 1 2
poised_stop TERM
rmdir "${LIMIT%/*}" || true
tap_end
