#!/bin/bash
. "$(dirname "$0")/../netns/tap.sh"
set +e
trap - ERR EXIT
T() { echo "--- $(cut -d' ' -f1 /proc/uptime) $*"; }
net_up one 1; T net_up
{ config_head; service_yaml web "$VIP44" 4 1;service_yaml web6 "$VIP66" 6 1; service_yaml web46 "$VIP46" 6 1;	service_yaml web64 "$VIP64" 4 1; } >"$NET_CONFIG"
poised_start
wait_for 30 all_up; T all_up
b() { on b1 "$@"; }
get() { local out=; for v in $VIP44 $VIP66 $VIP46 $VIP64; do
 out="$out $(on client curl -s --max-time 5 --connect-timeout 0.8 -H 'Connection: close' "$(url $v "/?[1-3]")" | wc -l)"; done; echo "$1: 44 66 46 64:$out"; }
for i in 1 2; do get warm; done
b sysctl -q -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
modprobe -a ipip sit ip6_tunnel
get "modules only"
b ip link set tunl0 up; get "tunl0 up, strict"
b sysctl -q -w net.ipv4.conf.tunl0.rp_filter=2; get "tunl0 up, rp 2"
b ip link set tunl0 down
b ip link set sit0 up; get "sit0 up"
b ip -6 addr show dev sit0; b ip -6 route
b ip link set sit0 down
b ip link set ip6tnl0 up; get "ip6tnl0 up, strict"
b ip -d link show ip6tnl0
b sysctl -q -w net.ipv4.conf.ip6tnl0.rp_filter=2; get "ip6tnl0, rp 2"
b ip link set ip6tnl0 down
b ip link add poise4 type ipip local 10.0.1.11 && b ip link set poise4 up; b sysctl -q -w net.ipv4.conf.poise4.rp_filter=2; get "ipip named"; b ip link del poise4
b ip link add poise4 type ipip && b ip link set poise4 up; b sysctl -q -w net.ipv4.conf.poise4.rp_filter=2; get "ipip named, no local"; b ip link del poise4
b ip link add poise4 type sit mode any local 10.0.1.11 && b ip link set poise4 up; b sysctl -q -w net.ipv4.conf.poise4.rp_filter=2; get "sit any"; b ip -d link show poise4; b ip -6 addr show dev poise4; b ip -6 route ; b ip link del poise4
b ip link add poise4 type sit local 10.0.1.11 && b ip link set poise4 up; b sysctl -q -w net.ipv4.conf.poise4.rp_filter=2; get "sit"; b ip link del poise4
b ip link add poise6 type ip6tnl mode any local 2001:db8:2::11 remote :: && b ip link set poise6 up; b sysctl -q -w net.ipv4.conf.poise6.rp_filter=2; get "ip6tnl any"; b ip -d link show poise6;  b ip -6 addr show dev poise6;b ip link del poise6
b ip link add poise6 type ip6tnl mode any local 2001:db8:2::11 && b ip link set poise6 up; b sysctl -q -w net.ipv4.conf.poise6.rp_filter=2; get "ip6tnl any no remote"; b ip link del poise6
b ip link add poise6 type ip6tnl mode any  && b ip link set poise6 up; b sysctl -q -w net.ipv4.conf.poise6.rp_filter=2; get "ip6tnl any no local"; b ip link del poise6
b ip link add poise6 type ip6tnl mode ipip6 local 2001:db8:2::11 remote :: && b ip link set poise6 up; b sysctl -q -w net.ipv4.conf.poise6.rp_filter=2; get "ip6tnl ipip6"; b ip link del poise6
b ip link add poise6 type ip6tnl mode ip6ip6 local 2001:db8:2::11 remote :: && b ip link set poise6 up;  get "ip6tnl ip6ip6"; b ip link del poise6
# both any
b ip link add poise4 type sit mode any local 10.0.1.11 ; b ip link add poise6 type ip6tnl mode any local 2001:db8:2::11; b ip link set poise4 up; b ip link set poise6 up;  b sysctl -q -w net.ipv4.conf.poise4.rp_filter=2 net.ipv4.conf.poise6.rp_filter=2; get "both any"
b ip link del poise4;b ip link del poise6
b sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
b ip link add poise4 type sit mode any local 10.0.1.11 ; b ip link add poise6 type ip6tnl mode any local 2001:db8:2::11; b ip link set poise4 up; b ip link set poise6 up; get "both any, rp 0"
b nstat -az | grep -iE 'filter|InAddrErr|NoRoute|Discard|UnknownProto' | awk '$2>0'
b ip -s link show poise4;b ip -s link show poise6
T end
