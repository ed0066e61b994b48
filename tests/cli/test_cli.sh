#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The CLI against fake_poised.py: what it prints, what it exits with, and what it makes of answers
# that are wrong. POISE names the program under test, by default build/poise.
set -u

# shellcheck source=harness.bash
. "$(dirname "$0")/harness.bash"

test_usage() {
	run
	expect "no command: usage, 2" 2 err '^usage: poise'
	run help
	expect "help lists the commands" 0 out 'backend drain SERVICE NAME' out 'exit codes'
	for command in status "service list" "service show" "backend list" "backend show" "backend add" \
		"backend remove" "backend drain" "backend undrain" "backend weight" drain undrain batch stats top explain capture check \
		diff save reload apply detach version help; do
		run $command --help
		expect "$command --help has an example" 0 out "^usage: poise $command" \
			out "^example: poise $command"
		cp "$work/out" "$work/by-option"
		run help $command
		cmp -s "$work/out" "$work/by-option"
		report "help $command says the same" $?
	done
	run service
	expect "a group alone: its commands, 2" 2 err 'service show SERVICE'
	run stauts
	expect "a slip gets a suggestion" 2 err 'unknown command "stauts": did you mean "status"\?'
	run backend dran web app-01
	expect "a slip in the second word too" 2 err 'did you mean "backend drain"\?'
	run bakend drain web app-01
	expect "and in the first" 2 err 'did you mean "backend drain"\?'
	run weight web app-01 50
	expect "a first word left out" 2 err 'unknown command "weight": did you mean "backend weight"\?'
	run remove web app-01
	expect "which is nearer than one of like letters" 2 err 'did you mean "backend remove"\?'
	run frobnicate
	expect "what is like nothing gets none" 2 err 'see "poise help"' no-err 'did you mean'
	run status --jsn
	expect "a slip in an option" 2 err 'unknown option "--jsn": did you mean "--json"\?'
	run status extra
	expect "too many operands" 2 err 'usage: poise status \[--lenient\]$'
	run backend add web app-04
	expect "too few operands" 2 err 'usage: poise backend add SERVICE NAME ADDRESS'
	run status --now
	expect "another command's option" 2 err '"status" takes no --now'
	run backend drain web app-01 --timeout 5
	expect "--timeout without --wait" 2 err 'without --wait'
	run backend drain web app-01 --wait --timeout 0
	expect "a timeout out of range" 2 err '--timeout "0": allowed are whole seconds from 1 to 604800'
	for word in 1500ms 8d 0s 604801s 30ss '' -1s; do
		run backend drain web app-01 --wait --timeout "$word"
		expect "the timeout '$word'" 2 err 'allowed are whole seconds from 1 to 604800, also as 90s'
	done
	run backend add web app-04 10.0.1.14 --weight 1001
	expect "a weight out of range" 2 err '--weight "1001": allowed is a whole number from 0 to 1000'
	run backend weight web app-01 1e2
	expect "a weight that is no number" 2 err 'weight "1e2": allowed is'
	run backend weight web app-01 -5
	expect "a negative weight" 2 err 'unknown option "-5"'
	run status --json=yes
	expect "a value for a flag" 2 err '--json takes no value'
	run status --socket
	expect "an option without its value" 2 err '--socket needs a value'
	run service show $'\xff\xfe'
	expect "an operand that is not UTF-8" 2 err 'not valid UTF-8'
	run drain $(printf "x %.0s" {1..4200})
	expect "too many words" 2 err "too many words"
	run a b c d e f g h i
	expect "words that are no command" 2 err 'unknown command "a b"'
	run --version
	expect "--version needs no poised" 0 out '^poise [0-9]+\.[0-9]+\.[0-9]+$'
}

test_unreachable() {
	stop_fake
	rm -f "$socket"
	run status
	expect "no socket: 3, its name and the cure" 3 err "no socket \"$socket\": start poised"
	/usr/bin/python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$socket"
	run status
	expect "nobody listens: 3" 3 err "nobody listens on \"$socket\""
	run --json status
	expect "nothing but JSON on standard output" 3 no-out .
	run diff "$work/good.yaml"
	expect "diff: 3 as well" 3 err "nobody listens"
	run version
	expect "version still prints its own" 3 out '^poise [0-9]' err 'nobody listens'
	if [ "$(id -u)" = 0 ]; then
		rm -f "$socket"
		touch "$work/file"
		timeout 60 "$poise" status --socket "$work/file" >"$work/out" 2>"$work/err"
		code=$?
		expect "a file that is no socket" 3 err "$work/file"
	fi
	run detach --pin-path "$work/none"
	expect "detach without poised looks for what it left" 0 out '^nothing was left to remove$' \
		err "poised does not run on \"$socket\": removing what is pinned under \"$work/none\"" \
		no-err 'cannot reach'
	timeout 60 "$poise" status --socket "$work/$(printf '%0200d' 0)" >"$work/out" 2>"$work/err"
	code=$?
	expect "a path too long for a socket" 3 err 'File name too long'
	rm -f "$socket"
}

test_lost() {
	start_fake lost
	run status
	expect "status: an interface is lost" 4 out '^interface eth2: not attached$' out '^web '
	run status --json
	expect "status --json: likewise" 4 out '"attached":false'
	run status --lenient
	expect "status --lenient: poised answers" 0 out '^interface eth2: not attached$'
	run service list --lenient
	expect "--lenient is of status" 2 err 'takes no --lenient'
}

test_show() {
	start_fake good
	run status
	expect "status: headline" 0 out '^poised 0\.1\.0  up 1d 2h  settle 15m  /etc/poise/poise\.yaml$'
	expect "status: interfaces" 0 out '^interface eth0: native mode, chain dispatcher$' \
		out '^interface eth1: generic mode, chain single'
	expect "status: services" 0 \
		out '^web  203\.0\.113\.10:80 tcp  2 of 3 backends up  12\.3M packets$' \
		out '^  moving: 655 of 65537 slots \(1\.0%\)$' \
		out '^mail  \[2001:db8::25\]:25 tcp  1 of 1'
	expect "status: backends" 0 \
		out '^  app-01   10\.0\.1\.11 +100  up     33\.3%   4321    1\.23M  ok 3ms$' \
		out '^  app-02 .* down +0\.0% .* failed 4x$' \
		out '^ +down: check failed: connection refused$'
	expect "status: a prefix, a port range, UDP, recorded flows" 0 \
		out '^game  \[2001:db8:7::/64\]:8000-8100 udp  1 of 1' \
		out '^ +l2, server id 0a0b0c$' out '^ +4210 active flows$' no-out ipip
	expect "status: differences from the file" 0 out '^  app-03\* .* 50  up' \
		out 'differs from the file: weight set by command \(100 in the file\)'
	expect "no colours off a terminal" 0 no-out $'\x1b'
	expect "no line ends in a space" 0 no-out ' $'
	run --json status
	expect_json "status --json: the result as it came" \
		'.services[0].backends[1].state == "down" and .settle_ms == 900000'
	run service list
	expect "service list" 0 out '^web +203\.0\.113\.10:80 +tcp +maglev +2 +3 +655 +12\.3M +9\.20 GiB  http :80/healthz every 1s$' \
		out '^mail .* none$' out '^game +\[2001:db8:7::/64\]:8000-8100 +udp +maglev +1 +1 '
	run service list --json
	expect_json "service list --json" '[.services[].name] == ["web", "mail", "game"]'
	run service show web
	expect "service show" 0 out '^on down +rehash$' out 'port 80 every 1s, timeout 500ms, rise 2' \
		out 'expects status 200-399' out '^app-02 +10\.0\.1\.12 +100  down' out '^scheduler +maglev$' no-out '^udp'
	run service show mail
	expect "service show: recorded flows" 0 out '^scheduler +leastconn$' \
		out '^flows +recorded, forgotten when idle for 15m$' no-out '^quic'
	run service show game
	expect "service show: UDP" 0 out '^address +\[2001:db8:7::/64\]:8000-8100 udp$' \
		out '^scheduler +maglev, affinity source/56$' out '^udp +stateless$' no-out '^flows' \
		out '^quic +config 2, server ids of 3 bytes$' out '^tunnel +gue$'
	run service show nosuch
	expect "a refusal: 1 and its reason" 1 err '^poise: no service "nosuch"$' no-out .
	run service show nosuch --json
	expect "a refusal with --json" 1 err 'no service "nosuch"' no-out .
	run backend list
	expect "backend list" 0 out '^SERVICE +BACKEND' out '^web +app-01' out '^mail +mx-01'
	run backend list mail
	expect "backend list SERVICE" 0 out '^mail +mx-01' no-out app-01
	run backend show web app-01
	expect "backend show" 0 out '^backend +web/app-01$' out '^weight +100, 40 for now, slow start for 13s$' \
		out '^check +http :80 every 1s, 1234 so far, 5 failed$' \
		out '^last result +passed 7x in a row, .*, took 3 ms$' \
		out '^damping +on, penalty 707, went down 1x of late$' \
		out '^next hop +10\.0\.1\.1 on eth0, 02:00:00:00:00:01, MTU 1500$' \
		out '^  20..-..-.. ..:..:..  health      down: connection refused$'
	run backend show web app-02
	expect "backend show: held down" 0 out '^damping +held down until 20..-.*, penalty 3700$'
	run backend show web nosuch
	expect "backend show: a refusal" 1 err 'no backend "nosuch"' no-out .
	run service show game
	expect "service show: panic, slow start" 0 out '^panic +now: fewer than 50% of the backends' \
		out '^slow start +30s$' out '^g-01 +2001:db8:1::21 +40/100 '
	run status
	expect "status: panic" 0 out '^  panic: fewer than 50% of the backends are up, all are used$'
	run stats
	expect "stats" 0 out '^web +12345678 +9876543210$' out '^web +app-01 +1234567 +987654321 +4321$' \
		out '^no_backend +drop +17  no backend of' out '^exception_recorded +99  connections' \
		out '^recorded flows: 4210 of 1048576 places in use$'
	run version
	expect "version" 0 out '^poise 0' out '^poised 0\.1\.0 \(ABI 1\)$'
	run --json version
	expect_json "version --json" '.version == "0.1.0" and .abi == 1'
	run reload
	expect "reload: what changed" 0 out '^service "web": weight of app-01 100 -> 50$'
	run detach
	expect "detach: what was removed" 0 out '^program on eth0$' out '^pin /sys/fs/bpf/poise/backends$'
}

test_explain() {
	local words
	start_fake good
	run explain tcp 198.51.100.7:4242 203.0.113.10:80
	expect "explain" 0 out '^packet +tcp syn 198.51.100.7:4242 -> 203.0.113.10:80, 40 bytes, in by eth0$' \
		out '^service +web, 203.0.113.10:80 tcp' out '^slot +4242 of 65537, settled, owner app-01$' \
		no-out '^exception' out '^because +the settled' out '^next hop +10.0.1.1, 02:00:00:00:00:01, by eth0$' \
		out '^tunnel +ipip, 172.16.1.2 -> 10.0.1.11$' out 'fits MTU 1500$' \
		out '^verdict +tx, sent: sent to a backend$' out '^events +exception_recorded$'
	run explain tcp '[2001:db8::7]:1' '[2001:DB8:f:0::10]:65535' --ack --fin
	expect "explain: IPv6, a moving slot" 0 \
		out '^packet +tcp ack, fin \[2001:db8::7\]:1 -> \[2001:db8:f::10\]:65535,' \
		out '^service +mail, \[2001:db8::25\]:25 tcp' \
		out 'moving, recorded, owner app-01, previous app-02, earlier app-03, last stamped 1m 1s ago$' \
		out '^chain +then app-02, 10\.0\.1\.12$' out '^ +last app-03, 2001:db8::13$' \
		out '^size +40 bytes, and 20 of the tunnel, 24 of the chain: 84, fits MTU 1500 less 12 for chains$' \
		out '^exception +recorded: backend app-01, established, 5s old$' no-out '^events'
	for words in "tcp 198.51.100.7:4242" "tcp 198.51.100.7 203.0.113.10:80" \
		"tcp 2001:db8::7:1 203.0.113.10:80" "tcp 198.51.100.7:65536 203.0.113.10:80" \
		"tcp [198.51.100.7]:1 203.0.113.10:80" "tcp 198.51.100.7:1 203.0.113.10:80 --frame 00" \
		"udp 198.51.100.7:1 203.0.113.10:80 --payload 00 --quic-id 00" ""; do
		# shellcheck disable=SC2086 # words
		run explain $words
		expect "explain $words: usage" 2 err '^poise: '
	done
}

test_width() {
	start_fake good
	COLUMNS=60 run status
	expect "a narrow terminal shortens text" 0 out '2001:db8:[^ ]*…  ' out '^ +\* differs .*…$'
	expect "but no number" 0 out ' 33\.3%   4321    1\.23M '
	[ "$(wc -L <"$work/out")" -le 72 ]
	report "and stays about as wide" $?
	COLUMNS=60 run stats
	expect "meanings are shortened, counters are not" 0 out '17  no backend .*…$' \
		out '12345678  9876543210$'
	LC_ALL=C COLUMNS=60 run status
	expect "the ellipsis of a plain locale" 0 out '^ +\* differs .*\.\.\.$' no-out '…'
}

test_terminal() {
	start_fake good
	run_on_terminal status
	expect "colours on a terminal" 0 out $'\x1b\\[32mup' out $'\x1b\\[31mdown'
	NO_COLOR=1 run_on_terminal status
	expect "none with NO_COLOR" 0 out 'up' no-out $'\x1b'
	run_on_terminal --json version
	expect "JSON is indented on a terminal" 0 out '^  "abi": 1'
	run_on_terminal backend drain web app-01 --wait
	expect "one progress line on a terminal" 0 \
		out $'\r''web/app-01 draining: .* recorded connections' \
		out 'its connections are gone'
}

test_changes() {
	start_fake good
	run backend add web app-04 10.0.1.14 --weight 50
	expect "backend add" 0 out '^web/app-04 10\.0\.1\.14: starting, weight 50 \(not checked so far\)$'
	run backend add --weight=7 --json web app-05 10.0.1.15
	expect_json "options may stand anywhere" '.backend.weight == 7 and .backend.differs == ["added"]'
	run backend add game g-02 10.0.1.22 --encapsulation gre --server-id 0a0b0d --json
	expect_json "backend add: how it is reached" \
		'.backend.encapsulation == "gre" and .backend.server_id == "0a0b0d"'
	run backend weight web app-01 1 --server-id 0a
	expect "only backend add takes a server id" 2 err 'takes no --server-id'
	run backend add nosuch app-04 10.0.1.14
	expect "backend add: refused" 1 err 'no service "nosuch"'
	run backend weight web app-01 0
	expect "backend weight" 0 out 'weight 0$'
	run backend remove web app-04
	expect "backend remove" 0 out 'removing'
	run backend remove web app-05 --now
	expect "backend remove --now" 0 out 'removed'
	run backend drain web app-01
	expect "backend drain returns at once" 0 out '^web/app-01 10\.0\.1\.11: draining'
	run status
	expect "status: how many of them drain" 0 out 'backends up, 1 draining  [0-9.]+M packets$' \
		out '^mail .* 1 of 1 backends up  '
	run backend undrain web app-01
	expect "backend undrain" 0 out ': up, weight 0$'
	run backend drain web -- app-01
	expect "-- ends the options" 0 out draining
}

# when_draining COMMAND...: when web/app-01 drains
when_draining() {
	until timeout 60 "$poise" -s "$socket" backend list web | grep -q '^web *app-01.* draining '; do
		sleep 0.1
	done
	"$@"
}

test_wait() {
	start_fake good
	run backend drain web app-01 --wait
	expect "drain --wait returns when all is gone" 0 \
		out 'draining: 100 moving slots, [0-9]+ recorded connections' \
		out '^web/app-01: its connections are gone' no-out $'\r'
	run backend undrain web app-01
	run backend drain web app-01 --wait --json
	expect_json "with --json: the backend in the end, no progress" '.backend.gone == true'
	start_fake never
	run backend drain web app-01 --wait --timeout 1
	expect "--timeout: 1, and it says that it goes on" 1 err 'still has connections after 1 s'
	run backend undrain web app-01
	when_draining timeout 60 "$poise" -s "$socket" backend undrain web app-01 >/dev/null &
	run backend drain web app-01 --wait
	wait $!
	expect "an undrain ends the waiting: 1" 1 err 'no longer drains: it is up'
	when_draining kill "$fake" &
	run backend drain web app-01 --wait --timeout 4s
	wait $!
	expect "a poised that is away for a while is forgiven" 1 err 'still has connections after 4 s' \
		no-err 'cannot reach'
}

test_reload() {
	start_fake unchanged
	run reload
	expect "a reload of the same" 0 out '^nothing has changed$'
	start_fake refuse-reload
	run reload
	expect "a refused reload prints every line" 1 err 'the configuration was refused' \
		err 'poise\.yaml:3:5: services' err 'poise\.yaml:4:5'
}

test_bad_answers() {
	local mode
	start_fake version-2
	run status
	expect "a poised of another protocol" 3 no-out . \
		err 'speaks version 2 of the control protocol, this poise \([0-9.]+\) version 1'
	start_fake old
	run stats
	expect "a poised that is older, and does not know a command" 1 no-out . \
		err 'poised 0\.0\.9 does not know "stats".*unknown command.*older than this poise \([0-9.]+\): restart'
	run backend add web app-09 10.0.1.19 --if-missing
	expect "nor an argument" 1 no-out . err 'poised 0\.0\.9 does not know "backend-add".*if_missing.*older'
	start_fake wrong:uptime_ms
	run status
	expect "one that does not say how long it runs" 0 out '^poised 0\.1\.0  settle 15m'
	start_fake new
	run stats
	expect "a poised of a later release" 1 no-out . \
		err 'poised 999\.0\.0 does not know "stats".*another release.*use the poise that came with poised'
	start_fake built
	run stats
	expect "a poised of the same release, but another build" 1 no-out . \
		err 'poised 0\.1\.0 does not know "stats".*another build.*restart poised'
	for mode in garbage array null no-result no-error wrong-lines deep; do
		start_fake $mode
		run status
		expect "an answer that is no answer: $mode" 3 err 'is not understood' no-out .
	done
	for mode in half closes; do
		start_fake $mode
		run status
		expect "an answer without an end: $mode" 3 err 'ended the connection without an answer'
	done
	start_fake turns-away
	run status
	expect "turned away: the reason" 1 err 'too many clients: try again later'
	start_fake drip
	run version
	expect "a slow answer is waited for" 0 out '^poised 0\.1\.0'
	start_fake endless
	run status
	expect "an endless answer is cut off" 3 err 'larger than 256 MiB|did not answer within'
	start_fake silent
	run status
	expect "no answer within 10 s: 3" 3 err "did not answer within 10 s"
}

test_wrong_types() {
	local rows row
	rows='services.0.backends.0.weight="100" services.0.backends.0.name=7
		services.0.backends.0.health=null services.0.backends.0.share="x"
		services.0.backends.0.differs={} services.0.backends.0.declared_weight="1"
		services.0.backends.0.next_hop=[] services.0.backends=7 services.0.backends.0=[]
		services.0.check=[] services.0.check.port=1.5 services.0.name services.0=null
		services.0.ports=80 services.0.quic=[] services.0.idle_ms="1"
		services.0.backends.0.active="1" services.0.backends.0.server_id=null flows=[]
		services={} interfaces interfaces.0.attached=1 settle_ms=null version=1'
	for row in $rows; do
		start_fake "wrong:$row"
		run status
		expect "status with $row" 3 err 'is not understood' no-out .
	done
	start_fake 'wrong:backends.0.packets=[]'
	run stats
	expect "stats with a wrong type" 3 err 'is not understood'
	start_fake 'wrong:changes.0=1'
	run reload
	expect "reload with a wrong type" 3 err 'is not understood'
	start_fake 'wrong:services.0.moving_slots=-5'
	run status
	expect "a negative number does no harm" 0 out '^web '
}

test_evil_text() {
	local command
	start_fake evil
	for command in "status" "service list" "service show web" "backend list" "backend show web app-01" "stats" \
		"explain tcp 198.51.100.7:4242 203.0.113.10:80" \
		"backend weight web app-01 5" "reload" "version" "detach"; do
		run $command
		expect "no control characters: $command" 0 no-out $'[\x1b\r\x9b\u202e]' \
			out '\?\[31m\?\?'
		run --json $command
		expect_json "--json: the same, escaped: $command" 'true'
		expect "--json has no control characters: $command" 0 no-out $'[\x1b\r\u202e]'
	done
}

write_configuration() {
	cat >"$work/good.yaml" <<-'YAML'
	interfaces:
	  - { name: eth0, mode: auto }
	  - { name: eth1, mode: generic }
	  - { name: eth2, mode: native }
	services:
	  - name: web
	    address: 203.0.113.10
	    port: 80
	    protocol: tcp
	    check: { type: http, port: 80, path: /healthz, expect: "200-399", interval: 1s, timeout: 500ms, rise: 2, fall: 3 }
	    backends:
	      - { name: app-01, address: 10.0.1.11, weight: 100 }
	      - { name: app-02, address: 10.0.1.12, weight: 100 }
	      - { name: app-03, address: 10.0.1.13, weight: 50 }
	  - name: mail
	    address: 2001:db8::25
	    port: 25
	    protocol: tcp
	    on_down: keep
	    scheduler: leastconn
	    idle: 15m
	    backends:
	      - { name: mx-01, address: "2001:db8:1:0::1" }
	  - name: game
	    address: 2001:db8:7::/64
	    port: 8000-8100
	    protocol: udp
	    affinity: source/56
	    quic: { config_id: 2, server_id_length: 3 }
	    encapsulation: gue
	    backends:
	      - { name: g-01, address: "2001:db8:1::21", encapsulation: l2, server_id: 0a0b0c }
	YAML
	printf 'interfaces: 7\nservices: 8\nnonsense: 9\n' >"$work/bad.yaml"
}

test_check() {
	run check "$work/good.yaml"
	expect "check: a valid file" 0 out 'good\.yaml: valid: 3 interfaces, 3 services, 5 backends$'
	run check "$work/good.yaml" --json
	expect_json "check --json" '.valid and .errors == [] and .services == 3 and .backends == 5'
	run check "$work/bad.yaml"
	expect "check: each error" 1 err 'bad\.yaml:1:.*interfaces' err 'bad\.yaml:2:.*services' \
		err 'bad\.yaml:3:.*nonsense' no-out .
	run check "$work/bad.yaml" --json
	jq -e '(.valid | not) and (.errors | length) >= 3' "$work/out" >/dev/null
	report "check --json of a bad file" $?
	expect "and its exit code" 1
	cat >"$work/primary.yaml" <<-YAML
	interfaces: [{ name: eth0 }]
	services:
	  - { name: db, address: 203.0.113.10, port: 3306, panic_threshold: 50%,
	      check: { type: mysql, role: primary, user: poise }, backends: [{ name: a, address: 10.0.1.1 }] }
	YAML
	run check "$work/primary.yaml"
	expect "check: a threshold beside a role" 0 \
		out '^warning: services\.db\.panic_threshold: with check\.role primary the other backends are always down'
	run check "$work/nosuch.yaml"
	expect "check: no file" 1 err 'nosuch\.yaml'
}

test_output_errors() {
	start_fake good
	timeout 20 "$poise" --socket "$socket" status >/dev/full 2>"$work/err"
	code=$?
	: >"$work/out"
	expect "a full disk is an error" 1 err 'writing the output: No space left'
}

if [ ! -x "$poise" ]; then
	echo "Bail out! no program \"$poise\""
	exit 1
fi
write_configuration
test_usage
test_unreachable
test_lost
test_show
test_explain
test_width
test_terminal
test_changes
test_wait
test_reload
test_bad_answers
test_wrong_types
test_evil_text
test_check
test_output_errors
echo "1..$count"
[ "$failures" = 0 ]
