#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise-agent on a backend of its own: real tunnel packets, a real TCP server.
#
#     balancer                                   backend
#   eth0 10.0.1.2, 2001:db8:2::2 ------------- eth0 10.0.1.11, 2001:db8:2::11   (XDP)
#   agent_tunnel.py: packets of the clients    lo   203.0.113.10, 2001:db8:f::10, by --setup
#   198.51.100.2, 2001:db8:1::2                agent_server.py on port 80
#
# The backend answers the clients through the balancer, which has none of their addresses: its stack
# drops the answers, and agent_tunnel.py reads them off the wire.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
AGENT=${NET_BUILD:-$HERE/../../build}/poise-agent
NEXT=${NET_BUILD:-$HERE/../../build}/next/build/poise-agent # of another ABI version
ID=poise-agent-$$
DIR=/run/$ID
PINS=$DIR/bpf/agent
VIP4=203.0.113.10
VIP6=2001:db8:f::10
COUNT=0
SERVER=
CHAIN=

on()
{
	local host=$1
	shift
	nsenter --net="/run/netns/$ID-$host" "$@"
}

agent() { on backend "$AGENT" "$@"; }
agent_pinned() { agent "$@" --pin-path "$PINS"; }
tunnel() { on balancer /usr/bin/python3 "$HERE/agent_tunnel.py" "$@"; }

clean_up()
{
	trap '' INT TERM
	if [ -n "$SERVER" ]; then
		kill "$SERVER" 2>/dev/null || true
	fi
	ip netns del "$ID-balancer" 2>/dev/null || true
	ip netns del "$ID-backend" 2>/dev/null || true
	ip netns del "$ID-web" 2>/dev/null || true
	ip netns del "$ID-web2" 2>/dev/null || true
	umount "$DIR/bpf" 2>/dev/null || true
	rm -rf "$DIR"
}

# check NAME COMMAND...: one test; what the command said is shown when it fails.
check()
{
	local name=$1
	shift
	COUNT=$((COUNT + 1))
	if "$@" >"$DIR/check.out" 2>&1; then
		echo "ok $COUNT - $name"
	else
		echo "not ok $COUNT - $name"
		sed 's/^/#   /' "$DIR/check.out"
	fi
}

skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

host_up()
{
	local host=$1 number=$2 mac=$3
	ip -n "$ID-$host" link set lo up
	ip -n "$ID-$host" link set eth0 address "$mac"
	ip -n "$ID-$host" addr add "10.0.1.$number/24" dev eth0
	ip -n "$ID-$host" addr add "2001:db8:2::$number/64" dev eth0 nodad
	ip -n "$ID-$host" link set eth0 up
	on "$host" ethtool -K eth0 tx off tso off gso off >/dev/null
}

network_up()
{
	mkdir -p "$DIR/bpf"
	mount -t bpf bpf "$DIR/bpf"
	ip netns add "$ID-balancer"
	ip netns add "$ID-backend"
	ip link add eth0 netns "$ID-balancer" type veth peer name eth0 netns "$ID-backend"
	host_up balancer 2 02:00:00:00:01:02
	host_up backend 11 02:00:00:00:01:0b
	ip -n "$ID-backend" route add 198.51.100.0/24 via 10.0.1.2
	ip -n "$ID-backend" route add 2001:db8:1::/64 via 2001:db8:2::2
}

server_up()
{
	mkfifo "$DIR/ready"
	nsenter --net="/run/netns/$ID-backend" /usr/bin/python3 "$HERE/agent_server.py" \
		>"$DIR/ready" 2>"$DIR/server.log" &
	SERVER=$!
	read -r -t 20 _ <"$DIR/ready"
}

# What status says, by a Python expression of s, the interface's object.
status()
{
	agent status eth0 --json |
		/usr/bin/python3 -c "import json, sys
s = json.load(sys.stdin)['interfaces'][0]
print($1)"
}

counter() { status "s['counters']['$1']"; }

equal()
{
	[ "$1" != "$2" ] || return 0
	echo "expected: $1"
	echo "got:      $2"
	return 1
}

contains()
{
	case $1 in
	*"$2"*) return 0 ;;
	esac
	echo "expected to find: $2"
	echo "got: $1"
	return 1
}

# code EXPECTED COMMAND...: its exit code.
code()
{
	local expected=$1 got=0
	shift
	"$@" || got=$?
	equal "$expected" "$got"
}

# says TEXT COMMAND...: its output, with stderr, has the text.
says()
{
	local text=$1
	shift
	contains "$("$@" 2>&1 || true)" "$text"
}

unknown_protocols()
{
	on backend nstat -asz IpInUnknownProtos | awk '/IpInUnknownProtos/ { print $2 }'
}

#
# the tests
#

# The server says the VIP: by exchange's arguments the given one, or the one of the inner family.
exchanged()
{
	local vip=${5:-$VIP6}
	[ "$2" = 6 ] || vip=::ffff:$VIP4
	equal "got hello on $vip" "$(tunnel exchange "$@" 2>&1)"
}

refused() { says "no answer to the SYN" tunnel exchange "$@"; }

balancer_of() { [ "$1" = 4 ] && echo 10.0.1.2 || echo 2001:db8:2::2; }
stranger_of() { [ "$1" = 4 ] && echo 10.9.9.9 || echo 2001:db8:9::9; }

# counts COUNTER BEFORE: it has grown.
grew()
{
	local now
	now=$(counter "$1")
	[ "$now" -gt "$2" ] || equal "$1 over $2" "$now"
}

attached() { contains "$(agent status eth0)" "$1"; }

# pins NAME...: what is pinned, sorted.
pins() { equal "$*" "$(find "$PINS/eth0" -type f -printf '%f\n' | sort | xargs)"; }

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
	check "status counts the packets of both VIPs" equal "[True, True]" \
		"$(status "[v['packets'] > 0 and v['bytes'] >= 40 * v['packets'] for v in s['vips']]")"
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

# Repeats a check until it succeeds, at most 20 s long.
wait_until()
{
	local end=$((SECONDS + 20))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || break
		sleep 0.1
	done
	"$@"
}

test_other_traffic()
{
	local before protocols
	before=$(counter not_vip)
	protocols=$(unknown_protocols)
	tunnel other
	check "a tunnel packet for another address: counted" grew not_vip "$before"
	check "a tunnel packet for another address: the stack gets it" \
		equal $((protocols + 1)) "$(unknown_protocols)"
	check "ping" on balancer ping -c 1 -W 2 10.0.1.11
	check "ping, IPv6" on balancer ping -c 1 -W 2 2001:db8:2::11
	check "TCP without a tunnel" says "got hi on" on balancer \
		bash -c 'exec 3<>/dev/tcp/10.0.1.11/80; echo -n hi >&3; cat <&3'
}

# Sets and program are changed, over and over, while packets come that both sets allow.
test_change_under_load()
{
	local refused before sent protocols i
	mkfifo "$DIR/stop"
	refused=$(status "s['counters']['bad_source'] + s['counters']['not_vip']")
	before=$(counter decapsulated_4in4)
	protocols=$(unknown_protocols)
	tunnel stream <"$DIR/stop" >"$DIR/sent" &
	exec 4>"$DIR/stop"
	until [ "$(counter decapsulated_4in4)" -gt "$before" ]; do :; done
	for i in 1 2 3 4 5 6 7 8; do
		agent_pinned attach eth0 --vip $VIP4 203.0.113.2$i --from 10.0.1.0/24 >/dev/null 2>&1
		agent_pinned attach eth0 --vip $VIP4 $VIP6 --from 10.0.0.0/8 >/dev/null 2>&1
		agent_pinned attach eth0 --vip $VIP4 >/dev/null 2>&1
	done
	exec 4>&-
	wait $!
	sent=$(cat "$DIR/sent")
	check "VIPs, sources and program change under $sent packets: none is refused" equal "$refused" \
		"$(status "s['counters']['bad_source'] + s['counters']['not_vip']")"
	check "... and none passes unopened" equal "$protocols" "$(unknown_protocols)"
	check "... and the counters live on" grew decapsulated_4in4 $((before + sent / 2))
	check "without --from any source will do" exchanged 4 4 10.9.9.9
	check "a VIP that is not given again is gone" equal "['$VIP4']" \
		"$(status "[v['address'] for v in s['vips']]")"
}

test_modes()
{
	check "another mode while attached: refused" \
		code 1 agent_pinned attach eth0 --vip $VIP6 --mode generic
	check "... and nothing has changed" equal "['$VIP4']" \
		"$(status "[v['address'] for v in s['vips']]")"
	agent_pinned detach eth0 >/dev/null
	agent_pinned attach eth0 --vip $VIP4 $VIP6 --mode generic >/dev/null
	check "generic mode" attached "generic mode"
	check "generic mode: doctor warns of it" says "warning mode           eth0" agent doctor
	check "generic mode: which is exit code 1" code 1 agent doctor
	for inner in 4 6; do
		check "generic mode, ${inner}in4: a TCP connection" exchanged 4 $inner 10.0.1.2
		check "generic mode, ${inner}in6: a TCP connection" exchanged 6 $inner 2001:db8:2::2
	done
}

next() { on backend "$NEXT" "$@"; }

# Another version, with other maps, takes over and gives back, under packets that each would open.
test_versions()
{
	local refused before protocols sent i
	if [ ! -x "$NEXT" ]; then
		COUNT=$((COUNT + 1))
		echo "ok $COUNT - another version # SKIP $NEXT is not built"
		return
	fi
	agent_pinned attach eth0 --vip $VIP4 $VIP6 --mode generic >/dev/null 2>&1
	before=$(counter decapsulated_4in4)
	protocols=$(unknown_protocols)
	mkfifo "$DIR/stop2"
	tunnel stream <"$DIR/stop2" >"$DIR/sent" &
	exec 4>"$DIR/stop2"
	until [ "$(counter decapsulated_4in4)" -gt $((before + 100)) ]; do :; done
	check "an older version is attached: the next one says so and takes over" \
		says "becomes one of version 99" next attach eth0 --vip $VIP4 $VIP6 \
		--pin-path "$PINS"
	check "... as status says" says "of ABI version 99" agent status eth0
	check "... and doctor" says "problem version        eth0" agent doctor eth0
	check "... and JSON" equal "generic single 99 False" \
		"$(status "s['mode'], 'single', s['abi_version'], 'vips' in s" | tr -d "(),'")"
	for i in 1 2 3 4; do
		agent_pinned attach eth0 --vip $VIP4 $VIP6 >/dev/null 2>&1
		next attach eth0 --vip $VIP4 --pin-path "$PINS" >/dev/null 2>&1
	done
	check "the older version takes over" says "becomes one of version 3" \
		agent_pinned attach eth0 --vip $VIP4 $VIP6
	exec 4>&-
	wait $!
	sent=$(cat "$DIR/sent")
	check "$sent packets meanwhile: none passes unopened" equal "$protocols" \
		"$(unknown_protocols)"
	check "... the counters are carried over" grew decapsulated_4in4 $((before + sent / 2))
	check "... those of VIPs, too" equal True "$(status "s['vips'][0]['packets'] > $sent / 2")"
	next attach eth0 --vip $VIP4 --pin-path "$PINS" >/dev/null 2>&1
	bpftool map pin pinned "$PINS/eth0/settings" "$PINS/eth0/of_that_version"
	agent_pinned attach eth0 --vip $VIP4 >/dev/null 2>&1
	check "a pin that only the other version knows is removed" \
		test ! -e "$PINS/eth0/of_that_version"
	next attach eth0 --vip $VIP4 --pin-path "$PINS" >/dev/null 2>&1
	check "detach works for any version" code 0 agent_pinned detach eth0
	check "... and leaves no pins" test ! -e "$PINS/eth0"
	agent_pinned attach eth0 --vip $VIP4 $VIP6 >/dev/null
}

test_detach()
{
	local protocols
	check "before detaching: a TCP connection" exchanged 4 4 10.0.1.2
	check "detach" code 0 agent_pinned detach eth0
	protocols=$(unknown_protocols)
	check "detached: no tunnel is opened" refused 4 4 10.0.1.2
	check "detached: the stack gets the tunnel packet" equal $((protocols + 1)) \
		"$(unknown_protocols)"
	check "detached: status says so" equal False "$(status "s['attached']")"
	check "detached: no program on the interface" equal 0 \
		"$(ip -n "$ID-backend" -d link show eth0 | grep -c prog/xdp || true)"
	check "detached: no pins" test ! -e "$PINS/eth0"
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

test_leftovers()
{
	ip -n "$ID-backend" link add gone.7 type veth peer name gone8
	agent_pinned attach gone.7 --vip $VIP4 >/dev/null 2>&1
	check "a dot in the interface's name" test -e "$PINS/gone:7/program"
	ip -n "$ID-backend" link del gone.7
	check "the interface is gone: detach removes the pins" code 0 agent_pinned detach gone.7
	check "... all of them" test ! -e "$PINS/gone:7"
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

[ "$(id -u)" = 0 ] || skip_all "needs root"
for tool in nsenter ethtool nstat bpftool clang; do
	command -v $tool >/dev/null || skip_all "$tool is missing"
done
/usr/bin/python3 -c 'import scapy' 2>/dev/null || skip_all "scapy is missing"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

network_up
server_up
test_usage
test_preflight
test_mixes
test_shims
agent_pinned detach eth0 >/dev/null
test_prefix
test_second_chance_options
test_second_chance_doctor
agent_pinned attach eth0 --vip $VIP4 $VIP6 --from 10.0.1.0/24 --from 2001:db8:2::/64 >/dev/null
test_other_traffic
test_change_under_load
test_modes
test_versions
test_detach
test_other_program
test_leftovers
test_default_path
echo "1..$COUNT"
