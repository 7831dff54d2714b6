#!/bin/sh
# Print what dpkg knows for a manifest: packages with their state and version, and the checksums
# of the configuration files that they bring.
dpkg-query -W -f 'package\t${Package}\t${db:Status-Abbrev}\t${Version}\n'
dpkg-query -W -f '${Conffiles}\n' |
  sed -n 's|^ /\([^ ]*\) \([0-9a-f]*\).*|conffile\t\1\t\2|p'
