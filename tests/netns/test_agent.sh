#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise-agent on a backend of its own: what it warns of and mends, what it opens, what it leaves alone.

# shellcheck source=pair.sh
. "$(dirname "$0")/pair.sh"

CHAIN= # how the program shares the interface

balancer_of() { [ "$1" = 4 ] && echo 10.0.1.2 || echo 2001:db8:2::2; }

stranger_of() { [ "$1" = 4 ] && echo 10.9.9.9 || echo 2001:db8:9::9; }

# pins NAME...: what is pinned, sorted.
pins() { equal "$*" "$(find "$PINS/eth0" -type f -printf '%f\n' | sort | xargs)"; }

test_preflight()
{
	local said again
	on backend sysctl -qw net.ipv4.conf.eth0.rp_filter=1
	said=$(agent_pinned attach eth0 --vip $VIP4 $VIP6 2>&1)
	for mend in "ip address add $VIP4/32 dev lo" "ip address add $VIP6/128 dev lo" \
		"sysctl -w net.ipv4.conf.eth0.rp_filter=2" \
		"sysctl -w net.ipv4.conf.all.arp_ignore=1" \
		"sysctl -w net.ipv4.conf.all.arp_announce=2"; do
		check "attach warns: $mend" contains "$said" "mend: $mend"
	done
	check "status warns of it too" \
		equal "['vip', 'vip', 'rp_filter', 'arp_ignore', 'arp_announce']" \
		"$(status "[w['check'] for w in s['warnings']]")"
	said=$(agent_pinned attach eth0 --vip $VIP4 $VIP6 --setup 2>&1)
	check "--setup says what it does" contains "$said" "set up: ip address add $VIP4/32 dev lo"
	check "--setup leaves nothing to warn of" equal "" "$(echo "$said" | grep warning || true)"
	again=$(agent_pinned attach eth0 --vip $VIP4 $VIP6 --setup 2>&1)
	check "--setup again: nothing to do" equal "" "$(echo "$again" | grep 'set up' || true)"
	check "--setup adds to lo" says $VIP4/32 on backend ip -br address show dev lo
	ip -n "$ID-backend" address add 203.0.113.11/32 dev eth0
	check "a VIP on the interface itself: warning" says "203.0.113.11 is on eth0 itself" \
		agent_pinned attach eth0 --vip 203.0.113.11
	ip -n "$ID-backend" address del 203.0.113.11/32 dev eth0
	ip -n "$ID-backend" route add default via 10.0.1.2
	check "an MSS that does not fit the tunnel: warning, for GUE" \
		says "ip -4 route change default via 10.0.1.2 dev eth0 advmss 1428" \
		agent_pinned attach eth0 --vip $VIP4 --from 10.0.1.0/24 --mss off
	check "... for GUE with a chain" says "dev eth0 advmss 1416" agent_pinned attach eth0 \
		--vip $VIP4 --from 10.0.1.0/24 --mss off --second-chance 10.0.1.0/24
	check "... for GRE" says "dev eth0 advmss 1436" agent_pinned attach eth0 --vip $VIP4 \
		--from 10.0.1.0/24 --encapsulation ipip --encapsulation gre --mss off
	check "... for IP in IP" says "dev eth0 advmss 1440" agent_pinned attach eth0 --vip $VIP4 \
		--from 10.0.1.0/24 --encapsulation ipip --mss off
	ip -n "$ID-backend" route change default via 10.0.1.2 advmss 1440
	check "an MSS that fits: none" equal "[]" "$(status "s['warnings']")"
	ip -n "$ID-backend" route del default
	agent_pinned detach eth0 >/dev/null
}

both_counted()
{
	equal "[True, True]" \
		"$(status "[v['packets'] > 0 and v['bytes'] >= 40 * v['packets'] for v in s['vips']]")"
}

test_mixes()
{
	local outer inner before
	agent_pinned attach eth0 --vip $VIP4 $VIP6 --from 10.0.1.0/24 --from 2001:db8:2::/64 >/dev/null
	check "pins" pins decisions hops program program_mss reasons settings sources vip_prefixes vips
	check "native mode" attached "native mode"
	CHAIN=$(status "s['chain']")
	check "status shows the sources" equal "['10.0.1.0/24', '2001:db8:2::/64']" \
		"$(status "s['sources']")"
	for outer in 4 6; do
		for inner in 4 6; do
			before=$(counter "decapsulated_${inner}in$outer")
			check "${inner}in$outer: a TCP connection to the VIP" \
				exchanged $outer $inner "$(balancer_of $outer)"
			check "${inner}in$outer: counted" grew "decapsulated_${inner}in$outer" "$before"
			before=$(counter bad_source)
			check "${inner}in$outer from a stranger: no answer" \
				refused $outer $inner "$(stranger_of $outer)"
			check "${inner}in$outer from a stranger: counted" grew bad_source "$before"
		done
	done
	check "doctor tells of strangers, as a note" \
		says "note    bad_source" agent doctor eth0 --from 10.0.1.0/24
	check "status counts the packets of both VIPs" wait_until both_counted
}

test_shims()
{
	local shim inner before
	check "status shows what is opened" equal "['ipip', 'gue', 'gre'] 6080" \
		"$(status "s['encapsulations'], s['gue_port']" | tr -d '()' | sed 's/],/]/')"
	for shim in gue gre; do
		for inner in 4 6; do
			before=$(counter "decapsulated_${shim}_${inner}in4")
			check "$shim, ${inner}in4: a TCP connection to the VIP" \
				exchanged 4 $inner 10.0.1.2 $shim
			check "$shim, ${inner}in4: counted" \
				grew "decapsulated_${shim}_${inner}in4" "$before"
			check "$shim, ${inner}in6: a TCP connection to the VIP" \
				exchanged 6 $inner 2001:db8:2::2 $shim
		done
	done
	agent_pinned attach eth0 --vip $VIP4 --encapsulation gue --gue-port 6081 >/dev/null 2>&1
	check "GUE on another port: not opened" refused 4 4 10.0.1.2 gue
	check "GUE alone: no other is opened" refused 4 4 10.0.1.2 ipip
	check "status shows what is opened" says "opened: gue, GUE on UDP port 6081" agent status eth0
}

# A prefix of VIPs, none of which is on an interface.
test_prefix()
{
	local said prefix=2001:db8:f:1::/64
	said=$(agent_pinned attach eth0 --vip $prefix 2>&1)
	check "VIPs of a prefix that is not local: warning" \
		contains "$said" "mend: ip route add local $prefix dev lo"
	said=$(agent_pinned attach eth0 --vip $prefix --vip $VIP4 $VIP6 --setup 2>&1)
	check "--setup makes it local" contains "$said" "set up: ip route add local $prefix dev lo"
	check "... and leaves nothing to warn of" equal "" "$(echo "$said" | grep warning || true)"
	check "any address of it: a TCP connection" \
		exchanged 4 6 10.0.1.2 ipip 2001:db8:f:1:2:3:4:5
	check "the prefix counts" equal "[['$VIP4', 0], ['$VIP6', 0], ['$prefix', True]]" \
		"$(status "[[v['address'], v['packets'] and v['packets'] > 0] for v in s['vips']]")"
	check "neighbours are not told of it" equal "" \
		"$(on balancer ip -6 neigh show 2001:db8:f:1:2:3:4:5 nud reachable)"
}

test_other_traffic()
{
	local before protocols
	before=$(counter not_vip)
	protocols=$(unknown_protocols)
	tunnel other
	check "a tunnel packet for another address: counted" grew not_vip "$before"
	check "a tunnel packet for another address: the stack gets it" \
		unopened_become $((protocols + 1))
	check "ping" on balancer ping -c 1 -W 30 10.0.1.11
	check "ping, IPv6" on balancer ping -c 1 -W 30 2001:db8:2::11
	check "TCP without a tunnel" says "got hi on" on balancer \
		bash -c 'exec 3<>/dev/tcp/10.0.1.11/80; echo -n hi >&3; cat <&3'
}

test_other_program()
{
	clang -O2 -target bpf -I"/usr/include/$(gcc -dumpmachine)" -c "$HERE/pass.bpf.c" \
		-o "$DIR/pass.o"
	bpftool prog load "$DIR/pass.o" "$DIR/bpf/pass" type xdp 2>/dev/null
	on backend bpftool net attach xdpdrv pinned "$DIR/bpf/pass" dev eth0
	check "another program on the interface: refused" \
		says "has another XDP program" agent_pinned attach eth0 --vip $VIP4
	on backend bpftool net detach xdpdrv dev eth0
}

# The kernel's file of types is hidden.
test_no_types()
{
	check "a kernel without type information: refused, with the reason" \
		says "the kernel has no type information" on backend unshare -m bash -c "
		mount -t tmpfs none /sys/kernel/btf &&
		'$AGENT' attach eth0 --vip $VIP4 --pin-path '$PINS'"
}

# A mount namespace without bpffs: ip netns exec makes one, which ends with the command. libxdp's
# dispatcher would end with it, as it lives by pins.
test_default_path()
{
	if [ "$CHAIN" != single ]; then
		COUNT=$((COUNT + 1))
		echo "ok $COUNT - bpffs is mounted where it is missing # SKIP needs a single program"
		return
	fi
	check "bpffs is mounted where it is missing" ip netns exec "$ID-backend" bash -c "
		'$AGENT' attach eth0 --vip $VIP4 && test -e /sys/fs/bpf/poise-agent/eth0/program"
	check "a command that does not see the pins sees the program" attached "$VIP4"
	check "... replaces it" code 0 agent_pinned attach eth0 --vip $VIP6
	check "... and detaches it" code 0 agent_pinned detach eth0
}

pair_begin
test_preflight
test_mixes
test_shims
agent_pinned detach eth0 >/dev/null
test_prefix
agent_pinned attach eth0 --vip $VIP4 $VIP6 --from 10.0.1.0/24 --from 2001:db8:2::/64 >/dev/null 2>&1
test_other_traffic
agent_pinned detach eth0 >/dev/null
test_other_program
test_no_types
test_default_path
pair_end
