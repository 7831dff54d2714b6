# Set the machine's clock and its way out. Arguments: seconds since 1970 or "", the nftables table.
seconds="$1" filter="$2"
[ -z "$seconds" ] || date -u -s "@$seconds" >/dev/null
install -d -m 755 /etc/labctl
printf '%s\n' "$filter" >/etc/labctl/net.nft
cat >/etc/systemd/system/labctl-net.service <<'UNIT'
[Unit]
Description=The lab's way out
DefaultDependencies=no
Before=network-pre.target
Wants=network-pre.target
After=local-fs.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft -f /etc/labctl/net.nft
[Install]
WantedBy=multi-user.target
UNIT
nft -f /etc/labctl/net.nft
[ -e /etc/systemd/system/multi-user.target.wants/labctl-net.service ] ||
  systemctl -q enable labctl-net.service
