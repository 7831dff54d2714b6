#!/bin/sh
# Usage: dns-check.sh UNIT ADDRESS DOMAIN HOST PEER_ADDRESS PEER_DOMAIN FOLDER PID_FILE
# It takes four seconds at most, more on a busy machine.
# `own` and `peer` are answers of one server without recursion. `found` is what every program on
# the host gets. One dig asks many questions, and each answer names its question.
. ./say.sh
. ./unit.sh
. ./scratch.sh
. ./frozen.sh
. ./patience.sh

unit=$1 address=$2 domain=$3 host=$4 peer_address=$5 peer=$6 folder=$7 pid_file=$8
times=$(patience)
say_unit "$unit"
# `by-hand` is the number of its process, with the command line.
say by-hand ps -o pid=,args= -C named
say frozen frozen named
say tcp ss -ltnpH 'sport = :53'
command -v dig >/dev/null || say no-dig echo yes
if command -v named-checkconf >/dev/null; then
  { named-checkconf -z 2>&1 || echo "exit $?"; } | sed "s/^zone \(.*\)\/IN: loaded serial.*/configured\t\1/; t
    s/^/error\t/"
else
  say absent echo yes
fi
# Names are in small letters, because BIND answers with the zone's own (RFC 4343).
# answers KEY LIMIT WORD...: a server gets a second for each question, and all questions LIMIT.
answers() {
  key=$1 limit=$(($2 * times))
  shift 2
  { timeout "$limit" dig -r +noall +answer +time="$times" +tries=1 "$@" 2>/dev/null || :; } |
    sed -n "s/^\([^;[:space:]]*\)[[:space:]]*\([0-9]*\)[[:space:]]*IN[[:space:]]*\
\([A-Z]*\)[[:space:]]*\(.*\)/$key \L\1\E \3\t\L\4\E\n$key-ttl \L\1\E \3\t\2/p"
}
make_scratch
answers own 2 +norecurse +additional @"$address" "$domain" SOA "$domain" NS "$domain" MX \
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
status=$(timeout "$((2 * times))" rndc zonestatus "$domain" 2>&1 || :)
wait
case $status in
  *"zonestatus' failed"*) status='' ;;
  *name:*) ;;
  # BIND itself did not answer rndc.
  *) status='' && say silent echo yes ;;
esac
cat "$scratch/own" "$scratch/found" "$scratch/peer"
[ ! -e "$scratch/found-peer" ] || cat "$scratch/found-peer"
# Whether this host has a copy of the other zone, or a zone for its mail server alone, if it knows it
# otherwise than its own server.
of_peer() { sed -n "/\(^\| \|\.\)$peer\. /s/^$1 //p" "$scratch"/* | sort -u; }
copy() {
  for zone in "$peer" "mail.$peer"; do
    timeout "$times" rndc zonestatus "$zone" | sed -n 's/^type: //p'
  done
}
# A BIND that told nothing of the own zone has no time for two more questions.
[ -z "$status" ] || [ "$(of_peer found)" = "$(of_peer peer)" ] || say copy copy
# The settings without what named-checkconf thinks of them.
settings() { named-checkconf -p | grep -v '^/[^ ]*:[0-9]*: '; }
loaded=$(printf '%s\n' "$status" | sed -n 's/^last loaded: //p')
files=''
zone_files() { printf '%s\n' "${files:-"$status"}" | sed -n 's/^files: //p' | tr ',' '\n'; }
# BIND itself writes the file of a dynamic zone. Others are named one after the other: the zone's own
# file, then those that it includes.
written() {
  case $status in *"
dynamic: yes"*) return ;; esac
  zone_files |
    while read -r file; do stat -c '%Y %n' "$file"; done
}
# The files that came to their place since then, however old they are, and what the zone's file says.
# What was there when BIND started it has read, and it reads no older file again.
placed() {
  case $status in *"
dynamic: yes"*) return ;; esac
  # shellcheck disable=SC2046  # one word for each file
  find $(zone_files) -maxdepth 0 -newerct "@$1" -cnewer "$pid_file"
}
records() {
  timeout "$times" named-checkzone -q -D -o - "$domain" "$1" |
    sed -n "s/^\([^;[:space:]]*\)[[:space:]]*[0-9]*[[:space:]]*IN[[:space:]]*\([A-Z]*\)[[:space:]]*\(.*\)/\
in-file \L\1\E \2\t\L\3\E/p"
}
if [ -n "$loaded" ]; then
  loaded=$(date -d "$loaded" +%s) || :
  printf 'loaded\t%s\n' "$loaded"
  say now date +%s
  say written written
elif [ -z "$status" ] && grep -q "^own $domain. SOA" "$scratch/own"; then
  # A BIND that does not take rndc's key has read its files when it started, or after a signal.
  files=$(settings | sed -n "/^zone \"$domain\"/,/^}/s/^[[:space:]]*file \"\(\/.*\)\";/\1/p") || :
  if [ -n "$files" ]; then
    files="files: $files"
    loaded=$(stat -c %Y "$pid_file" 2>/dev/null) || :
  fi
fi
if [ -n "$loaded" ]; then
  placed=$(placed "$((loaded + 1))" 2>/dev/null) || :
  file=$(zone_files)
  if [ -n "$placed" ]; then
    printf 'placed\t%s\n' "$placed"
    records "${file%%"
"*}" 2>/dev/null || :
  fi
fi
# What BIND says since it read its files last, if it did not load the zone or does not run.
why() {
  journalctl --quiet --unit="$unit" --lines=200 --output=cat | awk -v zone="zone $domain/IN" '
    /starting BIND|reloading configuration|Starting / { said = ""; is_zone = 0 }
    index($0, zone) && /fail|not loaded|denied|reject|error/ && !is_zone { said = $0; is_zone = 1 }
    /^named: |: fatal|could not|permission denied|isc_stdio_open|^loading configuration: |^configuring .*: / && said == "" { said = $0 }
    END { if (said != "") print said }'
}
[ -n "$loaded" ] || say why why
# BIND reads its settings when it starts or is told to. `next` is what it will read. Another owner or
# mode, and a file that was moved here, are edits too.
edited() {
  [ -n "$(find "$folder" -maxdepth 1 -type f ! -name 'db.*' ! -name '*.zone' -cnewer "$1" -print -quit \
    2>/dev/null)" ]
}
user() { stat -c %U "$pid_file"; }
# The files that BIND's own user may not read, with their modes and owners.
# shellcheck disable=SC2016  # the inner shell expands it
closed() {
  # Copies of these files may lie beside them.
  set -- "$folder/named.conf"
  for _ in 1 2; do
    # shellcheck disable=SC2046  # one word for each file
    set -- "$folder/named.conf" $(sed -n 's/^[[:space:]]*include[[:space:]]*"\(\/[^"]*\)".*/\1/p' "$@")
  done
  {
    printf '%s\n' "$@"
    zone_files
  } | runuser -u "$(user)" -- sh -c 'while read -r file; do [ -r "$file" ] || echo "$file"; done' |
    while read -r file; do stat -c '%n %a %U %G' "$file"; done
}
# Files of logs that BIND cannot write. It opens them when it starts.
# shellcheck disable=SC2016  # the inner shell expands it
unwritable() {
  root=${pid_file%/run/named/named.pid}
  settings >"$scratch/settings"
  home=$(sed -n 's/^\tdirectory "\(.*\)";/\1/p' "$scratch/settings")
  sed -n '/^logging {/,/^};/s/^.*[[:space:]]file "\([^"]*\)".*/\1/p' "$scratch/settings" |
    runuser -u "$(user)" -- sh -c 'while read -r file; do
        case $file in /*) path=$1$file ;; *) path=$1$2/$file ;; esac
        if [ -e "$path" ]; then [ -w "$path" ]; else [ -w "${path%/*}" ]; fi || echo "$file"
      done' sh "$root" "$home"
}
# Words of BIND's command line that it will not take: a user, a file or a folder that does not exist.
option() {
  for file in /etc/default/named /etc/sysconfig/named; do
    [ "$file" -nt "$pid_file" ] || continue
    # shellcheck disable=SC2046  # one word for each option and value
    set -- $(sed -n "s/^[[:space:]]*OPTIONS=[\"']*\([^\"']*\).*/\1/p" "$file")
    # Wide letters and curly quotes are no options.
    case $* in *[!\ -~]*) echo "$file: $*" ;; esac
    while [ $# -gt 0 ]; do
      case $1 in
        -u) id "${2:-}" ;;
        -c) [ -f "${2:-}" ] ;;
        -t) [ -d "${2:-}" ] ;;
        -p) [ "${2:-}" = 53 ] ;;
        -6) false ;;
      esac >/dev/null || echo "$file: $1${2:+ $2}"
      shift
    done
  done
}
if [ -n "$status" ]; then
  say option option
  # shellcheck disable=SC2046  # one word for each file
  if [ -n "$(find "$folder" $(zone_files) -maxdepth 1 -cnewer "$pid_file" -print -quit 2>/dev/null)" ]; then
    say closed closed
    if edited "$pid_file"; then
      timeout "$times" rndc status | sed -n 's/^last configured: //p' >"$scratch/configured"
      touch -d "$(cat "$scratch/configured")" "$scratch/configured"
      ! edited "$scratch/configured" || say next settings
      say unwritable unwritable
    fi
  fi
fi
# What it has read, if it does not answer as it should.
grep -q "^own $domain. SOA" "$scratch/own" && [ "$(of_peer found)" = "$(of_peer peer)" ] ||
  say settings settings
type() { printf '%s\n' "$status" | sed -n 's/^type: //p'; }
say type type
say resolv-conf stat -L -c %F /etc/resolv.conf
say nameserver sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf
