#!/bin/sh
# Usage: sasl-type.sh
# Report whom Postfix asks about passwords: `type` and `path` of main.cf, the domain that it adds to
# names (`local-domain`), and `override`, the type that master.cf gives to the service smtp.
. ./say.sh

{ postconf -o inet_interfaces= smtpd_sasl_type smtpd_sasl_path smtpd_sasl_local_domain \
  2>/dev/null || :; } |
  sed -n 's/^smtpd_sasl_local_domain = */local-domain\t/p; s/^smtpd_sasl_\([a-z]*\) = */\1\t/p'
say override postconf -h -P -o inet_interfaces= smtp/inet/smtpd_sasl_type
