# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two hosts on one wire, for tests of poise-agent alone: real tunnel packets, a real TCP server.
# Sourced; owns making and removing them, the results in TAP, and what tests ask of the agent.
#
#     balancer                                   backend
#   eth0 10.0.1.2, 2001:db8:2::2 ------------- eth0 10.0.1.11, 2001:db8:2::11   (XDP)
#   agent_tunnel.py: packets of the clients    lo   203.0.113.10, 2001:db8:f::10, by --setup
#   198.51.100.2, 2001:db8:1::2                agent_server.py on port 80
#
# The backend answers the clients through the balancer, which has none of their addresses: its stack
# drops the answers, and agent_tunnel.py reads them off the wire.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=compare.sh
. "$HERE/compare.sh"
AGENT=${NET_BUILD:-$HERE/../../build}/poise-agent
ID=poise-agent-$$
DIR=/run/$ID
PINS=$DIR/bpf/agent
VIP4=203.0.113.10
VIP6=2001:db8:f::10
COUNT=0
SERVER=

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
	read -r -t 60 _ <"$DIR/ready"
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
# checks
#

# The server says the VIP: by exchange's arguments the given one, or the one of the inner family.
exchanged()
{
	local vip=${5:-$VIP6}
	[ "$2" = 6 ] || vip=::ffff:$VIP4
	equal "got hello on $vip" "$(tunnel exchange "$@" 2>&1)"
}

refused() { says "no answer to the SYN" tunnel silence "$@"; }

# grew COUNTER BEFORE: it grows.
grew() { wait_until is_over "$@"; }

is_over()
{
	local now
	now=$(counter "$1")
	[ "$now" -gt "$2" ] || equal "$1 over $2" "$now"
}

# Tunnel packets that the stack got unopened come to be so many.
unopened_become() { wait_until unopened_are "$1"; }
unopened_are() { equal "$1" "$(unknown_protocols)"; }

attached() { contains "$(agent status eth0)" "$1"; }

# Repeats a check until it succeeds, at most 60 s long.
wait_until()
{
	local end=$((SECONDS + 60))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || break
		sleep 0.1
	done
	"$@"
}

# Makes the two hosts and the server, or skips the whole test.
pair_begin()
{
	local tool
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
}

pair_end() { echo "1..$COUNT"; }
