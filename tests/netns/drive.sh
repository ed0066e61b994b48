# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Drives Poise and the client on the network of lib.sh, which sources this file.

NET_POISED=0 # process id of the last poised_start

#
# Poise
#

# Opens the tunnels on b1 .. b4.
agents_attach()
{
	local i
	for i in 1 2 3 4; do
		agent_attach "$i"
	done
}

agent_attach()
{
	on "b$1" "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-b$1" \
		--vip "$VIP44" --vip "$VIP46" --vip "$VIP66" --vip "$VIP64" \
		--from 172.16.0.0/16 --from 100::/64 >>"$NET_DIR/agent.log" 2>&1
}

# Prints a service: service_yaml NAME VIP FAMILY I..., FAMILY and numbers I being the backends'.
service_yaml()
{
	local family=$3 i
	cat <<-END
		  - name: $1
		    address: "$2"
		    port: 80
		    protocol: tcp
		    check: { type: http, path: /healthz, interval: 500ms, timeout: 450ms, rise: 2, fall: 3 }
		    backends:
	END
	shift 3
	for i; do
		echo "      - { name: app-0$i, address: \"$(backend_address "$i" "$family")\" }"
	done
}

# Prints a configuration's head; services are to follow. SETTLE: 15s if not set.
config_head()
{
	cat <<-END
		interfaces:
		  - name: lb0
		    mode: native
		tunnel:
		  source_ipv4: 172.16.0.0/16
		  source_ipv6: "100::/64"
		seed: 0x5eed
		control:
		  socket: $NET_SOCKET
		pin_path: $NET_PINS
		state_dir: $NET_DIR/state
		settle: ${SETTLE:-15s}
		services:
	END
}

# Prints the configuration of the services web (IPv4) and web6 (IPv6) with the backends I...
config_web()
{
	config_head
	service_yaml web "$VIP44" 4 "$@"
	service_yaml web6 "$VIP66" 6 "$@"
}

# Starts poised with $NET_CONFIG; returns when it answers. poised_log gets its output.
poised_start()
{
	on_start balancer poised "$NET_BUILD/poised" --config "$NET_CONFIG"
	NET_POISED=$!
	wait_for 60 poise version
}

# Sends poised SIGNAL and waits until it is gone.
poised_stop()
{
	kill -s "$1" "$NET_POISED"
	wait "$NET_POISED" 2>/dev/null || true
}

poise()
{
	on balancer "$NET_BUILD/poise" --socket "$NET_SOCKET" "$@"
}

# Prints what jq finds in the status; further arguments are jq's.
status()
{
	poise status --json | jq -r "$@"
}

# status_of SERVICE BACKEND [KEY]: prints the backend's state, or another key's value.
status_of()
{
	status --arg s "$1" --arg b "$2" \
		".services[] | select(.name == \$s).backends[] | select(.name == \$b).${3:-state}"
}

# is_state STATE SERVICE BACKEND...: every one of the backends is in STATE.
is_state()
{
	local state=$1 service=$2 name
	shift 2
	for name; do
		[ "$(status_of "$service" "$name")" = "$state" ] || return 1
	done
}

# Every backend of every service is up.
all_up()
{
	[ "$(status '[.services[].backends[].state] | length > 0 and all(. == "up")')" = true ]
}

# The file of a new control group's memory limit, of either version; status 1: none can be made.
memory_group()
{
	local top=/sys/fs/cgroup file=memory.max
	if [ -w "$top/memory/cgroup.procs" ]; then
		top+=/memory file=memory.limit_in_bytes
	else
		grep -qsw memory "$top/cgroup.subtree_control" || return
	fi
	mkdir "$top/poise-$NET_ID"
	echo "$top/poise-$NET_ID/$file"
}

# limited FILE BYTES COMMAND...: the command in that control group, limited to so much memory.
limited()
{
	local file=$1
	echo "$2" >"$file"
	shift 2
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "${file%/*}" "$@"
}

#
# the client
#

# The URL of PATH at VIP.
url()
{
	case $1 in
	*:*) echo "http://[$1]$2" ;;
	*) echo "http://$1$2" ;;
	esac
}

# Requests the page of VIP in N connections, one after another; prints the pages that came. The first
# one that fails is the last.
pages()
{
	on client curl -s --fail-early --max-time 30 --connect-timeout 10 -H 'Connection: close' \
		"$(url "$1" "/?[1-$2]")"
}

# Reads pages; prints a line 'page count' for each server.
tally() { sort | uniq -c | awk '{ print $2, $1 }'; }

# Begins a download: download_start NAME VIP RATE (bytes a second, as '3m'), which lasts until
# download_finish. Returns when the first bytes have come.
download_start()
{
	rm -f "$NET_DIR/$1.header" "$NET_DIR/$1.sum"
	on_start client "$1" "$NET_ROOT/tests/netns/download.py" "$(url "$2" /data)" "$3" \
		"$NET_DIR/$1.header" "$NET_DIR/$1.sum"
	printf -v "DOWNLOAD_$1" %s $!
	wait_for 60 download_server "$1"
}

# The same from a given server (app-0I): download_from NAME VIP RATE SERVER.
download_from()
{
	local try
	for try in {1..100}; do
		download_start "$1" "$2" "$3"
		[ "$(download_server "$1")" != "$4" ] || return 0
		download_stop "$1"
	done
	echo "no download came from $4 in $try tries"
	return 1
}

# The server (app-0I) that the download NAME comes from; fails as long as it is not known.
download_server() { sed -n 's/^X-Server: \([a-z0-9-]*\).*/\1/p' "$NET_DIR/$1.header" | grep .; }

# The download NAME still runs.
download_runs()
{
	local pid=DOWNLOAD_$1
	! pids_gone "${!pid}"
}

# Lets the download NAME come to its end; 0 when it came whole and right.
download_finish()
{
	local pid=DOWNLOAD_$1
	kill -USR1 "${!pid}" || true
	wait "${!pid}" || echo "download: $(tail -n 1 "$NET_DIR/$1.log")"
	cmp "$NET_DIR/data.sum" "$NET_DIR/$1.sum"
}

# Gives the download NAME up.
download_stop()
{
	local pid=DOWNLOAD_$1
	kill -KILL "${!pid}" 2>/dev/null || true
	wait "${!pid}" 2>/dev/null || true
}

# Sends the random file to VIP; prints the answer's status and the bytes sent.
upload()
{
	on client curl -sS --max-time 300 -o /dev/null -w '%{http_code} %{size_upload}\n' \
		-H 'Expect:' -T "$NET_DIR/data" "$(url "$1" /upload)"
}
