#!/bin/sh
# Run every service of Postfix without a chroot, and saslauthd with its own default socket.
set -eu
postconf -M | awk '{print $1 "/" $2}' | while read -r service; do
  postconf -F "$service/chroot=n"
done
sed -i 's|^OPTIONS=.*|OPTIONS="-c -m /run/saslauthd"|' /etc/default/saslauthd
rm -f /etc/systemd/system/saslauthd.service.d/pid-file.conf
systemctl daemon-reload
systemctl restart saslauthd postfix
chmod 755 /run/saslauthd
