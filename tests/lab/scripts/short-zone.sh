#!/bin/sh
# Usage: short-zone.sh ZONE_FILE HOST ADDRESS
# The zone with relative names only.
{
  # shellcheck disable=SC2016  # a directive of the zone file
  echo '$TTL 1h'
  echo "@ SOA $2 root 7 1h 15m 1w 1h"
  echo "  NS $2"
  echo '  MX 5 mail'
  for each in "$2" mail www; do echo "$each A $3"; done
} >"$1"
rndc reload
sleep 1
