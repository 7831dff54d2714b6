#!/bin/sh
# Report every alias file of Postfix, whether its database is built, and whether that is old.
. ./say.sh

# unknown KIND: whether this Postfix has no such tables. One that cannot read main.cf names none at all.
unknown() {
  kinds=$(timeout 1 postconf -m 2>/dev/null) && [ -n "$kinds" ] &&
    ! printf '%s\n' "$kinds" | grep -qx "$1"
}
maps=$(postconf -hx -o inet_interfaces= alias_database 2>/dev/null || echo hash:/etc/aliases)
# A comma may stand between two databases.
IFS=', '
for map in $maps; do
  source=${map#*:}
  case $map in
    hash:*|btree:*) database=$source.db ;;
    lmdb:*) database=$source.lmdb ;;
    *) continue ;;
  esac
  say source echo "$source"
  if [ -s "$database" ]; then
    say built echo "$source"
  elif unknown "${map%%:*}"; then
    say unknown echo "$map"
  elif [ ! -e "$source" ] && [ "$source" != /etc/aliases ]; then
    say no-text echo "$map"
  fi
  # A text from a machine whose clock is ahead is newer than any database. Then the host's own clock
  # tells, which counts when a file came to its place.
  if [ "$source" -nt "$database" ]; then
    say old find "$source" \( ! -newermt now -o -newercc "$database" \)
  fi
done
