#!/bin/sh
# Usage: write.sh FILE LINE
# Have the file consist of this line.
printf '%s\n' "$2" >"$1"
