#!/bin/sh
# Usage: not-forwarded.sh ZONES PEER_DOMAIN
# Have BIND forward another zone in place of the peer's.
zones=$1 domain=$2
sed -i '/type forward/,/forwarders/d' "$zones"
sed -i "s/^zone \"$domain\" {/zone \"x.$domain\" { type forward; forwarders { };/" "$zones"
rndc reload
rndc flush
