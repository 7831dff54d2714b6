#!/bin/sh
# Ask host0 by systemd-resolved, as the book's chapter 5 ends, with its stub listener or without.
# Usage: resolver-of-the-book.sh LISTENER ADDRESS DOMAIN
set -eu
printf '[Resolve]\nDNS=%s\nDomains=%s\nDNSStubListener=%s\n' "$2" "$3" "$1" \
  >/etc/systemd/resolved.conf.d/upstream.conf
systemctl restart systemd-resolved
case $1 in
  no) ln -sf ../run/systemd/resolve/resolv.conf /etc/resolv.conf ;;
  *) ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf ;;
esac
# Postfix copies resolv.conf into its chroot when it starts.
systemctl restart postfix
