#!/bin/sh
# Report what filters incoming packets now, what will do so after a reboot, and which ports
# have a server.
. ./say.sh

say ufw sed -n 's/^ENABLED=//p' /etc/ufw/ufw.conf
say boot systemctl is-enabled ufw
say boot-nft systemctl is-enabled nftables
say boot-firewalld systemctl is-enabled firewalld
say rule iptables -S
say nft nft list ruleset
down() { ip -br link show lo | grep -v '[<,]UP[,>]'; }
say lo-down down
say tcp ss -ltnH
say udp ss -lunH
