# Let networkd take up the interface $1, which was plugged in or pulled a moment ago.
networkctl reload
if [ -e "/sys/class/net/$1" ]; then
  networkctl reconfigure "$1"
  /lib/systemd/systemd-networkd-wait-online --interface="$1" --timeout=10
fi
