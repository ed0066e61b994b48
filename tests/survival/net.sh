# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The network of the survival matrix, and Poise on it. Sourced; sources tests/netns/lib.sh, whose ideas
# and helpers it takes. Judges nothing.
#
#     client                    balancer 1 .. 3                        b1 .. b20
#     8 addresses in            lb0 (XDP)    lb1 (another way out)     eth0 (XDP), VIPs on lo
#     198.51.100.0/24           10.1.N.2     10.2.N.2                  10.0.1.11 .. 10.0.1.30
#     2001:db8:1::/64           2001:db8:3:N::2                        2001:db8:2::11 .. 2001:db8:2::30
#        | eth0                    |            |                        |
#    ----+-------------------------+------------+------------------------+------------
#     client                     lbN          altN                   br0 10.0.1.1         router
#
# A flood has a host and a way of its own to the router.
#
# The router spreads the VIPs over the balancers by ECMP (fib_multipath_hash_policy=1: addresses and
# ports), as one that learnt them by BGP would. Tunnels go through it to the backends, which answer
# clients past the balancers. Every balancer has the same configuration and seed.

BACKENDS=20
BALANCERS=3
# shellcheck source=../netns/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"

NET_HOSTS="switch client flood"
for ((i = 1; i <= BALANCERS; i++)); do NET_HOSTS="$NET_HOSTS lb$i"; done
for ((i = 1; i <= BACKENDS; i++)); do NET_HOSTS="$NET_HOSTS b$i"; done

SOURCES=8
VIP4=203.0.113.10 VIP6=2001:db8:f::10 VIPX=203.0.113.20
SERVICES="web web6 webx apps"
FIRST=10 # backends that are there from the beginning: app-01 .. app-10; the others can be added
APPS="1 2 3 4 5 11" # those of the service 'apps', which run nginx, sshd and MariaDB

declare -A POISED # process ids of the balancers' poised
declare -A SERVER # of the backends' survival_server

#
# names
#

backend_address()
{
	case $2 in
	4) echo "10.0.1.$((10 + $1))" ;;
	6) echo "2001:db8:2::$((10 + $1))" ;;
	esac
}

app() { printf 'app-%02d\n' "$1"; }

# The family of a service's backends.
family() { case $1 in web | apps) echo 4 ;; *) echo 6 ;; esac; }

# serves SERVICE I: backend I can be one of the service's.
serves() { [ "$1" != apps ] || [[ " $APPS " = *" $2 "* ]]; }

#
# the network
#

net_up()
{
	local i
	hosts_make
	router_make
	client_make
	link_queued flood flood eth0 1500
	routed flood
	for ((i = 1; i <= BALANCERS; i++)); do
		balancer_make "$i"
	done
	for ((i = 1; i <= BACKENDS; i++)); do
		survivor_make "$i"
	done
}

router_make()
{
	on switch sysctl -q net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1
	{
		for key in all default; do
			echo "net.ipv4.conf.$key.ignore_routes_with_linkdown=1"
			echo "net.ipv6.conf.$key.ignore_routes_with_linkdown=1"
		done
	} | on switch sysctl -q -p -
	# the flood's sources: what backends answer them ends here
	ip -n "$(net_name switch)" route add blackhole 10.64.0.0/10
}

# link_queued HOST PORT DEVICE MTU: as link_make, with a queue at both ends. Without, what comes faster than
# a veth's 256 places are emptied is lost where it is sent, and a sender whose own packet is lost there
# has its connection timed out by the kernel at once (TCPRetransFail).
link_queued()
{
	link_make "$@"
	on switch tc qdisc add dev "$2" root pfifo limit 1000
	on "$1" tc qdisc add dev "$3" root pfifo limit 1000
}

client_make()
{
	local i
	link_queued client client eth0 1500
	routed client
	host_address switch client 198.51.100.1/24 2001:db8:1::1/64
	for ((i = 1; i <= SOURCES; i++)); do
		host_address client eth0 "198.51.100.$((1 + i))/24" "2001:db8:1::$((1 + i))/64"
	done
	host_routes client 198.51.100.1 2001:db8:1::1
	# a SYN that this host itself cannot send counts as a try: there are enough of them
	on client sysctl -q net.ipv4.ip_local_port_range="${PORTS:-2000 65000}" net.ipv4.tcp_syn_retries=60
}

# What comes in at the router's PORT is spread as a router of its own would do it: routed PORT
routed()
{
	[ -e "$NET_DIR/router.o" ] || clang -O2 -g -target bpf -I"/usr/include/$(uname -m)-linux-gnu" \
		-c -o "$NET_DIR/router.o" "$NET_ROOT/tests/survival/router.bpf.c"
	on switch tc qdisc add dev "$1" clsact
	on switch tc filter add dev "$1" ingress bpf direct-action obj "$NET_DIR/router.o" sec tc
}

balancer_make()
{
	local n=$1
	link_queued "lb$n" "lb$n" lb0 1600
	host_address switch "lb$n" "10.1.$n.1/24" "2001:db8:3:$n::1/64"
	host_address "lb$n" lb0 "10.1.$n.2/24" "2001:db8:3:$n::2/64"
	link_queued "lb$n" "alt$n" lb1 1600
	host_address switch "alt$n" "10.2.$n.1/24" "2001:db8:4:$n::1/64"
	host_address "lb$n" lb1 "10.2.$n.2/24" "2001:db8:4:$n::2/64"
	balancer_routes "$n"
}

balancer_routes()
{
	ip -n "$(net_name "lb$1")" route replace default via "10.1.$1.1"
	ip -n "$(net_name "lb$1")" -6 route replace default via "2001:db8:3:$1::1"
}

# The router sends the VIPs to these balancers.
ecmp()
{
	local n hops4=() hops6=()
	for n; do
		hops4+=(nexthop via "10.1.$n.2" dev "lb$n")
		hops6+=(nexthop via "2001:db8:3:$n::2" dev "lb$n")
	done
	ip -n "$(net_name switch)" route replace 203.0.113.0/24 "${hops4[@]}"
	ip -n "$(net_name switch)" -6 route replace 2001:db8:f::/64 "${hops6[@]}"
}

survivor_make()
{
	local host=b$1
	backend_make "$1" $VIP4 $VIPX $VIP6
	on switch tc qdisc add dev "$host" root pfifo limit 1000
	on "$host" tc qdisc add dev eth0 root pfifo limit 1000
	on "$host" sysctl -q net.core.somaxconn=16384 net.ipv4.tcp_max_syn_backlog=4096
	on "$host" "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-$host" \
		--vip "$VIP4" --vip "$VIPX" --vip "$VIP6" --from 172.16.0.0/16 --from 100::/64 \
		"${AGENT_OPTIONS[@]}" >>"$NET_DIR/agent.log" 2>&1
}

# The servers of backend I.
servers_start()
{
	on_start "b$1" server "$NET_BUILD/tests/survival/survival_server" "$1"
	SERVER[$1]=$!
	! wants http2 ssh mysql || ! serves apps "$1" || apps_start "$1"
}

# The servers of backend I answer.
servers_answer()
{
	on "b$1" bash -c ': <>/dev/tcp/127.0.0.1/7000' &&
		{ ! wants http2 ssh mysql || ! serves apps "$1" || apps_answer "$1"; }
}

#
# Poise
#

poise_on()
{
	local n=$1
	shift
	on "lb$n" "$NET_BUILD/poise" --socket "$NET_DIR/lb$n.sock" "$@"
}

# Prints what MODE asks of a service.
mode_yaml()
{
	case $1 in
	both) printf '    %s\n' 'encapsulation: gue' 'second_chance: true' ;;
	chance) printf '    %s\n' 'encapsulation: gue' 'second_chance: true' 'exceptions: off' ;;
	exceptions | single) printf '    %s\n' 'encapsulation: ipip' ;;
	maglev) printf '    %s\n' 'encapsulation: ipip' 'exceptions: off' ;;
	esac
}

service_yaml()
{
	local service=$1 i
	cat <<-END
		  - name: $service
		    address: "$2"
		    port: $3
		    on_down: ${ON_DOWN:-rehash}
		    damping: false
		    check: { type: tcp, port: 7001, interval: 2s, timeout: 2s, rise: 1, fall: 4 }
	END
	mode_yaml "$MODE"
	echo "    backends:"
	for ((i = 1; i <= FIRST; i++)); do
		! serves "$service" "$i" ||
			echo "      - { name: $(app "$i"), address: \"$(backend_address "$i" "$(family "$service")")\", weight: ${WEIGHT:-100} }"
	done
}

# EXTRA services that nobody uses, for a reload that changes many; their backends weigh EXTRA_WEIGHT.
extra_yaml()
{
	local i
	for ((i = 1; i <= ${EXTRA:-0}; i++)); do
		cat <<-END
			  - name: extra-$i
			    address: 203.0.113.30
			    port: $((9000 + i))
			    ring_size: 251
			    backends:
			      - { name: app-01, address: 10.0.1.11, weight: ${EXTRA_WEIGHT:-100} }
			      - { name: app-02, address: 10.0.1.12 }
		END
	done
}

# balancer_config N
balancer_config()
{
	cat <<-END
		interfaces:
		  - { name: lb0, mode: native }
		tunnel: { source_ipv4: 172.16.0.0/16, source_ipv6: "100::/64" }
		seed: 0x5eed
		control: { socket: $NET_DIR/lb$1.sock }
		pin_path: $NET_DIR/bpf/lb$1
		state_dir: $NET_DIR/lb$1.state
		settle: ${SETTLE:-60s}
		services:
	END
	service_yaml web "$VIP4" 7000
	service_yaml web6 "$VIP6" 7000
	service_yaml webx "$VIPX" 7000
	service_yaml apps "$VIP4" '"2000-3999"'
	extra_yaml
}

# poised_start N [PROGRAM] [OPTION...]
poised_start()
{
	local n=$1 program=${2:-$NET_BUILD/poised}
	shift $(($# < 2 ? $# : 2))
	on_start "lb$n" "poised$n" "$program" --config "$NET_DIR/lb$n.yaml" "$@"
	POISED[$n]=$!
	wait_for 90 poise_on "$n" version
}

# poised_stop N SIGNAL
poised_stop()
{
	kill -s "$2" "${POISED[$1]}"
	wait "${POISED[$1]}" 2>/dev/null || true
}

# Takes Poise away from balancer N whole.
poised_clear()
{
	[ -z "${POISED[$1]:-}" ] || poised_stop "$1" KILL
	unset "POISED[$1]"
	on "lb$1" "$NET_BUILD/poise" --socket "$NET_DIR/lb$1.sock" detach \
		--pin-path "$NET_DIR/bpf/lb$1" >/dev/null 2>&1 || true
	rm -rf "$NET_DIR/lb$1.state"
}

# are STATE N SERVICE NAME...: on balancer N these backends are in STATE.
are()
{
	local state=$1 n=$2 service=$3
	shift 3
	poise_on "$n" status --json | jq -e --arg state "$state" --arg service "$service" \
		'[.services[] | select(.name == $service).backends[] |
			select(IN(.name; $ARGS.positional[])).state] |
		length == ($ARGS.positional | length) and all(. == $state)' --args "$@" >/dev/null
}

# Every backend of every service of balancer N is up.
all_up()
{
	poise_on "$1" status --json |
		jq -e '[.services[].backends[].state] | length > 0 and all(. == "up")' >/dev/null
}

# No slot of balancer N moves.
settled() { poise_on "$1" status --json | jq -e '[.services[].moving_slots] | add == 0' >/dev/null; }
