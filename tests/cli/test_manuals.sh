#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The manual pages and docs/CONTROL.md against the programs' own tables: nothing that there is may
# be missing. Run by tests/run; POISE names the program under test.
set -u

# shellcheck source=harness.bash
. "$(dirname "$0")/harness.bash"
cd "$here/../.." || exit 1
code=0

# every NAME LEAST CHECK: CHECK finds each line of $work/names, of which there are at least so many
every() {
	local name=$1 line bad=0
	shift
	: >"$work/out"
	: >"$work/err"
	[ "$(wc -l <"$work/names")" -ge "$1" ] || { echo "only $(wc -l <"$work/names") names were found" >>"$work/err"; bad=1; }
	while read -r line; do
		"$2" "$line" || { echo "missing: $line" >>"$work/err"; bad=1; }
	done <"$work/names"
	report "$name" $bad
}

commands() {
	"$poise" help | sed -n 's/^  \([a-z].*\)/\1/p' |
		sed 's/  .*//; s/ [A-Z[].*//; s/ tcp|udp.*//; s/ -w.*//'
}

# what the usage of each command lists, each as 'COMMAND: --option'
options() {
	commands | while read -r command; do
		# shellcheck disable=SC2086 # a command may be two words
		"$poise" --complete $command -- |
			grep -vxE -- '--(socket|json|help|version)' | sed "s/^/$command: /"
	done
}

keys() {
	grep -hoE 'CONFIG_(REQUIRED|OPTIONAL|WHOLE)\("[a-z_0-9]+"' userspace/lib/config*.c |
		sed 's/.*"\(.*\)"/\1/' | sort -u
}

in_poise_8() { grep -qE "^\.It Cm $1( |$)" docs/poise.8; }
# in some item: many commands refer to that of another
option_in_poise_8() { grep -qE "(Fl|,) -${1##*--}( |$)" docs/poise.8; }
option_in_help() { "$poise" help "${1%%:*}" >/dev/null 2>&1; "$poise" help ${1%%:*} | grep -qE -- "${1##*: }"; }
in_yaml_5() { grep -qE "^\.It (Ic|Cm) (.* )?$1( |$)" docs/poise.yaml.5; }
in_example() { grep -qE "^ *#? *(- )?(\{ )?.*\b$1:" examples/*.yaml; }
command_in_control() { grep -q "^| \`$1\` |" docs/CONTROL.md; }
word_in_control() { grep -qw -- "$1" docs/CONTROL.md; }
option_in_poised_8() { grep -qE "^\.It (.* )?Fl .?-${1#--}( |$)" docs/poised.8; }
option_in_agent_8() { grep -qE "Fl -${1#--}( |$)" docs/poise-agent.8; }

commands >"$work/names"
every "poise.8 has every command" 20 in_poise_8
options >"$work/names"
every "poise.8 has every option of every command" 25 option_in_poise_8
every "--help of each command has its options" 25 option_in_help
keys >"$work/names"
every "poise.yaml.5 has every key" 60 in_yaml_5
every "the examples have every key" 60 in_example
sed -n 's/^	{ "\([a-z-]*\)",.*/\1/p' userspace/poised/control/commands.c >"$work/names"
every "CONTROL.md has every command" 20 command_in_control
sed -n '/^} table\[\]/,/^};/p' userspace/poised/control/commands.c | grep -oE '"[a-z_]+"' | tr -d '"' |
	sort -u >"$work/names"
every "CONTROL.md has every argument" 25 word_in_control
grep -ohE '"[a-z][a-z_0-9]*"' userspace/poised/{control/report*,control/listing,explain_report,control/commands*,capture,estimate}.c |
	tr -d '"' | sort -u >"$work/names"
every "CONTROL.md has every field, and every word that a field may hold" 100 word_in_control
"$here/../../build/poised" --help 2>&1 | grep -oE -- '--[a-z-]+' | sort -u >"$work/names"
every "poised.8 has every option" 4 option_in_poised_8
"$here/../../build/poise-agent" --help 2>&1 | grep -oE -- '--[a-z-]+' | sort -u >"$work/names"
every "poise-agent.8 has every option" 6 option_in_agent_8
if command -v mandoc >/dev/null; then
	mandoc -T lint -W warning docs/*.[58] >"$work/out" 2>"$work/err"
	report "mandoc has nothing to say" $?
else
	count=$((count + 1))
	echo "ok $count # SKIP mandoc is not installed"
fi
echo "1..$count"
[ $failures = 0 ]
