#!/bin/sh
# Usage: dns-check.sh UNIT ADDRESS DOMAIN HOST PEER_ADDRESS PEER_DOMAIN TIMES
# It takes four seconds at most, or TIMES as long.
# `own` and `peer` are answers of one server without recursion. `found` is what every program on
# the host gets. One dig asks many questions, and each answer names its question.
. ./say.sh
. ./unit.sh
. ./scratch.sh
. ./frozen.sh

unit=$1 address=$2 domain=$3 host=$4 peer_address=$5 peer=$6 times=$7
say_unit "$unit"
say by-hand pgrep -o -x named
say frozen frozen named
say tcp ss -ltnpH 'sport = :53'
if command -v named-checkconf >/dev/null; then
  { named-checkconf -z 2>&1 || echo "exit $?"; } | sed '/: loaded serial/d; s/^/error\t/'
else
  say absent echo yes
fi
# Names are in small letters, because BIND answers with the zone's own (RFC 4343).
# answers KEY LIMIT WORD...: a server gets a second for each question, and all questions LIMIT.
answers() {
  key=$1 limit=$(($2 * times))
  shift 2
  { timeout "$limit" dig +noall +answer +time="$times" +tries=1 "$@" 2>/dev/null || :; } |
    sed -n "s/^\([^;[:space:]]*\)[[:space:]]*\([0-9]*\)[[:space:]]*IN[[:space:]]*\
\([A-Z]*\)[[:space:]]*\(.*\)/$key \L\1\E \3\t\L\4\E\n$key-ttl \L\1\E \3\t\2/p"
}
make_scratch
answers own 2 +norecurse @"$address" "$domain" SOA "$domain" NS "$domain" MX \
  "$host.$domain" A "www.$domain" A "mail.$domain" A >"$scratch/own" &
# A dig takes longer to start than to ask. If the first server of resolv.conf does not answer, the
# second one is asked for each name, which two of them do in the time that there is.
{
  answers found 1 +authority "$domain" MX "mail.$domain" A "$peer" MX "mail.$peer" A \
    >"$scratch/found"
  if ! grep -q "^found mail.$peer. " "$scratch/found"; then
    answers found 3 +authority "$domain" MX "mail.$domain" A >"$scratch/found" &
    answers found 3 +authority "$peer" MX "mail.$peer" A >"$scratch/found-peer"
    wait
  fi
} &
answers peer 2 +norecurse @"$peer_address" "$peer" MX "mail.$peer" A >"$scratch/peer" &
# A BIND that hangs would keep rndc for a minute.
status=$(timeout "$((2 * times))" rndc zonestatus "$domain" 2>/dev/null || :)
wait
cat "$scratch/own" "$scratch/found" "$scratch/peer"
[ ! -e "$scratch/found-peer" ] || cat "$scratch/found-peer"
# Whether this host has a copy of the other zone, if it knows it otherwise than its own server.
of_peer() { sed -n "/\(^\| \|\.\)$peer\. /s/^$1 //p" "$scratch"/* | sort -u; }
copy() { timeout "$times" rndc zonestatus "$peer" | sed -n 's/^type: //p'; }
[ "$(of_peer found)" = "$(of_peer peer)" ] || say copy copy
file=$(printf '%s\n' "$status" | sed -n 's/^files: //p')
loaded=$(printf '%s\n' "$status" | sed -n 's/^last loaded: //p')
if [ -n "$loaded" ] && [ -e "$file" ]; then
  say loaded date -d "$loaded" +%s
  say written stat -c %Y "$file"
  say file echo "$file"
fi
# What BIND says since it read its files last, if it did not load the zone or does not run.
why() {
  journalctl --quiet --unit="$unit" --lines=200 --output=cat | awk -v zone="zone $domain/IN" '
    /starting BIND|reloading configuration|Starting / { said = ""; is_zone = 0 }
    index($0, zone) && /fail|not loaded|denied|reject|error/ && !is_zone { said = $0; is_zone = 1 }
    /^named: |: fatal|could not|permission denied/ && said == "" { said = $0 }
    END { if (said != "") print said }'
}
[ -n "$loaded" ] || say why why
say resolv-conf stat -L -c %F /etc/resolv.conf
say nameserver sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf
