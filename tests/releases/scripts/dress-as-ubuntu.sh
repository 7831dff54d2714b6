#!/bin/sh
# Give a Debian host what Ubuntu Server has besides: systemd-resolved with its stub in resolv.conf,
# netplan with cloud-init's file, AppArmor, ufw, and the name of the system.
# Usage: dress-as-ubuntu.sh VERSION
set -eu
server=$(sed -n 's/^nameserver //p' /etc/resolv.conf | head -n 1)
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends systemd-resolved netplan.io apparmor ufw
mkdir -p /etc/systemd/resolved.conf.d
printf '[Resolve]\nDNS=%s\n' "$server" >/etc/systemd/resolved.conf.d/upstream.conf
systemctl enable --now systemd-resolved
systemctl restart systemd-resolved
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
printf 'network: {version: 2}\n' >/etc/netplan/50-cloud-init.yaml
chmod 600 /etc/netplan/50-cloud-init.yaml
sed -i "s/^ID=.*/ID=ubuntu/; s/^VERSION_ID=.*/VERSION_ID=\"$1\"/" /usr/lib/os-release
