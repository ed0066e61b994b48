# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Checks with via: tunnel, also behind the VLAN interfaces of guest_devices.sh: the program's tags,
# and its place on the interface, by a tcx link (Linux 6.6) or as a filter of clsact. Sourced by
# guest.sh.

# Every backend's check passed twice since it began.
probes_pass()
{
	equal true "$(status '[.services[].backends[].health.passed] | length > 0 and all(. >= 2)')"
}

probe_programs() { bpftool -j prog show | jq '[.[] | select(.name == "poise_probe")] | length'; }

probe_filters() { on balancer tc filter show dev lb0 egress | grep -c poise_probe || true; }

has_tcx()
{
	local major minor
	IFS=. read -r major minor _ <<<"$(uname -r)"
	[ "$major" -gt 6 ] || { [ "$major" = 6 ] && [ "${minor%%[^0-9]*}" -ge 6 ]; }
}

# The program is there once, in the way that this kernel has.
probe_placed()
{
	equal 1 "$(probe_programs)" || return 1
	if has_tcx; then
		equal 0 "$(probe_filters)"
	else
		equal 1 "$(probe_filters)"
	fi
}

probe_gone() { equal "0 0" "$(probe_programs) $(probe_filters)"; }

detach_without_poised() { on balancer "$NET_BUILD/poise" detach --pin-path "$NET_PINS"; }

test_probes()
{
	vlan_agents attach v7 >>"$NET_DIR/agent.log" 2>&1
	device_tunnels add 9
	cp "$NET_CONFIG" "$NET_DIR/direct.yaml"
	sed 's/check: { type: http,/check: { type: http, via: tunnel,/' "$NET_DIR/direct.yaml" >"$NET_CONFIG"
	check "checks through the tunnel" poise reload
	check "they pass, with one VLAN tag, with two, and without" wait_for 60 probes_pass
	check "all backends are up" all_up
	check "the program is in its place" probe_placed
	ip -n "$(net_name b1)" address del "$VIP44/32" dev lo
	check "a backend without the VIP is down" wait_for 60 is_state down web app-01
	ip -n "$(net_name b1)" address add "$VIP44/32" dev lo
	check "with it, it is up" wait_for 60 all_up
	poised_stop KILL
	check "poised starts again" start
	check "checks pass" wait_for 60 probes_pass
	check "the program is in its place, once" probe_placed
	poised_stop KILL
	check "poise detach without poised" detach_without_poised
	check "leaves no program of probes" probe_gone
	cp "$NET_DIR/direct.yaml" "$NET_CONFIG"
	check "poised starts, with direct checks" start
	check "all backends come up" wait_for 60 all_up
	check "there is no program of probes" probe_gone
	vlan_agents detach v7 >/dev/null
	device_tunnels del 9
}
