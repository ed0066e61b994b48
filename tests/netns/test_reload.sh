#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The configuration read again: a broken file is refused whole, with each error; a good one is applied
# as a difference, and connections live through it.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# What the file decides, without counters and times.
declared()
{
	status -c '.settle_ms, (.services[] | [.name, .address, .port, .ring_size, .on_down, .check,
		[.backends[] | [.name, .address, .weight, .declared_weight, .state, .slots]]])'
}

unchanged() { equal "$BEFORE" "$(declared)"; }

# Three errors: an unknown key, a bad address, a bad value.
config_broken()
{
	config_web 1 2 3 | sed -e 's/^settle:.*/settle: seventy/' \
		-e '0,/app-01/s/\(.*app-01.*\) }/\1, wieght: 50 }/' -e '0,/10.0.1.12/s//10.0.1.999/'
}

# Each error is told with its place, whoever reads the file: told COMMAND...
told()
{
	local got word line words=()
	got=$(refused 1 "$@" 2>&1) || { echo "$got"; return 1; }
	for word in wieght 10.0.1.999 seventy; do
		line=$(grep -nF "$word" "$NET_CONFIG" | cut -d: -f1)
		words+=("$word" "poise.yaml:$line:")
	done
	contains "$got" "${words[@]}" weight
}

reload_changes()
{
	local got
	got=$(poise reload --json) && echo "$got"
	jq -e '.changes | length > 0' <<<"$got"
}

no_changes()
{
	local got
	got=$(poise reload --json) && echo "$got"
	jq -e '.changes | length == 0' <<<"$got"
}

# shellcheck disable=SC2016 # $s is of jq
moving() { status --arg s "$1" '.services[] | select(.name == $s).moving_slots'; }

untouched_service()
{
	equal 0 "$(moving web6)" && ! equal 0 "$(moving web)" >/dev/null
}

tap_begin one
SETTLE=15m config_web 1 2 3 >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up
check "a good file passes poise check" poise check "$NET_CONFIG"
check "a good file passes poised --check" "$NET_BUILD/poised" --config "$NET_CONFIG" --check
check "a reload without a change changes nothing" no_changes

cp "$NET_CONFIG" "$NET_DIR/good.yaml"
BEFORE=$(declared)
config_broken >"$NET_CONFIG"
check "a broken file: poise check tells each error" told poise check "$NET_CONFIG"
check "a broken file: poised --check tells each error" \
	told "$NET_BUILD/poised" --config "$NET_CONFIG" --check
check "a broken file: poise reload tells each error" told poise reload
check "a broken file changes nothing" unchanged
kill -HUP "$NET_POISED"
check "a broken file: SIGHUP logs each error" \
	wait_for 60 grep -q "poise.yaml:[0-9]*:[0-9]*:.*seventy" "$NET_DIR/poised.log"
check "a broken file changes nothing by SIGHUP" unchanged
check "requests go on" spread "$VIP44" 1 2 3

# one service gets a backend and another weight, the other stays as it is
{
	config_head
	service_yaml web "$VIP44" 4 1 2 3 4 | sed '/app-02/s/ }/, weight: 50 }/'
	service_yaml web6 "$VIP66" 6 1 2 3
} | sed 's/^settle:.*/settle: 15m/' >"$NET_CONFIG"
check "diff tells the change" contains "$(poise diff "$NET_CONFIG" || true)" app-04 app-02
check "diff changes nothing" unchanged
download_from old "$VIP44" 5m app-02
check "a good file is applied" reload_changes
check "the new backend comes up" wait_for 60 is_state up web app-04
check "the new weight is in force" equal 50 "$(status_of web app-02 weight)"
check "the other service is untouched" untouched_service
check "requests reach the new backend" spread "$VIP44" 1 2:50 3 4
check "a download survives the change" download_finish old

{
	config_head
	service_yaml web "$VIP44" 4 1 2 4
	service_yaml web6 "$VIP66" 6 1 2 3
} | sed 's/^settle:.*/settle: 15m/' >"$NET_CONFIG"
kill -HUP "$NET_POISED"
check "SIGHUP takes a backend away" \
	wait_for 60 spread "$VIP44" 1 2 4
check "and leaves the other service alone" spread "$VIP66" 1 2 3

{
	config_head
	service_yaml web6 "$VIP66" 6 1 2 3
	service_yaml web46 "$VIP46" 6 1 2 3
} | sed 's/^settle:.*/settle: 15m/' >"$NET_CONFIG"
check "a service is exchanged for another" reload_changes
check "the new service's backends come up" wait_for 60 is_state up web46 app-01 app-02 app-03
check "the new service serves" spread "$VIP46" 1 2 3
check "the old one does not" \
	refused 28 on client curl -s --max-time 2 "$(url "$VIP44" /)"
check "the third serves as before" spread "$VIP66" 1 2 3
tap_end
