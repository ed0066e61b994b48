#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Requests through IPv4 and IPv6 VIPs to IPv4 and IPv6 backends: each backend has its share, nothing
# fails, and what is not for a service reaches the balancer as before.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# The status counts as many connections as pages came from each backend; SYNs that the client had to
# repeat count too, and on a busy machine there may be some.
counted()
{
	local service=$1 vip=$2 before after i got
	for i in 1 2 3 4; do
		before="${before:-} $(status_of "$service" "app-0$i" connections)"
	done
	got=$(pages "$vip" 120 | tally)
	for i in 1 2 3 4; do
		after="${after:-} $(status_of "$service" "app-0$i" connections)"
	done
	paste <(echo "$got") <(xargs -n1 <<<"$before") <(xargs -n1 <<<"$after") |
		awk '{ print; n = $4 - $3 } n < $2 || n > $2 + 3 { bad = 1 } END { exit bad || NR != 4 }'
}

# A whole file passes from and to a backend: full packets, encapsulated, both ways.
bulk()
{
	local got
	got=$(on client curl -sS --max-time 300 "$(url "$1" /data)" | sha256sum)
	equal "$(cat "$NET_DIR/data.sum")" "$got" || return 1
	equal "200 $(stat -c %s "$NET_DIR/data")" "$(upload "$1")"
}

# The balancer's own server, at ADDRESS.
own_server()
{
	equal "own app" "$(on client curl -sS --max-time 60 "$(url "$1" :8080/)")"
}

own_server_start()
{
	sed -e 's/listen 80 .*/listen 8080;/; s/listen \[::\]:80/listen [::]:8080/' \
		-e 's/return 200 "app-0.*"/return 200 "own app\\n"/' \
		-e "s#pid .*#pid $NET_DIR/own.pid;#" "$NET_DIR/b1.nginx/nginx.conf" >"$NET_DIR/own.conf"
	on_start balancer own nginx -c "$NET_DIR/own.conf" -e stderr
	wait_for 60 on balancer curl -fs -o /dev/null http://127.0.0.1:8080/
}

# A packet for the VIP that no service wants goes up the stack, and is no request to a backend.
not_service()
{
	local before after result=0
	before=$(poise stats --json | jq '.reasons[] | select(.name == "not_service").packets')
	on client curl -s --max-time 2 "$(url "$1" :81/)" || result=$?
	after=$(poise stats --json | jq '.reasons[] | select(.name == "not_service").packets')
	echo "curl: $result, packets not for a service: $before, then $after"
	[ $result != 0 ] && [ "$after" -gt "$before" ]
}

tap_begin one
{
	config_web 1 2 3 4
	service_yaml web46 "$VIP46" 6 1 2 3 4
	service_yaml web64 "$VIP64" 4 1 2 3 4
} >"$NET_CONFIG"
own_server_start
poised_start
check "all backends of all services come up" wait_for 60 all_up

check "IPv4 VIP, IPv4 backends" spread "$VIP44" 1 2 3 4
check "IPv6 VIP, IPv6 backends" spread "$VIP66" 1 2 3 4
check "IPv4 VIP, IPv6 backends" spread "$VIP46" 1 2 3 4
check "IPv6 VIP, IPv4 backends" spread "$VIP64" 1 2 3 4

check "IPv4: connections are counted for the backend that serves them" counted web "$VIP44"
check "IPv6: connections are counted for the backend that serves them" counted web6 "$VIP66"

check "4in4: a large download and upload" bulk "$VIP44"
check "6in6: a large download and upload" bulk "$VIP66"
check "4in6: a large download and upload" bulk "$VIP46"
check "6in4: a large download and upload" bulk "$VIP64"

check "the balancer answers ping on its IPv4 address" on client ping -c 3 -i 0.2 -W 30 "$LB4"
check "the balancer answers ping on its IPv6 address" on client ping -c 3 -i 0.2 -W 30 "$LB6"
check "a TCP server of the balancer answers on IPv4" own_server "$LB4"
check "a TCP server of the balancer answers on IPv6" own_server "$LB6"
check "another port of an IPv4 VIP is left to the host" not_service "$VIP44"
check "another port of an IPv6 VIP is left to the host" not_service "$VIP66"
tap_end
