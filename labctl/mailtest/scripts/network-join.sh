#!/bin/sh
# Usage: network-join.sh ADDRESS
# Remove the rules of network-cut.sh, however often it ran.
while iptables -w -D INPUT -s "$1" -j DROP 2>/dev/null; do :; done
while iptables -w -D OUTPUT -d "$1" -j DROP 2>/dev/null; do :; done
