# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Backends without poise-agent: what Poise sends is opened by the kernel's own tunnel devices, set up
# as the manual of poise-agent says. Sourced by guest.sh.

# Every device that tunnels_make makes, whether it is there or not.
tunnels_remove()
{
	local i
	for ((i = 1; i <= SERVERS; i++)); do
		ip -n "$(net_name "b$i")" link del poise4 2>/dev/null || true
		ip -n "$(net_name "b$i")" link del poise6 2>/dev/null || true
	done
}

# What the manual says, on each backend: tunnels_make FAMILY ARGUMENT..., those of 'ip link add'.
tunnels_make()
{
	local family=$1 i
	shift
	for ((i = 1; i <= SERVERS; i++)); do
		on "b$i" ip link add "poise$family" type "$@" local "$(backend_address $i "$family")" &&
			on "b$i" ip link set "poise$family" up || return 1
	done
}

# The port of GUE on each backend: gue_ports add|del
gue_ports()
{
	local i
	for ((i = 1; i <= SERVERS; i++)); do
		on "b$i" ip fou "$1" port 6080 gue && on "b$i" ip fou "$1" port 6080 gue -6 || return 1
	done
}

# Puts an IPv4 VIP on each backend's tunnel device, or back on lo: vip_move VIP FROM TO
vip_move()
{
	local i
	for ((i = 1; i <= SERVERS; i++)); do
		ip -n "$(net_name "b$i")" address del "$1/32" dev "$2"
		ip -n "$(net_name "b$i")" address add "$1/32" dev "$3"
	done
}

rp_filter()
{
	local value=$1 i device
	shift
	for ((i = 1; i <= SERVERS; i++)); do
		for device; do
			on "b$i" sysctl -qw "net.ipv4.conf.$device.rp_filter=$value"
		done
	done
}

not_served() { refused 28 on client curl -s --max-time 3 "$(url "$1" /)"; }

# tunnel_test MIX VIP FAMILY ARGUMENT...: one kind of tunnel; FAMILY and arguments as above.
tunnel_test()
{
	local mix=$1 vip=$2 family=$3
	shift 2
	check "$mix: without a tunnel nothing is served" not_served "$vip"
	check "$mix: ip link add poise$family type ${*:2}" tunnels_make "$@"
	check "$mix: requests are served" spread "$vip" 1 2
	case $vip in
	*:*) ;;
	*)
		vip_move "$vip" lo "poise$family"
		rp_filter 1 all default eth0
		rp_filter 2 "poise$family"
		check "$mix: the VIP on the device, rp_filter strict elsewhere" spread "$vip" 1 2
		rp_filter 0 all default eth0
		vip_move "$vip" "poise$family" lo
		;;
	esac
	tunnels_remove
}

# Makes every service use another encapsulation.
encapsulate()
{
	config_mixes | sed "s/^tunnel:/&\n  encapsulation: $1/" >"$NET_CONFIG"
	poise reload
}

test_tunnels()
{
	local i
	for i in 1 2 3 4; do
		on "b$i" "$NET_BUILD/poise-agent" detach eth0 --pin-path "$NET_DIR/bpf/agent-b$i" >/dev/null
	done
	tunnel_test "4in4" "$VIP44" 4 ipip
	tunnel_test "6in4" "$VIP64" 4 sit
	tunnel_test "6in6" "$VIP66" 6 ip6tnl mode ip6ip6
	tunnel_test "4in6" "$VIP46" 6 ip6tnl mode ipip6
	tunnel_test "4in4 by sit" "$VIP44" 4 sit mode any
	tunnel_test "6in4 by sit" "$VIP64" 4 sit mode any
	tunnel_test "6in6 by ip6tnl" "$VIP66" 6 ip6tnl mode any
	tunnel_test "4in6 by ip6tnl" "$VIP46" 6 ip6tnl mode any

	check "the encapsulation changes to gue" encapsulate gue
	check "gue: modprobe fou" modprobe fou
	check "gue: ip fou add port 6080 gue" gue_ports add
	tunnel_test "gue, 4in4" "$VIP44" 4 sit mode any
	tunnel_test "gue, 6in4" "$VIP64" 4 sit mode any
	tunnel_test "gue, 6in6" "$VIP66" 6 ip6tnl mode any
	tunnel_test "gue, 4in6" "$VIP46" 6 ip6tnl mode any
	gue_ports del

	check "the encapsulation changes to gre" encapsulate gre
	tunnel_test "gre, 4in4" "$VIP44" 4 gre
	tunnel_test "gre, 6in4" "$VIP64" 4 gre
	tunnel_test "gre, 6in6" "$VIP66" 6 ip6gre
	tunnel_test "gre, 4in6" "$VIP46" 6 ip6gre
	check "the encapsulation changes back" encapsulate ipip
}
