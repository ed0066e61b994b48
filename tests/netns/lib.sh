# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The network of the tests and the demo: hosts in network namespaces, joined by veth pairs, with the
# real programs on them. Sourced; owns making and removing that network and its web servers (drive.sh,
# which it sources, has Poise and the client). Judges nothing.
#
#       client                        balancer                  b1 .. b4
#   198.51.100.2                  10.0.1.2                 10.0.1.11 .. 10.0.1.14
#   2001:db8:1::2                 2001:db8:2::2            2001:db8:2::11 .. 2001:db8:2::14
#        | eth0                        | lb0 (XDP)              | eth0 (XDP)     VIPs on lo
#        |                             |                        |
#    ----+-----------------------------+------------------------+--------------------------
#     client .1 <--- routes --->  br0 10.0.1.1: a bridge with lb0, b1 .. b4          switch
#                                     2001:db8:2::1                      MTU of br0: 1600
#
# With net_up two, the balancer has an interface for each direction:
#
#      balancer
#   192.0.2.2       lb0 (XDP)--- lb0 192.0.2.1      of the switch, on no bridge
#   2001:db8:3::2                    2001:db8:3::1
#   10.0.1.2        lb1 -------- br0
#
# The switch also routes. It sends the VIPs (203.0.113.0/24, 2001:db8:f::/64) to the balancer's
# address, as a router that learnt them by BGP would; the backends answer through it to the client,
# past the balancer.
#
# NET_ID (the shell's process id, if not set before) makes all names unique: the namespaces are
# poise-NET_ID-HOST, everything else is in the directory /run/poise-NET_ID. bpffs is mounted there,
# in this shell's mount namespace: hosts are entered by nsenter --net, which keeps that in sight.

: "${NET_ID:=$$}"
NET_HOSTS="switch client balancer b1 b2 b3 b4"
NET_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NET_DIR=/run/poise-$NET_ID
NET_BUILD=${NET_BUILD:-$NET_ROOT/build}
NET_CONFIG=$NET_DIR/poise.yaml
NET_SOCKET=$NET_DIR/poised.sock
NET_PINS=$NET_DIR/bpf/poise

# The VIPs, by the family of clients, then of backends.
VIP44=203.0.113.10
VIP66=2001:db8:f::10
VIP46=203.0.113.20
VIP64=2001:db8:f::20
LB4=10.0.1.2
LB6=2001:db8:2::2

#
# hosts
#

# The namespace of HOST: client, switch, balancer, b1 .. b4.
net_name() { echo "poise-$NET_ID-$1"; }

# Runs a command on HOST.
on()
{
	local host=$1
	shift
	nsenter --net="/run/netns/poise-$NET_ID-$host" "$@"
}

# Runs a command on HOST in the background, its output in $NET_DIR/NAME.log; $! is its process.
on_start()
{
	local host=$1 name=$2
	shift 2
	nsenter --net="/run/netns/poise-$NET_ID-$host" "$@" </dev/null >>"$NET_DIR/$name.log" 2>&1 &
}

# Ends every process on HOST, or only those named NAME, and waits until they are gone.
host_kill()
{
	local host=$1 name=${2:-} pid pids=()
	for pid in $(ip netns pids "poise-$NET_ID-$host" 2>/dev/null); do
		[ -z "$name" ] || [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] || continue
		pids+=("$pid")
	done
	[ ${#pids[@]} -gt 0 ] || return 0
	kill -KILL "${pids[@]}" 2>/dev/null || true
	wait "${pids[@]}" 2>/dev/null || true # without the shell's remarks on its children
	wait_for 60 pids_gone "${pids[@]}"
}

pids_gone()
{
	local pid
	for pid; do
		# a zombie waits for this shell only
		case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in
		'' | Z*) ;;
		*) return 1 ;;
		esac
	done
}

# Repeats a command until it succeeds, at most SECONDS long (a whole number); what its last run prints
# after that is seen.
wait_for()
{
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			"$@"
			return
		fi
		sleep 0.1
	done
}

#
# the network
#

# Prints why the network cannot be made here, or nothing.
net_missing()
{
	local program probe=poise-$NET_ID-probe
	if [ "$(id -u)" != 0 ]; then
		echo "not root"
		return
	fi
	for program in ip nsenter ethtool clang nginx curl jq wrk; do
		if ! command -v "$program" >/dev/null; then
			echo "$program is not installed"
			return
		fi
	done
	if ! ip netns add "$probe" 2>/dev/null; then
		echo "network namespaces cannot be made"
		return
	fi
	[ -d "$NET_DIR" ] || mkdir -m 700 "$NET_DIR"
	if ! net_compile || ! ip -n "$probe" link add veth0 type veth peer name veth1 ||
		! ip -n "$probe" link set veth0 xdpdrv obj "$NET_DIR/pass.o" sec xdp; then
		echo "XDP programs cannot be attached to veth"
	fi
	ip netns del "$probe"
}

net_compile()
{
	[ -e "$NET_DIR/pass.o" ] || clang -O2 -target bpf -I"/usr/include/$(uname -m)-linux-gnu" \
		-c -o "$NET_DIR/pass.o" "$NET_ROOT/tests/netns/pass.bpf.c"
}

# Makes the network, its hosts and the backends' web servers: net_up [one|two] [BACKENDS].
# BACKENDS (4 if left out) is how many get a server; all four hosts are there.
net_up()
{
	local shape=${1:-one} servers=${2:-4} i
	hosts_make
	link_make client client eth0 1500
	host_address client eth0 198.51.100.2/24 2001:db8:1::2/64
	host_address switch client 198.51.100.1/24 2001:db8:1::1/64
	host_routes client 198.51.100.1 2001:db8:1::1
	balancer_make "$shape"
	for i in 1 2 3 4; do
		backend_make "$i" $VIP44 $VIP46 $VIP66 $VIP64
	done
	head -c 24M /dev/urandom >"$NET_DIR/data"
	sha256sum <"$NET_DIR/data" >"$NET_DIR/data.sum"
	for ((i = 1; i <= servers; i++)); do
		server_start "$i"
	done
}

# Makes every host of NET_HOSTS, bpffs, and the switch.
hosts_make()
{
	local host
	[ -d "$NET_DIR" ] || mkdir -m 700 "$NET_DIR"
	mkdir "$NET_DIR/bpf"
	mount -t bpf -o mode=0700 poise-test "$NET_DIR/bpf"
	net_compile
	for host in $NET_HOSTS; do
		host_make "$host"
	done
	switch_make
}

host_make()
{
	local name key
	name=$(net_name "$1")
	ip netns add "$name"
	ip -n "$name" link set lo up
	{
		for key in all default; do
			echo "net.ipv4.conf.$key.rp_filter=0"
			echo "net.ipv4.conf.$key.send_redirects=0"
			echo "net.ipv4.conf.$key.accept_redirects=0"
			echo "net.ipv4.conf.$key.arp_notify=1"
			echo "net.ipv6.conf.$key.ndisc_notify=1"
			echo "net.ipv6.conf.$key.accept_ra=0"
			echo "net.ipv6.conf.$key.accept_dad=0"
			echo "net.ipv6.conf.$key.keep_addr_on_down=1"
		done
		echo "net.ipv4.ip_local_port_range=2000 65000"
	} | on "$1" sysctl -q -p - >/dev/null
}

switch_make()
{
	local name
	name=$(net_name switch)
	on switch sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n "$name" link add br0 mtu 1600 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
	ip -n "$name" link set br0 mtu 1600 up
	host_address switch br0 10.0.1.1/24 2001:db8:2::1/64
}

# link_make HOST PORT DEVICE MTU: joins DEVICE of HOST to the switch's PORT.
link_make()
{
	local host=$1 port=$2 device=$3 mtu=$4 switch
	switch=$(net_name switch)
	ip -n "$switch" link add "$port" mtu "$mtu" type veth \
		peer name "$device" mtu "$mtu" netns "$(net_name "$host")"
	ip -n "$switch" link set "$port" xdpdrv obj "$NET_DIR/pass.o" sec xdp
	# XDP sees packets as the sender left them: they must be whole and have their checksums
	on switch ethtool -K "$port" tx off tso off gso off gro off >/dev/null
	on "$host" ethtool -K "$device" tx off tso off gso off >/dev/null
	ip -n "$switch" link set "$port" up
	ip -n "$(net_name "$host")" link set "$device" up
}

# host_address HOST DEVICE PREFIX4 PREFIX6
host_address()
{
	ip -n "$(net_name "$1")" address add "$3" dev "$2"
	ip -n "$(net_name "$1")" address add "$4" dev "$2" nodad
}

# host_routes HOST GATEWAY4 GATEWAY6
host_routes()
{
	ip -n "$(net_name "$1")" route add default via "$2"
	ip -n "$(net_name "$1")" -6 route add default via "$3"
}

balancer_make()
{
	local switch via4=$LB4 via6=$LB6
	switch=$(net_name switch)
	case $1 in
	one)
		link_make balancer lb0 lb0 1600
		host_address balancer lb0 $LB4/24 $LB6/64
		host_routes balancer 10.0.1.1 2001:db8:2::1
		ip -n "$switch" link set lb0 master br0
		;;
	two)
		via4=192.0.2.2 via6=2001:db8:3::2
		link_make balancer lb0 lb0 1500
		link_make balancer lb1 lb1 1600
		host_address switch lb0 192.0.2.1/24 2001:db8:3::1/64
		host_address balancer lb0 $via4/24 $via6/64
		host_address balancer lb1 $LB4/24 $LB6/64
		host_routes balancer 192.0.2.1 2001:db8:3::1
		ip -n "$switch" link set lb1 master br0
		;;
	esac
	ip -n "$switch" route add 203.0.113.0/24 via $via4
	ip -n "$switch" -6 route add 2001:db8:f::/64 via $via6
}

# The address of backend number I in family 4 or 6.
backend_address()
{
	case $2 in
	4) echo "10.0.1.1$1" ;;
	6) echo "2001:db8:2::1$1" ;;
	esac
}

# backend_make I [VIP...]: a host that owns the VIPs without saying so on the wire, as direct server
# return wants it.
backend_make()
{
	local host=b$1 name vip
	name=$(net_name "$host")
	link_make "$host" "$host" eth0 1600
	ip -n "$(net_name switch)" link set "$host" master br0
	host_address "$host" eth0 "$(backend_address "$1" 4)/24" "$(backend_address "$1" 6)/64"
	host_routes "$host" 10.0.1.1 2001:db8:2::1
	on "$host" sysctl -q net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
	shift
	for vip; do
		case $vip in
		*:*) ip -n "$name" address add "$vip/128" dev lo nodad ;;
		*) ip -n "$name" address add "$vip/32" dev lo ;;
		esac
	done
}

# Removes all of it, whatever of it is there, and every process in it.
net_down()
{
	local host name
	for host in $NET_HOSTS probe; do
		name=$(net_name "$host")
		[ -e "/run/netns/$name" ] || continue
		host_kill "$host" || true
		ip netns del "$name" || true
	done
	if mountpoint -q "$NET_DIR/bpf"; then
		umount "$NET_DIR/bpf" || umount -l "$NET_DIR/bpf"
	fi
	rm -rf --one-file-system "$NET_DIR"
}

#
# web servers: the page / is the server's name, /healthz is for checks, /data a large random file,
# /upload takes anything
#

# Prints the settings of an nginx that keeps what it sets aside in DIR: nginx_temp DIR
nginx_temp()
{
	local kind
	for kind in client_body proxy fastcgi uwsgi scgi; do
		echo "${kind}_temp_path $1;"
	done
}

# server_start I: the server app-0I on host bI; returns when it answers.
server_start()
{
	local host=b$1 dir=$NET_DIR/b$1.nginx
	mkdir -p "$dir"
	cat >"$dir/nginx.conf" <<-END
		user root;
		daemon off;
		master_process off;
		pid $dir/pid;
		events { worker_connections 4096; }
		http {
			$(nginx_temp "$dir")
			access_log off;
			keepalive_requests 100000000;
			default_type text/plain;
			server {
				listen 80 backlog=4096;
				listen [::]:80 ipv6only=on backlog=4096;
				add_header X-Server app-0$1;
				location = / { return 200 "app-0$1\n"; }
				location = /healthz { return 200 "ok\n"; }
				location = /data { alias $NET_DIR/data; }
				location = /upload {
					client_max_body_size 0;
					proxy_pass http://127.0.0.1/healthz;
					proxy_pass_request_body off;
					proxy_set_header Content-Length "";
					proxy_method GET;
				}
			}
		}
	END
	on_start "$host" "$host.nginx" nginx -c "$dir/nginx.conf" -e stderr
	wait_for 60 on "$host" curl -fs -o /dev/null http://127.0.0.1/healthz
}

# shellcheck source=drive.sh
. "$NET_ROOT/tests/netns/drive.sh"
