#!/bin/sh
# Usage: postfix-check.sh MAIN_CF UNIT RUNNING_UNIT MASTER_CF MASTER_EXAMPLE SPOOL DOMAIN...
# The DOMAINs that a file, a table or another parameter brings to mydestination are reported as
# `listed`.
# Values are not expanded, so that a wrong mydomain is one fault and not two. A program of Postfix
# sleeps for a second before it ends with a fatal error. postconf does so if inet_interfaces names
# an address of another host, unless it is told another value. Then main.cf itself is asked. It is also
# asked if inet_interfaces has a name for which the resolver has no answer, not even that there is none.
. ./say.sh
. ./patience.sh
. ./unit.sh
. ./frozen.sh
. ./started.sh

cf=$1 unit=$2 running_unit=$3 master=$4 example=$5 spool=$6
shift 6
if [ ! -e "$cf" ]; then say no-file echo yes; fi
say_unit "$unit" "$running_unit"
[ "$active" != failed ] || say why last_words "$running_unit"
say by-hand pgrep -o -x master
say frozen frozen 'master|qmgr|pickup|cleanup|trivial-rewrite|smtpd|postscreen|smtp|local|bounce'
say listens ss -ltnH 'sport = :25'
settings=$(timeout "$(patience)" postconf -n 2>&1) && is_read=1 || is_read=''
[ -n "$is_read" ] || settings=$(postconf -n -o inet_interfaces= 2>&1) || :
case $settings in
  "postconf: fatal: "* | *"
postconf: fatal: "*)
    printf '%s\n' "$settings" | sed -n 's/^postconf: fatal: /fatal\t/p'
    exit 0
    ;;
esac
conf() { postconf -o inet_interfaces= "$@"; }
asked='myhostname mydomain mydestination smtpd_sasl_auth_enable smtpd_recipient_restrictions mynetworks'
# shellcheck disable=SC2086  # one word for each parameter
if [ -n "$is_read" ]; then
  values=$(postconf inet_interfaces $asked 2>/dev/null) || :
else
  say inet_interfaces sed -n 's/^inet_interfaces[[:space:]]*=[[:space:]]*//p' "$cf"
  values=$(conf $asked 2>/dev/null) || :
fi
printf '%s\n' "$values" | sed 's/ = */\t/'
# The addresses of names in inet_interfaces, for example from /etc/hosts.
resolved() {
  for name in $(postconf -hx inet_interfaces 2>/dev/null | tr ',' ' '); do
    case $name in
      localhost | all | loopback-only) ;;
      *[!0-9.]*) getent ahostsv4 "$name" | sed -n "1s/^\([0-9.]*\) .*/$name \1/p" ;;
    esac
  done
}
case $(printf '%s\n' "$values" | sed -n '/^inet_interfaces = /{ s///; s/localhost\|loopback-only\|all//g; p; }') in
  *\$* | *[a-z]*) say resolved resolved ;;
esac
# A file or a table in mynetworks has networks, too.
networks=${values#*mynetworks = }
for word in $(printf '%s' "${networks%%
*}" | tr ',' ' '); do
  case $word in
    /* | *:/*) say networks-file sed -n 's/^\([^#[:space:]]*\).*/\1/p' "/${word#*/}" ;;
  esac
done
# The list of restrictions with what other parameters bring to it.
restrictions=${values#*smtpd_recipient_restrictions = }
restrictions=${restrictions%%
*}
case $restrictions in *\$*) say restrictions conf -hx smtpd_recipient_restrictions ;; esac
# kept ADDRESS...: those of the addresses that an interface has from a file or by DHCP, so that it
# has them after the next boot.
kept() {
  for address do
    if grep -rqswF -- "$address" /etc/network /etc/netplan /etc/systemd/network \
      /etc/NetworkManager/system-connections /etc/sysconfig/network-scripts ||
      ip -4 -o addr show to "$address" | grep -q dynamic; then echo "$address"; fi
  done
}
interfaces=${values#*inet_interfaces = }
interfaces=${interfaces%%
*}
addresses=''
IFS=', '
for word in $interfaces; do
  word=${word#[}
  word=${word%]}
  case $word in 127.* | *[!0-9.]* | '') ;; *) addresses="$addresses $word" ;; esac
done
unset IFS
# The host's own address is configured in whatever way the lab does it.
# shellcheck disable=SC2086  # one word for each address
case $addresses in ' '*' '*) say kept kept $addresses ;; esac
# What smtpd gets from master.cf counts more than main.cf.
{ conf -P 2>/dev/null || :; } | sed 's|^smtp/inet/|override\t|; t
  s/^/override-of\t/'
# The services without which smtpd does not answer, or a message that could be delivered is not. `odd`
# are those that run another program than the package's, or in a chroot more.
[ -e "$example" ] || example=/dev/null
{ conf -M 2>/dev/null || :; } | awk '
  FILENAME != "-" { if ($1 !~ /^#/) program[$1 "/" $2] = $8; if ($5 == "y") chroot[$1 "/" $2]; next }
  { there[$1 "/" $2] }
  ($1 "/" $2) in program {
    if ($8 != program[$1 "/" $2] || ($5 == "y" && !(($1 "/" $2) in chroot)))
      print "odd\t" $1 "/" $2 ": " $3 " " $4 " " $5 " " $8
  }
  END {
    if ("smtp/inet" in there) print "service\tsmtp/inet"
    for (name in there) if (name ~ /^(.*:)?(smtp|25)\/inet$/) { print "serves\t" name; break }
    count = split("rewrite cleanup proxymap pickup qmgr local smtp", names, " ")
    for (i = 1; i <= count; i++)
      if (!(names[i] "/unix" in there || names[i] "/fifo" in there)) print "lacks\t" names[i] "/unix"
  }' "$example" -
[ -s "$master" ] || echo "no-master	yes"
# `also` are values by which AUTH or the whole server may be missing although main.cf has the book's
# lines.
printf '%s\n' "$settings" | sed -n 's/.*unused parameter: /unused\t/p
  h; s/^\(inet_protocols\|smtpd_[a-z_]*\) =/also\t\1 =/p
  g; s/^relay_domains = /relay-domains\t/p
  g; s/^[a-z0-9_]* =/has\t&/p
  g; /^inet_interfaces =/d; s/^\([a-z0-9_]*\) =.*/set\t\1/p'
say set sed -n 's/^\(inet_interfaces\)[[:space:]]*=.*/\1/p' "$cf"
listed() {
  for word in $(conf -hx mydestination | tr ',' ' '); do
    for domain do
      case $word in
        /*) grep -qxiF -- "$domain" "$word" && echo "$domain" ;;
        *:/*) postmap -q "$domain" "$word" >/dev/null && echo "$domain" ;;
        *) printf '%s\n' "$word" | grep -qxiF -- "$domain" && echo "$domain" ;;
      esac
    done
  done
}
# Without a path or a name that is not the book's, mydestination is a list of domains.
# shellcheck disable=SC2016  # names of parameters
case $(printf '%s\n' "$values" | sed -n '/^mydestination =/ { s///; s/\$my\(domain\|hostname\)//g; p; }') in
  *[/$]*) say listed listed "$@" ;;
esac
say written edited "$cf"
say now date +%s%2N
qmgr=$(pgrep -o -x qmgr || :)
[ -z "$qmgr" ] || say started started "$qmgr"
# A Postfix that read master.cf again has another queue manager since.
if [ "$master" -nt "$spool/pid/master.pid" ]; then say master-written edited "$master"; fi
