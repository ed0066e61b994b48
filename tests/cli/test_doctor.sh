#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise doctor on prepared hosts (prepared_host.c): each finding is there exactly when its cause is,
# with a command that has the host's own names and numbers in it.
set -u

POISE=${POISE_PREPARED:-$(dirname "$0")/../../build/tests/poise-prepared}
# shellcheck source=harness.bash
. "$(dirname "$0")/harness.bash"
export POISE_TEST_HOST=$work/host

# put FILE [TEXT]: a file of the host, with its line or lines
put() {
	mkdir -p "$(dirname "$POISE_TEST_HOST/$1")"
	printf '%b\n' "${2-}" >"$POISE_TEST_HOST/$1"
}

# A host on which all is well, and its configuration: one service of two backends.
healthy() {
	rm -rf "$POISE_TEST_HOST"
	put release 6.12.9-amd64
	put clock 4000000
	put pid 4242
	put proc/self/mounts 'proc /proc proc rw 0 0\nsysfs /sys sysfs rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0'
	put proc/sys/net/core/bpf_jit_enable 1
	put proc/sys/net/core/bpf_jit_harden 1
	put sys/devices/system/cpu/online 0-3
	put sys/devices/system/cpu/possible 0-7
	put proc/meminfo 'MemTotal:  16000000 kB\nMemFree:   99 kB\nMemAvailable:  8000000 kB'
	put proc/4242/cgroup 0::/system.slice/poised.service
	put proc/4242/limits 'Limit   Soft   Hard   Units\nMax open files            1024    2048    files'
	put sys/fs/cgroup/system.slice/poised.service/memory.max 1000000000
	put sys/fs/cgroup/system.slice/poised.service/memory.current 100000000
	put link/eth0 "$(nic)"
	put link/eth1 'up 1\ndriver ice\nmtu 1600'
	put proc/interrupts "$(printf '%s\n' '      CPU0' ' 30:  1 PCI-MSI  ice-eth0-TxRx-0' \
		' 31:  1 PCI-MSI  ice-eth0-TxRx-1' ' 40: 1 PCI-MSI  ice-eth01-TxRx-0' 'NMI: 1 Non-maskable')"
	put proc/irq/30/effective_affinity_list 0
	put proc/irq/31/effective_affinity_list 1
	put proc/irq/40/effective_affinity_list 0
	put route/10.0.1.11 'dev eth1'
	put route/10.0.1.12 'dev eth1'
	put route/203.0.113.10 'dev eth0'
	for key in rp_filter accept_local; do
		put "proc/sys/net/ipv4/conf/all/$key" 0
		put "proc/sys/net/ipv4/conf/eth1/$key" 0
	done
	put proc/sys/net/ipv4/neigh/default/gc_thresh2 512
	put proc/sys/net/ipv4/neigh/default/gc_thresh3 1024
	configure
}

nic() { echo 'up 1\ndriver ice\nmtu 1500\nqueues 4\nmax_queues 64\ncombined 1\nring 2048\nmax_ring 8160'; }

# configure [CHECK]: the configuration; more of it by MODE, SEED, TOP, PANIC, RING, ENCAPSULATION, EXTRA
configure() {
	local check=${1:-'{ type: tcp }'} seed=${SEED-0x5eed}
	cat >"$work/poise.yaml" <<-YAML
	interfaces: [{ name: eth0${MODE:+, mode: $MODE} }]
	${seed:+seed: $seed}
	${TOP-}
	services:
	  - name: web
	    address: 203.0.113.10
	    port: 80
	    ${check:+check: $check}
	    panic_threshold: ${PANIC-50%}
	    ${RING:+ring_size: $RING}
	    encapsulation: ${ENCAPSULATION:-ipip}
	    backends:
	      - { name: app-01, address: 10.0.1.11 }
	      - { name: app-02, address: 10.0.1.12 }
	YAML
	[ -z "${EXTRA-}" ] || echo "      - { name: app-03, address: $EXTRA }" >>"$work/poise.yaml"
}

doctor() { run doctor --config "$work/poise.yaml" --json "$@"; }

# found NAME CHECK LEVEL SUBJECT FOUND-REGEX MEND: beside the note that poised is away, this finding is
# the only one, and the exit code is that of its level
found() {
	local wanted=0 bad=0
	case $3 in warning | problem) wanted=1 ;; esac
	doctor
	[ "$code" = "$wanted" ] || { echo "# expected exit code $wanted"; bad=1; }
	jq -es --arg check "$2" --arg level "$3" --arg subject "$4" --arg found "$5" --arg mend "$6" '
		length == 1 and (.[0] | map(select(.level != "ok" and .check != "poised"))) as $all |
		$all | length == 1 and (.[0] | .check == $check and .level == $level and .subject == $subject and
		(.found | test($found)) and .mend == $mend and .why != "")' "$work/out" >/dev/null || bad=1
	report "$1" $bad
}

# holds NAME FILTER: of the findings
holds() {
	doctor
	jq -es "length == 1 and (.[0] | $2)" "$work/out" >/dev/null
	report "$1" $?
}

# fine NAME: nothing but the note that poised is away
fine() {
	doctor
	[ "$code" = 0 ] && jq -es '.[0] | map(select(.level != "ok") | .check) == ["poised"]' "$work/out" >/dev/null
	report "$1" $?
}

test_all_well() {
	healthy
	fine "a healthy host: nothing"
	run doctor --config "$work/poise.yaml"
	expect "for people: what is fine is only counted" 0 out '^note +poised +poised was not reached' \
		out '^0 problems, 0 warnings, 1 note, 2[0-9] fine$' no-out '^ok'
	run doctor --config "$work/poise.yaml" --verbose
	expect "--verbose: it is listed" 0 out '^ok +jit +net\.core\.bpf_jit_enable is 1$'
	run doctor --config "$work/none.yaml"
	expect "no configuration to look at" 2 err 'none\.yaml' no-out .
	run doctor now
	expect "doctor takes no operand" 2 err '^poise: usage: poise doctor'
	run status --config x
	expect "status takes no --config" 2 err 'takes no --config'
}

test_kernel() {
	healthy
	put release 5.15.0-91-generic
	found "an old kernel" kernel problem '' '5\.15\.0-91-generic is older than 6\.1' 'boot Linux 6.1 or newer'
	put release 6.1.0-18-amd64
	fine "Linux 6.1 will do"
	configure '{ type: tcp, via: tunnel }'
	found "but probes are filters there" kernel note '' 'no tcx' ''
	healthy
	put proc/self/mounts 'sysfs /sys sysfs rw 0 0\nbpf /sys/fs/bpfx bpf rw 0 0'
	found "no bpffs" bpffs problem '' "no bpffs, but on what is mounted on /sys" \
		'mount -t bpf bpf /sys/fs/bpf'
	put proc/self/mounts 'bpf /sys/fs/b bpf rw 0 0'
	holds "a mount point that only begins alike" 'any(.[]; .check == "bpffs" and .level == "problem")'
	put proc/self/mounts 'bpf /sys/fs/bpf bpf rw 0 0\nsysfs /sys sysfs rw 0 0\nrootfs / ext4 rw 0 0'
	fine "the nearest mount point counts, in any order"
	healthy
	put proc/sys/net/core/bpf_jit_enable 0
	found "no JIT" jit warning '' 'bpf_jit_enable is 0' 'sysctl -w net.core.bpf_jit_enable=1'
	healthy
	put proc/sys/net/core/bpf_jit_harden 2
	found "a hardened JIT" jit_harden warning '' 'bpf_jit_harden is 2' \
		'sysctl -w net.core.bpf_jit_harden=1   # for programs that are loaded from then on'
	healthy
	put clock 1000000000
	found "a clock too coarse" clock warning '' 'steps by 1000 ms' ''
}

test_links() {
	healthy
	rm "$POISE_TEST_HOST/link/eth0"
	found "no interface" interface problem eth0 'no such interface' \
		"ip -brief link   # then correct 'interfaces' in $work/poise.yaml"
	healthy
	put link/eth0 "$(nic)\nup 0"
	sed -i '1d' "$POISE_TEST_HOST/link/eth0"
	found "an interface that is down" interface problem eth0 'down' 'ip link set dev eth0 up'
	healthy
	put link/eth0 "$(nic)\nlro 1"
	found "LRO" lro problem eth0 'is on' 'ethtool -K eth0 lro off'
	put link/eth0 "$(nic)\nhw_gro 1"
	found "GRO in hardware" hw_gro warning eth0 'is on' 'ethtool -K eth0 rx-gro-hw off'
	put link/eth0 "$(nic)\nrxvlan 1"
	fine "tags taken off, and no VLAN interface"
	put proc/net/vlan/config 'VLAN Dev name | VLAN ID\nName-Type: X\neth1.5 | 5 | eth1'
	fine "a VLAN interface of another one"
	put proc/net/vlan/config 'VLAN Dev name | VLAN ID\nName-Type: X\neth0.5 | 5 | eth0'
	found "tags taken off, and a VLAN interface" rxvlan warning eth0 'VLAN' 'ethtool -K eth0 rxvlan off'
	put link/eth0 "$(nic)"
	fine "a VLAN interface, and tags are left on"
}

test_veth() {
	healthy
	put link/eth0 'up 1\ndriver veth\nmtu 1500\npeer eth9\npeer_xdp 1'
	fine "a veth whose peer has a program"
	put link/eth0 'up 1\ndriver veth\nmtu 1500\npeer eth9'
	holds "a veth whose peer has none" 'any(.[]; .check == "veth_peer" and .level == "warning" and
		(.mend | endswith("ip link set dev eth9 xdpdrv obj /tmp/pass.o sec xdp")))'
	put link/eth0 'up 1\ndriver veth\nmtu 1500'
	found "a veth whose peer is elsewhere" veth_peer note eth0 'another network namespace' ''
}

test_chain() {
	healthy
	put chain/eth0 'native\ndispatcher\npoise 7 50'
	fine "Poise's program in a chain"
	put chain/eth0 'native\ndispatcher\nxdp_filter 9 10\npoise 7 50'
	found "another program in the chain" chain note eth0 'xdp_filter \(id 9, priority 10\)' ''
	put chain/eth0 'native\nsingle\nxdp_drop 9 0'
	found "another program alone" chain problem eth0 'xdp_drop \(id 9\)' 'ip link set dev eth0 xdpdrv off'
	put chain/eth0 'generic\nsingle\nxdp_drop 9 0'
	found "the same in generic mode" chain problem eth0 'xdp_drop' 'ip link set dev eth0 xdpgeneric off'
	put chain/eth0 denied
	found "what runs cannot be seen" chain note eth0 'only root' 'sudo poise doctor'
	put chain/eth0 'generic\nsingle\npoise 7 0'
	found "generic mode was not asked for" mode warning eth0 'generic mode' \
		"journalctl -u poised | grep -w eth0   # tells the driver's reason"
	MODE=generic configure
	found "generic mode was" mode note eth0 'as configured' "set 'mode: native' of eth0 in $work/poise.yaml"
}

test_queues() {
	healthy
	put link/eth0 "$(nic)"
	sed -i 's/^queues 4/queues 2/' "$POISE_TEST_HOST/link/eth0"
	found "fewer queues than CPUs" queues warning eth0 '2 receive queues of 64, for 4 CPUs' \
		'ethtool -L eth0 combined 4'
	sed -i 's/^combined 1/combined 0/; s/^max_queues 64/max_queues 3/' "$POISE_TEST_HOST/link/eth0"
	found "with queues that only receive" queues warning eth0 '2 receive queues of 3' 'ethtool -L eth0 rx 3'
	sed -i 's/^queues 2/queues 3/' "$POISE_TEST_HOST/link/eth0"
	fine "as many queues as there are"
	healthy
	put link/eth0 "$(nic)"
	sed -i 's/^ring 2048/ring 512/' "$POISE_TEST_HOST/link/eth0"
	found "a short ring" rx_ring warning eth0 '512 places, of 8160' 'ethtool -G eth0 rx 1024'
	sed -i 's/^max_ring.*/max_ring 512/' "$POISE_TEST_HOST/link/eth0"
	fine "a ring as long as it gets"
	healthy
	put proc/irq/31/effective_affinity_list 0
	found "two interrupts on one CPU" irqs warning eth0 '2 interrupts are served by 1 of 4 CPUs' \
		'echo 0 >/proc/irq/30/smp_affinity_list; echo 1 >/proc/irq/31/smp_affinity_list'
	put sys/devices/system/cpu/online 0,2
	put proc/interrupts "$(printf '%s\n' ' 30: 1 eth0-rx-0' ' 31: 1 eth0-rx-1' ' 40: 1 eth0-rx-2')"
	put proc/irq/31/effective_affinity_list 2
	fine "more interrupts than CPUs, and each CPU has some"
	put proc/irq/31/effective_affinity_list 0
	put sys/devices/system/cpu/online 0
	fine "one CPU serves all"
}

test_reach() {
	healthy
	put link/eth1 'up 1\ndriver ice\nmtu 1500'
	found "no room for the tunnel" mtu warning eth1 \
		'1500 bytes take 1520 in the tunnel \(ipip adds 20\) to 2 backends \(web/app-01.*takes 1500' \
		"ip link set dev eth1 mtu 1520   # where the network carries that; else lower the MSS on the backends: 'poise-agent doctor' has the command"
	ENCAPSULATION=l2 configure
	fine "no tunnel, no room needed"
	put link/eth1 'up 1\ndriver ice\nmtu 1531'
	ENCAPSULATION=gue configure
	holds "GUE: a byte short" 'any(.[]; .check == "mtu" and .level == "warning" and (.mend | contains("mtu 1532 ")))'
	put link/eth1 'up 1\ndriver ice\nmtu 1532'
	fine "GUE: just enough"
	healthy
	put route/10.0.1.12 'dev eth1\nmtu 1500'
	found "a route with an MTU of its own" mtu warning eth1 'to 1 backend \(web/app-02.*the route takes 1500' \
		"ip route get 10.0.1.12   # raise the 'mtu' of that route to 1520"
	healthy
	EXTRA='"2001:db8::13"' configure
	put route/2001:db8::13 'dev eth1'
	put link/eth1 'up 1\ndriver ice\nmtu 1530'
	holds "backends of both families by one interface" 'map(select(.check == "mtu")) | length == 1 and
		(.[0] | (.found | contains("to 3 backends (web/app-03")) and (.mend | contains("mtu 1540 ")))'
	healthy
	rm "$POISE_TEST_HOST/route/10.0.1.12"
	found "no route" route problem web/app-02 'no route to 10\.0\.1\.12' \
		'ip route get 10.0.1.12   # then add one'
	put route/10.0.1.12 local
	found "a backend that is here" route problem web/app-02 "this host's own" \
		'ip address show to 10.0.1.12   # then remove it, or the backend'
}

test_probes() {
	healthy
	put proc/sys/net/ipv4/conf/eth1/rp_filter 1
	fine "strict rp_filter, without probes"
	configure '{ type: tcp, via: tunnel }'
	found "strict rp_filter, with probes" rp_filter problem eth1 'strict' \
		'sysctl -w net.ipv4.conf.eth1.rp_filter=2'
	put proc/sys/net/ipv4/conf/all/rp_filter 2
	fine "all's rp_filter is loose"
	rm "$POISE_TEST_HOST/proc/sys/net/ipv4/conf/all/rp_filter"
	put route/203.0.113.10 'dev eth1'
	fine "the route to the service is by that interface"
	healthy
	put route/203.0.113.10 local
	found "a service's address is here" local_vip note web '203\.0\.113\.10 is an address of this host' \
		'ip address show to 203.0.113.10   # unless keepalived put it there: ip address del ...'
	configure '{ type: tcp, via: tunnel }'
	holds "and is probed" 'any(.[]; .check == "accept_local" and .subject == "eth1" and
		.mend == "sysctl -w net.ipv4.conf.eth1.accept_local=1")'
	put proc/sys/net/ipv4/conf/all/accept_local 1
	holds "and answers are taken" 'all(.[]; .check != "accept_local")'
}

test_config() {
	healthy
	SEED='' configure
	holds "no seed" 'any(.[]; .check == "seed" and .level == "warning" and
		(.mend | test("seed: 0x[0-9a-f]{16}")))'
	RING=251 EXTRA=10.0.1.13 configure
	put route/10.0.1.13 'dev eth1'
	found "a small ring" ring_size warning web '251 slots for 3 backends' \
		"set 'ring_size: 65537' of 'web' in $work/poise.yaml   # before it runs; else as a new service"
	RING=307 EXTRA=10.0.1.13 configure
	fine "a ring that is large enough"
	configure '{ type: none }'
	found "no check" check note web 'not checked' \
		"set 'check: { type: tcp }' of 'web' in $work/poise.yaml, then: poise reload"
	PANIC=0% configure
	found "no panic_threshold" panic note web 'no panic_threshold' \
		"set 'panic_threshold: 50%' of 'web' in $work/poise.yaml, then: poise reload"
	PANIC=0% configure '{ type: mysql, role: primary, user: poise }'
	fine "of databases with a role some are to be down"
}

# Many findings of one check: people see the first four.
test_many() {
	local i
	healthy
	for i in {101..110}; do
		echo "      - { name: gone-$i, address: 10.0.9.$i }" >>"$work/poise.yaml"
	done
	run doctor --config "$work/poise.yaml"
	expect "many of a kind: the first four" 1 out '^problem route +web/gone-104' no-out gone-105 \
		out '^ +route +the same of 6 others' out '^10 problems, 0 warnings'
	run doctor --config "$work/poise.yaml" --verbose
	expect "many of a kind, --verbose: all" 1 out '^problem route +web/gone-110' no-out 'the same of'
}

test_memory() {
	healthy
	put proc/meminfo 'MemTotal:  16000000 kB\nMemAvailable:  700000 kB'
	found "little memory" memory warning '' '^684 MiB of memory is available' \
		'ps -eo rss,pid,comm --sort=-rss | head   # shows who has it'
	TOP='flows: 67108864' configure
	put proc/meminfo 'MemTotal:  1000000 kB\nMemAvailable:  500000 kB'
	found "memory that the maps do not fit" memory problem '' 'maps take about 5[0-9][0-9]' \
		"set a smaller 'flows' in $work/poise.yaml"
}


test_poised() {
	healthy
	start_fake good
	found_none='all(.[]; .level == "ok" or .check == "local_vip")'
	holds "poised: all is well" "$found_none and any(.[]; .check == \"poised\" and .level == \"ok\")"
	sed -i 's/^interfaces.*/interfaces: [{ name: eth2 }]/' "$work/poise.yaml"
	put link/eth2 "$(nic)"
	start_fake lost
	holds "the program is not attached" 'any(.[]; .check == "attached" and .level == "problem" and
		.subject == "eth2" and .mend == "systemctl restart poised")'
	configure
	start_fake 'wrong:state={"path":"x","problem":"No space left on device"}'
	holds "runtime changes are not saved" 'any(.[]; .check == "state" and .level == "warning" and
		(.found | contains("No space left")))'
	start_fake 'wrong:services.0.backends.0.next_hop.state="no_neighbour"'
	holds "a next hop that does not answer" 'any(.[]; .check == "next_hop" and .level == "problem" and
		.subject == "web/app-01" and (.mend | contains("ping -c 3 10.0.1.11")))'
	start_fake good
	put proc/sys/net/ipv4/neigh/default/gc_thresh2 0
	holds "a neighbour table that is cleaned" 'any(.[]; .check == "neighbours" and .level == "warning" and
		(.found | contains("1 IPv4 next hops")) and .mend == "sysctl -w net.ipv4.neigh.default.gc_thresh2=2 net.ipv4.neigh.default.gc_thresh3=4")'
	put proc/sys/net/ipv4/neigh/default/gc_thresh3 0
	holds "a neighbour table that is full" 'any(.[]; .check == "neighbours" and .level == "problem")'
	healthy
	put proc/4242/limits 'Max open files            65    65    files'
	holds "too few files" 'any(.[]; .check == "files" and .level == "warning" and
		(.found | contains("65 files, and checks need up to 66")) and
		(.mend | startswith("prlimit --pid 4242 --nofile=132")))'
	put proc/4242/limits 'Max open files            66    66    files'
	holds "just enough files" 'all(.[]; .check != "files" or .level == "ok")'
	put sys/fs/cgroup/system.slice/poised.service/memory.current 950000000
	holds "a control group that is nearly full" 'any(.[]; .check == "cgroup" and .level == "warning" and
		(.mend | startswith("echo 2000000000 >/sys/fs/cgroup/system.slice/poised.service/memory.max")))'
	put sys/fs/cgroup/system.slice/poised.service/memory.max max
	holds "a control group without a limit" 'all(.[]; .check != "cgroup")'
	put proc/meminfo 'MemTotal:  100000 kB\nMemAvailable:  20000 kB'
	holds "memory, when the maps are there" 'any(.[]; .check == "memory" and .level == "ok")'
	put proc/meminfo 'MemTotal:  100000 kB\nMemAvailable:  4000 kB'
	holds "little memory, when the maps are there" 'any(.[]; .check == "memory" and .level == "warning")'
	healthy
	cp "$work/poise.yaml" "$socket.running"
	cp "$work/poise.yaml" "$socket.declared"
	run doctor --json
	expect_json "without --config: what runs" 'any(.[]; .check == "seed" and .level == "ok")'
	start_fake garbage
	run doctor --config "$work/poise.yaml"
	expect "an answer that is none" 3 err . no-out .
	stop_fake
}

# same_names NAME SOURCE MANUAL MACRO: the manual's list has an item for each check of the source, and no other
same_names() {
	sed -n '/define DOCTOR_CHECKS/,/^enum/s/.*X(\([A-Z_]*\),.*/\L\1/p' "$top/$2" | sort >"$work/out"
	sed -n "/^.Ss Findings of doctor/,/^.S[sh] [^F]/s/^.It $4 //p" "$top/$3" | sort >"$work/err"
	[ -s "$work/out" ] && cmp -s "$work/out" "$work/err"
	report "$1" $?
}

test_manuals() {
	local top
	top=$(dirname "$0")/../..
	same_names "poise(8) names each check" userspace/poise/doctor.h docs/poise.8 Cm
	same_names "poise-agent(8) names each check" userspace/agent/doctor.h docs/poise-agent.8 Li
}

test_all_well
test_kernel
test_links
test_veth
test_chain
test_queues
test_reach
test_probes
test_config
test_memory
test_many
test_poised
test_manuals
echo "1..$count"
[ "$failures" = 0 ]
