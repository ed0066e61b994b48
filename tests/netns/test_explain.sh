#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise explain: what it says is what then happens, and saying it changes nothing.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

CLIENT=198.51.100.2
CLIENT6=2001:db8:1::2
GUE=203.0.113.30

# explain FILTER ARGUMENT...: what jq's FILTER finds in the answer.
explain()
{
	local filter=$1
	shift
	poise explain --json "$@" | jq -r "$filter"
}

# The page that a connection from the port brings: page VIP PORT.
page() { on client curl -gsS --max-time 60 --local-port "$2" "$(url "$1" /)"; }

# foretold VIP CLIENT PORT...: the connection comes to the backend that explain named.
foretold()
{
	local vip=$1 client=$2 port said
	shift 2
	for port; do
		said=$(explain .backend.name tcp "$(ends "$client" "$port")" "$(ends "$vip" 80)")
		equal "$said" "$(page "$vip" "$port")" || return 1
	done
}

ends()
{
	case $1 in
	*:*) echo "[$1]:$2" ;;
	*) echo "$1:$2" ;;
	esac
}

# All that is counted of services, events and drops; the host's own packets go on meanwhile.
counted()
{
	poise stats --json | jq -c '[.services, .backends, .events,
		[.reasons[] | select(.verdict != "pass")]]'
}

# The client's connections have ended, and their last packets have passed.
client_is_quiet() { ! on client ss -Htan | grep -v '^TIME-WAIT'; }

nothing_counted()
{
	local before port
	wait_for 60 client_is_quiet || return 1
	before=$(counted)
	for port in {21001..21010}; do
		poise explain tcp $CLIENT:$port "$VIP44:80"
		poise explain tcp $CLIENT:$port "$VIP44:80" --ack
	done >/dev/null
	equal "$before" "$(counted)"
}

# The frame that the switch hands to the backend has the outer addresses that explain said.
outer_seen()
{
	local vip=$1 port=$2 said backend source destination
	said=$(poise explain --json tcp "$(ends $CLIENT "$port")" "$vip:80")
	backend=$(jq -r .backend.name <<<"$said")
	source=$(jq -r .outer.source <<<"$said")
	destination=$(jq -r .outer.destination <<<"$said")
	on_start switch "dump-$port" tcpdump -n -c 1 -i "b${backend#app-0}" \
		"src $source and dst $destination and ($3)"
	wait_for 60 grep -q 'listening on' "$NET_DIR/dump-$port.log"
	page "$vip" "$port" >/dev/null
	wait_for 60 grep -q '1 packet captured' "$NET_DIR/dump-$port.log"
}

# The first port whose slot is moving: moving_port FROM BACKEND; its previous one is BACKEND.
moving_port()
{
	local port
	for ((port = $1; port < $1 + 400; port++)); do
		[ "$(explain .slot.previous tcp "$CLIENT:$port" "$VIP44:80" --ack)" != "$2" ] || break
	done
	echo "$port"
}

# A new connection of a moving slot is recorded, and its packets follow the record.
moves()
{
	local port new
	port=$(moving_port 22001 app-01)
	equal "true false draining" "$(explain '"\(.slot.moving) \(.record.found) \(.backend.state)"' \
		tcp "$CLIENT:$port" "$VIP44:80" --ack)" || return 1
	contains "$(poise explain tcp "$CLIENT:$port" "$VIP44:80" --ack)" "previous app-01" \
		"not recorded" "an unrecorded connection of a moving slot" || return 1
	new=$(explain .backend.name tcp "$CLIENT:$port" "$VIP44:80")
	equal "exception_recorded" "$(explain '.events[]' tcp "$CLIENT:$port" "$VIP44:80")" || return 1
	equal "$new" "$(explain .slot.owner tcp "$CLIENT:$port" "$VIP44:80")" || return 1
	equal "$new" "$(page "$VIP44" "$port")" || return 1
	equal "true $new closing $new" "$(explain \
		'"\(.record.found) \(.record.backend) \(.record.state) \(.backend.name)"' \
		tcp "$CLIENT:$port" "$VIP44:80" --ack)"
}

# A backend that is down: old connections go to the slot's owner.
down()
{
	local port
	host_kill b2 nginx
	wait_for 60 is_state down web app-02
	port=$(moving_port 23001 app-02)
	contains "$(poise explain tcp "$CLIENT:$port" "$VIP44:80" --ack)" "previous app-02" \
		"the previous backend takes no packets" || return 1
	foretold "$VIP44" $CLIENT "$port"
}

too_big()
{
	equal "too_big_told tx false 1590 20 1600" "$(explain '"\(.reason) \(.verdict) \(.size.fits) \(
		.size.packet) \(.size.added) \(.size.mtu)"' tcp $CLIENT:24001 "$VIP44:80" --ack \
		--length 1590 --df)" || return 1
	contains "$(poise explain tcp $CLIENT:24001 "$VIP44:80" --ack --length 1590 --df)" \
		"more than MTU 1600" "an ICMP error went back"
}

# A frame that scapy makes.
frame()
{
	/usr/bin/python3 -c "from scapy.all import *; print(raw(Ether(src='02:00:00:00:00:07')/$1).hex())"
}

fragment()
{
	local later
	later=$(frame "IP(src='$CLIENT',dst='$VIP44',frag=20,proto=17)/Raw(b'x'*64)")
	equal "fragment_early drop" "$(explain '"\(.reason) \(.verdict)"' --frame "$later")"
}

# It goes where the flow goes that it quotes, a packet of the service to its client.
icmp_error()
{
	local error of_flow
	error=$(frame "IP(src='192.0.2.9',dst='$VIP44')/ICMP(type=3,code=4,nexthopmtu=1400)/
		IP(src='$VIP44',dst='$CLIENT')/TCP(sport=80,dport=24002)")
	of_flow=$(explain .backend.name tcp $CLIENT:24002 "$VIP44:80")
	equal "true null sent $of_flow" "$(explain '"\(.packet.quoted) \(.packet.tcp_flags) \(
		.reason) \(.backend.name)"' --frame "$error")" || return 1
	contains "$(poise explain --frame "$error")" \
		"ICMP error about tcp $CLIENT:24002 -> $VIP44:80, 68 bytes"
}

strangers()
{
	equal "not_service pass false null" "$(explain \
		'"\(.reason) \(.verdict) \(.for_service_address) \(.service)"' \
		tcp $CLIENT:25001 203.0.113.99:80)" || return 1
	equal "not_service pass true null" "$(explain \
		'"\(.reason) \(.verdict) \(.for_service_address) \(.service)"' \
		tcp $CLIENT:25001 "$VIP44:81")" || return 1
	contains "$(poise explain --frame "$(frame "ARP()")")" "neither IPv4 nor IPv6" || return 1
}

bad()
{
	contains "$(refused 1 poise explain tcp "$CLIENT:1" "$VIP44:80" --interface eth7 2>&1)" \
		"found 'eth7'" || return 1
	contains "$(refused 1 poise explain tcp "$CLIENT:1" "[$VIP66]:80" 2>&1)" \
		"not of one address family" || return 1
	contains "$(refused 1 poise explain sctp "$CLIENT:1" "$VIP44:80" 2>&1)" "found 'sctp'" ||
		return 1
	contains "$(refused 1 poise explain tcp "$CLIENT:1" "$VIP44:80" --length 30 2>&1)" \
		"take 40 bytes" || return 1
	contains "$(refused 1 poise explain --frame 0a0 2>&1)" "hexadecimal" || return 1
	contains "$(refused 2 poise explain tcp "$CLIENT" "$VIP44:80" 2>&1)" "ADDRESS:PORT" || return 1
	refused 2 poise explain tcp "$CLIENT:1" || return 1
	refused 2 poise explain tcp "$CLIENT:1" "$VIP44:80" --frame 00
}

tap_begin one
{
	config_web 1 2 3
	service_yaml gue $GUE 4 1 2 3 | sed '/protocol:/a\    encapsulation: gue'
} >"$NET_CONFIG"
for i in 1 2 3; do
	ip -n "$(net_name "b$i")" address add $GUE/32 dev lo
	on "b$i" "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-b$i" \
		--vip "$VIP44" --vip "$VIP66" --vip $GUE --from 172.16.0.0/16 --from 100::/64 \
		--encapsulation ipip --encapsulation gue >>"$NET_DIR/agent.log" 2>&1
done
poised_start
check "all backends come up" wait_for 60 all_up
check "settled slots: the backend" foretold "$VIP44" $CLIENT {20001..20010}
check "settled slots, IPv6" foretold "$VIP66" $CLIENT6 {20011..20016}
check "settled, it says" equal "false sent tx true" "$(explain \
	'"\(.slot.moving) \(.reason) \(.verdict) \(.size.fits)"' tcp $CLIENT:20001 "$VIP44:80")"
check "nothing is counted" nothing_counted
check "the tunnel's addresses" outer_seen "$VIP44" 20101 "ip proto 4"
check "the tunnel's addresses, GUE" outer_seen $GUE 20102 "udp port 6080"
poise backend drain web app-01 >/dev/null
check "a moving slot: new, recorded, and old connections" moves
check "a backend that is down" down
check "a packet that does not fit" too_big
check "a fragment before the first one" fragment
check "an ICMP error about a flow" icmp_error
check "a port of 0 is one" contains "$(poise explain tcp 198.51.100.2:0 "$VIP44:80")" "198.51.100.2:0 -> $VIP44:80"
check "what is for no service" strangers
check "what cannot be asked" bad
tap_end
