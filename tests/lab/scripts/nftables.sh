#!/bin/sh
# Use nftables in place of ufw.
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qqy install --no-install-recommends nftables >/dev/null
ufw disable
systemctl disable -q ufw
cat >/etc/nftables.conf <<'END'
flush ruleset
table inet lab {
  chain input {
    type filter hook input priority 0; policy drop;
    iif lo accept
    ct state established,related accept
    udp dport 53 accept
    tcp dport { 22, 25, 53, 110, 143 } accept
  }
}
END
systemctl enable -q nftables
systemctl restart nftables
