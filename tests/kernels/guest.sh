#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What depends on the kernel, checked on the one that runs: verifier, libxdp's chain, restarts, VLAN
# interfaces and bonds, and the kernel's own tunnels on backends without poise-agent. For a guest of
# tests/kernels/run, on the network of tests/netns/lib.sh.

# shellcheck source=../netns/tap.sh
. "$(dirname "$0")/../netns/tap.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
SERVERS=2

# shellcheck source=guest_devices.sh
. "$HERE/guest_devices.sh"
# shellcheck source=guest_tunnels.sh
. "$HERE/guest_tunnels.sh"
# shellcheck source=guest_probe.sh
. "$HERE/guest_probe.sh"

# The services of all four mixes; checks that an emulated processor keeps up with.
config_mixes()
{
	{
		config_web 1 2
		service_yaml web46 "$VIP46" 6 1 2
		service_yaml web64 "$VIP64" 4 1 2
	} | sed 's/timeout: 450ms/timeout: 2s/; s/interval: 500ms/interval: 2s/'
}

#
# packets
#

# Not test_dry: reading all maps over and over takes an emulated processor many minutes; the others
# make dry runs, too.
test_packets()
{
	local program
	for program in "$NET_BUILD"/tests/packet/test_*; do
		if [ -x "$program" ] && [ -f "$program" ] && [ "${program##*/}" != test_dry ]; then
			check "packet tests: ${program##*/}" \
				env CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 "$program"
		fi
	done
}

# Against the kernel's own VLAN interfaces.
test_next_hops()
{
	check "next hops through VLAN interfaces" env CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 \
		"$NET_BUILD/tests/modules/test_nexthop_vlan"
}

#
# programs on the balancer's interface
#

start()
{
	on_start balancer poised "$NET_BUILD/poised" --config "$NET_CONFIG" --verbose
	NET_POISED=$!
	wait_for 60 answers_or_gone && poise version
}

answers_or_gone() { poise version || pids_gone "$NET_POISED"; }

loader() { on balancer xdp-loader "$@"; }

# The programs of an interface in the order in which they run, with a dispatcher or without.
chain()
{
	loader status "$1" | awk -v name="$1" '
		$1 == "=>" { print $3 }
		$1 == name && $2 != "xdp_dispatcher" && $2 != "<No" { print $2 }' | xargs
}

chain_is() { equal "$*" "$(chain lb0)"; }

# The id of the program NAME on lb0.
id_of() { loader status lb0 | awk -v name="$1" '$1 == "=>" && $3 == name { print $4 }'; }

other_load()
{
	loader load -m native -n other lb0 "$NET_DIR/other.o" && OTHER=$(id_of other)
}

# The other program is the one that was loaded, and sees packets.
other_lives()
{
	local map before after
	equal "$OTHER" "$(id_of other)" || return 1
	map=$(bpftool -j prog show id "$OTHER" | jq '.map_ids[0]')
	before=$(bpftool -j map dump id "$map" | jq '.[0].formatted.value')
	on client ping -c 2 -i 0.2 -W 5 "$LB4"
	after=$(bpftool -j map dump id "$map" | jq '.[0].formatted.value')
	[ "$after" -gt "$before" ] || equal "more than $before packets" "$after"
}

# Whether libxdp and this kernel chain a program that moves a packet's head: dispatcher or single.
chain_expected()
{
	local expected=single
	ip -n "$(net_name balancer)" link add probe0 type veth peer name probe1
	if loader load -m native -n move probe0 "$NET_DIR/other.o" >"$NET_DIR/probe.log" 2>&1 &&
		loader status probe0 | grep -q xdp_dispatcher; then
		expected=dispatcher
	fi
	ip -n "$(net_name balancer)" link del probe0
	echo $expected
}

served()
{
	local vip
	for vip in "$VIP44" "$VIP66"; do
		spread "$vip" 1 2 || return 1
	done
}

test_start()
{
	check "poised starts: the verifier takes the program" start
	if pids_gone "$NET_POISED"; then
		test_packets
		tap_end
		exit 0
	fi
	check "all backends come up" wait_for 60 all_up
	check "the program is attached in native mode" \
		equal native "$(status '.interfaces[0].mode')"
	check "the chain is what libxdp and the kernel allow: $EXPECTED" \
		equal "$EXPECTED" "$(status '.interfaces[0].chain')"
	check "requests are served, poise-agent on the backends" served
}

test_shared()
{
	check "a second program joins Poise" other_load
	check "both run, the second first" chain_is other poise
	check "the second sees packets" other_lives
	check "requests are served" served

	poised_stop KILL
	check "poised starts again" start
	check "one program of Poise runs, and the second" chain_is other poise
	check "the second was left alone" other_lives
	check "requests are served" served

	check "poise detach" poise detach
	check "the second is left" chain_is other
	check "it sees packets" other_lives

	check "poised joins the second" start
	check "both run, the second first" chain_is other poise
	check "requests are served" wait_for 60 served

	poised_stop KILL
	check "poise detach without poised" \
		on balancer "$NET_BUILD/poise" detach --pin-path "$NET_PINS"
	check "the second is left" chain_is other
	check "it sees packets" other_lives
	check "poised joins it" start
	check "requests are served" wait_for 60 served
	check "the second leaves" loader unload lb0 -i "$OTHER"
	check "Poise is left" chain_is poise
	check "requests are served" served
}

# Where there is no chain, neither disturbs the other.
test_unshared()
{
	check "a second program is refused" other_refused
	check "Poise is left" chain_is poise
	check "requests are served" served
	check "poise detach" poise detach
	check "a second program is loaded" other_load
	check "poised is refused, with the reason" poised_refused
	check "the second was left alone" other_lives
	loader unload lb0 -a
	check "poised starts again" start
	check "requests are served" wait_for 60 served
}

other_refused() { ! other_load; }

poised_refused()
{
	local got
	got=$(refused 1 timeout 60 nsenter --net="/run/netns/$(net_name balancer)" \
		"$NET_BUILD/poised" --config "$NET_CONFIG" 2>&1) || { echo "$got"; return 1; }
	contains "$got" "cannot attach to interface 'lb0'"
}

#
# restarts
#

# Each pinned map with its id.
pins()
{
	local pin
	for pin in "$NET_PINS"/*; do
		[ "${pin##*/}" = program ] ||
			echo "${pin##*/} $(bpftool -j map show pinned "$pin" | jq .id)"
	done
}

# Requests without a pause until the file 'stop' is there; prints how many, and how many failed.
load_start()
{
	rm -f "$NET_DIR/stop"
	# shellcheck disable=SC2016 # for the inner shell
	on_start client load bash -c 'n=0 bad=0
		until [ -e "$1/stop" ]; do
			n=$((n + 1))
			curl -fs -o /dev/null --max-time 20 "$2" || bad=$((bad + 1))
		done
		echo "$n requests, $bad failed" >"$1/load"' load "$NET_DIR" "$(url "$VIP44" /)"
	LOAD=$!
}

load_clean()
{
	touch "$NET_DIR/stop"
	wait "$LOAD"
	cat "$NET_DIR/load"
	grep -q '^[1-9][0-9]* requests, 0 failed$' "$NET_DIR/load"
}

# It runs, or came whole meanwhile, on a machine that took long.
download_lives() { download_runs "$1" || download_finish "$1"; }

# SYNs that client and backends sent again: a packet was lost on its way, or its answer.
syns_again()
{
	local host
	for host in client b1 b2; do
		on "$host" nstat -asz TcpExtTCPSynRetrans
	done | awk '/SynRetrans/ { n += $2 } END { print n + 0 }'
}

replaced() { equal "$1" "$(grep -c 'program replaced' "$NET_DIR/poised.log")"; }

test_restart()
{
	local before again signal n
	n=$(grep -c 'program replaced' "$NET_DIR/poised.log" || true)
	before=$(pins)
	again=$(syns_again)
	download_start long "$VIP66" 500k
	load_start
	for signal in KILL TERM; do
		poised_stop $signal
		check "after SIG$signal poised starts again" start
		n=$((n + 1))
		check "it replaces the program" replaced $n
		check "the maps are those that were pinned" equal "$before" "$(pins)"
	done
	check "no request failed meanwhile" load_clean
	check "no SYN was sent twice" equal "$again" "$(syns_again)"
	check "a connection that was open lives" download_lives long
	download_stop long
	check "all backends are up" wait_for 60 all_up
	check "requests are served" served
}

# interfaces_are MODE...: lb0, and a second interface if there are two.
interfaces_are()
{
	equal "$*" "$(status '[.interfaces[] | select(.attached).mode] | join(" ")')"
}

test_two_interfaces()
{
	ip -n "$(net_name balancer)" link add second0 type veth peer name second1
	cp "$NET_CONFIG" "$NET_DIR/one.yaml"
	sed 's/^interfaces:/&\n  - { name: second0, mode: native }/' "$NET_DIR/one.yaml" >"$NET_CONFIG"
	check "a second interface is taken by reload" poise reload
	check "the program runs on both" interfaces_are native native
	poised_stop KILL
	check "poised starts again" start
	check "the program runs on both" interfaces_are native native
	check "once on each" equal "poise poise" "$(chain lb0) $(chain second0)"
	cp "$NET_DIR/one.yaml" "$NET_CONFIG"
	check "the second is given up by reload" poise reload
	check "the program runs on the first alone" equal "poise " "$(chain lb0) $(chain second0)"
	check "requests are served" wait_for 60 served
}

tap_begin one $SERVERS
clang -O2 -g -target bpf -I"/usr/include/$(uname -m)-linux-gnu" -c -o "$NET_DIR/other.o" \
	"$HERE/other.bpf.c"
config_mixes >"$NET_CONFIG"
EXPECTED=$(chain_expected)
test_start
if [ "$EXPECTED" = dispatcher ]; then
	test_shared
else
	sed 's/^/# no chain: /' "$NET_DIR/probe.log"
	test_unshared
fi
test_restart
test_two_interfaces
test_devices
test_tunnels
test_next_hops
test_packets
tap_end
