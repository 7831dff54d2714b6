#!/bin/sh
# Report what filters incoming packets now, what will do so after a reboot, and which ports
# have a server.
. ./say.sh

say ufw sed -n 's/^ENABLED=//p' /etc/ufw/ufw.conf
systemctl show -p Id -p UnitFileState ufw nftables firewalld 2>/dev/null |
  while IFS='=' read -r property value; do
    case $property,$value in
      Id,ufw.service) key=boot ;;
      Id,nftables.service) key=boot-nft ;;
      Id,firewalld.service) key=boot-firewalld ;;
      UnitFileState,?*) printf '%s\t%s\n' "$key" "$value" ;;
    esac
  done
say rule iptables -S
say nft nft list ruleset
down() { ip -br link show lo | grep -v '[<,]UP[,>]'; }
say lo-down down
say tcp ss -ltnH
say udp ss -lunH
