#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poised dies at every step of a first start, a start over what is pinned, a reload, a command, a
# batch and a detach (build/poised-faults: userspace/lib/fault.h); then a plain poised starts. Under load no
# request fails and no connection breaks, and what it leads to is what would be without the death.
#
# Here one point in SHARE of each kind is tried; with FULL=1 all of them are.
# Runs alone: its load takes what is left of all processors.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=load.sh
. "$(dirname "$0")/load.sh"
# shellcheck source=faults.sh
. "$(dirname "$0")/faults.sh"

SHARE=${FULL:+1}
SHARE=${SHARE:-10}
declare -A OWNERS # what the rings are to be, by configuration and what was changed by command
PASSED=           # points that were passed

# The load leaves checks little of the processor.
slow_checks()
{
	sed -e 's/interval: [^}]*/interval: 1s, timeout: 1s, rise: 1, fall: 15 /' \
		-e 's/^settle:.*/settle: 15m/'
}

config()
{
	case $1 in
	before)
		config_head
		service_yaml web "$VIP44" 4 1 2 3
		service_yaml web6 "$VIP66" 6 1 2 3
		service_yaml old "$VIP46" 6 1 2
		;;
	after)
		config_head | sed -e 's/^tunnel:/  - name: lb1\n    mode: native\n&/' \
			-e 's,172.16.0.0/16,172.16.128.0/17,' # so entries in use change
		service_yaml web "$VIP44" 4 1 2 4 | sed '/app-02/s/ }/, weight: 150 }/'
		service_yaml web6 "$VIP66" 6 1 2 3
		service_yaml new "$VIP64" 4 1 2 3
		;;
	esac | slow_checks
}

# config_set WHICH: it is the file that poised reads.
config_set()
{
	CONFIG=$1
	config "$1" | slow_checks >"$NET_CONFIG"
}

config_other()
{
	case $CONFIG in
	before) config_set after ;;
	after) config_set before ;;
	esac
}

# One that is to die, dies after the answer at the latest.
dies_soon() { [ ! -e "$FAULT_FILE" ] || wait_for 60 pids_gone "$NET_POISED" || true; }

# The points that were passed since faulty_start, in their order, each once; but where each map is
# pinned is a point of its own.
passed()
{
	sed -n 's/^fault point //p' "$NET_DIR/faulty.log" |
		awk '!seen[$0]++ { print; next } $0 == "map-pinned" { print $0 ":" seen[$0] }'
}

drained() { status_of web6 app-03; }

# Half a batch is nothing that was learned.
changed() { echo "$CONFIG-$(drained)-$(status_of web6 app-01 weight)-$(status_of web app-01 weight)"; }

# Every backend is up, or draining as commanded.
backends_right()
{
	equal true "$(status '[.services[].backends[] | select(.state != "removing") |
		.state == "up" or (.name == "app-03" and .state == "draining")] | length > 0 and all')"
}

owners() { "$NET_BUILD/ring_owners" "$NET_PINS" | sort; }

right()
{
	backends_right && equal "${OWNERS[$(changed)]}" "$(owners)" &&
		equal "$PINS" "$(ls "$NET_PINS")"
}

# What the death must not have changed, after a plain poised has started.
recovered()
{
	poised_start && wait_for 60 right && { [ -z "${LOAD_LONG:-}" ] || load_lives; }
}

# The rings have followed: who is up has slots, who drains has none.
rings_right()
{
	equal true "$(status '[.services[].backends[] | select(.state == "up" or .state == "draining") |
		(.slots > 0) == (.state == "up")] | all')"
}

# Nothing more follows from what happened.
is_done() { pids_gone "$NET_POISED" || { backends_right && rings_right; }; }

learn()
{
	wait_for 60 is_done
	OWNERS[$(changed)]=$(owners)
}

# One kind of death: what leads to it is the function happen_KIND, which is to make the faulty poised
# pass the points.
happen_new() { faulty_start; }
happen_start() { faulty_start; }
# There and back, for not every step is on both ways.
happen_reload()
{
	for _ in there back; do
		config_other
		poise reload >/dev/null 2>&1 || true
		wait_for 60 is_done
		! pids_gone "$NET_POISED" || return 0
	done
}
happen_command()
{
	local word=drain
	[ "$(drained)" != draining ] || word=undrain
	poise backend $word web6 app-03 >/dev/null 2>&1 || true
	dies_soon
}
# All of it is a change from what is, or back.
batch()
{
	if [ "$(drained)" != draining ]; then
		printf '%s\n' 'drain web6 app-03' 'weight web6 app-01 50' 'weight web app-01 50'
	else
		printf '%s\n' 'undrain web6 app-03' 'weight web6 app-01 100' 'weight web app-01 100'
	fi | poise batch
}
happen_batch()
{
	batch >/dev/null 2>&1 || true
	dies_soon
}
happen_detach()
{
	poise detach >/dev/null 2>&1 || true
	wait_for 60 pids_gone "$NET_POISED"
}

# Where a death of this kind begins.
begin()
{
	disarm
	case $1 in
	new) poise detach --pin-path "$NET_PINS" >/dev/null 2>&1 || true ;;
	start) ;;
	*)
		faulty_start
		: >"$NET_DIR/faulty.log"
		;;
	esac
}


# crash KIND POINT
crash()
{
	begin "$1"
	arm "$2"
	"happen_$1"
	check "$1: dies at $2" died
	disarm
	check "$1: $2: all is right again" recovered
	poised_stop KILL
}

# crashes KIND
crashes()
{
	local point n=0 points
	begin "$1"
	"happen_$1"
	wait_for 60 is_done
	points=$(passed)
	kill -KILL "$NET_POISED" 2>/dev/null || true
	wait "$NET_POISED" 2>/dev/null || true
	echo "# $1 passes: $(xargs <<<"$points")"
	PASSED="$PASSED $(xargs <<<"$points")"
	for point in $points; do
		[ $((n % SHARE)) != 0 ] || crash "$1" "$point"
		n=$((n + 1))
	done
}

# Every point is passed by something; that of a chain wants libxdp's dispatcher, which not every
# kernel takes, those of another version's pins are test_upgrade.sh's, and those of slots that name
# backends test_crash_names.sh's.
all_passed()
{
	local point elsewhere="chain-joined slots-parked migration-filled next-pinned pins-exchanged"
	elsewhere="$elsewhere ring-not-named ring-half-shown ring-shown chains-fit chains-settled"
	for point in $(readelf -p poise_faults "$NET_BUILD/poised-faults" | awk '/\]/ { print $NF }'); do
		case " $PASSED $elsewhere " in
		*" $point "*) ;;
		*) echo "nothing passed: $point" && return 1 ;;
		esac
	done
}

tap_begin two
[ "$SHARE" = 1 ] || echo "# one point in $SHARE; FULL=1 tries all of them"
config_set before
poised_start
wait_for 60 all_up
PINS=$(ls "$NET_PINS")
learn
poise backend drain web6 app-03 >/dev/null && learn
poise backend undrain web6 app-03 >/dev/null && batch >/dev/null && learn
config_set after
poise reload >/dev/null && learn
batch >/dev/null && learn
poise backend drain web6 app-03 >/dev/null && learn
poise backend undrain web6 app-03 >/dev/null
poised_stop KILL

crashes new
poised_start
wait_for 60 backends_right
load_start "$VIP44" "$VIP66"
poised_stop KILL
crashes start
crashes reload
crashes command
poised_start
poise backend undrain web6 app-03 >/dev/null
poised_stop KILL
crashes batch
crash batch backend-record-written:2
check "the load lasted until here" load_lives
load_stop
load_checks
unset LOAD_LONG
crashes detach
check "every point was passed" all_passed
tap_end
