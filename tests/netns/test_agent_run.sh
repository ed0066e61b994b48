#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise-agent run on b1 and b2: takes over what is attached, under load; gives its rights up; its end,
# however it comes, changes nothing for packets; it follows network namespaces, and answers poised's
# agent checks.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=load.sh
. "$(dirname "$0")/load.sh"

PORT=5555
FILE=$NET_DIR/drain-me
declare -A AGENT # process ids, by the backend's number

# run_start I [OPTION...]: poise-agent run on bI; returns when it is ready.
run_start()
{
	local i=$1
	shift
	: >"$NET_DIR/run$i.log"
	on_start "b$i" "run$i" "$NET_ROOT/tests/netns/ready.py" "$NET_BUILD/poise-agent" run eth0 \
		--pin-path "$NET_DIR/bpf/agent-b$i" --vip "$VIP44" "$VIP46" "$VIP66" "$VIP64" \
		--from 172.16.0.0/16 --from 100::/64 --agent-check $PORT "$@"
	wait_for 60 grep -q '^READY' "$NET_DIR/run$i.log"
	AGENT[$i]=$(sed -n 's/^PID //p' "$NET_DIR/run$i.log")
}

run_gone() { wait_for 60 pids_gone "${AGENT[$1]}"; }

# What status says of b1, by jq.
agent_status() { on b1 "$NET_BUILD/poise-agent" status eth0 --json | jq -r ".interfaces[0]$1"; }

# ask [ADDRESS]: what the agent of b1 says to who connects.
ask()
{
	on balancer timeout 60 bash -c "exec 3<>/dev/tcp/${1:-10.0.1.11}/$PORT; cat <&3"
}

says() { equal "$1" "$(ask)"; }

weight_is() { [ "$(status_of web "$1" effective_weight)" = "$2" ]; }
becomes() { wait_for 60 is_state "$@"; }

rights() { sed -n "s/^$1:[ \t]*//p" "/proc/${AGENT[1]}/status"; }

configure()
{
	config_head
	service_yaml web "$VIP44" 4 1 2 | sed "s/^    backends:/    agent: { port: $PORT, interval: 300ms, timeout: 250ms }\n&/"
}

containers_remove()
{
	local name
	for name in n1 n2; do
		ip netns del "poise-$NET_ID-$name" 2>/dev/null || true
	done
}

#
# the tests
#

test_rights()
{
	check "it is another user" equal "65534 65534 65534 65534" "$(rights Uid | xargs)"
	check "... of no groups but that user's" equal 65534 "$(rights Groups | xargs)"
	check "... without any capability" equal "0000000000000000 0000000000000000 0000000000000000" \
		"$(rights CapEff) $(rights CapPrm) $(rights CapBnd)"
	check "... for good" equal 1 "$(rights NoNewPrivs)"
}

test_protocol()
{
	check "the watchdog hears of it" wait_for 60 grep -q '^WATCHDOG=1' "$NET_DIR/run1.log"
	check "over IPv4" says "up ready 100%"
	check "over IPv6" equal "up ready 100%" "$(ask 2001:db8:2::11)"
	check "who speaks first is answered, too" equal "up ready 100%" "$(on balancer timeout 60 \
		bash -c "exec 3<>/dev/tcp/10.0.1.11/$PORT; echo hello >&3; cat <&3")"
	check "200 peers that say nothing and stay: others are answered soon" on balancer \
		/usr/bin/python3 -c "
import socket, time
line, end = b'up ready 100%\n', time.monotonic() + 60
peers = [socket.create_connection(('10.0.1.11', $PORT), timeout=60) for _ in range(200)]
lines = [peer.recv(100) for peer in peers]
assert lines.count(line) >= 64, lines
assert set(lines) <= {line, b''}, lines
while socket.create_connection(('10.0.1.11', $PORT), timeout=60).recv(100) != line:
    assert time.monotonic() < end, 'no place became free'
    time.sleep(0.2)
"
}

# The restart is a change of options; kill -9 leaves everything as it was.
test_restart()
{
	local program before
	program=$(agent_status .program_id)
	before=$(agent_status .counters.decapsulated_4in4)
	kill -KILL "${AGENT[1]}"
	run_gone 1
	check "kill -9: the same program stays" equal "$program" "$(agent_status .program_id)"
	check "... and opens tunnels" wait_for 60 opened_more "$before"
	run_start 1 --user nobody --load-target 10000 --mss 1300
	check "started again, with other options: they count" equal 1300 "$(agent_status .mss_ipv4)"
	check "... counters go on" opened_more "$before"
	kill -TERM "${AGENT[1]}"
	run_gone 1
	check "SIGTERM without a drain time: it ends, the program stays" equal "true true" \
		"$(agent_status .attached) $(agent_status '.mss_ipv4 == 1300')"
	check "... and says that it ends, and how" wait_for 60 grep -qz 'STOPPING=1.*STATUS 0' \
		"$NET_DIR/run1.log"
}

opened_more() { [ "$(agent_status .counters.decapsulated_4in4)" -gt "$1" ]; }

test_weight()
{
	check "an idle host: the whole weight" wait_for 60 weight_is app-01 100
	if [ "$(cut -d ' ' -f 1 /proc/loadavg)" = 0.00 ]; then
		TAP_COUNT=$((TAP_COUNT + 1))
		echo "ok $TAP_COUNT - a loaded host # SKIP the load average is 0"
		return
	fi
	kill -TERM "${AGENT[1]}"
	run_gone 1
	run_start 1 --user nobody --load-target 0.0001
	check "a load far above the target: the least weight" wait_for 60 weight_is app-01 10
	check "... which the others do not share" weight_is app-02 100
}

test_drain()
{
	: >"$FILE"
	check "the file: drained" becomes draining web app-02
	rm "$FILE"
	check "the file is gone: up" becomes up web app-02
	kill -TERM "${AGENT[2]}"
	check "SIGTERM: drained" becomes draining web app-02
	check "... and it lives on" kill -0 "${AGENT[2]}"
	check "... the tunnel is open" equal true \
		"$(on b2 "$NET_BUILD/poise-agent" status eth0 --json | jq '.interfaces[0].attached')"
	kill -TERM "${AGENT[2]}"
	check "a second SIGTERM ends it" run_gone 2
	check "... still drained: what was said stays" is_state draining web app-02
	run_start 2 --drain-file "$FILE"
	check "it returns: up" becomes up web app-02
	kill -TERM "${AGENT[2]}"
	run_gone 2
	run_start 2 --drain-time 1
	kill -TERM "${AGENT[2]}"
	check "the drain time is over: it ends by itself" run_gone 2
}

# ids_are NAME...: those that status shows are the ids of these namespaces.
ids_are()
{
	local name ids=
	for name; do
		ids="$ids $(on b1 ip -j netns list-id | jq ".[] | select(.name == \"$name\").nsid")"
	done
	equal "$(xargs -n 1 <<<"$ids" | sort | xargs)" "$(agent_status '.namespaces | sort | join(" ")')"
}

test_namespaces()
{
	local one=poise-$NET_ID-n1 two=poise-$NET_ID-n2 before
	kill -TERM "${AGENT[1]}"
	run_gone 1
	ip netns add "$one"
	run_start 1 --user nobody --netns "/run/netns/$one" "/run/netns/$two"
	check "a namespace: by its id" ids_are "$one"
	check "... one that is not there is waited for" \
		grep -q "$two\": No such file or directory: no socket of it counts" "$NET_DIR/run1.log"
	check "... what is kept for that: CAP_NET_ADMIN, CAP_BPF" equal 0000008000001000 "$(rights CapEff)"
	ip netns add "$two"
	check "it comes: both" wait_for 60 ids_are "$one" "$two"
	ip netns del "$one"
	check "one goes: it no longer counts" wait_for 60 ids_are "$two"
	ip netns add "$one"
	check "it is made anew: both" wait_for 60 ids_are "$one" "$two"
	ip netns del "$one"
	ip netns del "$two"
	check "both go: none" wait_for 60 ids_are
}

#
# what is lost is attached again
#

b1() { ip -n "$(net_name b1)" "$@"; }
logged() { grep -q "$1" "$NET_DIR/run1.log"; }
attached() { equal true "$(agent_status .attached)"; }
has_filter() { on b1 tc filter show dev eth0 "$1" | grep -q poise_agent; }
forwarding() { on b1 cat /proc/sys/net/ipv4/conf/lo/forwarding /proc/sys/net/ipv6/conf/lo/forwarding | xargs; }
forwards() { [ "$(forwarding)" = "1 1" ]; }
second_chance() { run_start 1 --user nobody --second-chance 10.0.1.0/24 2001:db8:2::/64 "$@"; }

eth0_make()
{
	link_make b1 b1 eth0 1600
	b1 link set dev eth0 address 02:00:00:00:01:0b
	ip -n "$(net_name switch)" link set b1 master br0
	host_address b1 eth0 10.0.1.11/24 2001:db8:2::11/64
	host_routes b1 10.0.1.1 2001:db8:2::1
	# they know its former MAC address
	ip -n "$(net_name balancer)" neigh flush dev lb0
	ip -n "$(net_name switch)" neigh flush dev br0
}

test_kept()
{
	local before
	kill -TERM "${AGENT[1]}"
	run_gone 1
	second_chance
	before=$(agent_status .counters.decapsulated_4in4)
	b1 link set dev eth0 xdp off
	check "the program is taken off: it is attached again" wait_for 60 attached
	check "... which is said" logged 'warning: "eth0" has lost a program that was attached: attaching again'
	check "... counters go on" opened_more $((before - 1))
	check "requests are served again" wait_for 60 spread "$VIP44" 1
	on b1 tc qdisc del dev eth0 clsact
	check "the programs in TC are taken off: that for packets that come in is attached again" \
		wait_for 60 has_filter ingress
	check "... and that for SYN-ACKs" wait_for 60 has_filter egress
	test_forwarding
	: >"$NET_DIR/run1.log"
	b1 link del eth0
	check "the interface goes: it is said" wait_for 60 logged '"eth0" is gone, and the program with it'
	check "... and the agent stays" kill -0 "${AGENT[1]}"
	eth0_make
	check "it returns: the program is attached" wait_for 60 attached
	check "... which is said" wait_for 60 logged '"eth0" is back: attaching to it'
	check "... counters go on" opened_more $((before - 1))
	check "... by new programs that are pinned" equal "$(agent_status .program_id)" \
		"$(bpftool -j prog show pinned "$NET_DIR/bpf/agent-b1/eth0/program" | jq .id)"
	check "requests are served again" wait_for 60 spread "$VIP44" 1
	test_other_program
	test_held
}

test_forwarding()
{
	check "second chance lets lo forward" forwards
	on b1 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	on b1 sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
	check "another sets forwarding of the whole host: lo's is set again" wait_for 60 forwards
	check "... which is said, of IPv4" wait_for 60 logged \
		'net/ipv4/conf/lo/forwarding was set to 0: set to 1 again'
	check "... and of IPv6" wait_for 60 logged 'net/ipv6/conf/lo/forwarding was set to 0: set to 1 again'
}

# Its place is taken, and becomes free again.
test_other_program()
{
	b1 -force link set dev eth0 xdpdrv obj "$NET_DIR/pass.o" sec xdp
	check "another program in its place is said" wait_for 60 logged 'has another XDP program'
	b1 link set dev eth0 xdp off
	check "when that one goes, it is attached again" wait_for 60 attached
}

agent() { on b1 "$NET_BUILD/poise-agent" "$@" --pin-path "$NET_DIR/bpf/agent-b1"; }

# agent_refused TEXT ARGUMENT...
agent_refused()
{
	local text=$1
	shift
	contains "$(refused 1 agent "$@" 2>&1)" "$text"
}

test_held()
{
	local holder path=$NET_DIR/bpf/agent-b1
	check "detach while it runs: refused, with who and how" agent_refused \
		"poise-agent run (process ${AGENT[1]}) keeps \"eth0\" attached" detach eth0
	check "... so is a second one" agent_refused "poise-agent run (process ${AGENT[1]}) keeps" run \
		eth0 --vip "$VIP44"
	check "... and nothing has changed" attached
	kill -KILL "${AGENT[1]}"
	run_gone 1
	check "kill -9 ends that" wait_for 60 agent detach eth0
	mkfifo "$NET_DIR/hold"
	flock "$path" cat "$NET_DIR/hold" &
	exec 5>"$NET_DIR/hold"
	holder=$!
	check "the pins are locked: attach waits, then tells by whom" agent_refused \
		"another poise-agent (process $holder) is at work" attach eth0 --vip "$VIP44"
	agent attach eth0 --vip "$VIP44" >"$NET_DIR/waits.log" 2>&1 5>&- &
	exec 5>&-
	check "they are unlocked: it goes on" wait $!
	agent detach eth0 >/dev/null
}

tap_begin one 2
trap 'trap "" INT TERM; containers_remove; net_down' EXIT
configure >"$NET_CONFIG"
run_start 1 --user nobody --load-target 10000
run_start 2 --drain-file "$FILE" --drain-time 600 --load-target 10000
poised_start
wait_for 60 all_up
test_rights
test_protocol
load_start "$VIP44"
test_restart
load_stop
load_checks
run_start 1 --user nobody --load-target 10000
test_weight
test_drain
test_namespaces
test_kept
check "a user that there is not" refused 1 "$NET_BUILD/poise-agent" run lo --vip 203.0.113.1 \
	--user no-such-user
check "an address that is none" refused 2 "$NET_BUILD/poise-agent" run lo --vip 203.0.113.1 \
	--agent-check host:80
poised_stop TERM
tap_end
