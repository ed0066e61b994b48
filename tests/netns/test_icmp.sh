#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ICMP between real hosts: the balancer answers pings to the VIPs; path MTU discovery works towards
# backends behind a narrow tunnel, and from backends to clients behind a narrow link.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

NARROW=1400 # bytes: MTU of the way to the backends; the clients' is 1500
IPIP4=20    # bytes of the tunnel's header
IPIP6=40
NARROWER=1300 # MTU of the last link to the client

# A counter of `poise stats`: reason NAME, or event NAME.
reason() { poise stats --json | jq ".reasons[] | select(.name == \"$1\").packets"; }
event() { poise stats --json | jq ".events[] | select(.name == \"$1\").count"; }

# The packets that went to backends so far.
sent() { status '[.services[].packets] | add'; }

# Pings are answered, each of them by the balancer, and no backend sees any.
pings_answered()
{
	local answered sent
	answered=$(reason echo_answered)
	sent=$(sent)
	on client ping -c 10 -i 0.05 -W 30 "$@" || return 1
	equal $((answered + 10)) "$(reason echo_answered)" && equal "$sent" "$(sent)"
}

pings_passed()
{
	local passed answered
	passed=$(reason icmp_passed)
	answered=$(reason echo_answered)
	! on client ping -c 2 -i 0.1 -W 1 "$1" || return 1
	equal $((passed + 2)) "$(reason icmp_passed)" && equal "$answered" "$(reason echo_answered)"
}

# A ping to the balancer's own address is the host's.
own_pings()
{
	local answered
	answered=$(reason echo_answered)
	on client ping -c 3 -i 0.1 -W 30 "$1" && equal "$answered" "$(reason echo_answered)"
}

# path_mtu HOST ADDRESS...: what the kernel of HOST has learned for ADDRESS; 0: nothing.
path_mtu()
{
	local host=$1
	shift
	on "$host" ip route get "$@" | grep -o 'expires [0-9]*sec mtu [0-9]*' | cut -d ' ' -f 4 |
		grep . || echo 0
}

# An upload through a tunnel that full packets do not fit: the client is told, once or a few times,
# and learns what fits.
upload_learns()
{
	local vip=$1 mtu=$2 told
	told=$(reason too_big_told)
	equal 0 "$(path_mtu client "$vip")" || return 1
	equal "200 $(stat -c %s "$NET_DIR/data")" "$(upload "$vip")" || return 1
	equal "$mtu" "$(path_mtu client "$vip")" || return 1
	echo "told: $told, then $(reason too_big_told)"
	[ "$(reason too_big_told)" -gt "$told" ]
}

# What the backends have learned for ADDRESS, from any VIP: the largest of it.
backends_learned()
{
	local i
	for i in 1 2 3 4; do
		path_mtu "b$i" "$1" from "$2"
	done | sort -n | tail -n 1
}

backends_forget()
{
	local i
	for i in 1 2 3 4; do
		on "b$i" ip route flush cache
		on "b$i" ip -6 route flush cache
	done
}

# A download over a link that the backend's full packets do not fit: the router's error comes to the
# VIP, and through it to the backend.
download_learns()
{
	local vip=$1 client=$2 forwarded
	forwarded=$(event icmp_forwarded)
	backends_forget
	equal 0 "$(backends_learned "$client" "$vip")" || return 1
	equal "$(cat "$NET_DIR/data.sum")" \
		"$(on client curl -sS --max-time 300 "$(url "$vip" /data)" | sha256sum)" || return 1
	equal "$NARROWER" "$(backends_learned "$client" "$vip")" || return 1
	echo "forwarded: $forwarded, then $(event icmp_forwarded)"
	[ "$(event icmp_forwarded)" -gt "$forwarded" ]
}

tap_begin two
ip -n "$(net_name balancer)" link set lb1 mtu $NARROW
{
	config_web 1 2 3 4
	service_yaml web46 "$VIP46" 6 1 2 3 4
	service_yaml web64 "$VIP64" 4 1 2 3 4
} >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up

check "IPv4: pings to a VIP are answered" pings_answered "$VIP44"
check "IPv6: pings to a VIP are answered" pings_answered "$VIP66"
check "IPv4: large pings to a VIP are answered" pings_answered -s 1472 -M "do" "$VIP44"
check "IPv6: large pings to a VIP are answered" pings_answered -s 1452 -M "do" "$VIP66"
check "IPv4: pings to the balancer's own address are the host's" own_pings 192.0.2.2
check "IPv6: pings to the balancer's own address are the host's" own_pings 2001:db8:3::2

check "4in4: a client learns what fits the tunnel" upload_learns "$VIP44" $((NARROW - IPIP4))
check "6in6: a client learns what fits the tunnel" upload_learns "$VIP66" $((NARROW - IPIP6))
check "4in6: a client learns what fits the tunnel" upload_learns "$VIP46" $((NARROW - IPIP6))
check "6in4: a client learns what fits the tunnel" upload_learns "$VIP64" $((NARROW - IPIP4))

ip -n "$(net_name switch)" link set client mtu $NARROWER
check "IPv4: a backend learns of a narrow link to the client" \
	download_learns "$VIP44" 198.51.100.2
check "IPv6: a backend learns of a narrow link to the client" \
	download_learns "$VIP66" 2001:db8:1::2
check "IPv4 through an IPv6 tunnel: so does another" download_learns "$VIP46" 198.51.100.2
check "IPv6 through an IPv4 tunnel: so does another" download_learns "$VIP64" 2001:db8:1::2

sed -i '1i icmp: { echo: false }' "$NET_CONFIG"
check "echo is turned off" poise reload
check "IPv4: pings to a VIP are passed to the host" pings_passed "$VIP44"
check "IPv6: pings to a VIP are passed to the host" pings_passed "$VIP66"
tap_end
