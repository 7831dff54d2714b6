#!/bin/sh
# Usage: firewall-check.sh ADDRESS
# Report what filters incoming packets now, what will do so after a reboot, and which ports
# have a server. ADDRESS is the host's own, on the card of the lab's network.
. ./say.sh

card() { ip -o -4 address show to "$1" | cut -d ' ' -f 2; }
say card card "$1"

# ufw takes the word in any letters, and with quotes.
say ufw sed -n "s/^ENABLED=[\"' ]*\([A-Za-z]*\).*/\L\1/p" /etc/ufw/ufw.conf
systemctl show -p Id -p UnitFileState -p ActiveState ufw nftables firewalld netfilter-persistent \
  systemd-networkd \
  2>/dev/null |
  while IFS='=' read -r property value; do
    case $property,$value in
      Id,ufw.service) key=boot ;;
      Id,nftables.service) key=boot-nft ;;
      Id,firewalld.service) key=boot-firewalld ;;
      Id,netfilter-persistent.service) key=boot-netfilter ;;
      Id,systemd-networkd.service) key=boot-networkd ;;
      UnitFileState,?*) printf '%s\t%s\n' "$key" "$value" ;;
      ActiveState,*) [ "$key" != boot-networkd ] || printf 'networkd\t%s\n' "$value" ;;
    esac
  done
# Somebody may load rules by a unit of their own.
others() {
  grep -lsE '(iptables|nft)[ -]' /etc/systemd/system/*.service | while read -r file; do
    systemctl is-enabled "${file##*/}" || :
  done
}
say boot-other others
# What nftables.service loads.
say nft-file cat /etc/nftables.conf /etc/sysconfig/nftables.conf
say rule iptables -S
# `saved`, `before`, `policy` and `policy-out`: what ufw reads at its start.
{
  sed -n 's/^-A ufw-user-input /saved\t&/p; s/^-A ufw-before-input /before\t&/p' \
    /etc/ufw/user.rules /etc/ufw/before.rules
  sed -n "s/^DEFAULT_INPUT_POLICY=[\"' ]*\([A-Za-z]*\).*/policy\t\1/p
    s/^DEFAULT_OUTPUT_POLICY=[\"' ]*\([A-Za-z]*\).*/policy-out\t\1/p" /etc/default/ufw
} 2>/dev/null || :
# The settings from which systemd-networkd takes addresses, with the file that has each of them.
say network grep -sHE '^[[:space:]]*[[A-Za-z]' /etc/systemd/network/*.network \
  /etc/systemd/network/*.network.d/*.conf /run/systemd/network/*.network
# Commands at boot that open the firewall, or stop what the book has set up.
services='(named|bind9|postfix|dovecot|saslauthd|ufw)'
undoing="(iptables .*(-F|--flush|-P +INPUT +ACCEPT)|nft +(flush|delete)|ufw .*(disable|reset)|\
systemctl .*(stop|disable|mask) .*$services|service +$services +stop)"
at_boot() {
  [ ! -x /etc/rc.local ] || grep -HE "^[^#]*$undoing" /etc/rc.local
  ! command -v cron crond >/dev/null ||
    grep -rsE "^[[:space:]]*@reboot.*$undoing" /etc/crontab /etc/cron.d /var/spool/cron
}
say at-boot at_boot
say nft nft list ruleset
down() { ip -br link show lo | grep -v '[<,]UP[,>]'; }
say lo-down down
say tcp ss -ltnH
say udp ss -lunH
