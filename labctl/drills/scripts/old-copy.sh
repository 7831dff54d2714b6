#!/bin/sh
# Usage: old-copy.sh ZONES CACHE PEER_DOMAIN PEER_ADDRESS
# Make this host a secondary server of the other zone, with a wrong copy of it. The primary server
# is asked for its serial only. That is the same, so there is no new copy.
zones=$1 cache=$2 domain=$3 address=$4
dig +onesoa @"$address" "$domain" AXFR | sed '/MX/s/mail/www/' >"$cache/db.$domain"
sed -i "/$domain/,/^};/d" "$zones"
cat >>"$zones" <<END
zone $domain {
  type secondary;
  masterfile-format text;
  file "db.$domain";
  primaries { $address; };
};
END
rndc reconfig
rndc flush
sleep 1
