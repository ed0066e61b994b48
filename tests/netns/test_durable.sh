#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A disk that hangs (build/poised-faults waits where the state file is written: userspace/lib/fault.h):
# the answer to a change waits until it is saved, for some seconds at most; nothing else does.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

FAULT_FILE=$NET_DIR/fault

hang() { echo "file-written=" >"$FAULT_FILE"; }
answer() { rm -f "$FAULT_FILE"; }

# begin NAME ARGUMENT...: poise in the background, whose process is then PID_NAME.
begin()
{
	local name=$1
	shift
	on_start balancer "$name" "$NET_BUILD/poise" --socket "$NET_SOCKET" "$@"
	declare -g "PID_$name=$!"
}

# Its answer has not come, unless poised has given the disk up meanwhile: this machine is slow.
waits()
{
	local pid=PID_$1
	! pids_gone "${!pid}" || is_late
}

is_late() { contains "$(status .state.problem)" "takes longer than 5 s"; }

ends_well()
{
	local pid=PID_$1
	wait_for 60 pids_gone "${!pid}" && wait "${!pid}"
}

weighs() { equal "$2" "$(status_of web "$1" weight)"; }
not_drained() { is_state up web app-02 || is_late; }
saved() { contains "$(cat "$FILE")" "$@"; }
is_well() { equal null "$(status .state.problem)"; }

# A change that is to be whole wants the file to be right; what comes behind it keeps its turn.
two_turns()
{
	begin host drain --host "$(backend_address 2 4)"
	begin later backend weight web app-01 70
	check "a change of several backends waits for it" waits host
	check "and is not made so far" not_drained
	check "nor is a later one" waits later
}

tap_begin one
config_web 1 2 3 >"$NET_CONFIG"
on_start balancer faulty env POISE_FAULT_FILE="$FAULT_FILE" \
	"$NET_BUILD/poised-faults" --config "$NET_CONFIG"
NET_POISED=$!
wait_for 60 poise version
check "all backends come up" wait_for 60 all_up
FILE=$(status .state.path)

hang
begin drain backend drain web app-01
check "a drain is in effect while the disk hangs" wait_for 60 is_state draining web app-01
check "its answer waits" waits drain
begin weight backend weight web app-03 50
check "another change is in effect" wait_for 60 weighs app-03 50
check "its answer waits" waits weight
two_turns
host_kill b3 nginx
check "checks go on" wait_for 60 is_state down web app-03
answer
for name in drain weight host later; do
	check "$name: it is answered when the disk is there again" ends_well "$name"
done
check "all of it is saved" saved app-01 '"weight": 50' app-02 '"weight": 70'
check "in effect, too" wait_for 60 is_state draining web app-02

hang
begin slow backend weight web app-01 80
check "it is answered although the disk goes on hanging" ends_well slow
check "and told" is_late
begin next backend weight web app-01 90
check "the next answer comes at once" ends_well next
check "several backends change as one all the same" poise undrain --host "$(backend_address 2 4)"
check "nothing of that is saved" saved '"weight": 70' app-02
answer
check "all is well when the disk is there again" wait_for 60 is_well
check "and saved" wait_for 60 saved '"weight": 90'
check "nobody is drained but app-01" equal 1 "$(grep -c '"drain": true' "$FILE")"

hang
begin last backend weight web app-01 33
check "one more change is in effect" wait_for 60 weighs app-01 33
kill -TERM "$NET_POISED"
answer
check "poised that is ended answers it" ends_well last
check "and saved it" saved '"weight": 33'
tap_end
