# Let networkd configure the interface $1, which may have been plugged in a moment ago.
if [ -e "/sys/class/net/$1" ]; then
  # Once: `networkctl reload` would configure it as well, and of two runs at once the first one may
  # remove the address that the second one has got.
  networkctl reconfigure "$1"
  /lib/systemd/systemd-networkd-wait-online --interface="$1" --ipv4 --timeout=10
fi
