#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Backends that fail and come back: slow start, damping and panic, also over a poised that is killed
# and started again in the middle of each.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# config SLOW-START
config()
{
	SETTLE=15m config_web 1 2 3 4 | sed -e 's/interval: [^}]*/interval: 500ms, timeout: 450ms, rise: 1, fall: 2 /' \
		-e "/name: web\$/a\\    slow_start: $1\n    panic_threshold: 50%"
}

# A slow start that goes on takes so long from now on, as a whole.
slow_start_takes()
{
	config "$1" >"$NET_CONFIG"
	poise reload
}

server_stop() { host_kill "b$1" nginx; }

# health_is STATE I...: so the checks of app-0I... say.
health_is()
{
	local state=$1 i
	shift
	for i; do
		[ "$(status_of web "app-0$i" health.state)" = "$state" ] || return 1
	done
}

weight_now() { status_of web "app-0$1" effective_weight; }
service_is() { status '.services[] | select(.name == "web").'"$1"; }

# within LEAST MOST GOT
within()
{
	[ "$3" -ge "$1" ] && [ "$3" -le "$2" ] && return
	echo "expected: $1 to $2, got: $3"
	return 1
}

full_weights()
{
	local i
	for i in 1 2 3 4; do
		equal 100 "$(weight_now $i)" || return 1
	done
}

starts_slowly()
{
	within 10 60 "$(weight_now 4)" && equal 100 "$(status_of web app-04 weight)" &&
		equal true "$(poise backend show web app-04 --json | jq .slow_start.running)" &&
		contains "$(poise backend show web app-04)" 'slow start for' 'begins with weight 10 of 100'
}

# Its share of the slots is that of its weight.
has_few_slots()
{
	local few many
	few=$(status_of web app-04 slots) many=$(status_of web app-01 slots)
	within $((many / 12)) $((many * 7 / 10)) "$few"
}

weighs() { [ "$(weight_now 4)" -ge "$1" ]; }

# goes_on BEFORE: the slow start does, from where it was (it may have taken a step or two by now).
goes_on()
{
	within "$1" $(($1 + 20)) "$(weight_now 4)" && has_few_slots
}

in_panic()
{
	equal true "$(service_is panic)" && equal 1 "$(service_is backends_up)" &&
		equal '[true,true,true,true]' "$(service_is 'backends | map(.eligible) | tojson')" &&
		contains "$(status_of web app-02 reason)" 'refused; used nevertheless' &&
		contains "$(poise status)" 'panic: fewer than 50% of the backends are up' &&
		contains "$(poise stats --json | jq -c '.services[0]')" '"panic":true'
}

panic_over()
{
	equal false "$(service_is panic)" &&
		equal '[true,true,false,false]' "$(service_is 'backends | map(.eligible) | tojson')"
}

told_times() { equal "$1" "$(grep -c "$2" "$NET_DIR/poised.log")"; }

# flaps I: goes down and comes back until it is held down, or often.
flaps()
{
	for _ in {1..9}; do
		flap "$1"
		! held_down || return 0
	done
}

# flap I: goes down and comes back.
flap()
{
	server_stop "$1"
	wait_for 60 health_is down "$1"
	server_start "$1"
	wait_for 60 health_is up "$1"
}

held_down()
{
	equal "down up" "$(status_of web app-01) $(status_of web app-01 health.state)" &&
		contains "$(status_of web app-01 reason)" 'its check passes, but it is held down' &&
		within 60 600 $(($(status_of web app-01 held_until_at) - $(date +%s))) &&
		equal 0 "$(status_of web app-01 slots)"
}

history_tells()
{
	contains "$(poise backend show web app-01)" 'health      down: connection refused' \
		'slow_start  begins with weight 10 of 100' 'damping     held down: it went down' 'until'
}

held_but_used()
{
	equal up "$(status_of web app-01)" &&
		contains "$(status_of web app-01 reason)" \
			'held down, but used, for too few others are up: it '
}

others_serve()
{
	local got
	got=$(pages "$VIP44" 120 | tally) || { echo "a request failed: $got"; return 1; }
	equal "app-02 app-03 app-04" "$(cut -d ' ' -f 1 <<<"$got" | xargs)"
}

takes_connections()
{
	local got
	got=$(pages "$VIP44" 1000 | tally) || { echo "a request failed: $got"; return 1; }
	contains "$got" app-01
}

tap_begin one
config 10m >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up
check "at the first start they have their weights at once" full_weights

server_stop 4
check "one goes down" wait_for 60 health_is down 4
server_start 4
check "it comes back" wait_for 60 health_is up 4
check "with a part of its weight" starts_slowly
check "and of the ring" has_few_slots
slow_start_takes 20s >/dev/null
check "which rises" wait_for 60 weighs 30
slow_start_takes 10m >/dev/null
before=$(weight_now 4)
poised_stop KILL
poised_start
check "poised starts anew in the middle of it: no jump" goes_on "$before"
slow_start_takes 9s >/dev/null
check "in the end it has all of its weight" wait_for 60 full_weights

for i in 2 3 4; do
	server_stop "$i"
done
check "three of four go down: panic" wait_for 60 in_panic
check "which is logged once" told_times 1 'panic: 1 of 4'
poised_stop KILL
poised_start
check "poised starts anew in panic: it is still one" equal true "$(service_is panic)"
check "and tells the same after the next checks" wait_for 60 in_panic
server_start 2
check "two are up: the panic is over" wait_for 60 panic_over
check "which is logged" told_times 1 'panic is over: 2 of 4'
for i in 3 4; do
	server_start "$i"
done
check "all are up again" wait_for 60 all_up

flaps 1
check "one that flaps is held down" wait_for 60 held_down
check "its history tells" history_tells
check "the others serve" others_serve
poised_stop KILL
poised_start
check "poised starts anew: still up, by its check" wait_for 60 health_is up 1
check "and still held down" held_down
for i in 2 3 4; do
	server_stop "$i"
done
check "it is used while no other is up, and says so" wait_for 60 held_but_used
for i in 2 3 4; do
	server_start "$i"
done
check "and held down when they are up" wait_for 60 held_down
check "an operator releases it" poise backend undrain web app-01
check "it is up" is_state up web app-01
check "and takes connections" takes_connections
tap_end
