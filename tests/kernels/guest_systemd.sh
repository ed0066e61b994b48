#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The units of dist/ under a systemd that runs as they say: readiness, reload, restart, watchdog, and
# what the sandbox forbids. For a guest of tests/kernels/run: this host's own systemd becomes the
# first process of a PID namespace, as in a container, and starts this script once more.
#
#     edge 10.9.0.1/24 <--- veth ---> peer         poised on edge, poise-agent on peer
set -eu -o pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
OUT=/run/units.tap
VIP=203.0.113.10
SYSTEMD=/lib/systemd/systemd
count=0

# Repeats a command until it succeeds, at most SECONDS long.
wait_for()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { "$@"; return; }
		sleep 0.5
	done
}

poise() { "$ROOT/build/poise" "$@"; }

chain() { poise status --json | jq -r '.interfaces[0].chain'; }

#
# outside: prepares the host that systemd finds
#

unit_test()
{
	cat <<-END
		[Unit]
		DefaultDependencies=no
		Requires=basic.target
		After=basic.target
		[Service]
		Type=oneshot
		Environment=HOME=/root PATH=$PATH
		ExecStart=$HERE/guest_systemd.sh inside
		ExecStopPost=/bin/systemctl --no-block exit
		TimeoutStartSec=1200
		StandardOutput=append:$OUT
		StandardError=append:$OUT
	END
}

# config NUMBER...: a service with these backends; nobody answers there, and nobody asks.
config()
{
	local n
	cat <<-END
		interfaces:
		  - { name: edge, mode: native }
		tunnel: { source_ipv4: 172.16.0.0/16 }
		seed: 7
		services:
		  - name: web
		    address: $VIP
		    port: 80
		    check: { type: none }
		    backends:
	END
	for n; do
		echo "      - { name: app-$n, address: 10.9.0.1$n }"
	done
}

host_prepare()
{
	local unit
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	ip link add edge type veth peer name peer
	ip address add 10.9.0.1/24 dev edge
	ip link set edge up
	ip link set peer up
	for unit in 1 2 3; do
		ip neigh add 10.9.0.1$unit dev edge nud permanent lladdr 02:00:00:00:00:0$unit
	done
	install -D -m 755 -t /usr/local/sbin "$ROOT"/build/poised "$ROOT"/build/poise \
		"$ROOT"/build/poise-agent
	install -D -m 644 -t /etc/systemd/system "$ROOT"/dist/*.service
	mkdir -p /etc/poise /run/systemd/system
	config 1 2 >/etc/poise/poise.yaml
	echo "RUN=peer --vip $VIP --from 172.16.0.0/16 --setup" >/etc/poise/agent.conf
	# no devices are to be found, no network to wait for, and no files of this host to be made,
	# read or cleaned: virtiofsd keeps each open
	for unit in systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket \
		systemd-udev-trigger.service network-online.target systemd-sysusers.service \
		systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service \
		systemd-tmpfiles-clean.timer systemd-hwdb-update.service ldconfig.service \
		systemd-journal-catalog-update.service systemd-update-done.service; do
		ln -s /dev/null "/run/systemd/system/$unit"
	done
	unit_test >/run/systemd/system/units-test.service
}

# In whose dispatcher the program runs when nothing confines poised.
chain_unconfined()
{
	local poised
	/usr/local/sbin/poised --config /etc/poise/poise.yaml >/run/unconfined.log 2>&1 &
	poised=$!
	wait_for 120 poise version
	chain
	kill $poised
	wait $poised || true
	poise detach >/dev/null
}

outside()
{
	if [ ! -x $SYSTEMD ]; then
		echo "1..0 # SKIP systemd is not installed"
		return
	fi
	host_prepare
	chain_unconfined >/run/chain
	: >$OUT
	tail -f $OUT &
	container=poise-test unshare --pid --fork --mount-proc --cgroup \
		$SYSTEMD --system --unit=units-test.service --show-status=no >/dev/console 2>&1 || true
	sleep 1
	kill $!
}

#
# inside: what systemd and the units do
#

check()
{
	local name=$1
	shift
	count=$((count + 1))
	if "$@" >/run/check.out 2>&1; then
		echo "ok $count - $name"
		return
	fi
	echo "not ok $count - $name"
	sed 's/^/#   /' /run/check.out
	journalctl -q --no-pager -n 15 -u poised -u poise-agent | sed 's/^/#   /' || true
}

equal()
{
	[ "$1" != "$2" ] || return 0
	echo "expected: $1, got: $2"
	return 1
}

# The value of a unit's property.
property() { systemctl show --value -p "$2" "$1"; }

property_is() { equal "$3" "$(property "$1" "$2")"; }

pid() { property poised MainPID; }

backends() { poise status --json | jq '[.services[].backends[]] | length'; }

backends_are() { equal "$1" "$(backends)"; }

forwards() { ip -d link show edge | grep -q 'prog/xdp'; }

# A line of the main process's status in /proc.
process() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid)/status"; }

# In the main process's view of the files.
in_its_files() { nsenter --mount --target "$(pid)" "$@"; }

refused_there() { ! in_its_files "$@"; }

other_process() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$1" ] && poise version; }

test_start()
{
	check "poised.service starts" systemctl start poised
	check "systemd knows when it is ready" property_is poised ActiveState active
	check "the program is attached" forwards
	check "the CLI reaches it" backends_are 2
	check "the chain is the same as without a sandbox: $(cat /run/chain)" \
		equal "$(cat /run/chain)" "$(chain)"
	check "its status is shown" test -n "$(property poised StatusText)"
}

test_sandbox()
{
	check "system calls are filtered" equal 2 "$(process Seccomp)"
	check "no new privileges" equal 1 "$(process NoNewPrivs)"
	check "capabilities are bounded" test "$(process CapBnd)" != "$(sed -n \
		's/^CapBnd:[[:space:]]*//p' /proc/1/status)"
	check "/etc is read-only" refused_there touch /etc/poise/written
	check "/usr is read-only" refused_there touch /usr/written
	check "its state directory is not" in_its_files touch /var/lib/poise/written
	check "/home is empty" equal "" "$(in_its_files ls -A /root 2>/dev/null)"
	check "there are no disks" refused_there test -e /dev/ttyS0
}

test_reload()
{
	local before
	before=$(pid)
	config 1 2 3 >/etc/poise/poise.yaml
	check "systemctl reload" systemctl reload poised
	check "the new configuration is applied" wait_for 60 backends_are 3
	check "by the same process" equal "$before" "$(pid)"
}

test_restart()
{
	local before
	before=$(pid)
	check "systemctl restart" systemctl restart poised
	check "another process runs" other_process "$before"
	check "with the same backends" backends_are 3
	check "the program is attached" forwards
	before=$(pid)
	kill -KILL "$before"
	check "killed, it is started again" wait_for 120 other_process "$before"
	check "systemd counts that" property_is poised NRestarts 1
}

# A process that hangs does not pet the watchdog.
test_watchdog()
{
	local before
	mkdir -p /run/systemd/system/poised.service.d
	printf '[Service]\nWatchdogSec=10\n' >/run/systemd/system/poised.service.d/short.conf
	systemctl daemon-reload
	systemctl restart poised
	before=$(pid)
	sleep 25
	check "with a watchdog of 10 s it runs on" equal "$before" "$(pid)"
	kill -STOP "$before"
	check "stopped, it is replaced" wait_for 240 other_process "$before"
	check "by the watchdog" grep -q 'Watchdog timeout' <(journalctl -q --no-pager -u poised)
	check "the program is attached" forwards
}

test_stop()
{
	check "systemctl stop" systemctl stop poised
	check "it ended well" property_is poised Result success
	check "the program stays" forwards
	check "a wrong configuration does not start" config_refused
	check "with the reason in the journal" wait_for 60 reason_told
}

reason_told() { grep -q 'services: found 7' <(journalctl -q --no-pager -u poised); }

config_refused()
{
	local result=0
	echo "services: 7" >/etc/poise/poise.yaml
	systemctl start poised || result=1
	[ $result = 1 ]
}

test_agent()
{
	systemctl stop poised # it would be started again and again
	check "poise-agent.service starts" systemctl start poise-agent
	check "systemd knows when it is ready" property_is poise-agent ActiveState active
	check "the tunnel is open" grep -q 'prog/xdp' <(ip -d link show peer)
	check "systemctl restart" systemctl restart poise-agent
	check "systemctl stop" systemctl stop poise-agent
	check "the tunnel stays open" grep -q 'prog/xdp' <(ip -d link show peer)
}

inside()
{
	test_start
	test_sandbox
	test_reload
	test_restart
	test_watchdog
	test_stop
	test_agent
	echo "1..$count"
}

case ${1:-outside} in
inside) inside ;;
outside) outside ;;
esac
