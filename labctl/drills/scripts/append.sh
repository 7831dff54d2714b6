#!/bin/sh
# Usage: append.sh FILE LINE
# Append a line to a file, which is made if it is missing.
printf '%s\n' "$2" >>"$1"
