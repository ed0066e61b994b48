#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise-agent's programs in TC: in the place of XDP, beside it for packets without a neighbour, and
# on SYN-ACKs. The network is that of lib.sh: b1 and b2 serve.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=agents.sh
. "$(dirname "$0")/agents.sh"

SERVERS=2

mode_is() { equal "$2" "$(agent_status "$1" "s['mode']")"; }

# What backend I's stack says of packets: stack I NAME...: the sum of its counters.
stack()
{
	local host=b$1
	shift
	on "$host" nstat -asz "$@" | awk '!/^#/ { n += $2 } END { print n + 0 }'
}

unopened() { stack "$1" IpInUnknownProtos Ip6InUnknownProtos UdpNoPorts Udp6NoPorts; }

config_mixes()
{
	config_web 1 2 | sed "s/^tunnel:/&\n  encapsulation: $1/"
	service_yaml web46 "$VIP46" 6 1 2
	service_yaml web64 "$VIP64" 4 1 2
}

#
# the tests
#

# Bytes in a packet, of what VIP got on both backends, on average.
mean_bytes()
{
	local i n=0 bytes=0 packets size
	for i in 1 2; do
		read -r packets size <<<"$(agent_status $i \
			"*next((v['packets'], v['bytes']) for v in s['vips'] if v['address'] == '$1')")"
		n=$((n + packets)) bytes=$((bytes + size))
	done
	echo $((n ? bytes / n : 0))
}

test_mixes()
{
	local kind vip i before
	for kind in ipip gue gre; do
		config_mixes $kind >"$NET_CONFIG"
		if [ $kind = ipip ]; then
			poised_start
			check "all backends come up" wait_for 60 all_up
		else
			check "the encapsulation changes to $kind" poise reload
		fi
		for vip in "$VIP44" "$VIP64" "$VIP46" "$VIP66"; do
			check "$kind, $vip: requests are served" spread "$vip" 1 2
			check "$kind, $vip: a bulk upload" equal "200 $(stat -c %s "$NET_DIR/data")" "$(upload "$vip")"
		done
		for i in 1 2; do
			check "$kind: b$i drops nothing" equal 0 "$(agent_status $i "sum(s['counters'][c]
				for c in ('malformed', 'bad_source', 'internal', 'merged', 'truncated'))")"
		done
		if [ $kind = gue ]; then
			continue # which GRO leaves alone
		fi
		for vip in "$VIP44" "$VIP64" "$VIP46" "$VIP66"; do
			check "$kind, $vip: what GRO merged came in" grew 1600 mean_bytes "$vip"
		done
	done
}

test_checksum()
{
	local family vip before
	for family in 4 6; do
		for vip in "$VIP44" "$VIP66"; do
			before=$(stack 1 TcpInCsumErrors)
			send sum $family "$(backend_address 1 $family)" "$vip" 80
			check "$vip over IPv$family, a wrong checksum inside: the stack sees it" \
				wait_for 60 grew "$before" stack 1 TcpInCsumErrors
		done
	done
}

test_vlan()
{
	local before opened
	before=$(counter 1 not_tunnel)
	opened=$(counter 1 decapsulated_4in4)
	send vlan 4 10.0.1.11 "$VIP44" 80 "$(ip -n "$(net_name b1)" -j link show eth0 | jq -r ".[0].address")"
	check "in a frame with a VLAN tag: passed" wait_for 60 grew "$before" counter 1 not_tunnel
	check "... and not opened" equal "$opened" "$(counter 1 decapsulated_4in4)"
}

# Headers that are not in a socket buffer's first piece of memory.
test_pieces()
{
	local mac=02:00:00:00:01:99 backend vip before
	if ! on b1 ip tuntap add dev tap0 mode tap vnet_hdr 2>"$NET_DIR/tap.log"; then
		check "headers in pieces # SKIP $(cat "$NET_DIR/tap.log")" true
		return
	fi
	ip -n "$(net_name b1)" link set tap0 address $mac mtu 9000 up
	on b1 "$NET_BUILD/poise-agent" attach tap0 --mode tc --vip "$VIP44" "$VIP66" \
		--pin-path "$NET_DIR/bpf/agent-b1" >/dev/null
	for backend in 10.0.1.11 2001:db8:2::11; do
		for vip in "$VIP44" "$VIP66"; do
			before=$(tap_opened)
			on b1 /usr/bin/python3 "$NET_ROOT/tests/netns/tap_frame.py" $mac $backend "$vip"
			check "headers in pieces, to $vip by $backend: opened" \
				wait_for 60 grew "$before" tap_opened
		done
	done
	ip -n "$(net_name b1)" link del tap0
	on b1 "$NET_BUILD/poise-agent" detach tap0 --pin-path "$NET_DIR/bpf/agent-b1" >/dev/null
}

tap_opened()
{
	on b1 "$NET_BUILD/poise-agent" status tap0 --json |
		jq '[.interfaces[0].vips[].packets] | add'
}

# Both, over and over, while segments come.
test_switch()
{
	local i missed=() switches=0 pid
	for i in 1 2; do
		missed[i]=$(unopened $i)
	done
	# shellcheck disable=SC2016 # for the inner shell
	on_start client uploads bash -c 'for url; do curl -sS --max-time 300 -o /dev/null -H "Expect:" \
		-w "%{http_code}\n" --limit-rate 4M -T "$0" "$url" & done; wait' "$NET_DIR/data" \
		"$(url "$VIP44" /upload)" "$(url "$VIP64" /upload)" \
		"$(url "$VIP46" /upload)" "$(url "$VIP66" /upload)"
	pid=$!
	: >"$NET_DIR/modes"
	until pids_gone $pid; do
		attach 1 --mode native >/dev/null && attach 2 --mode native >/dev/null
		mode_is 1 native >>"$NET_DIR/modes"
		attach 1 --mode tc >/dev/null && attach 2 --mode tc >/dev/null
		mode_is 1 tc >>"$NET_DIR/modes"
		switches=$((switches + 1))
	done
	check "tc to native and back, over and over: uploads come whole" \
		equal "200 200 200 200" "$(xargs <"$NET_DIR/uploads.log")"
	check "... in the modes asked for ($switches times)" equal "" "$(cat "$NET_DIR/modes")"
	for i in 1 2; do
		check "... b$i: none was passed unopened" equal "${missed[i]}" "$(unopened $i)"
	done
}

#
# SYN-ACKs
#

# The MSS of the SYN-ACK that the client gets from VIP, and what tcpdump says of its checksum.
syn_ack()
{
	local filter='tcp[13] & 18 == 18'
	case $1 in
	*:*) filter='ip6[53] & 18 == 18' ;;
	esac
	on_start client dump tcpdump -i eth0 -c 1 -vvv -n --immediate-mode \
		"src host $1 and tcp and $filter"
	DUMP=$!
	wait_for 60 grep -q 'listening on' "$NET_DIR/dump.log"
	on client curl -s -o /dev/null --max-time 60 "$(url "$1" /)"
	wait $DUMP || true
	sed -n 's/.*cksum [^ ]* (\([a-z]*\)[ )].*mss \([0-9]*\).*/\2 \1/p' "$NET_DIR/dump.log"
	rm -f "$NET_DIR/dump.log"
}

offers() { equal "$2 correct" "$(syn_ack "$1")"; }

test_mss()
{
	local tx before
	attach 1 --mode tc --mss 1300 >/dev/null
	attach 2 --mode tc --mss 1300 >/dev/null
	for tx in off on; do
		on b1 ethtool -K eth0 tx $tx >/dev/null
		on b2 ethtool -K eth0 tx $tx >/dev/null
		before=$(($(decision 1 clamped) + $(decision 2 clamped)))
		check "--mss 1300, tx $tx: IPv4 clients are told so" offers "$VIP44" 1300
		check "--mss 1300, tx $tx: IPv6 clients, 20 less" offers "$VIP66" 1280
		check "... both are counted" equal $((before + 2)) \
			$(($(decision 1 clamped) + $(decision 2 clamped)))
	done
	check "the host itself is not clamped" offers 10.0.1.11 1560
	attach 1 --mode tc --mss off >/dev/null
	attach 2 --mode tc --mss off >/dev/null
	check "--mss off: as the server says" offers "$VIP44" 1560
	check "--mss off: no program on egress" equal "" "$(on b1 tc filter show dev eth0 egress)"
	check "... and status says so" equal 0 "$(agent_status 1 "s['mss_program_id']")"
}

#
# sharing the hooks
#

filters() { on b1 tc filter show dev eth0 "$1"; }
# other_filter DIRECTION PRIORITY HANDLE
other_filter()
{
	on b1 tc filter add dev eth0 "$1" prio "$2" handle "$3" bpf direct-action \
		object-file "$NET_DIR/other.o" section classifier
}

qdisc() { on b1 tc qdisc show dev eth0 | awk '/ffff/ { print $2 }'; }

test_shared()
{
	agent 1 detach >/dev/null
	check "detached: the clsact that nobody uses is gone" equal "" "$(qdisc)"
	on b1 tc qdisc add dev eth0 clsact
	other_filter egress 7 1
	attach 1 --mode tc >/dev/null
	check "another's filter is left" contains "$(filters egress)" "pref 7 "
	check "ours stands beside it" contains "$(filters egress)" poise_agent_mss
	check "attached again: replaced in its place" attach 1 --mode tc
	check "... once" equal 1 "$(filters ingress | grep -c poise_agent_tc)"
	check "pins" equal "program program_mss" \
		"$(find "$NET_DIR/bpf/agent-b1/eth0" -name 'program*' -printf '%f\n' | sort | xargs)"
	agent 1 detach >/dev/null
	check "detached: another's filter is left" contains "$(filters egress)" "pref 7 "
	check "detached: ours is not" equal 0 "$(filters ingress | grep -c poise_agent || true)"
	other_filter ingress 60 1
	check "another's filter in our place: refused, with the cure" contains \
		"$(attach 1 --mode tc 2>&1)" "give that one another priority"
	on b1 tc qdisc del dev eth0 clsact
	on b1 tc qdisc add dev eth0 ingress
	check "the older qdisc: refused, with the cure" contains "$(attach 1 --mode tc 2>&1)" \
		"take --mss off"
	check "the older qdisc without egress" attach 1 --mode tc --mss off
	agent 1 detach >/dev/null
	check "... which is left" equal ingress "$(qdisc)"
	on b1 tc qdisc del dev eth0 ingress
}

# The interface has a single XDP program of somebody else's.
test_taken()
{
	ip -n "$(net_name b1)" link set eth0 xdpdrv obj "$NET_DIR/pass.o" sec xdp
	check "another XDP program: refused, with the cure" contains \
		"$(attach 1 2>&1)" "take --mode tc"
	check "... --mode tc" attach 1 --mode tc
	check "requests are served" spread "$VIP64" 1 2
	ip -n "$(net_name b1)" link set eth0 xdpdrv off
}

#
# second chance
#

forget_neighbours()
{
	on b1 ip -4 neigh flush dev eth0 && on b1 ip -6 neigh flush dev eth0
}

# A SYN to a port where nobody listens comes to b1, whose next hop is b2: forwarded MODE
forwarded()
{
	local outer hop vip opened sent before
	for outer in 4 6; do
		for hop in 4 6; do
			for vip in "$VIP44" "$VIP66"; do
				opened=decapsulated_gue_$([ "$vip" = "$VIP44" ] && echo 4 || echo 6)in$hop
				before=$(counter 2 "$opened")
				sent=$(counter 1 forwarded)
				forget_neighbours
				send chain $outer "$(backend_address 1 $outer)" \
					"$(backend_address 2 $hop)" "$vip" 81
				check "$1, $vip over IPv$outer, next hop IPv$hop, no neighbour known" \
					wait_for 60 grew "$before" counter 2 "$opened"
				check "... b1 counts it once" equal $((sent + 1)) \
					"$(counter 1 forwarded)"
			done
		done
	done
}

test_forward()
{
	local passed
	attach 2 --mode tc >/dev/null
	attach 1 --mode tc --second-chance 10.0.1.0/24 2001:db8:2::/64 >/dev/null
	forwarded tc
	attach 1 --mode native --second-chance 10.0.1.0/24 2001:db8:2::/64 >/dev/null
	check "native: beside it a program in TC" equal True \
		"$(agent_status 1 "s['tc_program_id'] not in (0, s['program_id'])")"
	check "... pinned" test -e "$NET_DIR/bpf/agent-b1/eth0/program_tc"
	passed=$(counter 1 not_tunnel)
	forwarded native
	check "native: requests are served" spread "$VIP44" 1 2
	ip -n "$(net_name b1)" link set eth0 xdp off
	check "native: the program in TC alone is not attached" equal False "$(agent_status 1 "s['attached']")"
	attach 1 --second-chance 10.0.1.0/24 >/dev/null
	check "native: attached again, in XDP" mode_is 1 native
	check "... requests are served" spread "$VIP44" 1 2
	attach 1 --mode native >/dev/null
	check "without second chance it goes" equal 0 "$(agent_status 1 "s['tc_program_id']")"
	check "... and its pin" test ! -e "$NET_DIR/bpf/agent-b1/eth0/program_tc"
	check "nothing was a defect" equal "0 0" "$(counter 1 internal) $(counter 2 internal)"
}

tap_begin one $SERVERS
printf '%s\n' '__attribute__((section("classifier"))) int other(void *ctx) { return -1; }' >"$NET_DIR/other.c"
clang -O2 -target bpf -c -o "$NET_DIR/other.o" "$NET_DIR/other.c"
for backend in 1 2; do
	agent $backend detach >/dev/null
	on b$backend ethtool -K eth0 gro on >/dev/null
	attach $backend --mode tc >>"$NET_DIR/agent.log" 2>&1
	check "b$backend: --mode tc" mode_is $backend tc
done
test_mixes
test_checksum
test_vlan
test_pieces
test_switch
test_mss
test_shared
test_taken
test_forward
tap_end
