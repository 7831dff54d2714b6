#!/bin/sh
# Usage: versions.sh PACKAGE...
# Print `OS NAME`, then `PACKAGE VERSION` for each package that is installed.
# shellcheck source=/dev/null
. /etc/os-release
echo "OS $PRETTY_NAME"
# shellcheck disable=SC2016  # dpkg-query fills these fields in
dpkg-query -W -f '${Package} ${Version}\n' "$@"
