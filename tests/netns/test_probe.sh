#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Checks with via: tunnel and probe_mtu, in every kind of tunnel and mix of IP versions: what a
# backend lacks is found out; what this host lacks is said, and is no backend's fault; routes that
# change are followed; a restart changes nothing; filters of others stay, and none of ours is left.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

MARK=0x2a000000
LONG=$(printf 'x%.0s' {1..1000}) # of a request that takes several segments
HOST=$(printf 'x%.0s' {1..63}).$(printf 'x%.0s' {1..63}).$(printf 'x%.0s' {1..63})

# tunnel_yaml NAME VIP FAMILY KIND BACKENDS CHECK: a service of PROTOCOL on a port of its own; its
# check, of the port CHECKED, is via: tunnel.
tunnel_yaml()
{
	local i family=$3 backends=$5
	PORT=$((PORT + 1))
	cat <<-END
		  - name: $1
		    address: "$2"
		    port: $PORT
		    protocol: ${PROTOCOL:-tcp}
		    encapsulation: $4
		    damping: false
		    check: { port: ${CHECKED:-80}, interval: 400ms, timeout: 390ms, rise: 2, fall: 3, via: tunnel, $6 }
		    backends:
	END
	for i in $backends; do
		echo "      - { name: app-0$i, address: \"$(backend_address "$i" "$family")\" }"
	done
}

configure()
{
	local kind udp="type: udp, send: hello, expect: app-0"
	local http="type: http, path: /healthz" full="type: http, path: /healthz, probe_mtu: true"
	PORT=8000
	echo "probe: { mark: $MARK }"
	echo "icmp: { echo: false }" # what answers is a backend
	config_head
	service_yaml direct "$VIP44" 4 1 2
	for kind in ipip gue gre; do
		tunnel_yaml "$kind-4in4" "$VIP44" 4 $kind "1 2" "$http"
		tunnel_yaml "$kind-6in6" "$VIP66" 6 $kind "1 2" "$http"
		tunnel_yaml "$kind-4in6" "$VIP46" 6 $kind "1 2" "$full"
		tunnel_yaml "$kind-6in4" "$VIP64" 4 $kind "1 2" "$full"
	done
	tunnel_yaml l2-4 "$VIP44" 4 l2 "1 2" "$full"
	tunnel_yaml l2-6 "$VIP66" 6 l2 "1 2" "$full"
	tunnel_yaml connect "$VIP44" 4 ipip "1 2" "type: tcp"
	CHECKED=5300 PROTOCOL=udp tunnel_yaml udp-4 "$VIP44" 4 gue "1 2" "$udp"
	CHECKED=5300 PROTOCOL=udp tunnel_yaml udp-6 "$VIP66" 6 ipip "1 2" "$udp"
	tunnel_yaml long-ipip "$VIP44" 4 ipip 3 "type: http, host: $HOST, path: /?$LONG"
	tunnel_yaml long-gre "$VIP44" 4 gre 3 "type: http, host: $HOST, path: /?$LONG"
	tunnel_yaml long-gue "$VIP66" 6 gue 3 "type: http, host: $HOST, path: /?$LONG"
}

agent_attach_kinds()
{
	on "b$1" "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-b$1" \
		--vip "$VIP44" --vip "$VIP46" --vip "$VIP66" --vip "$VIP64" \
		--from 172.16.0.0/16 --from 100::/64 \
		--encapsulation ipip --encapsulation gue --encapsulation gre >>"$NET_DIR/agent.log" 2>&1
}

agent_detach() { on "b$1" "$NET_BUILD/poise-agent" detach eth0 --pin-path "$NET_DIR/bpf/agent-b$1"; }

# The services that have the backend NAME in STATE.
states()
{
	status --arg b "$1" --arg s "$2" \
		'[.services[] | select(any(.backends[]; .name == $b and .state == $s)).name] | join(" ")'
}

# down_are NAME SERVICE...: of just these services is the backend down.
down_are()
{
	local name=$1
	shift
	equal "$*" "$(states "$name" down)"
}

reason_has() { contains "$(status_of "$1" "$2" reason)" "$3"; }

error_has() { contains "$(status_of "$1" "$2" health.error)" "$3"; }

# Checks began since, and say nothing; right after a start one may have found no route so far.
checks_go_on()
{
	local before
	before=$(status_of "$1" "$2" health.checked_at)
	wait_for 60 later "$1" "$2" "$before" && wait_for 60 error_is "$1" "$2" ""
}

later() { [ "$(status_of "$1" "$2" health.checked_at)" -gt "$3" ]; }

error_is() { equal "$3" "$(status_of "$1" "$2" health.error)"; }

# An echo request with the mark of backend number 1 to VIP, from SOURCE: it is answered only through
# the tunnel.
marked_echo() { on balancer ping -n -q -c 1 -W 2 -m $((MARK + 1)) "$1" >/dev/null; }

# Sets 'packets', 'wrong' and 'largest' of what went to b3 in a tunnel.
captured()
{
	read -r packets wrong largest < <(/usr/bin/python3 "$NET_ROOT/tests/netns/tunnel_sums.py" "$NET_DIR/b3.pcap")
	echo "$packets packets, $wrong of them wrong, the largest of $largest bytes"
}

# There is enough to judge, segments of full size among it.
captured_enough()
{
	local packets wrong largest
	captured && [ "$packets" -gt 20 ] && [ "$largest" -gt 560 ]
}

# Every packet of it is whole and right, and none is larger than BYTES.
right_on_the_way()
{
	local packets wrong largest
	captured && [ "$packets" -gt 20 ] && [ "$wrong" = 0 ] && [ "$largest" -gt 560 ] && [ "$largest" -le "$1" ]
}

csum_errors() { on "b$1" nstat -asz TcpInCsumErrors UdpInCsumErrors | awk '/Csum/ { n += $2 } END { print n }'; }

# A filter of clsact that is not ours, and lets everything go on.
filter_of_others()
{
	echo '__attribute__((section("tc"))) int go_on(void *context) { return -1; }' |
		clang -O2 -target bpf -c -x c -o "$NET_DIR/go_on.o" -
	on balancer tc qdisc add dev "$1" clsact
	on balancer tc filter add dev "$1" egress pref 7 handle 0x77 bpf da obj "$NET_DIR/go_on.o" sec tc
}

user_filter() { on balancer tc filter show dev "$1" egress | grep -q 'handle 0x77'; }

was_down() { grep -c "health [a-z]* -> down" "$NET_DIR/poised.log"; }

WITHOUT_L2="ipip-4in4 ipip-6in6 ipip-4in6 ipip-6in4 gue-4in4 gue-6in6 gue-4in6 gue-6in4 \
gre-4in4 gre-6in6 gre-4in6 gre-6in4 connect udp-4 udp-6"

tap_begin two 3
for i in 1 2; do
	on_start "b$i" "udp-b$i" /usr/bin/python3 "$NET_ROOT/tests/netns/udp_server.py" "app-0$i" 5300 \
		"$VIP44" "$VIP66"
done
for i in 1 2 3; do
	agent_attach_kinds $i
done
# as a host has it: offload, so that the stack leaves checksums and segments to whoever sends
on balancer ethtool -K lb0 tx on gso on tso on >/dev/null
ip -n "$(net_name balancer)" route add 10.0.1.13 dev lb1 mtu 600
ip -n "$(net_name balancer)" -6 route add 2001:db8:2::13 dev lb1 mtu 1280
filter_of_others lb0
configure >"$NET_CONFIG"
on_start switch b3.capture tcpdump -nn -U -i b3 -w "$NET_DIR/b3.pcap" 'ip proto 4 or (ip6 and udp)'
CAPTURE=$!
poised_start
check "all backends come up, in every tunnel" wait_for 60 all_up
check "checks go on" checks_go_on gue-6in6 app-01
check "poise service show says how" contains "$(poise service show l2-4)" \
	"via tunnel, probe_mtu: with a packet of full size"
check "so does poise backend show" contains "$(poise backend show l2-4 app-01)" "check        http :80 via tunnel every"
check "long requests were captured" wait_for 60 captured_enough
kill "$CAPTURE"
wait "$CAPTURE" || true
check "the segments of long requests fit the way, and are right" right_on_the_way 1280
for i in 1 2 3; do
	check "no checksum was wrong at b$i" equal 0 "$(csum_errors $i)"
done
check "an echo request with the mark goes through the tunnel" marked_echo "$VIP44"

ip -n "$(net_name b1)" address del "$VIP44/32" dev lo
check "a backend without the VIP is down, of its services alone" wait_for 60 down_are app-01 \
	ipip-4in4 gue-4in4 gre-4in4 l2-4 connect udp-4
check "the reason is that nothing answers" reason_has connect app-01 "timed out after 390 ms while connecting through the tunnel"
check "a direct check does not see it" is_state up direct app-01
ip -n "$(net_name b1)" address add "$VIP44/32" dev lo
check "with the VIP it is up" wait_for 60 all_up

agent_detach 2 >/dev/null
# shellcheck disable=SC2086 # lists
check "a backend that does not open tunnels is down" wait_for 60 down_are app-02 $WITHOUT_L2
check "a direct check does not see that either" is_state up direct app-02
agent_attach_kinds 2
check "with its tunnels open it is up" wait_for 60 all_up

on b1 sysctl -q net.ipv4.icmp_echo_ignore_all=1
check "probe_mtu needs an answer to an echo request" wait_for 60 down_are app-01 \
	ipip-4in6 gue-4in6 gre-4in6 l2-4
on b1 sysctl -q net.ipv4.icmp_echo_ignore_all=0
check "with answers it is up" wait_for 60 all_up
ip -n "$(net_name switch)" link set b1 mtu 1400
check "a way with too small an MTU is found by probe_mtu alone" wait_for 60 down_are app-01 \
	ipip-4in6 ipip-6in4 gue-4in6 gue-6in4 gre-4in6 gre-6in4 l2-4 l2-6
check "the reason says it" reason_has ipip-6in4 app-01 \
	"a packet of 1500 bytes does not get through the tunnel within 390 ms, but small ones do"
ip -n "$(net_name switch)" link set b1 mtu 1600
check "with the MTU it is up" wait_for 60 all_up

before=$(was_down)
poised_stop KILL
poised_start
check "after a kill all are up at once" all_up
check "checks go on" checks_go_on gre-4in6 app-02
check "nothing was down meanwhile" equal "$before" "$(was_down)"

ip -n "$(net_name balancer)" route add "$VIP44/32" via 10.0.1.1 dev lb1
check "the route to the VIP moves to another interface: checks go on" checks_go_on connect app-01
check "and echo requests" marked_echo "$VIP44"
ip -n "$(net_name balancer)" route replace blackhole "$VIP44/32"
check "without a route that is said" wait_for 60 error_has connect app-01 \
	"not checked: via: tunnel needs a route to the service's address"
check "and no backend is down for it" equal "" "$(states app-01 down)"
ip -n "$(net_name balancer)" route del blackhole "$VIP44/32"
check "with a route checks go on" wait_for 60 error_is connect app-01 ""

ip -n "$(net_name balancer)" address add "$VIP44/32" dev lo
ip -n "$(net_name balancer)" address add "$VIP66/128" dev lo nodad
check "a VIP on this host: what is needed is said" wait_for 60 error_has connect app-01 \
	"not checked: the service's address is on this host: via: tunnel needs net.ipv4.conf.lb1.accept_local=1"
on balancer sysctl -q net.ipv4.conf.lb1.accept_local=1
check "then checks go on" wait_for 60 error_is connect app-01 ""
check "and are run" checks_go_on connect app-01
check "IPv6 needs nothing" checks_go_on gue-6in6 app-01
check "all of them are up" all_up
ip -n "$(net_name b1)" address del "$VIP44/32" dev lo
check "a backend without the VIP is down from there, too" wait_for 60 is_state down connect app-01
ip -n "$(net_name b1)" address add "$VIP44/32" dev lo
check "and up with it" wait_for 60 all_up
ip -n "$(net_name balancer)" address del "$VIP44/32" dev lo
ip -n "$(net_name balancer)" address del "$VIP66/128" dev lo
check "the VIP leaves this host: checks go on" checks_go_on connect app-01

sed -i 's/^probe:.*/probe: { mark: 0x3a000000 }/' "$NET_CONFIG"
check "another mark by a reload" poise reload
check "the old one means nothing any more" refused 1 marked_echo "$VIP44"
MARK=0x3a000000
check "the new one does" marked_echo "$VIP44"
check "checks go on" checks_go_on gre-6in6 app-01
sed -i 's/via: tunnel, //; s/, probe_mtu: true//' "$NET_CONFIG"
check "no service probes any more" poise reload
check "the program is gone" refused 1 marked_echo "$VIP44"
check "a filter of someone else stays" user_filter lb0
configure >"$NET_CONFIG"
check "they probe again" poise reload
check "all are up" wait_for 60 all_up
check "poise detach succeeds" poise detach
check "poised ends" wait_for 60 pids_gone "$NET_POISED"
check "it takes the program off" refused 1 marked_echo "$VIP44"
check "and leaves the filter of someone else" user_filter lb0

{
	echo "probe: { mark: $MARK }"
	config_head
	# as long as may be where a SYN that is lost, and comes again after a second, is to fail the check
	PORT=8000 tunnel_yaml first "$VIP44" 4 ipip "1 2" "type: http, path: /healthz" |
		sed 's/interval: 400ms, timeout: 390ms/interval: 1s, timeout: 950ms/'
} >"$NET_CONFIG"
: >"$NET_DIR/poised.log"
poised_start
check "a start where the first check is due before the way of any backend is written" wait_for 60 all_up
check "loses none of them" equal "" "$(grep 'health unknown -> down' "$NET_DIR/poised.log" || true)"
tap_end
