#!/bin/sh
# Usage: old-file.sh FILE
# Make an empty file, as old as one that a program left behind an hour ago.
touch -d '1 hour ago' "$1"
