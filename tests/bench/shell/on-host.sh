#!/bin/sh
# Runs on a host, in the folder that configure.sh brought: writes what differs, and restarts only
# what has to read it.
set -eu
cd /root/lab
account=$(cat account)

# Copies the files below the given folders that differ from what is there; true if any did.
copied() {
  changed=1
  for file in $(cd files && find "$@" -type f); do
    if ! cmp -s "files/$file" "/$file"; then
      mkdir -p "/${file%/*}"
      cp "files/$file" "/$file"
      changed=0
    fi
  done
  return $changed
}

packages="bind9 bind9-utils postfix dovecot-pop3d dovecot-imapd sasl2-bin libsasl2-modules mailutils ufw busybox-static"
# Each name is a word of its own.
# shellcheck disable=SC2086
if ! dpkg-query -s $packages >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages
fi

if copied etc/bind; then chgrp bind /etc/bind/*; systemctl restart named; fi

restart=
if copied etc/resolv.conf etc/postfix; then restart=yes; fi
if [ ! -e /etc/postfix/master.cf ]; then
  cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
  restart=yes
fi
if copied etc/systemd; then systemctl daemon-reload; fi

if copied etc/ufw; then chmod 640 /etc/ufw/*.rules; systemctl restart ufw; fi

run=/var/spool/postfix/var/run/saslauthd
if ! dpkg-statoverride --list $run >/dev/null; then
  mkdir -p $run
  dpkg-statoverride --update --add root sasl 710 $run
fi
if ! id -nG postfix | grep -qw sasl; then adduser --quiet postfix sasl; restart=yes; fi
if copied etc/default; then systemctl restart saslauthd; fi

if ! getent passwd "$account" >/dev/null; then
  useradd -m -s /bin/bash "$account"
  chmod 750 "/home/$account"
  echo "$account:$(cat password)" | chpasswd
fi
if [ ! -e /etc/aliases.db ]; then newaliases; fi
copied etc/mailutils.conf etc/mailname || :

if [ -n "$restart" ]; then systemctl restart postfix; fi
if copied etc/dovecot; then systemctl reload dovecot; fi
if copied etc/autoconfig srv; then systemctl restart autoconfig; fi

for unit in named postfix ufw saslauthd dovecot autoconfig; do
  systemctl is-enabled --quiet $unit || systemctl enable --quiet $unit
  systemctl is-active --quiet $unit || systemctl start $unit
done
rm -rf /root/lab
