#!/bin/sh
# Build the alias database if it is missing or older than the aliases.
. ./change.sh

if [ ! -e /etc/aliases ]; then
  printf '# See man 5 aliases for format\npostmaster:    root\n' >/etc/aliases
  changed wrote /etc/aliases
fi
if [ ! -s /etc/aliases.db ] || [ /etc/aliases -nt /etc/aliases.db ]; then
  must newaliases
  changed built /etc/aliases.db
fi
