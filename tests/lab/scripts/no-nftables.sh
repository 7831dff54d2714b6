#!/bin/sh
# Take back nftables.sh, but for ufw.
export DEBIAN_FRONTEND=noninteractive
systemctl stop nftables
apt-get -qqy purge nftables >/dev/null
rm -f /etc/nftables.conf
