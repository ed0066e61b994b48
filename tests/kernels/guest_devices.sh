# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Backends behind VLAN interfaces, single and stacked, and behind a bond, which may have Poise's
# program itself. Sourced by guest.sh; the backends b1 and b2 get addresses in networks of their own:
#
#   balancer lb0 --- v7:  802.1Q 7,               10.7.0.2/24  --- v7 on b1, b2   10.7.0.11, .12
#                +-- s8:  802.1ad 8, c9: 802.1Q 9, 10.9.0.2/24 --- c9 on b1, b2   10.9.0.11, .12
#   balancer bond0 (bp0, bp1, active-backup)       10.4.0.2/24 --- eth0 on b1, b2 10.4.0.11, .12

# The VIPs of the services with backends in 10.N.0.0/24.
declare -A VIP_OF=([7]=203.0.113.37 [9]=203.0.113.39 [4]=203.0.113.34)

# vlans_make HOST DEVICE NUMBER: both VLAN networks over a device; NUMBER is the host's in them.
vlans_make()
{
	local host=$1 device=$2 number=$3 name
	name=$(net_name "$host")
	ip -n "$name" link add link "$device" name v7 type vlan id 7 &&
		ip -n "$name" link add link "$device" name s8 type vlan proto 802.1ad id 8 &&
		ip -n "$name" link add link s8 name c9 type vlan id 9 &&
		ip -n "$name" address add "10.7.0.$number/24" dev v7 &&
		ip -n "$name" address add "10.9.0.$number/24" dev c9 &&
		ip -n "$name" link set v7 up && ip -n "$name" link set s8 up &&
		ip -n "$name" link set c9 up
}

# Agents in generic mode on a VLAN interface, where the tags are off: vlan_agents attach|detach DEVICE
vlan_agents()
{
	local i options=()
	[ "$1" = detach ] || options=(--mode generic --vip 203.0.113.0/24)
	for ((i = 1; i <= SERVERS; i++)); do
		on "b$i" "$NET_BUILD/poise-agent" "$1" "$2" --pin-path "$NET_DIR/bpf/agent-b$i" \
			"${options[@]}" || return 1
	done
}

# The kernel's own tunnels to the addresses in 10.N.0.0/24: device_tunnels add|del N
device_tunnels()
{
	local i
	for ((i = 1; i <= SERVERS; i++)); do
		if [ "$1" = add ]; then
			on "b$i" ip link add poise4 type sit mode any local "10.$2.0.1$i" &&
				on "b$i" ip link set poise4 up || return 1
		else
			ip -n "$(net_name "b$i")" link del poise4
		fi
	done
}

# The service of the backends in 10.N.0.0/24.
device_service()
{
	service_yaml "net$1" "${VIP_OF[$1]}" 4 1 2 |
		sed "s/10\.0\.1\./10.$1.0./; s/timeout: 450ms/timeout: 2s/; s/interval: 500ms/interval: 2s/"
}

# hop_is N KEY VALUE: what the next hop of app-01 in 10.N.0.0/24 is.
hop_is()
{
	equal "$3" "$(status --arg s "net$1" \
		'.services[] | select(.name == $s).backends[0].next_hop'".$2")"
}

vlans_up()
{
	local i
	vlans_make balancer lb0 2 || return 1
	for ((i = 1; i <= SERVERS; i++)); do
		vlans_make "b$i" eth0 "1$i" || return 1
	done
}

test_vlans()
{
	check "VLAN interfaces, single and stacked" vlans_up
	device_service 7 >>"$NET_CONFIG"
	device_service 9 >>"$NET_CONFIG"
	check "services with backends behind them" poise reload
	check "all backends come up" wait_for 60 all_up
	check "one tag: frames leave by the interface below" hop_is 7 interface lb0
	check "two tags: frames leave by the interface below" hop_is 9 interface lb0
	check "two tags: the outer one first" hop_is 9 "vlan | join(\" \")" "8 9"
	check "two tags: the MTU leaves room for the second" hop_is 9 mtu 1596
	device_tunnels add 7
	check "one tag: requests are served, tunnels of the kernel" spread "${VIP_OF[7]}" 1 2
	device_tunnels del 7
	device_tunnels add 9
	check "two tags: requests are served, tunnels of the kernel" spread "${VIP_OF[9]}" 1 2
	device_tunnels del 9
	check "poise-agent on VLAN interfaces" vlan_agents attach v7
	check "one tag: requests are served, poise-agent" spread "${VIP_OF[7]}" 1 2
	vlan_agents detach v7 >/dev/null
}

bond_up()
{
	local i name
	name=$(net_name balancer)
	# both are on one bridge: only lb0 may answer for lb0's addresses
	on balancer sysctl -qw net.ipv4.conf.all.arp_ignore=1 || return 1
	ip -n "$name" link add bond0 mtu 1600 type bond mode active-backup miimon 100 || return 1
	for i in bp0 bp1; do
		link_make balancer $i $i 1600
		ip -n "$(net_name switch)" link set $i master br0
		ip -n "$name" link set $i down
		ip -n "$name" link set $i master bond0 || return 1
	done
	ip -n "$name" link set bond0 up
	ip -n "$name" address add 10.4.0.2/24 dev bond0
	ip -n "$(net_name switch)" address add 10.4.0.1/24 dev br0
	for ((i = 1; i <= SERVERS; i++)); do
		ip -n "$(net_name "b$i")" address add "10.4.0.1$i/24" dev eth0
	done
}

bond_down()
{
	ip -n "$(net_name balancer)" link del bond0
	ip -n "$(net_name balancer)" link del bp0
	ip -n "$(net_name balancer)" link del bp1
}

agents_take_all_vips()
{
	local i
	for ((i = 1; i <= SERVERS; i++)); do
		on "b$i" "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-b$i" \
			--vip 203.0.113.0/24 --vip 2001:db8:f::/64 || return 1
	done
}

bond_active()
{
	ip -n "$(net_name balancer)" -d -j link show bond0 |
		jq -r '.[0].linkinfo.info_data.active_slave'
}

# The bond's slave that is not in use takes over.
bond_fails_over()
{
	local active
	active=$(bond_active)
	ip -n "$(net_name switch)" link set "$active" down
	wait_for 10 bond_left "$active"
}

bond_left() { [ "$(bond_active)" != "$1" ]; }

test_bond()
{
	check "a bond" bond_up
	device_service 4 >>"$NET_CONFIG"
	check "a service with backends behind it" poise reload
	check "all backends come up" wait_for 60 all_up
	check "poise-agent with prefixes of VIPs" agents_take_all_vips
	check "frames leave by the bond" hop_is 4 interface bond0
	check "redirected to the bond: requests are served" spread "${VIP_OF[4]}" 1 2

	sed -i 's/^interfaces:/&\n  - { name: bond0, mode: native }/' "$NET_CONFIG"
	check "the program is attached to the bond" poise reload
	check "it is there, in native mode" interfaces_are native native
	ip -n "$(net_name switch)" route add "${VIP_OF[4]}/32" via 10.4.0.2
	check "in and out by the bond: requests are served" spread "${VIP_OF[4]}" 1 2
	check "the other slave takes over" bond_fails_over
	check "in and out by the bond: requests are served" wait_for 30 spread "${VIP_OF[4]}" 1 2
	ip -n "$(net_name switch)" route del "${VIP_OF[4]}/32"
}

# Each backend owns the VIPs of these services.
test_devices()
{
	local i n
	for ((i = 1; i <= SERVERS; i++)); do
		for n in 7 9 4; do
			ip -n "$(net_name "b$i")" address add "${VIP_OF[$n]}/32" dev lo
		done
	done
	test_vlans
	test_probes
	test_bond
	config_mixes >"$NET_CONFIG"
	check "these services are given up" poise reload
	bond_down
}
