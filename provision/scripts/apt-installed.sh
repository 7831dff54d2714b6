#!/bin/sh
# Usage: apt-installed.sh PACKAGE...
# Print those of the packages that are completely installed, on hold or not. One dpkg-query asks for
# all; it prints nothing for a package that it does not know.
dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^[a-z]i *//p'
