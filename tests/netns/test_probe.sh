#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Checks with via: tunnel and probe_mtu, in every kind of tunnel and mix of IP versions: what a
# backend lacks is found out and named; routes that change are followed; a restart changes nothing;
# filters of others stay, and none of ours is left behind.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

LIST=() # names of all services
MARK=0x50000000

# tunnel_yaml NAME VIP PORT FAMILY KIND CHECK: a service with the backends 1 and 2.
tunnel_yaml()
{
	LIST+=("$1")
	cat <<-END
		  - name: $1
		    address: "$2"
		    port: $3
		    encapsulation: $5
		    check: { port: 80, via: tunnel, interval: 300ms, timeout: 280ms, rise: 2, fall: 3, $6 }
		    backends:
		      - { name: app-01, address: "$(backend_address 1 "$4")" }
		      - { name: app-02, address: "$(backend_address 2 "$4")" }
	END
}

configure()
{
	local kind port=8000 http="type: http, path: /healthz"
	echo "probe: { mark: $MARK }"
	config_head
	tunnel_yaml web "$VIP44" 80 4 ipip "$http, host: $(printf 'x%.0s' {1..60}).test"
	tunnel_yaml mtu "$VIP44" 81 4 ipip "type: tcp, probe_mtu: true"
	tunnel_yaml mtu6 "$VIP66" 81 6 ipip "type: tcp, probe_mtu: true"
	for kind in ipip gue gre; do
		port=$((port + 1))
		tunnel_yaml "$kind-4in4" "$VIP44" $port 4 $kind "$http"
		tunnel_yaml "$kind-6in6" "$VIP66" $port 6 $kind "$http"
		tunnel_yaml "$kind-4in6" "$VIP46" $port 6 $kind "$http, probe_mtu: true"
		tunnel_yaml "$kind-6in4" "$VIP64" $port 4 $kind "$http, probe_mtu: true"
	done
	tunnel_yaml l2-4 "$VIP44" 8010 4 l2 "$http, probe_mtu: true"
	tunnel_yaml l2-6 "$VIP66" 8010 6 l2 "$http, probe_mtu: true"
}

agent_attach_kinds()
{
	on "b$1" "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-b$1" \
		--vip "$VIP44" --vip "$VIP46" --vip "$VIP66" --vip "$VIP64" \
		--from 172.16.0.0/16 --from 100::/64 \
		--encapsulation ipip --encapsulation gue --encapsulation gre >>"$NET_DIR/agent.log" 2>&1
}

tap_begin one 2
for i in 1 2; do
	agent_attach_kinds $i
done
configure >"$NET_CONFIG"
poised_start
check "all backends come up, in every tunnel" wait_for 15 all_up
tap_end
