#!/bin/sh
# Let DNS in with the command of the book, now and after a reboot. The port may be open by its
# number, too. A firewalld that does not run filters nothing, and is left as it is.
. ./change.sh

# lets_in OPTION...: whether firewalld lets DNS in; `--permanent` asks what it does at boot.
lets_in() {
  firewall-cmd --quiet "$@" --query-service=dns && return
  firewall-cmd --quiet "$@" --query-port=53/tcp && firewall-cmd --quiet "$@" --query-port=53/udp
}
systemctl is-active --quiet firewalld || exit 0
if ! lets_in --permanent; then
  must firewall-cmd --quiet --permanent --zone=public --add-service=dns
  changed wrote /etc/firewalld/zones/public.xml
fi
if ! lets_in; then
  must firewall-cmd --quiet --reload
  changed reloaded firewalld
fi
