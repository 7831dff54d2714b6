#!/bin/sh
# Usage: apt-unfinished.sh PACKAGE...
# Print those of the packages that are unpacked and not configured: unpacked, half-configured, or
# waiting for the triggers of others (dpkg(1)).
dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^[a-z][UFWt][^ ]* *//p'
