#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise doctor and poise-agent doctor on real hosts: one thing after the other is made wrong, the command
# that the finding names is run as it stands, and the finding is gone.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

balancer_doctor() { on balancer "$NET_BUILD/poise" --socket "$NET_SOCKET" doctor --json "$@" || true; }
backend_doctor() { on b1 "$NET_BUILD/poise-agent" doctor eth0 --json "$@" || true; }

# findings DOCTOR...: "check level subject", one a line, of what is not fine
findings() { "$@" | jq -r '.[] | select(.level != "ok") | "\(.check) \(.level) \(.subject)"'; }

# has CHECK LEVEL SUBJECT DOCTOR..., and no such finding
has()
{
	local finding="$1 $2 $3"
	shift 3
	findings "$@" >"$NET_DIR/findings"
	cat "$NET_DIR/findings"
	grep -qxF "$finding" "$NET_DIR/findings"
}

has_no()
{
	local check=$1
	shift
	findings "$@" >"$NET_DIR/findings"
	cat "$NET_DIR/findings"
	! grep -q "^$check " "$NET_DIR/findings"
}

# mended HOST CHECK LEVEL SUBJECT DOCTOR...: the finding is there, and after its command is not any more
mended()
{
	local host=$1 check=$2 level=$3 subject=$4 command
	shift 4
	has "$check" "$level" "$subject" "$@" || return 1
	command=$("$@" | jq -r --arg check "$check" --arg subject "$subject" \
		'[.[] | select(.check == $check and .subject == $subject and .level != "ok")][0].mend')
	echo "command: $command"
	on "$host" env PATH="$NET_BUILD:$PATH" bash -c "$command" || return 1
	has_no "$check" "$@"
}

# A configuration of the interface $1 and a service that is probed through the tunnel.
other_config()
{
	cat >"$NET_DIR/other.yaml" <<-END
		interfaces: [{ name: $1 }]
		seed: 1
		pin_path: $NET_PINS
		services:
		  - name: probed
		    address: 203.0.113.99
		    port: 80
		    panic_threshold: 50%
		    check: { type: tcp, via: tunnel }
		    backends: [{ name: app-01, address: 10.0.1.11 }, { name: app-02, address: 10.0.1.12 }]
	END
}

# What this machine may have besides what the test makes wrong.
OTHERS='^(panic note .*|veth_peer note lb0|(jit|jit_harden|memory|kernel|clock) .*)$'

code_is_right()
{
	local worst=0
	! findings balancer_doctor | grep -qE '^[a-z_]* (warning|problem) ' || worst=1
	refused $worst poise doctor
}

test_balancer()
{
	local queues='queues warning lb0' others
	others=$(findings balancer_doctor | grep -vE "$OTHERS" | sort | xargs)
	case $others in
	"$queues")
		check "fewer queues than CPUs" mended balancer queues warning lb0 balancer_doctor
		;;
	*) check "a balancer that works: no warnings" equal "" "$others" ;;
	esac
	check "the exit code says whether there is a warning" code_is_right
	ip -n "$(net_name balancer)" link set lb0 mtu 1500
	check "no room for the tunnel" mended balancer mtu warning lb0 balancer_doctor
	check "and the MTU is what the longest header needs" \
		contains "$(ip -n "$(net_name balancer)" link show lb0)" "mtu 1540"
	ip -n "$(net_name balancer)" link set lb0 mtu 1600
	ip -n "$(net_name balancer)" route add unreachable 10.0.1.14
	check "a route that refuses" has route problem web/app-04 balancer_doctor
	ip -n "$(net_name balancer)" route del unreachable 10.0.1.14
	check "and is gone" has_no route balancer_doctor
	ip -n "$(net_name switch)" link set b4 down
	# this host looks for it anew, as it would once it had not heard of it for long
	ip -n "$(net_name balancer)" neighbour flush to 10.0.1.14 dev lb0
	check "a backend that does not answer ARP" \
		wait_for 60 has next_hop problem web/app-04 balancer_doctor
	ip -n "$(net_name switch)" link set b4 up
	check "and answers again" wait_for 60 has_no next_hop balancer_doctor
}

# What ethtool says of the card: doctor reads the same.
offload_read()
{
	on balancer ethtool -K lb0 rxvlan "$1" >/dev/null
	contains "$(balancer_doctor | jq -r '.[] | select(.check == "rxvlan").found')" "$2"
}

test_vlan()
{
	local name
	name=$(net_name balancer)
	on balancer ethtool -K lb0 rxvlan on >/dev/null 2>&1 || true
	if ! ip -n "$name" link add link lb0 name lb0.5 type vlan id 5 2>/dev/null; then
		TAP_COUNT=$((TAP_COUNT + 1))
		echo "ok $TAP_COUNT - tags that the card takes off # SKIP no VLAN interfaces here"
		return
	fi
	check "tags that the card takes off" mended balancer rxvlan warning lb0 balancer_doctor
	ip -n "$name" link del lb0.5
}

# On interfaces without poised: v0 and v1 are a veth pair of the balancer.
test_without_poised()
{
	local name without
	name=$(net_name balancer)
	without="balancer_doctor --config $NET_DIR/other.yaml --socket $NET_DIR/no-socket"
	ip -n "$name" link add v0 mtu 1600 type veth peer name v1
	ip -n "$name" link set v1 up
	other_config v0
	# shellcheck disable=SC2086
	{
		check "poised is away" has poised note "" $without
		check "an interface that is down" mended balancer interface problem v0 $without
		check "a veth whose peer has no program" mended balancer veth_peer warning v0 $without
		ip -n "$name" link set v0 xdpdrv obj "$NET_DIR/pass.o" sec xdp
		check "another program alone" mended balancer chain problem v0 $without
		ip -n "$name" address add 203.0.113.99/32 dev lo
		check "probes of a service that is local" mended balancer accept_local problem lb0 $without
		check "the service's address" has local_vip note probed $without
		ip -n "$name" link del v0
		check "an interface that is gone" has interface problem v0 $without
		sed -i "s|^pin_path.*|pin_path: $NET_DIR/plain/poise|" "$NET_DIR/other.yaml"
		mkdir "$NET_DIR/plain"
		check "no bpffs" has bpffs problem "" $without
	}
}

test_backend()
{
	local name
	name=$(net_name b1)
	check "a backend that works: nothing" equal "" "$(findings backend_doctor | grep -v '^jit ')"
	ip -n "$name" address del "$VIP44/32" dev lo
	check "a VIP that is missing" mended b1 vip problem eth0 backend_doctor
	on b1 sysctl -qw net.ipv4.conf.eth0.rp_filter=1
	check "a strict rp_filter" mended b1 rp_filter problem eth0 backend_doctor
	on b1 sysctl -qw net.ipv4.conf.all.arp_ignore=0
	check "arp_ignore" mended b1 arp_ignore problem eth0 backend_doctor
	on b1 sysctl -qw net.ipv4.conf.all.arp_announce=0
	check "arp_announce" mended b1 arp_announce problem eth0 backend_doctor
	ip -n "$name" link set eth0 mtu 1500
	check "an MSS that does not fit the tunnel (IPv4)" has mtu warning eth0 backend_doctor
	check "attached again as it says, the MSS fits" mss_mended
	attach_b1 --mss off >/dev/null
	check "without --mss: for IPv4" has mtu warning eth0 backend_doctor
	check "whose command for IPv4 leaves that for IPv6, which mends it" mend_twice
	on b1 "$NET_BUILD/poise-agent" detach eth0 --pin-path "$NET_DIR/bpf/agent-b1" >/dev/null
	check "not attached" has decapsulation problem eth0 backend_doctor
	check "exit code 1" refused 1 on b1 "$NET_BUILD/poise-agent" doctor
	on b1 sysctl -qw net.ipv4.conf.eth0.rp_filter=1
	check "what attach would warn of, before it" mended b1 rp_filter problem eth0 \
		backend_doctor --vip $VIP44
}

attach_b1()
{
	on b1 "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-b1" \
		--vip "$VIP44" --vip "$VIP66" --from 172.16.0.0/16 --from 100::/64 "$@"
}

# The command has the options that it was attached with in its middle.
mss_mended()
{
	contains "$(backend_doctor | jq -r '.[] | select(.check == "mtu").mend')" \
		'poise-agent attach eth0 ... --mss auto' && attach_b1 --mss auto &&
		has_no mtu backend_doctor
}

mend_twice()
{
	local command
	for _ in 1 2; do
		command=$(backend_doctor | jq -r '[.[] | select(.check == "mtu")][0].mend')
		echo "command: $command"
		on b1 bash -c "$command"
	done
	has_no mtu backend_doctor
}

tap_begin
config_web 1 2 3 4 >"$NET_CONFIG"
poised_start
wait_for 60 all_up
test_balancer
check "an offload that is off" offload_read off "leaves VLAN tags on"
check "an offload that is on" offload_read on "takes VLAN tags off"
test_vlan
test_without_poised
test_backend
tap_end
