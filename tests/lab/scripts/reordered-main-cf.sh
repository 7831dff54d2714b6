#!/bin/sh
# Usage: reordered-main-cf.sh MAIN_CF
# The same settings with comments, in another order, and with long lines.
{
  echo '# mydestination = nobody'
  tac "$1" | grep -v recipient
  printf 'smtpd_recipient_restrictions =\n  # why\n  permit_mynetworks,\n'
  printf '  permit_sasl_authenticated\n  reject_unauth_destination\n'
} >/tmp/main.cf
cat /tmp/main.cf >"$1"
