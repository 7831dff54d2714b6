#!/bin/sh
# Usage: apt-versions.sh PACKAGE...
# Print name and version of those of the packages that are installed.
dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n' "$@" 2>/dev/null |
  sed -n 's/^ii *//p'
