#!/bin/sh
# Usage: dns-check-parent.sh UNIT ADDRESS DOMAIN...
# Report how the parent zone delegates each domain.
. ./say.sh
. ./unit.sh
. ./patience.sh

unit=$1 address=$2
times=$(patience)
shift 2
say_unit "$unit"
say by-hand pgrep -o -x named
for domain do
  say "$domain" dig -r +norecurse +noall +authority +additional +time="$times" +tries=1 \
    @"$address" "$domain" NS
done
