#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# UDP between real hosts, in datagrams that the client's link carries in fragments: each reaches one
# backend whole, and is answered.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

PORT=5300
COUNT=110     # datagrams, each a flow of its own
LARGE=4000    # bytes of a datagram in three fragments: two follow
LARGEST=60000 # in 41

reason() { poise stats --json | jq ".reasons[] | select(.name == \"$1\").packets"; }
event() { poise stats --json | jq ".events[] | select(.name == \"$1\").count"; }

datagrams() { on client /usr/bin/python3 "$NET_ROOT/tests/netns/udp_client.py" "$@"; }

# udp_yaml NAME VIP FAMILY: a service of all four backends.
udp_yaml()
{
	local i
	cat <<-END
		  - name: $1
		    address: "$2"
		    port: $PORT
		    protocol: udp
		    check: { type: tcp, port: 80, interval: 500ms }
		    backends:
	END
	for i in 1 2 3 4; do
		echo "      - { name: app-0$i, address: \"$(backend_address "$i" "$3")\" }"
	done
}

server_start_udp()
{
	on_start "b$1" "udp-b$1" /usr/bin/python3 "$NET_ROOT/tests/netns/udp_server.py" "app-0$1" $PORT \
		"$VIP44" "$VIP46" "$VIP66" "$VIP64"
	wait_for 60 grep -q ready "$NET_DIR/udp-b$1.log"
}

# answered VIP BYTES FOLLOWERS: every backend answers some, all come back whole, and of each datagram
# so many fragments followed the first one.
answered()
{
	local got followed early
	followed=$(event fragment_followed)
	early=$(reason fragment_early)
	got=$(datagrams "$1" $PORT $COUNT "$2" | tally)
	echo "$got"
	equal "app-01 app-02 app-03 app-04" "$(cut -d ' ' -f 1 <<<"$got" | xargs)" || return 1
	equal $((followed + COUNT * $3)) "$(event fragment_followed)" || return 1
	equal "$early" "$(reason fragment_early)"
}

largest()
{
	local followed
	followed=$(event fragment_followed)
	datagrams "$1" $PORT 4 $LARGEST | grep -c app | grep -x 4 || return 1
	equal $((followed + 4 * 40)) "$(event fragment_followed)"
}

# While datagrams come in, a backend is drained: none is lost, and none torn in two.
drained()
{
	local got
	datagrams "$1" $PORT $COUNT $LARGE >"$NET_DIR/drained" &
	poise backend drain udp app-02
	wait $!
	poise backend undrain udp app-02
	got=$(tally <"$NET_DIR/drained")
	echo "$got"
	! grep -q 'lost\|broken' <<<"$got"
}

# Full fragments do not fit the tunnel: the client is told, loses the first datagram, as UDP does, and
# makes smaller fragments from then on.
learned()
{
	local told got
	told=$(reason too_big_told)
	got=$(datagrams "$1" $PORT 5 $LARGE 5 | xargs)
	echo "told: $told, then $(reason too_big_told); $got"
	[ "$(reason too_big_told)" -gt "$told" ] && ! grep -q 'broken\|app.*lost' <<<"$got" &&
		grep -q 'app.* app.* app.* app' <<<"$got"
}

# The way to every backend takes packets of so many bytes.
mtu_is() { equal "[$1]" "$(status -c '[.services[].backends[].next_hop.mtu] | unique')"; }

tap_begin one
for i in 1 2 3 4; do
	server_start_udp "$i"
	# or the first answer, in fragments that do not fit the client's link, would be lost
	ip -n "$(net_name "b$i")" -6 route change default via 2001:db8:2::1 mtu 1500
done
{
	config_head
	udp_yaml udp "$VIP44" 4
	udp_yaml udp6 "$VIP66" 6
	udp_yaml udp46 "$VIP46" 6
	udp_yaml udp64 "$VIP64" 4
} >"$NET_CONFIG"
poised_start
check "all backends of all services come up" wait_for 60 all_up

check "IPv4: small datagrams" answered "$VIP44" 100 0
check "IPv6: small datagrams" answered "$VIP66" 100 0
check "4in4: datagrams in three fragments" answered "$VIP44" $LARGE 2
check "6in6: datagrams in three fragments" answered "$VIP66" $LARGE 2
check "4in6: datagrams in three fragments" answered "$VIP46" $LARGE 2
check "6in4: datagrams in three fragments" answered "$VIP64" $LARGE 2
check "IPv4: datagrams in 41 fragments" largest "$VIP44"
check "a drain loses no datagram in fragments" drained "$VIP44"

ip -n "$(net_name balancer)" link set lb0 mtu 1500
check "the way to the backends becomes narrower" wait_for 60 mtu_is 1500
check "IPv6: the client learns to make smaller fragments" learned "$VIP66"
tap_end
