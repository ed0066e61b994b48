# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Completion of poise for bash. poise itself knows what may come next; names of services and backends
# it asks of the poised that runs.

# The words up to the cursor as the shell would pass them: readline also cuts at = and :
_poise_words() {
	local word last=
	words=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
		case ${#words[@]}$last/$word in
		[1-9]*/[:=]* | *[:=]/*) words[-1]+=$word ;;
		*) words+=("$word") ;;
		esac
		last=${word: -1}
	done
}

_poise() {
	local line words
	COMPREPLY=()
	_poise_words
	while IFS= read -r line; do
		if [ "$line" = :files ]; then
			compopt -o filenames
			while IFS= read -r line; do
				COMPREPLY+=("$line")
			done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
		else
			COMPREPLY+=("$line")
		fi
	done < <("${COMP_WORDS[0]}" --complete "${words[@]}" 2>/dev/null)
}

complete -F _poise poise
