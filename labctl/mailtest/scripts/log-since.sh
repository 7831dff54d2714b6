#!/bin/sh
# Usage: log-since.sh FILE INODE SIZE
# Print what was written to the log after it was SIZE bytes long and had that inode. A rotated log
# keeps its inode: its rest comes first, then the new file. A log that is shorter than SIZE was
# emptied in place.
. ./rotated.sh

file=$1 inode=$2 size=$3

if [ "$(stat -c %i -- "$file" 2>/dev/null)" = "$inode" ]; then
  [ "$(stat -c %s -- "$file")" -ge "$size" ] || size=0
  tail -c "+$((size + 1))" -- "$file"
else
  old=$(rotated "$file" -inum "$inode")
  [ -z "$old" ] || tail -c "+$((size + 1))" -- "$old"
  [ ! -f "$file" ] || cat -- "$file"
fi
