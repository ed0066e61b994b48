#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The commands of the CLI that are about configurations: diff and save, against fake_poised.py, whose
# declared and running configurations are files beside its socket.
set -u

# shellcheck source=harness.bash
. "$(dirname "$0")/harness.bash"

# The declared one; what runs has app-02 removed, app-03 re-weighted and app-04 added by command.
write_files() {
	cat >"$socket.declared" <<-'YAML'
	interfaces: [{ name: eth0 }, { name: eth1, mode: generic }]
	tunnel: { source_ipv4: 192.0.2.1 }
	seed: 0x5eed
	services:
	  - name: web
	    address: 203.0.113.10
	    port: 80
	    check: { type: http, path: /healthz }
	    backends:
	      - { name: app-01, address: 10.0.1.11 }
	      - { name: app-02, address: 10.0.1.12 }
	      - { name: app-03, address: 10.0.1.13 }
	YAML
	sed -e '/app-02/d' -e 's/10.0.1.13/&, weight: 50/' "$socket.declared" >"$socket.running"
	echo '      - { name: app-04, address: 10.0.1.14, drain: true }' >>"$socket.running"
	cat >"$work/other.yaml" <<-'YAML'
	interfaces: [{ name: eth0 }, { name: eth9 }]
	tunnel: { source_ipv4: 192.0.2.2 }
	settle: 10m
	control: { socket: /run/other }
	services:
	  - name: web
	    address: 203.0.113.10
	    port: 80
	    check: { type: http, path: /ready, host: example.org, interval: 2s }
	    backends:
	      - { name: app-01, address: 10.0.1.21 }
	      - { name: app-02, address: 10.0.1.12 }
	      - { name: app-03, address: 10.0.1.13 }
	  - name: api
	    address: 2001:db8::80
	    port: 443
	    backends:
	      - { name: api-01, address: 10.0.1.31, weight: 7 }
	YAML
	printf 'interfaces: 7\n' >"$work/bad.yaml"
}

test_diff() {
	start_fake good
	run diff "$socket.running"
	expect "diff: no differences" 0 out '^no differences$'
	run diff "$socket.running" --json
	expect_json "diff --json: an empty list" '. == []'
	run diff "$work/other.yaml"
	expect "diff: of the whole" 0 out '^~ settle 15m -> 10m$' out '^\+ interface eth9$' \
		out '^- interface eth1$' out '^~ tunnel\.source_ipv4 192\.0\.2\.1 -> 192\.0\.2\.2$' \
		out '^~ seed 0x5eed -> 0x0$' out '^~ control\.socket /run/poise/poised\.sock -> /run/other$'
	expect "diff: of services" 0 out '^~ service web: check\.path /healthz -> /ready$' \
		out '^~ service web: check\.host \(none\) -> example\.org$' \
		out '^~ service web: check\.interval 1s -> 2s$' no-out 'fast_interval|check\.rise' \
		out '^\+ service api: address 2001:db8::80, port 443$' \
		out '^\+ backend api/api-01: address 10\.0\.1\.31, weight 7$'
	expect "diff: of backends" 0 out '^~ backend web/app-01: address 10\.0\.1\.11 -> 10\.0\.1\.21$'
	expect "diff: what was done by command" 0 \
		out '^~ backend web/app-03: weight 50 -> 100 \(set by command\)$' \
		out '^\+ backend web/app-02: address 10\.0\.1\.12 \(removed by command\)$' \
		out '^- backend web/app-04: address 10\.0\.1\.14, drain true \(added by command\)$'
	[ "$(grep -c 'by command' "$work/out")" = 3 ]
	report "diff: and nothing else was" $?
	run diff "$work/other.yaml" --json
	expect_json "diff --json" 'any(.[]; . == {"change": "changed", "service": "web", "backend": "app-03",
		"field": "weight", "running": "50", "file": "100", "by_command": true})'
	cp "$work/other.yaml" "$socket.file"
	run diff
	expect "diff: by default of poised's own file" 0 out '^~ settle 15m -> 10m$'
	rm "$socket.file"
	run diff
	expect "diff: and that one is missing" 1 err "$socket.file" no-out .
	run diff "$work/bad.yaml"
	expect "diff: a bad file" 1 err 'bad\.yaml:1:' no-out .
}

test_odd_answers() {
	start_fake 'wrong:running=7'
	run diff "$socket.running"
	expect "an answer with a wrong type" 3 err 'running configuration of poised is not understood' no-out .
	run save -
	expect "save: the same" 3 err 'is not understood' no-out .
	start_fake 'wrong:declared="interfaces: [{ name: eth0, future: 1 }]"'
	run diff "$socket.running"
	expect "a key of a later release" 3 err 'declared configuration.*future.*of the same release' no-out .
}

test_save() {
	start_fake good
	run save -
	expect "save to standard output" 0 out "^# Written by 'poise save' at 2" out 'weight: 50'
	cp "$work/out" "$work/saved.yaml"
	run check "$work/saved.yaml"
	expect "what was saved is valid" 0 out 'valid'
	run diff "$work/saved.yaml"
	expect "and is what runs" 0 out '^no differences$'
	run save "$work/new.yaml"
	expect "save to a new file" 0 out "saved in $work/new.yaml"
	grep -v '^#' "$work/new.yaml" | cmp -s - "$socket.running"
	report "which holds what runs" $?
	[ "$(stat -c %a "$work/new.yaml")" = 644 ] && ! [ -e "$work/new.yaml.new" ]
	report "with the usual mode, and nothing beside it" $?
	echo '# a comment' >"$work/old.yaml"
	chmod 600 "$work/old.yaml"
	run save "$work/old.yaml"
	expect "a file that exists is not overwritten" 1 err 'exists, and its comments would be lost'
	[ "$(cat "$work/old.yaml")" = '# a comment' ]
	report "and is as it was" $?
	ln -s old.yaml "$work/link.yaml"
	run save "$work/link.yaml" --force
	expect "unless that is forced" 0 out saved
	[ "$(stat -c %a "$work/old.yaml")" = 600 ] && [ -L "$work/link.yaml" ] && grep -q web "$work/old.yaml"
	report "mode and links stay" $?
	rm -f "$socket.file"
	run save
	expect "without a name: poised's own file" 0 out "saved in $socket.file"
	run save "$work/none/x.yaml"
	expect "a directory that is not there" 1 err 'No such file or directory'
	mkfifo "$work/fifo"
	run save "$work/fifo" --force
	expect "a special file" 1 err 'it is no regular file'
	run save "$work" --force
	expect "a directory" 1 err 'Is a directory'
	[ -p "$work/fifo" ]
	report "which stays one" $?
}

test_apply() {
	start_fake good
	cp "$work/other.yaml" "$socket.file"
	run apply "$work/other.yaml"
	expect "apply: changes, what stays, and for how long" 0 out '^a change$' \
		out '^kept: backend web/app-03: weight 50 by command stays over 100 of the file$' out "comes back to $socket.file: copy the file there"
	run apply "$socket.file"
	expect "apply: of poised's own file it stays" 0 out '^a change$' no-out 'comes back'
	run apply "$work/other.yaml" --json
	expect_json "apply --json" '.changes == ["a change"]'
	printf 'nonsense: 1\n' >"$work/nonsense.yaml"
	run apply "$work/nonsense.yaml"
	expect "apply: refused with every error" 1 err 'nonsense.yaml. was refused' err 'x\.yaml:1:1' no-out .
	run apply "$work/none.yaml"
	expect "apply: no file" 1 err 'none\.yaml.*No such file'
	run apply "$work"
	expect "apply: a directory" 1 err 'reading'
	printf 'a\xff\n' >"$work/latin.yaml"
	run apply "$work/latin.yaml"
	expect "apply: not UTF-8" 1 err 'YAML text in UTF-8'
}

test_dry_run() {
	local command what
	start_fake good
	cp "$work/other.yaml" "$socket.file"
	for command in "apply $work/other.yaml" reload; do
		# shellcheck disable=SC2086 # a list
		run $command --dry-run
		expect "${command%% *} --dry-run" 0 out '^~ settle 15m -> 10m$' \
			out '^kept: backend web/app-03: weight 50 by command stays over 100 of the file$' \
			out '^kept: backend web/app-02: removed by command, although the file declares it$' \
			out '^kept: backend web/app-04: added by command, the file does not declare it$' \
			no-out '(set|added|removed) by command\)' \
			out '^service web: about 6554 of 65537 slots would move \(10\.0%\)$' \
			out '^and those of 2 more services' out '^this was a dry run: nothing has changed$'
	done
	sed 's/10.0.1.13 }/&\n      - { name: app-04, address: 10.0.1.14, weight: 70 }/' "$socket.declared" >"$socket.file"
	run reload --dry-run
	expect "--dry-run: what is declared now keeps its weight and drain" 0 \
		out '^kept: backend web/app-04: weight 100 by command stays over 70 of the file$' \
		out '^kept: backend web/app-04: drain true by command stays over false of the file$' \
		no-out '^[~+-] backend web/app-04'
	for what in 's/port: 80/port: 81/' 's/name: web/name: other/'; do
		sed "$what" "$socket.declared" >"$socket.file"
		run reload --dry-run
		expect "--dry-run: of a service that goes nothing stays ($what)" 0 no-out '^kept' \
			out '^- backend web/app-04: address 10\.0\.1\.14, drain true \(added by command\)$'
	done
	cp "$work/other.yaml" "$socket.file"
	run reload --dry-run --json
	expect_json "--dry-run --json" '.moves[0].moves == 6554 and (.differences | length) > 5'
	start_fake 'wrong:moves=[{}]'
	run reload --dry-run
	expect "--dry-run: an odd answer" 3 err 'is not understood'
}

write_files
test_apply
test_dry_run
test_diff
test_odd_answers
test_save
echo "1..$count"
[ "$failures" = 0 ]
