#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Interfaces that are renamed under poised: a program stays with its interface, the configuration
# names it by its name. What is the case is said, and no packet is lost by it.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# Two balancers' names: config_of NAME [EXTRA]
config_of() { config_web 1 2 3 | sed "s/name: lb0/name: $1/;${2:-}" >"$NET_CONFIG"; }

logged() { grep -qE "$1" "$NET_DIR/poised.log"; }
logged_once() { equal 1 "$(grep -cE "$1" "$NET_DIR/poised.log")"; }
log_clear() { : >"$NET_DIR/poised.log"; }

lb() { ip -n "$(net_name balancer)" "$@"; }

# What the status says of all interfaces: "NAME ATTACHED RENAMED CONFIGURED" each.
interfaces() { status '.interfaces[] | "\(.name) \(.attached) \(.renamed) \(.configured)"' | sort; }
interfaces_are() { equal "$1" "$(interfaces)"; }

served() { spread "$VIP44" 1 2 3 && spread "$VIP66" 1 2 3; }
status_says() { contains "$(poise status)" "$@"; }
programs_on() { equal "$1" "$(lb -d -j link show | jq -r '.[] | select(.xdp.mode == 1) | .ifname' | sort | xargs)"; }

load_start()
{
	on_start client wrk wrk -t 1 -c 4 -d "$1" "$(url "$VIP44" /)"
	WRK=$!
}

load_clean()
{
	wait "$WRK"
	wrk_clean "$NET_DIR/wrk.log"
	: >"$NET_DIR/wrk.log"
}

doctor_says()
{
	local got
	got=$(poise doctor --json --config "$NET_CONFIG") || true
	jq -e --arg s "$1" --arg f "$2" --arg m "$3" '.[] | select(.check == "interface" and
		.subject == $s and .level == "warning" and (.found | contains($f)) and
		(.mend | contains($m)))' <<<"$got"
}

NOW="its name is 'wan0' now: the program is on it still"
UNNAMED="the configuration does not name it, but the program is on it"

tap_begin
config_of lb0
poised_start
check "all backends come up" wait_for 60 all_up

load_start 4
lb link set lb0 name wan0
check "a renamed interface is said" wait_for 60 logged "lb0.*$NOW"
check "and shown, attached" interfaces_are "lb0 true wan0 true"
check "in words, and the status ends with 0" status_says "interface lb0: native mode" "$NOW"
check "doctor tells it, and looks at the interface" \
	doctor_says lb0 "$NOW" "poise reload   # after naming it wan0"
check "a capture puts its program there" poise capture --count 10 -w "$NET_DIR/renamed.pcapng"
check "no request failed meanwhile" load_clean
check "it was said once" logged_once "$NOW"

lb link set wan0 name lb0
check "renamed back, that is said" wait_for 60 logged "lb0.*it has its name again"
check "and all is as before" interfaces_are "lb0 true null true"

lb link set lb0 down
lb link set lb0 name wan0
lb link set wan0 up
host_routes balancer 10.0.1.1 2001:db8:2::1
check "renamed while it was down: that is shown" wait_for 60 interfaces_are "lb0 true wan0 true"
check "requests succeed" wait_for 60 served

load_start 3
config_of wan0 's/port: 80$/port: 0/'
check "a reload with the new name, and an error: it is refused" refused 1 poise reload
config_of wan0 's/seed: .*/seed: 7/'
check "one that is refused later, too" refused 1 poise reload
check "the program is there still" interfaces_are "lb0 true wan0 true"
config_of wan0
check "a reload with the new name takes it over" \
	contains "$(poise reload)" "interface 'wan0' attached" "interface 'lb0' is 'wan0' now"
check "then all is as configured" interfaces_are "wan0 true null true"
check "no request failed meanwhile" load_clean

poised_stop KILL
lb link set wan0 name lb0
log_clear
load_start 4
poised_start
check "renamed while poised was away: it goes on, and is said" logged "lb0.*$UNNAMED"
check "and shown, beside the one that is missing" \
	interfaces_are $'lb0 true null false\nwan0 false null true'
check "doctor tells it" doctor_says lb0 "$UNNAMED" "poise reload   # to take it off"
check "a reload leaves it, as long as one is missing" contains "$(poise reload)" "nothing has changed"
lb link set lb0 name wan0
check "with the name of that one it is that one" wait_for 60 interfaces_are "wan0 true null true"
check "in its mode" status_says "interface wan0: native mode"
lb link set wan0 name lb0
check "and with another name again, too" wait_for 60 interfaces_are "wan0 true lb0 true"
config_of lb0
check "a reload that names it takes it up" contains "$(poise reload)" "interface 'lb0' attached"
check "then all is as configured again" wait_for 60 interfaces_are "lb0 true null true"
check "no request failed meanwhile" load_clean

lb link set lb0 name wan0
wait_for 60 interfaces_are "lb0 true wan0 true"
lb link add lb0 type veth peer name lb0p
check "another interface takes the name: it gets the program" \
	wait_for 60 interfaces_are $'lb0 true null true\nwan0 true null false'
check "the one that was renamed goes on until a reload" served
check "which takes it off" contains "$(poise reload)" "interface 'wan0' detached"
check "then the program is on the one that is named" programs_on lb0
lb link del lb0
lb link set wan0 name lb0
check "with its name the first one gets it again" wait_for 60 interfaces_are "lb0 true null true"
check "requests succeed" wait_for 60 served

lb link add lb1 type veth peer name lb1p
config_of lb0 's/^tunnel:/  - name: lb1\n&/'
poise reload >/dev/null
poised_stop TERM
config_of lb0
poised_start
check "left out while poised was away: it goes on" interfaces_are $'lb0 true null true\nlb1 true null false'
lb link set lb1 name lb2
check "its name is followed" wait_for 60 interfaces_are $'lb0 true null true\nlb2 true null false'
check "a reload takes it off" contains "$(poise reload)" "interface 'lb2' detached"
check "then it is gone from the status" interfaces_are "lb0 true null true"
check "and from the interface" programs_on lb0
tap_end
