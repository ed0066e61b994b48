#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every kind of service with real traffic: UDP, port ranges, all ports, prefixes, affinity, the
# schedulers that record connections, and each way to a backend.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# VIPs: the backends have the whole prefixes on lo.
ONE=203.0.113.10  # services of ports
ALL=203.0.113.40  # one of every port
NET=203.0.113.64  # a /28
NET6=2001:db8:f:: # a /64
SOURCES="198.51.100.3 198.51.100.4 198.51.100.5 198.51.100.6 198.51.100.7 198.51.100.8"
UDP_PORT=5300

tcp() { on client /usr/bin/python3 "$NET_ROOT/tests/netns/tcp_client.py" "$@"; }
udp() { on client /usr/bin/python3 "$NET_ROOT/tests/netns/udp_client.py" "$@"; }

# kind_yaml NAME ADDRESS PORT BACKENDS LINE...: a service; lines are its other keys.
kind_yaml()
{
	local i backends=$4
	cat <<-END
		  - name: $1
		    address: "$2"
		    port: $3
	END
	shift 4
	printf '    %s\n' "$@" "check: { type: tcp, port: 80, interval: 500ms }" "backends:"
	for i in $backends; do
		echo "      - { name: app-0$i, address: 10.0.1.1$i }"
	done
}

configure()
{
	config_head
	kind_yaml dns $ONE $UDP_PORT "1 2 3 4" "protocol: udp"
	kind_yaml sticky $ONE 5301 "1 2 3 4" "protocol: udp" "udp: sticky"
	kind_yaml exact $ONE 8050 "4" "protocol: tcp"
	kind_yaml range $ONE '"8000-8100"' "1 2" "protocol: tcp"
	kind_yaml all $ALL any "3" "protocol: tcp"
	kind_yaml net $NET/28 8000 "1 2 3" "protocol: tcp"
	kind_yaml net6 $NET6/64 8000 "1 2 3 4" "protocol: tcp"
	kind_yaml near 203.0.113.41 8000 "1 2 3 4" "protocol: tcp" "affinity: source"
	kind_yaml round 203.0.113.42 8000 "1 2 3 4" "protocol: tcp" "scheduler: roundrobin"
	kind_yaml least 203.0.113.43 8000 "1 2 3 4" "protocol: tcp" "scheduler: leastconn"
	kind_yaml gue 203.0.113.44 8000 "1 2" "protocol: tcp" "encapsulation: gue"
	kind_yaml gre 203.0.113.45 8000 "1 2" "protocol: tcp" "encapsulation: gre"
	kind_yaml l2 203.0.113.46 8000 "1 2" "protocol: tcp" "encapsulation: l2"
}

backend_serves()
{
	local name
	name=$(net_name "b$1")
	ip -n "$name" route add local 203.0.113.0/24 dev lo
	ip -n "$name" -6 route add local $NET6/64 dev lo
	on_start "b$1" "tcp-b$1" /usr/bin/python3 "$NET_ROOT/tests/netns/tcp_server.py" "app-0$1" \
		8000 8050 8100 8101 65535
	on_start "b$1" "udp-b$1" /usr/bin/python3 "$NET_ROOT/tests/netns/udp_server.py" "app-0$1" \
		$UDP_PORT $ONE
	on_start "b$1" "sticky-b$1" /usr/bin/python3 "$NET_ROOT/tests/netns/udp_server.py" "app-0$1" \
		5301 $ONE
	on "b$1" "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-b$1" \
		--vip 203.0.113.0/24 --vip $NET6/64 --from 172.16.0.0/16 --from 100::/64 \
		--encapsulation ipip --encapsulation gue --encapsulation gre >>"$NET_DIR/agent.log" 2>&1
	wait_for 60 grep -q ready "$NET_DIR/tcp-b$1.log"
	wait_for 60 grep -q ready "$NET_DIR/udp-b$1.log"
	wait_for 60 grep -q ready "$NET_DIR/sticky-b$1.log"
}

# servers NAMES ADDRESS PORT N: connections come to just these servers. Chance alone leaves one of two out
# of 50 connections in a run of 10^14, one of three out of 80 in 10^13, one of four out of 110 in 10^13.
servers()
{
	equal "$1" "$(tcp "$2" "$3" "open:$4" | xargs -n 2 | cut -d ' ' -f 1 | xargs)"
}

# Datagrams come back, from each of the servers.
datagrams()
{
	equal "app-01 app-02 app-03 app-04" \
		"$(udp $ONE "$1" 110 100 | tally | cut -d ' ' -f 1 | xargs)"
}

# Nothing answers there, and no backend is asked.
closed()
{
	local before
	before=$(status '[.services[].packets] | add')
	! tcp "$1" "$2" within:2 open:1 2>/dev/null || return 1
	equal "$before" "$(status '[.services[].packets] | add')"
}

# All connections of a source come to one backend; those of all sources do not.
near()
{
	local source got all=
	for source in $SOURCES; do
		got=$(tcp 203.0.113.41 8000 "from:$source" open:12)
		echo "$source: $got"
		[ "$(wc -w <<<"$got")" = 2 ] || return 1
		all="$all ${got% *}"
	done
	[ "$(xargs -n 1 <<<"$all" | sort -u | wc -l)" -gt 1 ]
}

round()
{
	equal "app-01 10 app-02 10 app-03 10 app-04 10" "$(tcp 203.0.113.42 8000 open:40)"
}

# By weight, to one connection: eight rounds of 1 + 1 + 2 + 1.
round_weighted()
{
	local got
	poise backend weight round app-03 200
	got=$(tcp 203.0.113.42 8000 open:40)
	echo "$got"
	awk '{ bad = NF != 8
		for (i = 2; i <= NF; i += 2) {
			n = $i - ($(i - 1) == "app-03" ? 16 : 8)
			bad += n < -1 || n > 1
		}
		exit bad }' <<<"$got"
}

# Long connections stay at two of the four: what comes next goes to the others.
least()
{
	local got
	got=$(tcp 203.0.113.43 8000 open:40 close:app-01 close:app-03 open:20 still)
	equal "app-01 10 app-02 10 app-03 10 app-04 10
app-01 10 app-03 10
40" "$got"
}

# Connections that the client keeps open: held NAME ADDRESS PORT N; held_end NAME prints how many still
# reach their servers.
held()
{
	rm -f "$NET_DIR/$1.end" "$NET_DIR/$1.log"
	on_start client "$1" /usr/bin/python3 "$NET_ROOT/tests/netns/tcp_client.py" "$2" "$3" \
		"open:$4" "until:$NET_DIR/$1.end" still
	printf -v "HELD_$1" %s $!
	wait_for 60 grep -q app "$NET_DIR/$1.log"
}

held_end()
{
	local pid=HELD_$1
	touch "$NET_DIR/$1.end"
	wait_for 60 pids_gone "${!pid}" # which may be another shell's child
	tail -n 1 "$NET_DIR/$1.log"
}

# A drained backend keeps its connections, and the count of active ones tells when they are gone.
least_drained()
{
	wait_for 60 active_is least 0 || return 1
	held drained 203.0.113.43 8000 8
	active_is least 8 || return 1
	poise backend drain least app-02
	servers "app-01 app-03 app-04" 203.0.113.43 8000 12 || return 1
	equal 8 "$(held_end drained)" || return 1
	poise backend undrain least app-02
	wait_for 60 active_is least 0
}

active_is()
{
	equal "$2" "$(status "[.services[] | select(.name == \"$1\").backends[].active] | add")"
}

# A backend by command, reached in another way than the others; a restart does not forget which.
added()
{
	poise backend add gue app-03 10.0.1.13 --encapsulation gre
	wait_for 60 is_state up gue app-03
	servers "app-01 app-02 app-03" 203.0.113.44 8000 80 || return 1
	equal "gre added" "$(status_of gue app-03 encapsulation) $(status_of gue app-03 differs[])" ||
		return 1
	refused 1 poise backend add gue app-04 10.0.1.14 --encapsulation vxlan &&
		refused 1 poise backend add gue app-04 10.0.1.14 --server-id 0a
}

# A service that takes ports over from a wider one leaves the others, and its connections, alone.
narrowed()
{
	held wide $ONE 8000 20
	{
		configure
		kind_yaml narrow $ONE '"8090-8100"' "3" "protocol: tcp"
	} >"$NET_CONFIG"
	poise reload
	wait_for 60 all_up
	servers "app-01 app-02" $ONE 8000 50 || return 1
	servers "app-03" $ONE 8100 10 || return 1
	equal 20 "$(held_end wide)" || return 1
	configure >"$NET_CONFIG"
	poise reload
	servers "app-01 app-02" $ONE 8100 50
}

restarted()
{
	held range $ONE 8000 20
	held prefix $NET6 8000 20
	poised_stop KILL
	poised_start
	wait_for 60 all_up
	equal "20 20" "$(held_end range) $(held_end prefix)" || return 1
	grep -q 'took up 13 services and' "$NET_DIR/poised.log"
}

tap_begin one
for source in $SOURCES; do
	ip -n "$(net_name client)" address add "$source/32" dev eth0
	ip -n "$(net_name switch)" route add "$source/32" dev client
done
for i in 1 2 3 4; do
	backend_serves "$i"
done
configure >"$NET_CONFIG"
poised_start
check "all backends of all services come up" wait_for 60 all_up

check "UDP: datagrams to all backends" datagrams $UDP_PORT
check "UDP, sticky: datagrams to all backends" datagrams 5301
check "a port of a range" servers "app-01 app-02" $ONE 8000 50
check "the last port of a range" servers "app-01 app-02" $ONE 8100 50
check "a port beside a range is closed" closed $ONE 8101
check "a service of one port within a range" servers app-04 $ONE 8050 5
check "any port: one" servers app-03 $ALL 8101 5
check "any port: another" servers app-03 $ALL 65535 5
check "an IPv4 prefix: its first address" servers "app-01 app-02 app-03" $NET 8000 80
check "an IPv4 prefix: its last address" servers "app-01 app-02 app-03" 203.0.113.79 8000 80
check "beyond an IPv4 prefix" closed 203.0.113.80 8000
check "an IPv6 /64" servers "app-01 app-02 app-03 app-04" 2001:db8:f::1:2:3:4 8000 110
check "affinity: a client's connections come to one backend" near
check "roundrobin: exact shares" round
check "roundrobin: shares by weight" round_weighted
check "leastconn: where the fewest are" least
check "leastconn: a drain, and ended connections are counted off" least_drained
check "gue" servers "app-01 app-02" 203.0.113.44 8000 50
check "gre" servers "app-01 app-02" 203.0.113.45 8000 50
check "l2" servers "app-01 app-02" 203.0.113.46 8000 50
check "a backend added with a way of its own" added
check "a narrower service comes and goes" narrowed
check "poised is killed: the next one takes all of it up" restarted
check "as before: a prefix" servers "app-01 app-02 app-03" $NET 8000 80
check "as before: UDP" datagrams $UDP_PORT
check "as before: the added backend" servers "app-01 app-02 app-03" 203.0.113.44 8000 80
tap_end
