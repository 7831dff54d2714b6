#!/bin/sh
# Usage: log-newest.sh FILE COUNT
# Print the last COUNT lines of the log, then `-- place: INODE SIZE`, where they end. If the log
# was rotated not long ago, lines of the newest rotated file come first.
. ./rotated.sh

file=$1 count=$2

place=$(stat -c '%i %s' -- "$file")
size=${place#* }
have=$(head -c "$size" -- "$file" | wc -l)
if [ "$have" -lt "$count" ]; then
  old=$(rotated "$file" -type f -printf '%T@ %p\n' |
    sort -rn | sed -n '1s/^[^ ]* //p')
  [ -z "$old" ] || tail -n "$((count - have))" -- "$old"
fi
head -c "$size" -- "$file" | tail -n "$count"
echo "-- place: $place"
