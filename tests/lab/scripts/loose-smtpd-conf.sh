#!/bin/sh
# Usage: loose-smtpd-conf.sh FILE
printf '# SASL\nmech_list:  LOGIN   PLAIN\npwcheck_method:saslauthd\n' >"$1"
