#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Generic XDP, for cards whose driver has no native one: XDP_TX by one interface, XDP_REDIRECT by two.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

mode() { equal "$1" "$(status -r '.interfaces[0].mode')"; }

# Starts the hosts anew with poised in generic mode.
start()
{
	{
		config_web 1 2 3
		service_yaml web46 "$VIP46" 6 1 2 3
		service_yaml web64 "$VIP64" 4 1 2 3
	} | sed 's/mode: native/mode: generic/' >"$NET_CONFIG"
	poised_start
}

served()
{
	check "$1: all backends come up" wait_for 60 all_up
	check "$1: the mode is generic" mode generic
	check "$1: IPv4 VIP, IPv4 backends" spread "$VIP44" 1 2 3
	check "$1: IPv6 VIP, IPv6 backends" spread "$VIP66" 1 2 3
	check "$1: IPv4 VIP, IPv6 backends" spread "$VIP46" 1 2 3
	check "$1: IPv6 VIP, IPv4 backends" spread "$VIP64" 1 2 3
}

tap_begin one
start
served "back by the same interface"
net_down
net_up two
agents_attach
start
served "on by another interface"
tap_end
