#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise-agent's options: what is refused, what status shows of them, what doctor says of second chance's.

# shellcheck source=pair.sh
. "$(dirname "$0")/pair.sh"

test_usage()
{
	local place load
	check "no command: usage" code 2 "$AGENT"
	check "unknown command: usage" code 2 "$AGENT" atach eth0
	check "no VIP: usage" code 2 "$AGENT" attach eth0
	check "bad VIP: usage" code 2 "$AGENT" attach eth0 --vip 203.0.113.300
	check "multicast VIP: usage" code 2 "$AGENT" attach eth0 --vip 224.0.0.1
	check "VIPs of a prefix that is too short: usage" \
		code 2 "$AGENT" attach eth0 --vip 2001:db8::/31
	check "VIPs of a prefix with bits after its length: usage" \
		says "bits after the prefix length are set" "$AGENT" attach eth0 --vip 2001:db8::1/64
	check "unknown encapsulation: usage" \
		says "allowed are ipip, gue and gre" "$AGENT" attach eth0 --vip $VIP4 --encapsulation l2
	check "port 0: usage" code 2 "$AGENT" attach eth0 --vip $VIP4 --gue-port 0
	check "port 65536: usage" code 2 "$AGENT" attach eth0 --vip $VIP4 --gue-port 65536
	check "bad prefix: usage" code 2 "$AGENT" attach eth0 --vip $VIP4 --from 10.0.0.1/8
	check "unknown mode: usage" code 2 "$AGENT" attach eth0 --vip $VIP4 --mode fast
	check "bits after a hop's prefix: usage" code 2 "$AGENT" attach eth0 --vip $VIP4 \
		--second-chance 10.0.1.0/24 10.0.1.1/24
	check "second chance without GUE: usage" says "needs --encapsulation gue" "$AGENT" attach \
		eth0 --vip $VIP4 --encapsulation ipip --second-chance 10.0.1.0/24
	check "a namespace without a path: usage" says "not an absolute path" "$AGENT" attach eth0 \
		--vip $VIP4 --netns web
	check "33 namespaces: usage" says "more than 32" "$AGENT" attach eth0 --vip $VIP4 \
		--netns $(printf '/run/netns/%s ' {1..33})
	check "a source that is too short: usage" says "at least /8" "$AGENT" attach eth0 \
		--vip $VIP4 --source 172.0.0.0/7
	check "a segment size of no host: usage" says "from 536 to 65495" "$AGENT" attach eth0 \
		--vip $VIP4 --mss 535
	for place in 0 65536 10.0.1.11:x 10.0.1.11: :80 2001:db8:2::11:80 '[10.0.1.11]:80' '[]:80' host:80; do
		check "--agent-check $place: usage" says "allowed are PORT, ADDRESS:PORT" "$AGENT" run \
			eth0 --vip $VIP4 --agent-check "$place"
	done
	for load in 0 -1 nan inf 1x 10001; do
		check "--load-target $load: usage" says "not a number of tasks a CPU" "$AGENT" run \
			eth0 --vip $VIP4 --load-target $load
	done
	check "--drain-time -1: usage" says "not a number of seconds" "$AGENT" run eth0 \
		--vip $VIP4 --drain-time -1
	check "--drain-file without a directory: usage" says "not an absolute path" "$AGENT" run eth0 \
		--vip $VIP4 --drain-file drain
	check "an option of run alone: usage" says "--user is not an option of this command" \
		"$AGENT" attach eth0 --vip $VIP4 --user nobody
	check "an option of another command: usage" code 2 "$AGENT" detach eth0 --json
	check "doctor: VIPs of no interface: usage" \
		says "needs the interface" "$AGENT" doctor --vip $VIP4
	check "doctor: options of attach alone: usage" code 2 "$AGENT" doctor eth0 --setup
	check "doctor: no such interface: refused" code 1 agent doctor eth7
	check "no such interface: refused" code 1 agent attach eth7 --vip $VIP4
	check "loopback: refused" code 1 agent attach lo --vip $VIP4
	check "pins outside of bpffs: refused" \
		code 1 agent attach eth0 --vip $VIP4 --pin-path "$DIR/no"
	check "pins outside of bpffs: nothing is left there" test ! -e "$DIR/no"
	check "version" says "ABI version 3" "$AGENT" version
	check "help" says "poise-agent attach IFACE --vip" "$AGENT" help
	check "detach of nothing: refused" code 1 agent_pinned detach eth0
}

# Options alone: what they do is for other tests.
test_second_chance_options()
{
	local path=/run/netns/$ID-web id other=/run/netns/$ID-web2
	agent_pinned attach eth0 --vip $VIP4 $VIP6 >/dev/null 2>&1
	check "second chance is off by default" equal "False [] []" \
		"$(status "s['second_chance'], s['hops'], s['namespaces']" | tr -d '(),')"
	check "the segment size is that of the MTU (1500), GUE and IPv6" equal "1408 1388" \
		"$(status "s['mss_ipv4'], s['mss_ipv6']" | tr -d '(),')"
	check "a namespace that is not there: refused" says "--netns \"$path\": No such file" \
		agent_pinned attach eth0 --vip $VIP4 --netns "$path"
	check "a file that is no namespace: refused" says "not a network namespace" \
		agent_pinned attach eth0 --vip $VIP4 --netns /etc/hostname
	check "a namespace of another kind: refused" says "not a network namespace" \
		agent_pinned attach eth0 --vip $VIP4 --netns /proc/self/ns/uts
	check "... and nothing has changed" equal "['$VIP4', '$VIP6']" \
		"$(status "[v['address'] for v in s['vips']]")"
	ip netns add "$ID-web"
	ip netns add "$ID-web2"
	agent_pinned attach eth0 --vip $VIP4 $VIP6 --second-chance 10.0.1.0/24 2001:db8:2::/64 \
		--netns "$path" "$other" "$path" --source 172.20.0.0/20 fd00:5::/120 --mss 1300 \
		>/dev/null 2>&1
	check "status shows the hops" equal "True ['10.0.1.0/24' '2001:db8:2::/64']" \
		"$(status "s['second_chance'], s['hops']" | tr -d '(),')"
	check "... where tunnels of another family come from" \
		says "from: 172.20.0.0/20, fd00:5::/120" agent status eth0
	id=$(on backend ip -j netns list-id | jq -c "[.[] | select(.name | startswith(\"$ID-web\")).nsid] | sort")
	check "... the namespaces, each once" equal "$id" "$(status "sorted(s['namespaces'])" | tr -d ' ')"
	check "... which are two" equal 2 "$(jq length <<<"$id")"
	check "a segment size is that of IPv4" equal "1300 1280" \
		"$(status "s['mss_ipv4'], s['mss_ipv6']" | tr -d '(),')"
	agent_pinned attach eth0 --vip $VIP4 $VIP6 --netns "$other" --mss off >/dev/null 2>&1
	check "without the options it is off again" equal "False [] 1 0" \
		"$(status "s['second_chance'], s['hops'], len(s['namespaces']), s['mss_ipv4']" | tr -d '(),')"
	ip netns del "$ID-web"
	ip netns del "$ID-web2"
}

finding() { says "$1" agent doctor eth0 "${@:2}"; }

# A family's packets go on over the other one, from --source; and what else second chance needs.
test_second_chance_doctor()
{
	local path=/run/netns/$ID-web
	ip netns add "$ID-web"
	agent_pinned attach eth0 --vip $VIP4 $VIP6 --from 10.0.1.0/24 --second-chance 10.0.1.0/24 \
		2001:db8:2::/64 192.168.77.0/24 10.0.1.99 --netns "$path" --mss 1400 >/dev/null 2>&1
	check "doctor: a hop without a route" finding \
		"problem hop_route      eth0: no route leads to 192.168.77.0/24"
	check "doctor: a hop with one" finding "10.0.1.0/24 is reached by eth0" --verbose
	on backend ping -c 1 -W 1 10.0.1.99 >/dev/null 2>&1 || true
	check "doctor: a hop that does not answer" wait_until finding \
		"warning hop_route      eth0: on the way to 10.0.1.99 of --second-chance, 10.0.1.99 on eth0"
	check "doctor: a source that --from does not name" finding \
		"problem hop_source     eth0: --from does not name 100::/96"
	check "doctor: a segment size that does not fit" finding \
		"warning mtu            eth0: --mss lets IPv4 clients send segments of 1400, the tunnel into eth0 (MTU 1500) takes 1372"
	check "doctor: a namespace that is there" finding "of --netns is there" --verbose
	ip netns del "$ID-web"
	check "doctor: a namespace that is gone" wait_until finding "of --netns is gone"
	agent_pinned attach eth0 --vip $VIP4 $VIP6 --from 172.16.0.0/16 --from 100::/64 \
		--second-chance 10.0.1.0/24 2001:db8:2::/64 >/dev/null 2>&1
	check "doctor: what is right is fine" equal "" "$(agent doctor eth0 | grep -E 'hop_|mtu|netns' || true)"
	agent_pinned detach eth0 >/dev/null
	check "doctor before attaching: the same" finding "no route leads to 192.168.77.0/24" \
		--vip $VIP4 --second-chance 192.168.77.0/24
	check "... and of namespaces" finding "warning netns          eth0: $path: No such file" \
		--vip $VIP4 --netns "$path"
	agent_pinned attach eth0 --vip $VIP4 $VIP6 >/dev/null 2>&1
}

pair_begin
test_usage
test_second_chance_options
test_second_chance_doctor
pair_end
