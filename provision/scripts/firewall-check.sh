#!/bin/sh
# Usage: firewall-check.sh ADDRESS
# Report what filters incoming packets now, what will do so after a reboot, and which ports
# have a server. ADDRESS is the host's own, on the card of the lab's network.
. ./say.sh

card() { ip -o -4 address show to "$1" | cut -d ' ' -f 2; }
say card card "$1"

# ufw's start script has a shell read these two files. It ends at a fault, and without one of them.
# shellcheck disable=SC2016  # the inner shell expands it
read_settings='for file in /etc/default/ufw /etc/ufw/ufw.conf; do
    [ -s "$file" ] || { echo "$file: -"; exit 1; }
    . "$file"
  done
  case $ENABLED in
    yes | YES) printf "ufw\tyes\n" ;;
    no | NO | "") ;;
    *) echo "$file: ENABLED=$ENABLED"; exit 1 ;;
  esac
  case $IPV6 in yes | YES) printf "ipv6\tyes\n" ;; esac
  printf "policy\t%s\npolicy-out\t%s\n" "$DEFAULT_INPUT_POLICY" "$DEFAULT_OUTPUT_POLICY"'
settings=''
if [ ! -d /etc/ufw ]; then
  :
elif settings=$(sh -ec "$read_settings" 2>&1 </dev/null); then
  printf '%s\n' "$settings"
else
  # The last words, without those of the shell. An editor of Windows leaves a sign that nobody sees.
  printf '%s\n' "$settings" | sed -n '$ { s/^sh: [0-9]*: //; s/\r/\\r/g; s/^/refused\t/p; }'
fi
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
# Files with commands that somebody has added to the boot: /etc/rc.local, own units that are enabled,
# and the scripts that these run.
added() {
  [ ! -x /etc/rc.local ] || set -- /etc/rc.local
  for unit in /etc/systemd/system/*.service; do
    [ -f "$unit" ] && [ ! -L "$unit" ] || continue
    for link in /etc/systemd/system/*.wants/"${unit##*/}" /etc/systemd/system/*.requires/"${unit##*/}"; do
      if [ -e "$link" ]; then set -- "$@" "$unit" && break; fi
    done
  done
  [ $# != 0 ] || return 0
  printf '%s\n' "$@"
  set -f
  # shellcheck disable=SC2013  # words are wanted, not lines
  for word in $(sed -n '/^[[:space:]]*#/d; s/^Exec[A-Za-z]*=[-@:+!]*//; /^[A-Z][A-Za-z]*=/d; p' "$@"); do
    case $word in
      /usr/local/* | /opt/* | /root/* | /home/* | /srv/* | /etc/*) [ ! -f "$word" ] || echo "$word" ;;
    esac
  done
  set +f
}
added=$(added)
# Commands at boot that open the firewall, or stop what the book has set up.
services='(named|bind9|postfix|dovecot|saslauthd|ufw)'
ports='([0-9,:]+,)?(25|53|110|143|smtp|domain|pop3|imap2?)[, ]'
opening='(iptables .*(-F|--flush|-P +INPUT +ACCEPT)|nft +(flush|delete)|ufw .*(disable|reset))'
undoing="(systemctl .*(stop|disable|mask) .*$services|service +$services +stop|\
/etc/init.d/$services +stop|postfix +(stop|abort)|(pkill|killall) .*(named|saslauthd|dovecot|master)|\
nameserver +[0-9].*/etc/resolv.conf|\
iptables +-I +(INPUT|OUTPUT) .*--dports? +$ports.*-j +(DROP|REJECT))"
# shellcheck disable=SC2086  # one word for each file
[ -z "$added" ] || added=$(grep -lsIE "(iptables|nft)[ -]|$opening|$undoing" $added) || :
# Somebody may load rules by a unit of their own.
others() {
  # shellcheck disable=SC2086  # one word for each file
  [ -z "$added" ] || ! grep -qE '(iptables|nft)[ -]' $added || echo enabled
}
say boot-other others
# What nftables.service loads.
say nft-file cat /etc/nftables.conf /etc/sysconfig/nftables.conf
rules=$(iptables -S 2>/dev/null) || :
say rule printf '%s\n' "$rules"
# `saved` and `before`: the rules that ufw reads at its start.
sed -n 's/^-A ufw-user-input /saved\t&/p; s/^-A ufw-before-input /before\t&/p' \
  /etc/ufw/user.rules /etc/ufw/before.rules 2>/dev/null || :
# The settings from which systemd-networkd takes addresses, with the file that has each of them.
say network grep -sHE '^[[:space:]]*[[A-Za-z]' /etc/systemd/network/*.network \
  /etc/systemd/network/*.network.d/*.conf /run/systemd/network/*.network
# Those that it may not read, with their modes and owners. It runs as a user of its own.
say network-closed find /etc/systemd/network /run/systemd/network \
  \( -type d ! -perm -o=rx -o -type f ! -perm -o=r \) ! -group systemd-network -printf '%p %m %u %g\n'
# What iptables refuses in ufw's files. A namespace without any rules is the place to try them.
chains() {
  echo '*filter'
  for kind in before after reject track user before-logging after-logging user-logging skip-to-policy; do
    for way in input output forward; do echo ":$1-$kind-$way - [0:0]"; done
  done
  printf ":$1-%s - [0:0]\n" logging-deny logging-allow user-limit user-limit-accept
  echo COMMIT
}
# shellcheck disable=SC2016  # the inner shell expands it
refused() {
  for version in '' 6; do
    for file in "/etc/ufw/before$version.rules" "/etc/ufw/after$version.rules" "/etc/ufw/user$version.rules"; do
      if [ ! -s "$file" ]; then
        [ -n "$version" ] && [ -z "$ipv6" ] || echo "$file: -"
        continue
      fi
      said=$(chains "ufw$version" | unshare -n sh -c '"$1"; "$1" -n <"$2"' sh "ip${version}tables-restore" \
        "$file" 2>&1) || :
      line=$(printf '%s\n' "$said" | sed -n 's/.*line:* \([0-9][0-9]*\).*/\1/p' | head -n 1)
      [ -n "$line" ] || continue
      text=$(sed -n "${line}p" "$file")
      # A name that does not exist is noticed at the end of the table.
      [ "$text" != COMMIT ] || text=$(printf '%s\n' "$said" | sed -n '1s/^ip6*tables-restore[^:]*: //p')
      echo "$file $line: $text"
    done
  done
}
# Only if they were edited since ufw started, or are not loaded: of before.rules, ufw itself adds one
# rule. It writes user.rules itself, so these are tried.
case $settings in *ipv6*) ipv6=1 ;; *) ipv6='' ;; esac
started=/run/systemd/units/invocation:ufw.service
odd=$(find /etc/ufw/before.rules /etc/ufw/before6.rules /etc/ufw/after.rules /etc/ufw/after6.rules \
  -cnewer "$started" -print -quit 2>/dev/null) || :
for file in before after user ${ipv6:+before6 after6 user6}; do
  [ -s "/etc/ufw/$file.rules" ] || odd=1
done
case $rules in *"-A ufw-before-input "*"-A ufw-before-input "*"-A ufw-user-input "*) ;; *) odd=1 ;; esac
[ -n "$odd" ] || iptables-restore -n --test </etc/ufw/user.rules >/dev/null 2>&1 || odd=1
[ -z "$odd" ] || [ ! -d /etc/ufw ] || say refused refused
# The target that is started at boot, if it is one of systemd's own without the services.
default_target() {
  folder=/usr/lib/systemd/system default=/etc/systemd/system/default.target
  for target in multi-user graphical; do [ ! "$default" -ef "$folder/$target.target" ] || return 0; done
  [ ! -L "$default" ] || readlink "$default"
}
say default-target default_target
# Servers that the host asks now, and rules for some packets only, are no mistake.
harmless() {
  grep -vE -e ':ExecStop' -e 'iptables .* (-[sdio]|!|--uid-owner|--limit) ' |
    grep -vF -e "$(sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf | grep . || echo none)"
}
at_boot() {
  # The output of a command is taken by a shell that ends at the first failure.
  set +e
  for file in $added; do
    grep -HsIE "^[^#]*$undoing" "$file" | harmless
    # A firewall of one's own is emptied before it is filled.
    grep -qsIE '(-P +INPUT +DROP|-j +(DROP|REJECT)|-restore|nft +-f)' "$file" ||
      grep -HsIE "^[^#]*$opening" "$file" | grep -v ':ExecStop'
  done
  ! command -v cron crond >/dev/null ||
    grep -rsE "^[[:space:]]*@reboot.*($opening|$undoing)" /etc/crontab /etc/cron.d /var/spool/cron
}
say at-boot at_boot
say nft nft list ruleset
down() { ip -br link show lo | grep -v '[<,]UP[,>]'; }
say lo-down down
say tcp ss -ltnH
say udp ss -lunH
