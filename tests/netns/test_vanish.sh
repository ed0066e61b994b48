#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Interfaces that come and go under poised, and programs that are taken off them: each is said in log
# and status, and mended when it can be.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# The configuration with both interfaces: config_two [EXTRA]
config_two() { config_web 1 2 3 | sed "s/^tunnel:/  - name: lb1\n    mode: native\n${1:-}tunnel:/"; }

# interface_of NAME KEY
# shellcheck disable=SC2016 # $n is of jq
interface_of() { status --arg n "$1" ".interfaces[] | select(.name == \$n).$2"; }

attached() { equal true "$(interface_of "$1" attached)"; }
not_attached() { equal false "$(interface_of "$1" attached)"; }

logged() { grep -qE "$1" "$NET_DIR/poised.log"; }
log_clear() { : >"$NET_DIR/poised.log"; }

served() { spread "$VIP44" 1 2 3 && spread "$VIP66" 1 2 3; }

lb() { ip -n "$(net_name balancer)" "$@"; }

lb0_delete() { lb link del lb0; }

lb0_make()
{
	link_make balancer lb0 lb0 1500
	host_address switch lb0 192.0.2.1/24 2001:db8:3::1/64
	host_address balancer lb0 192.0.2.2/24 2001:db8:3::2/64
	host_routes balancer 192.0.2.1 2001:db8:3::1
	ip -n "$(net_name switch)" route replace 203.0.113.0/24 via 192.0.2.2
	ip -n "$(net_name switch)" -6 route replace 2001:db8:f::/64 via 2001:db8:3::2
}

lb1_make()
{
	link_make balancer lb1 lb1 1600
	host_address balancer lb1 $LB4/24 $LB6/64
	ip -n "$(net_name switch)" link set lb1 master br0
	for i in 1 2 3; do
		ip -n "$(net_name "b$i")" neigh flush dev eth0 # they know its former MAC address
	done
}

# status_code CODE [OPTION...]
status_code()
{
	local want=$1 got=0
	shift
	poise status "$@" >/dev/null || got=$?
	equal "$want" $got
}

# What poised told last of how it is: told REGEX
told() { grep -a STATUS= "$NET_DIR/manager" | tail -n 1 | grep -qE "$1"; }

manager_start()
{
	/usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode(), flush=True)' "$NET_DIR/notify" >"$NET_DIR/manager" 2>&1 &
	MANAGER=$!
	wait_for 60 test -S "$NET_DIR/notify"
}

status_says() { contains "$(poise status)" "$@"; }

# The mode in which the kernel runs a program: 1 native, 2 generic; 0: none.
kernel_mode() { lb -d -j link show "$1" | jq -r '.[0].xdp.mode // 0'; }

tap_begin two
config_two >"$NET_CONFIG"
manager_start
export NOTIFY_SOCKET=$NET_DIR/notify
poised_start
check "all backends come up" wait_for 60 all_up
check "requests succeed" served

log_clear
lb link set dev lb0 xdp off
check "a program taken off is attached again" wait_for 60 attached lb0
check "and it is said" wait_for 60 logged "lb0.*the program is not on it any more"
check "in the mode of the configuration" equal 1 "$(kernel_mode lb0)"
check "requests succeed again" served

log_clear
lb link set dev lb0 down
lb link set dev lb0 xdp off
lb link set dev lb0 up
host_routes balancer 192.0.2.1 2001:db8:3::1
check "a reset of a card that drops its program is mended" wait_for 60 attached lb0
check "requests succeed after it" wait_for 60 served

log_clear
lb -force link set dev lb0 xdpdrv obj "$NET_DIR/pass.o" sec xdp
check "another program in its place is said" \
	wait_for 60 logged "lb0.*another XDP program that does not share the interface"
check "and shown" wait_for 60 status_says "interface lb0: not attached" "another XDP program"
lb link set dev lb0 xdp off
check "when that one goes, poise's is attached again" wait_for 60 attached lb0
check "requests succeed then" served

log_clear
lb0_delete
check "an interface that vanishes is said" wait_for 60 logged "lb0.*it is not there"
check "and shown" wait_for 60 status_says "interface lb0: not attached: it is not there" \
	"interface lb1: native mode"
check "poise status ends with 4" status_code 4
check "with --lenient it is 0 all the same" status_code 0 --lenient
check "the service manager is told" wait_for 60 told "not attached to lb0"
check "the other one stays" attached lb1
check "explain takes a packet in by that" \
	equal lb1 "$(poise explain tcp 198.51.100.2:1 "$VIP44:80" --json | jq -r .packet.interface)"
lb0_make
check "when it is back, the program is attached" wait_for 60 attached lb0
check "with a line of its own" logged "lb0.*program attached, mode native"
check "poise status ends with 0 again" status_code 0
check "the service manager is told of that, too" wait_for 60 told "backends up$"
check "requests succeed by it" wait_for 60 served

log_clear
lb link del lb1
check "the interface to the backends vanishes" wait_for 60 logged "lb1.*it is not there"
lb1_make
check "when it is back, the program is attached there" wait_for 60 attached lb1
check "and next hops lead out by it: requests succeed" wait_for 60 served

poised_stop TERM
lb0_delete
log_clear
poised_start
check "poised starts without one of its interfaces" not_attached lb0
check "and says so" logged "lb0.*it is not there"
check "it is attached to the other one" attached lb1
lb0_make
check "the missing one comes: the program is attached" wait_for 60 attached lb0
check "and requests succeed" wait_for 60 served

sed -i 's/^tunnel:/  - name: lb2\n&/' "$NET_CONFIG"
check "a reload adds an interface that is not there, and says so" \
	contains "$(poise reload)" "interface 'lb2' is not there"
check "the status, too" status_says "interface lb2: not attached: it is not there"
lb link add lb2 type veth peer name lb2p
check "it comes: the program is attached" wait_for 60 attached lb2
check "requests succeed all the while" served
config_two >"$NET_CONFIG"
lb link del lb2
check "it goes, and a reload leaves it out" contains "$(poise reload)" "interface 'lb2' detached"

poise detach >/dev/null
wait_for 60 pids_gone "$NET_POISED"
lb0_delete
lb link del lb1
check "poised --check tells missing interfaces, and allows them" \
	contains "$(on balancer "$NET_BUILD/poised" --config "$NET_CONFIG" --check)" \
	"interfaces[0]: there is no interface 'lb0' now" "interfaces[1]" valid
log_clear
poised_start
check "poised starts without any interface" not_attached lb1
lb1_make
lb0_make
check "they come: the program is attached to both" wait_for 60 attached lb0
check "and the services are there" wait_for 60 served
kill "$MANAGER"
tap_end
