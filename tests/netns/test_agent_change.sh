#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise-agent takes over from itself under load: other VIPs and sources, other modes, other versions; and ends.

# shellcheck source=pair.sh
. "$(dirname "$0")/pair.sh"

NEXT=${NET_BUILD:-$HERE/../../build}/next/build/poise-agent # of another ABI version

# Sets and program are changed, over and over, while packets come that both sets allow.
test_change_under_load()
{
	local refused before sent protocols i
	mkfifo "$DIR/stop"
	refused=$(status "s['counters']['bad_source'] + s['counters']['not_vip']")
	before=$(counter decapsulated_4in4)
	protocols=$(unknown_protocols)
	tunnel stream <"$DIR/stop" >"$DIR/sent" &
	exec 4>"$DIR/stop"
	until [ "$(counter decapsulated_4in4)" -gt "$before" ]; do :; done
	for i in 1 2 3 4 5 6 7 8; do
		agent_pinned attach eth0 --vip $VIP4 203.0.113.2$i --from 10.0.1.0/24 >/dev/null 2>&1
		agent_pinned attach eth0 --vip $VIP4 $VIP6 --from 10.0.0.0/8 >/dev/null 2>&1
		agent_pinned attach eth0 --vip $VIP4 >/dev/null 2>&1
	done
	exec 4>&-
	wait $!
	sent=$(cat "$DIR/sent")
	check "VIPs, sources and program change under $sent packets: none is refused" equal "$refused" \
		"$(status "s['counters']['bad_source'] + s['counters']['not_vip']")"
	check "... and none passes unopened" equal "$protocols" "$(unknown_protocols)"
	check "... and the counters live on" grew decapsulated_4in4 $((before + sent / 2))
	check "without --from any source will do" exchanged 4 4 10.9.9.9
	check "a VIP that is not given again is gone" equal "['$VIP4']" \
		"$(status "[v['address'] for v in s['vips']]")"
}

test_modes()
{
	check "another mode while attached: refused" \
		code 1 agent_pinned attach eth0 --vip $VIP6 --mode generic
	check "... and nothing has changed" equal "['$VIP4']" \
		"$(status "[v['address'] for v in s['vips']]")"
	agent_pinned detach eth0 >/dev/null
	agent_pinned attach eth0 --vip $VIP4 $VIP6 --mode generic >/dev/null
	check "generic mode" attached "generic mode"
	check "generic mode: doctor warns of it" says "warning mode           eth0" agent doctor
	check "generic mode: which is exit code 1" code 1 agent doctor
	for inner in 4 6; do
		check "generic mode, ${inner}in4: a TCP connection" exchanged 4 $inner 10.0.1.2
		check "generic mode, ${inner}in6: a TCP connection" exchanged 6 $inner 2001:db8:2::2
	done
}

next() { on backend "$NEXT" "$@"; }

# Another version, with other maps, takes over and gives back, under packets that each would open.
test_versions()
{
	local refused before protocols sent i
	if [ ! -x "$NEXT" ]; then
		COUNT=$((COUNT + 1))
		echo "ok $COUNT - another version # SKIP $NEXT is not built"
		return
	fi
	agent_pinned attach eth0 --vip $VIP4 $VIP6 --mode generic >/dev/null 2>&1
	before=$(counter decapsulated_4in4)
	protocols=$(unknown_protocols)
	mkfifo "$DIR/stop2"
	tunnel stream <"$DIR/stop2" >"$DIR/sent" &
	exec 4>"$DIR/stop2"
	until [ "$(counter decapsulated_4in4)" -gt $((before + 100)) ]; do :; done
	check "an older version is attached: the next one says so and takes over" \
		says "becomes one of version 99" next attach eth0 --vip $VIP4 $VIP6 \
		--pin-path "$PINS"
	check "... as status says" says "of ABI version 99" agent status eth0
	check "... and doctor" says "problem version        eth0" agent doctor eth0
	check "... and JSON" equal "generic single 99 False" \
		"$(status "s['mode'], 'single', s['abi_version'], 'vips' in s" | tr -d "(),'")"
	for i in 1 2 3 4; do
		agent_pinned attach eth0 --vip $VIP4 $VIP6 >/dev/null 2>&1
		next attach eth0 --vip $VIP4 --pin-path "$PINS" >/dev/null 2>&1
	done
	check "the older version takes over" says "becomes one of version 3" \
		agent_pinned attach eth0 --vip $VIP4 $VIP6
	exec 4>&-
	wait $!
	sent=$(cat "$DIR/sent")
	check "$sent packets meanwhile: none passes unopened" equal "$protocols" \
		"$(unknown_protocols)"
	check "... the counters are carried over" grew decapsulated_4in4 $((before + sent * 9 / 10))
	check "... those of VIPs, too" equal True "$(status "s['vips'][0]['packets'] > $sent * 9 / 10")"
	next attach eth0 --vip $VIP4 --pin-path "$PINS" >/dev/null 2>&1
	bpftool map pin pinned "$PINS/eth0/settings" "$PINS/eth0/of_that_version"
	agent_pinned attach eth0 --vip $VIP4 >/dev/null 2>&1
	check "a pin that only the other version knows is removed" \
		test ! -e "$PINS/eth0/of_that_version"
	next attach eth0 --vip $VIP4 --pin-path "$PINS" >/dev/null 2>&1
	check "detach works for any version" code 0 agent_pinned detach eth0
	check "... and leaves no pins" test ! -e "$PINS/eth0"
	agent_pinned attach eth0 --vip $VIP4 $VIP6 >/dev/null
}

test_detach()
{
	local protocols
	check "before detaching: a TCP connection" exchanged 4 4 10.0.1.2
	check "detach" code 0 agent_pinned detach eth0
	protocols=$(unknown_protocols)
	check "detached: no tunnel is opened" refused 4 4 10.0.1.2
	check "detached: the stack gets the tunnel packet" unopened_become $((protocols + 1))
	check "detached: status says so" equal False "$(status "s['attached']")"
	check "detached: no program on the interface" equal 0 \
		"$(ip -n "$ID-backend" -d link show eth0 | grep -c prog/xdp || true)"
	check "detached: no pins" test ! -e "$PINS/eth0"
}

test_leftovers()
{
	ip -n "$ID-backend" link add gone.7 type veth peer name gone8
	agent_pinned attach gone.7 --vip $VIP4 >/dev/null 2>&1
	check "a dot in the interface's name" test -e "$PINS/gone:7/program"
	ip -n "$ID-backend" link del gone.7
	check "the interface is gone: detach removes the pins" code 0 agent_pinned detach gone.7
	check "... all of them" test ! -e "$PINS/gone:7"
}

pair_begin
agent_pinned attach eth0 --vip $VIP4 $VIP6 --from 10.0.1.0/24 --from 2001:db8:2::/64 --setup >/dev/null
test_change_under_load
test_modes
test_versions
test_detach
test_leftovers
pair_end
