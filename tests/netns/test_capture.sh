#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# poise capture: what is in the file, and that the plain program is back however a capture ends.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

FILE=$NET_DIR/capture.pcapng

# capture_start ARGUMENT...: a capture into FILE in the background; returns when it captures.
capture_start()
{
	rm -f "$FILE"
	on_start balancer capture "$NET_BUILD/poise" --socket "$NET_SOCKET" capture -w "$FILE" "$@"
	CAPTURE=$!
	wait_for 60 test -s "$FILE"
}

capture_stop()
{
	kill -s "$1" "$CAPTURE"
	wait "$CAPTURE" 2>/dev/null || true
}

# The id of the program on lb0, and whether that is the one pinned, the plain one.
program() { ip -n "$(net_name balancer)" -j -d link show lb0 | jq '.[0].xdp.prog.id'; }
pinned() { bpftool prog show pinned "$NET_PINS/program" -j | jq .id; }
is_plain() { equal "$(pinned)" "$(program)"; }
is_capturing() { ! is_plain >/dev/null; }

# comments [FILTER]: each packet's comment.
comments() { tshark -n -r "$FILE" ${1:+-Y "$1"} -T fields -e frame.comment 2>/dev/null; }

# shown N FILTER: the file has N such packets by now.
shown() { equal "$1" "$(comments "$2" | wc -l)"; }

# Requests in the capture: as they came, with what became of them.
sent()
{
	local n
	capture_start
	is_capturing || return 1
	equal 10 "$(pages "$VIP44" 10 | wc -l)" || return 1
	wait_for 60 shown 10 "tcp.flags.syn == 1" || return 1
	capture_stop INT
	cat "$NET_DIR/capture.log"
	n=$(comments "tcp.flags.syn == 1" | grep -c '^tx, sent, service web, backend app-0[12]$')
	equal 10 "$n" || return 1
	equal "" "$(comments | grep -v '^tx, sent, service web, backend app-0[12]$')" || return 1
	equal "1 lb0" "$(tshark -n -r "$FILE" -T fields -e frame.interface_name 2>/dev/null | sort -u |
		awk '{ print NR, $0 }')" || return 1
	contains "$(capinfos "$FILE")" "nanoseconds (9)" "poise 0" || return 1
	wait_for 60 is_plain
}

# The clock is that of the host, and the bytes are those that came.
exact()
{
	local before after seen
	capture_start --count 1 --service web
	before=$(date +%s)
	pages "$VIP44" 1 >/dev/null
	wait "$CAPTURE" || return 1
	after=$(date +%s)
	seen=$(tshark -n -r "$FILE" -T fields -e frame.time_epoch -e ip.src -e ip.dst -e tcp.dstport \
		-e tcp.checksum.status -o tcp.check_checksum:TRUE 2>/dev/null)
	echo "$before to $after: $seen"
	[ ${seen%%.*} -ge $((before - 1)) ] && [ ${seen%%.*} -le $((after + 1)) ] || return 1
	equal "198.51.100.2 $VIP44 80 1" "$(cut -f 2- <<<"$seen" | xargs)"
}

# As they went, too: in the tunnel.
went()
{
	capture_start --sent --count 2
	pages "$VIP44" 1 >/dev/null
	wait "$CAPTURE" || return 1
	equal "$VIP44 in 10.0.1.1" "$(tshark -n -r "$FILE" -T fields -e ip.dst 2>/dev/null |
		sed -n '1h;2{s/\(10\.0\.1\.1\).*/\1/;G;s/\(.*\)\n\(.*\)/\2 in \1/;p}')"
}

shown_drops() { [ "$(comments | wc -l)" -ge 3 ]; }

drops()
{
	capture_start --drops
	pages "$VIP44" 5 >/dev/null
	for _ in 1 2 3; do
		on client curl -s --max-time 1 --connect-timeout 0.3 "http://$EMPTY/" || true
	done
	wait_for 60 shown_drops || return 1
	capture_stop INT
	equal "drop, no_backend, service empty" "$(comments | sort -u)"
}

# What is for no service's address stays out, unless it is asked for.
all()
{
	capture_start --all --count 1
	on client ping -c 1 -W 30 "$LB4" >/dev/null || return 1
	wait "$CAPTURE" || return 1
	contains "$(comments)" "pass, not_" || return 1
	capture_start --seconds 1
	on client ping -c 1 -W 30 "$LB4" >/dev/null || return 1
	wait "$CAPTURE" || return 1
	equal "" "$(comments)" || return 1
	contains "$(cat "$NET_DIR/capture.log")" "0 packets, 0 lost"
}

short()
{
	capture_start --bytes 64 --count 3
	upload "$VIP44" >/dev/null
	wait "$CAPTURE" || return 1
	equal 64 "$(tshark -n -r "$FILE" -T fields -e frame.cap_len 2>/dev/null | sort -u)"
}

piped()
{
	local seen
	seen=$(poise capture --count 3 -w - 2>/dev/null | {
		wait_for 60 is_capturing
		pages "$VIP44" 2 >/dev/null
		tshark -n -r - -T fields -e frame.comment 2>/dev/null
	} | sort -u | cut -c 1-21)
	equal "tx, sent, service web" "$seen"
}

# However the client goes, the plain program comes back, and nothing is lost meanwhile.
ends()
{
	capture_start
	is_capturing || return 1
	capture_stop "$1"
	wait_for 60 is_plain
}

# A reader that stalls costs poised no memory.
stalled()
{
	local before after
	rm -f "$FILE"
	mkfifo "$FILE.fifo"
	on_start balancer stalled "$NET_BUILD/poise" --socket "$NET_SOCKET" capture --bytes 2048 \
		-w "$FILE.fifo"
	CAPTURE=$!
	exec 8<>"$FILE.fifo"
	wait_for 60 is_capturing
	before=$(awk '/VmRSS/ { print $2 }' "/proc/$NET_POISED/status")
	upload "$VIP44" >/dev/null
	upload "$VIP44" >/dev/null
	after=$(awk '/VmRSS/ { print $2 }' "/proc/$NET_POISED/status")
	echo "resident memory: $before KiB, then $after KiB"
	poise status >/dev/null || return 1
	kill -KILL "$CAPTURE"
	wait "$CAPTURE" 2>/dev/null || true
	exec 8>&-
	[ $((after - before)) -lt 8192 ] && wait_for 60 is_plain
}

second()
{
	capture_start
	contains "$(refused 1 poise capture -w /dev/null 2>&1)" "another capture runs" || return 1
	capture_stop INT
	wait_for 60 is_plain
}

# A poised that dies leaves the capturing program; the next one puts the plain one in its place.
left_behind()
{
	capture_start
	poised_stop KILL
	is_capturing || return 1
	download_runs long || return 1
	poised_start
	wait_for 60 all_but_empty || return 1
	is_plain
}

# poised ends as asked: the plain program stays behind.
stopped()
{
	capture_start
	poised_stop TERM
	is_plain || return 1
	poised_start
	wait_for 60 all_but_empty
}

all_but_empty()
{
	is_state up web app-01 app-02
}

bad()
{
	contains "$(refused 2 poise capture 2>&1)" "-w FILE" || return 1
	contains "$(refused 1 poise capture -w /dev/null --service nobody 2>&1)" "no service 'nobody'" ||
		return 1
	contains "$(refused 1 poise capture -w /proc/none/file 2>&1)" "cannot write" || return 1
	contains "$(refused 1 poise capture -w /dev/full 2>&1)" "No space left on device" || return 1
	refused 2 poise capture -w /dev/null --bytes 63
}

EMPTY=203.0.113.50
# Those of programs, for libxdp has left some open.
program_descriptors() { cat /proc/"$NET_POISED"/fdinfo/* 2>/dev/null | grep -c prog_id || true; }

no_descriptors()
{
	local before
	before=$(program_descriptors)
	for _ in 1 2 3; do
		poise status >/dev/null
		poise capture --all --count 1 -w /dev/null 2>/dev/null
	done
	equal "$before" "$(program_descriptors)"
}

tap_begin one
for program in tshark capinfos bpftool; do
	command -v $program >/dev/null || {
		echo "1..0 # SKIP $program is not installed"
		exit 0
	}
done
{
	config_web 1 2
	cat <<-END
		  - name: empty
		    address: $EMPTY
		    port: 80
		    protocol: tcp
		    backends: []
	END
} >"$NET_CONFIG"
poised_start
wait_for 60 all_but_empty
check "packets with what became of them" sent
check "their time and their bytes" exact
check "packets as they are sent" went
check "drops alone" drops
check "everything" all
check "the first bytes" short
check "through a pipe" piped
check "a second capture is refused" second
check "what cannot be captured" bad
download_start long "$VIP44" 1m
check "looks at the interface and captures leave no descriptor open" no_descriptors
check "the client is killed" ends KILL
check "the client is told to end" ends TERM
check "a reader that stalls" stalled
check "poised is killed meanwhile" left_behind
check "poised ends meanwhile" stopped
check "a download went on all the time" download_finish long
tap_end
