#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Starts that cannot be: a second poised, and hosts that lack something. Each is refused in words, and
# what runs already goes on.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# told FILE WORDS COMMAND...: poised with FILE, started through COMMAND, ends with status 1 and says so.
told()
{
	local file=$1 words=$2 got
	shift 2
	got=$(refused 1 on balancer timeout 120 "$@" "$NET_BUILD/poised" --config "$file" 2>&1) ||
		{ echo "$got"; return 1; }
	contains "$got" "$words"
}

# A configuration like the running one, but for what a sed script changes: other SCRIPT.
other()
{
	sed "$@" "$NET_CONFIG" >"$NET_DIR/other.yaml"
	echo "$NET_DIR/other.yaml"
}

# Neither pins nor programs are left of a start that was refused: nothing_left DIRECTORY INTERFACE...
nothing_left()
{
	local interface
	refused 2 ls "$1" || return
	shift
	for interface; do
		equal "no program on $interface" \
			"$(ip -n "$(net_name balancer)" link show "$interface" | grep -w xdp ||
				echo "no program on $interface")" || return
	done
}

without() { echo setpriv --inh-caps="-$1" --bounding-set="-$1"; }

tap_begin one
config_web 1 2 >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up
SOCKET=s@$NET_SOCKET@$NET_DIR/other.sock@ PINS=s@$NET_PINS@$NET_DIR/bpf/other@
STATE=s@$NET_DIR/state@$NET_DIR/other-state@

check "a second poised on the same socket" told "$(other -e "$PINS" -e "$STATE")" \
	"control socket '$NET_SOCKET': another poised answers there"
check "on the same pins" told "$(other -e "$SOCKET" -e "$STATE")" \
	"'$NET_PINS' is in use by another poised"
check "on the same interface" told "$(other -e "$SOCKET" -e "$PINS" -e "$STATE")" \
	"interface 'lb0': the program of another poised, which has another pin_path, is attached"
check "the reason is not cut" told "$(other -e "$SOCKET" -e "$PINS" -e "$STATE")" \
	"by 'ip link set INTERFACE xdp off'"
ip -n "$(net_name balancer)" link add v0 type veth peer name v1
ip -n "$(net_name balancer)" link set v0 up
check "nor on one of two" told "$(other -e "$SOCKET" -e "$PINS" -e "$STATE" -e '1a\  - name: v0')" \
	"interface 'lb0': the program of another poised"
check "nothing is left of these starts" nothing_left "$NET_DIR/bpf/other" v0
check "the first serves on" spread "$VIP44" 1 2
rm -r "$NET_PINS"
check "pins that are removed by hand: poised tells" wait_for 60 \
	grep -q "the pins in '$NET_PINS' are gone: packets are forwarded still" "$NET_DIR/poised.log"
poised_stop TERM
check "and then: it says what ends the program" told "$(other -e '')" \
	"where its pins are gone, by 'ip link set INTERFACE xdp off'"
check "which does" ip -n "$(net_name balancer)" link set lb0 xdp off
poised_start
check "so that poised starts" wait_for 60 all_up
poised_stop TERM

# shellcheck disable=SC2046 # a command and its options
{
	NOBPFFS=s@$NET_PINS@$NET_DIR/plain/poise@
	check "no bpffs, and no right to mount one" told "$(other -e "$NOBPFFS")" \
		"cannot mount bpffs on '$NET_DIR/plain'" $(without sys_admin)
	check "no CAP_BPF" told "$(other -e "$PINS")" \
		"poised needs CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON, or root" \
		$(without bpf,-sys_admin,-perfmon)
}
check "too few open files" told "$(other -e "$PINS" -e "$STATE")" \
	"its limit of open files (LimitNOFILE of a unit) is too low" prlimit --nofile=16
if LIMIT=$(memory_group); then
	check "a memory limit too small for the maps" contains \
		"$(limited "$LIMIT" 24M nsenter --net="/run/netns/$(net_name balancer)" \
			"$NET_BUILD/poised" --config "$(other -e "${PINS/%other@/third@}" -e "$STATE")" 2>&1)" \
		"and the memory limit of this cgroup, in '$LIMIT', is 24.0 MiB: raise it"
	check "nothing is left of that" nothing_left "$NET_DIR/bpf/third"
	rmdir "${LIMIT%/*}" || true
else
	for name in "a memory limit too small for the maps" "nothing is left of that"; do
		TAP_COUNT=$((TAP_COUNT + 1))
		echo "ok $TAP_COUNT - $name # SKIP no memory control group can be made"
	done
fi
check "nor of those that may not load" nothing_left "$NET_DIR/bpf/other"
on_start balancer poised prlimit --fsize=0 "$NET_BUILD/poised" --config "$NET_CONFIG"
NET_POISED=$!
check "where no file may grow poised serves" wait_for 60 all_up
check "and says what it cannot save" contains "$(poise backend weight web app-01 99 2>&1)" \
	"not saved, and a reboot would undo it: cannot write '$NET_DIR/state/state.json': File too large"
poised_stop TERM
check "the data plane serves all the while" spread "$VIP44" 1 2
poised_start
check "and the next poised takes it up" wait_for 60 all_up
tap_end
