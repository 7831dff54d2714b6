#!/bin/sh
# Run BIND with /var/named/chroot as its root, as bind-chroot does: with its folders mounted there.
set -eu
root=/var/named/chroot
for folder in /etc/bind /usr/share/dns /var/cache/bind /run/named; do
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
done
mkdir -p "$root/dev" /etc/systemd/system/named.service.d
touch "$root/dev/null" "$root/dev/random"
mount --bind /dev/null "$root/dev/null"
mount --bind /dev/random "$root/dev/random"
printf '[Service]\nType=simple\nExecStart=\nExecStart=/usr/sbin/named -f -u bind -t %s\n' "$root" \
  >/etc/systemd/system/named.service.d/chroot.conf
systemctl daemon-reload
systemctl restart named
until rndc status >/dev/null 2>&1; do sleep 0.2; done
readlink "/proc/$(pgrep -x named)/root"
