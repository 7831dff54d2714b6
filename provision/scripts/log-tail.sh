#!/bin/sh
# Usage: log-tail.sh LOG PATTERN COUNT
# Report the last COUNT lines of the log that match PATTERN.
. ./say.sh

matching() { tail -n 300 "$1" | grep -iE -- "$2" | tail -n "$3"; }
say log matching "$1" "$2" "$3"
