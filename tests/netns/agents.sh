# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise-agent on the backends of lib.sh's network, and what it says of itself. Sourced, behind tap.sh.

# agent I COMMAND ARGUMENT...: on eth0 of backend I.
agent()
{
	local host=b$1 command=$2
	shift 2
	on "$host" "$NET_BUILD/poise-agent" "$command" eth0 --pin-path "$NET_DIR/bpf/agent-$host" "$@"
}

# attach I ARGUMENT...: with all VIPs, from the balancer.
attach()
{
	local i=$1
	shift
	agent "$i" attach --vip "$VIP44" "$VIP46" "$VIP66" "$VIP64" --from 172.16.0.0/16 \
		--from 100::/64 "$@"
}

# Of backend I, a Python expression of its object s in status.
agent_status()
{
	on "b$1" "$NET_BUILD/poise-agent" status eth0 --json |
		/usr/bin/python3 -c "import json, sys
s = json.load(sys.stdin)['interfaces'][0]
print($2)"
}

counter() { agent_status "$1" "s['counters']['$2']"; }
decision() { agent_status "$1" "s['decisions']['$2']"; }

# A packet to a backend, as another balancer than poised sends it.
send() { on balancer /usr/bin/python3 "$NET_ROOT/tests/netns/send_chain.py" "$@"; }

# grew N COMMAND...: what the command prints is more than N.
grew()
{
	local before=$1 now
	shift
	now=$("$@")
	[ "$now" -gt "$before" ] || equal "more than $before" "$now"
}
