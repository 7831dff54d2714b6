#!/bin/sh
# Usage: network-cut.sh ADDRESS
# Drop every packet from and to the address, in front of the firewall's own rules, because those
# let established connections through.
iptables -w -I INPUT -s "$1" -j DROP
iptables -w -I OUTPUT -d "$1" -j DROP
