# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The rows of the survival matrix: what happens. Sourced after net.sh and load.sh. To add one is a line
# at the end, and its function where the helpers at hand do not make it.
#
# A function runs while half of the connections live. It calls 'midway' where the other half is to begin
# (else they begin after it), and proves by 'shown' that it really did something.

#
# steps
#

# shown WHAT NUMBER: the row is worth nothing if the number is 0.
shown() { printf '%s\t%s\n' "$1" "$2" >>"$NET_DIR/shown"; }

midway()
{
	[ -n "$MIDWAY" ] || load_half
	MIDWAY=1
}

# The balancers that run.
balancers() { echo "${!POISED[@]}"; }

# Of the line 'VERB I [WEIGHT]' on standard input, one for each service that has backend I.
spell()
{
	local verb i rest service
	while read -r verb i rest; do
		for service in $SERVICES; do
			serves "$service" "$i" || continue
			[ "$verb" != add ] || rest=$(backend_address "$i" "$(family "$service")")
			echo "$verb $service $(app "$i") $rest"
		done
	done
}

# change 'VERB I [WEIGHT]'...: all of them as one change, on each balancer one after another.
change()
{
	local n
	printf '%s\n' "$@" | spell >"$NET_DIR/batch"
	for n in $(balancers); do
		poise_on "$n" batch <"$NET_DIR/batch" >>"$NET_DIR/batch.log"
	done
	moved
}

# owners SERVICE: the owner of each slot of its ring, in order.
owners() { "$NET_BUILD/ring_owners" "$NET_DIR/bpf/lb$(balancers | cut -d' ' -f1)" "$1"; }

# Counts the slots of the service 'web' whose owner is another one than before the row.
moved()
{
	local n
	n=$(owners web | paste "$NET_DIR/owners.web" - | awk -F'\t' '$1 != $2 { n++ } END { print n + 0 }')
	[ "$n" -le "$(cat "$NET_DIR/moved" 2>/dev/null || echo -1)" ] || echo "$n" >"$NET_DIR/moved"
}

# Waits until added backends are up on each balancer.
come_up()
{
	local n names=() i
	for i; do
		names+=("$(app "$i")")
	done
	for n in $(balancers); do
		wait_for 90 are up "$n" web "${names[@]}"
	done
	moved
}

# The clock of the client's log, in ms.
clock() { awk '{ print int($1 * 1000) }' /proc/uptime; }

# Waits until a backend is STATE on each balancer, for each service, which has a check of its own.
turn()
{
	local n service
	for n in $(balancers); do
		for service in $SERVICES; do
			! serves "$service" "$2" || wait_for 90 are "$1" "$n" "$service" "$(app "$2")"
		done
	done
	clock >"$NET_DIR/turned"
	moved
}

#
# backends
#

ev_add() { change "add 11" && come_up 11; }
ev_add5() { change "add 11" "add 12" "add 13" "add 14" "add 15" && come_up 11 12 13 14 15; }
ev_remove() { change "remove 2"; }
ev_drain() { change "drain 2"; }
ev_undrain() { change "drain 2" && midway && change "undrain 2"; }
ev_weight() { change "weight 1 300" "weight 3 20"; }
ev_back() { change "weight 1 400" && midway && change "weight 1 100"; }
ev_three() { change "drain 2" && midway && change "add 11" && come_up 11 && change "weight 1 300"; }

# Connections are idle for longer than slots move.
ev_settle() { change "drain 2" && midway && sleep 8; }

ev_killed()
{
	host_kill b2
	turn down 2
	shown "backends killed" 1
}

flap()
{
	kill -s "USR$1" "${SERVER[2]}"
	turn "$2" 2
}

ev_flap()
{
	flap 1 down && midway && flap 2 up && flap 1 down && flap 2 up
	shown "times down" 2
}

#
# poised
#

restart()
{
	local n before
	for n in $(balancers); do
		before=${POISED[$n]}
		poised_stop "$n" "$1"
		sleep 0.5
		poised_start "$n" "${2:-$NET_BUILD/poised}"
		[ "$before" = "${POISED[$n]}" ] || shown "poised started anew" 1
	done
}

ev_kill9() { change "drain 2" && restart KILL; }
ev_restart() { change "drain 2" && restart TERM; }

abi() { poise_on 1 status --json | jq .abi; }

ev_upgrade()
{
	local before
	before=$(abi)
	change "drain 2"
	restart TERM "$NET_BUILD/next/build/poised"
	shown "ABI versions later" $(($(abi) - before))
}

ev_reload()
{
	local n
	for n in $(balancers); do
		WEIGHT=150 EXTRA_WEIGHT=50 balancer_config "$n" | sed '/name: app-01/s/weight: 150/weight: 400/' \
			>"$NET_DIR/lb$n.yaml"
		poise_on "$n" reload >"$NET_DIR/reload.out"
	done
	shown "services changed" "$(grep -o 'extra-[0-9]*' "$NET_DIR/reload.out" | sort -u | wc -l)"
	moved
}

#
# balancers and the network
#

# The packets for the service that balancer N forwarded.
forwarded() { poise_on "$1" status --json | jq '[.services[].packets] | add'; }

# forwards N WHAT [BEFORE]: waits until balancer N forwards.
forwards()
{
	wait_for 90 more_than "${3:-0}" forwarded "$1"
	shown "$2" $(($(forwarded "$1") - ${3:-0}))
}

# more_than NUMBER COMMAND...: it prints a greater one.
more_than() { [ "$("${@:2}")" -gt "$1" ]; }

link_down() { ip -n "$(net_name "lb$1")" link set lb0 down; }

link_up()
{
	ip -n "$(net_name "lb$1")" link set lb0 up
	balancer_routes "$1"
}

lost()
{
	local before
	before=$(forwarded 2)
	link_down 1
	shown "interfaces down" "$(ip -n "$(net_name switch)" link show lb1 | grep -c NO-CARRIER)"
	midway
	sleep 1
	forwards 2 "packets by another balancer" "$before"
}

ev_lost() { lost; }
ev_lost_move() { change "drain 2" && midway && change "add 11" && come_up 11 && lost; }

ev_added()
{
	poised_start 3
	wait_for 90 all_up 3
	join
}

# The third balancer takes its part of the traffic.
join()
{
	ecmp 1 2 3
	sleep 1
	forwards 3 "packets by the new balancer"
}

ev_added_move()
{
	change "drain 2" && midway
	poised_start 3
	wait_for 90 all_up 3
	printf '%s\n' "drain 2" | spell | poise_on 3 batch >>"$NET_DIR/batch.log"
	join
}

# Balancer 1 starts with empty maps in the middle of a move: empty_restart [OPTION...]
empty_restart()
{
	change "drain 2" && midway
	poised_clear 1
	poised_start 1 "$NET_BUILD/poised" "$@"
	poise_on 1 batch <"$NET_DIR/batch" >>"$NET_DIR/batch.log"
	wait_for 90 are up 1 web app-01
	sleep 1
	forwards 1 "packets by the empty balancer"
}

# The router sends every flow by another balancer than before, by chance.
ev_rehash()
{
	local before
	change "drain 2" && midway && change "add 11" && come_up 11
	before=$(on switch sysctl -n net.ipv4.fib_multipath_hash_seed)
	on switch sysctl -q net.ipv4.fib_multipath_hash_seed=$((before + 77777))
	shown "hash seeds changed" 1
	sleep 2
}

ev_empty() { empty_restart; }

ev_history()
{
	change "drain 2" && midway && change "add 11" && come_up 11
	poise_on 2 ring export >"$NET_DIR/history.json"
	poised_clear 1
	poised_start 1 "$NET_BUILD/poised" --history "$NET_DIR/history.json"
	printf '%s\n' "drain 2" "add 11" | spell | poise_on 1 batch >>"$NET_DIR/batch.log"
	wait_for 90 are up 1 web app-01 app-11
	sleep 1
	forwards 1 "packets by the empty balancer"
}

ev_interface()
{
	change "drain 2" && midway
	link_down 1
	shown "interfaces down" "$(ip -n "$(net_name switch)" link show lb1 | grep -c NO-CARRIER)"
	sleep 1
	link_up 1
	sleep 1
}

ev_mac()
{
	local switch mac=02:00:00:00:aa:01
	switch=$(net_name switch)
	change "drain 2" && midway
	ip -n "$switch" link set lb1 address $mac
	wait_for 90 knows_mac $mac
	shown "neighbours with the new address" "$(ip -n "$(net_name lb1)" neighbour | grep -c $mac)"
}

knows_mac() { ip -n "$(net_name lb1)" neighbour | grep -q "$1"; }

sent_by() { on "lb$1" cat /proc/net/dev | awk -v d="$2:" '$1 == d { print $11 }'; }

ev_route()
{
	local before
	change "drain 2" && midway
	before=$(sent_by 1 lb1)
	ip -n "$(net_name lb1)" route add 10.0.1.0/24 via 10.2.1.1 dev lb1
	ip -n "$(net_name lb1)" -6 route add 2001:db8:2::/64 via 2001:db8:4:1::1 dev lb1
	sleep 2
	wait_for 90 more_than "$before" sent_by 1 lb1
	shown "packets by the new way" $(($(sent_by 1 lb1) - before))
}

#
# CPUs and floods
#

# The router takes clients' packets on this CPU alone (RPS), and so do all who come behind it: a veth's
# XDP program runs where the packet was sent.
steer()
{
	on switch unshare -m sh -c "mount -t sysfs sysfs /sys &&
		echo $(printf %x $((1 << $1))) >/sys/class/net/client/queues/rx-0/rps_cpus"
}

# The packets that each CPU of balancer 1 forwarded for the services, a line a CPU.
by_cpu()
{
	bpftool -j map dump pinned "$NET_DIR/bpf/lb1/service_count" |
		jq '[.[].formatted.values[]] | group_by(.cpu)[] | map(.value.packets) | add'
}

ev_cpu()
{
	local before after
	steer 0
	change "drain 2" && midway
	steer 1
	sleep 0.5
	before=$(by_cpu)
	sleep 2
	after=$(by_cpu)
	shown "percent of packets on the other CPU" "$(paste <(echo "$before") <(echo "$after") |
		awk '{ n[NR] = $2 - $1; sum += n[NR] } END { print int(100 * n[2] / (sum + 1)) }')"
}

# The SYNs that the balancers counted for the service 'web', without those that the client's own
# connections can have sent: all that it opened, and all that it said twice.
flooded()
{
	local n own
	own=$(on client nstat -asz TcpActiveOpens TcpExtTCPSynRetrans | awk '/Tcp/ { n += $2 } END { print n }')
	for n in $(balancers); do
		poise_on "$n" status --json
	done | jq -s --argjson own "$own" \
		'([.[].services[] | select(.name == "web").backends[].connections] | add) - $own'
}

# Some may be lost on the way: SYNs are sent until all that was asked for have reached the balancers, each
# from a source that sent none before.
ev_flood()
{
	local before sent=0 came=0 all=${FLOOD:-1000000} mac
	mac=$(ip -j -n "$(net_name switch)" link show flood | jq -r '.[0].address')
	change "drain 2" && midway
	before=$(flooded)
	while [ $came -lt "$all" ] && [ $sent -lt $((2 * all)) ]; do
		on flood "$NET_BUILD/tests/survival/survival_flood" eth0 "$mac" $VIP4 7000 $((all - came)) $sent \
			"${FLOOD_RATE:-10000}"
		sent=$((sent + all - came))
		came=$(($(flooded) - before))
	done
	shown "SYNs sent, each of another source" $sent
	shown "SYNs that balancers took" $((came < all ? 0 : came))
}

#
# the table: event NAME FUNCTION MAY WITH WORDS
#
# MAY: numbers of the backends whose connections may break, or '-'.
# WITH: settings of the row, or '-'. SETTLE: 60s if not said; FLEET: the balancers that are there from
# the beginning (1_2_3); ON_DOWN, EXTRA: as in net.sh; NEEDS: 'fleet', it is no row of the mode 'single',
# or 'chance': without second chance it may break connections; CONNECTIONS, HTTP_RATE: as in load.sh, where
# two CPUs carry no more (what a client's own host cannot send breaks its connections).
#

EVENTS=()
declare -A DOES MAY WITH WORDS

event()
{
	EVENTS+=("$1")
	DOES[$1]=$2 MAY[$1]=$3 WITH[$1]=$4 WORDS[$1]=$5
}

event add ev_add - - "a backend is added"
event add-5 ev_add5 - - "five backends are added at once"
event remove ev_remove - - "a backend is removed"
event drain ev_drain - - "a backend is drained"
event undrain ev_undrain - - "a backend is drained, and undrained while connections begin"
event weight ev_weight - - "two weights change"
event back ev_back - - "a weight changes, connections begin, and it changes back"
event three ev_three - - "three changes overlap: one drained, one added, one weighed"
event settled ev_settle - "SETTLE=2s NEEDS=chance" "a backend is drained, and 'settle' passes while connections are idle"
event killed ev_killed 2 - "a backend's server is killed; its own connections break"
event flapping ev_flap - ON_DOWN=keep "a backend's check fails and recovers twice, its server lives; on_down: keep"
event flap-rehash ev_flap 2 - "the same with on_down: rehash: its connections go to others, and break"
event kill-9 ev_kill9 - - "each poised is killed (-9) in the middle of a move, and started"
event restart ev_restart - - "each poised is stopped in the middle of a move, and started"
event upgrade ev_upgrade - - "each poised is replaced by one of another ABI version in the middle of a move"
event lost ev_lost - NEEDS=fleet "a balancer is lost: its interface goes down"
event lost-move ev_lost_move - NEEDS=fleet "a balancer is lost in the middle of two moves"
event added ev_added - "FLEET=1_2 NEEDS=fleet" "a balancer is added"
event added-move ev_added_move - "FLEET=1_2 NEEDS=fleet" "a balancer is added in the middle of a move"
event rehash ev_rehash - NEEDS=fleet "the router rehashes in the middle of two moves: flows go by other balancers"
event empty ev_empty - NEEDS=fleet "a balancer starts with empty maps in the middle of a move, without history"
event history ev_history - NEEDS=fleet "a balancer starts with empty maps in the middle of two moves, with a neighbour's history"
event reload ev_reload - EXTRA=100 "a reload changes 100 services and the weights of all backends"
event route ev_route - - "the way to the backends changes to another interface in the middle of a move"
event mac ev_mac - - "the gateway's MAC address changes in the middle of a move"
event interface ev_interface - NEEDS=fleet "a balancer's interface goes down for a second in the middle of a move"
event cpu ev_cpu - - "flows move to another CPU in the middle of a move"
event flood ev_flood - "SETTLE=300s CONNECTIONS=600 HTTP_RATE=100" "1,000,000 SYNs of as many sources in the middle of a move, 10,000 a second; 600 connections of each kind"
