# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Comparisons for check(): each prints what it expected and got, and returns 1, when they differ.
# Sourced.

equal()
{
	[ "$1" != "$2" ] || return 0
	echo "expected: $1"
	echo "got:      $2"
	return 1
}

# contains TEXT WORD...: each of the words stands in the text.
contains()
{
	local text=$1 word result=0
	shift
	for word; do
		case $text in
		*"$word"*) continue ;;
		esac
		echo "expected to find: $word"
		result=1
	done
	[ $result = 0 ] || echo "in: $text"
	return $result
}
