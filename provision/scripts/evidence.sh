#!/bin/sh
# Usage: evidence.sh USER SPOOL ADDRESS PEER_ADDRESS MASTER_EXAMPLE MAIL_SETTINGS DOVECOT_FOLDER \
#   DOVECOT_MARKER LOG
# Report the facts by which labctl explains a behaviour that fails: settings in force, services,
# sockets, filters, names as Postfix sees them in its chroot, and owners and modes of files.
. ./say.sh
. ./patience.sh
. ./scratch.sh
. ./doveconf.sh
. ./home.sh

user=$1 spool=$2 address=$3 peer_address=$4 example=$5 mail_settings=$6 dovecot=$7 marker=$8
log=$9
seconds=$(patience)

# door KEY ADDRESS: open, refused or silent. "$scratch" collects them while the rest is asked.
make_scratch
door() {
  code=0
  timeout "$seconds.5" bash -c "</dev/tcp/$2/25" 2>/dev/null || code=$?
  case $code in 0) word=open ;; 124) word=silent ;; *) word=refused ;; esac
  echo "$word" >"$scratch/$1"
}
door peer-door "$peer_address" &
door own-door "$address" &
door local-door 127.0.0.1 &

# A program of Postfix sleeps for a second before it ends with a fatal error: ask once.
settings=$(timeout "$seconds" postconf -n 2>/dev/null) || settings=$(postconf -n -o inet_interfaces= 2>/dev/null) || :
conf() { [ -z "$settings" ] || postconf -o inet_interfaces= "$@"; }
say set printf '%s\n' "$settings"
say override conf -P
say service conf -M
# Services that run another program or with other rights than the package has it. Only a chroot
# more matters, not one less.
odd_services() {
  conf -M | awk '/^[#[:space:]]/ || NF < 8 { next }
    { line = $3 " " $4 " " ($5 == "y" ? "y" : "n") " " $8 }
    FILENAME != "-" { known[$1, $2] = line; next }
    ($1, $2) in known && known[$1, $2] != line {
      split(known[$1, $2], old); if (old[1] == $3 && old[2] == $4 && old[4] == $8 && $5 != "y") next
      print $1 "/" $2 ": " $3 " " $4 " " $5 " " $8 }' "$example" -
}
say odd-service odd_services
said() {
  [ -z "$settings" ] ||
    { runuser -u "$user" -- postconf -h -o inet_interfaces= mydomain >/dev/null; } 2>&1
}
say unreadable said
say mode stat -c '%n %a %U %G' /etc/postfix /etc/postfix/main.cf /etc/postfix/master.cf \
  /usr/sbin/postdrop /usr/sbin/sendmail "$spool/maildrop" "$spool/public" "$spool/private" "$spool/incoming" \
  "$spool/active" "$spool/deferred" "$spool/defer" "$spool/bounce" /var/mail \
  /etc/aliases.db /etc/resolv.conf "$mail_settings" /etc/hosts /etc/nsswitch.conf /tmp \
  /etc/passwd /etc/group /dev/null "$spool"
for folder in incoming active deferred defer bounce private; do
  [ -d "$spool/$folder" ] || say no-folder echo "$spool/$folder"
done
say mailname cat /etc/mailname
say sendmail readlink -f /usr/sbin/sendmail
say mail-program readlink -f /usr/bin/mail
say mode stat -L -c '/usr/bin/mail %a %U %G' /usr/bin/mail
# Without keys, and without what it says of mistakes.
bind() { named-checkconf -px | grep -v '^/[^ ]*:[0-9]*: '; }
say bind bind
say input iptables -S
say nft nft list ruleset
say nameserver sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf
say chroot-nameserver sed -n 's/^nameserver[[:space:]]*//p' "$spool/etc/resolv.conf"
say hosts-order sed -n 's/^hosts:[[:space:]]*//p' /etc/nsswitch.conf
# A comma may stand between two maps.
aliased() (
  IFS=', '
  # shellcheck disable=SC2046  # one word for each map
  timeout "$seconds" postalias -q postmaster $(conf -hx alias_maps)
)
say alias aliased
say postmaster-line grep -iE '^"?postmaster"?[[:space:]]*:' /etc/aliases
home=$(home_of "$user")
say mailrc grep -hE 'sendmail|from|email-domain|^[[:space:]]*(quit|exit|xit)\>' "$home/.mailrc" "$home/.mailutils" /etc/mail.rc
say profile grep -nE '^[[:space:]]*(exec|exit|logout)\>' "$home/.profile" "$home/.bash_profile" \
  "$home/.bash_login" /etc/profile
# A line that adds a folder to PATH, or has the one of mail, takes nothing away.
path_lines() {
  grep -nE '(^|[[:space:]])PATH=' /etc/environment /etc/profile /etc/profile.d/*.sh "$home/.profile" \
    "$home/.bash_profile" | grep -vE '\$\{?PATH|/usr/bin'
}
say path-line path_lines
# A login shell that does nothing ends at once, without a failure.
login() {
  code=0
  hurried 1 runuser -l "$user" -c true >/dev/null 2>&1 || code=$?
  case $code in 0) ;; 124) echo .profile ;; *) echo ".profile: exit $code" ;; esac
}
say profile login
others() { sed '/^[[:space:]]*\(#\|$\)/d' | grep -vxF -e "$user" -e "\\$user"; }
forward() { others <"$home/.forward"; }
say forward forward
# shellcheck disable=SC2046  # one word for each map
account_alias() { timeout "$seconds" postalias -q "$user" $(conf -hx alias_maps) | others; }
say account-alias account_alias
lines() { grep -nvE '^[[:space:]]*(#|$)|^[[:space:]]|:' /etc/aliases; }
say alias-line lines
say box-size stat -L -c %s "/var/mail/$user"
# The other host's address is an own one, has no route, or a fixed hardware address.
routes() {
  ip route get "$peer_address" 2>&1 | grep -iE '^local|unreachable|invalid|prohibited|denied' || :
  ip neigh show to "$peer_address" nud permanent
  # The other host is on the same network, so the way to it leads over no router.
  ip route get "$peer_address" | grep -F ' via '
}
say no-route routes
say listens ss -ltnH 'sport = :25'
# `missing-map` are tables that are not built, `old-map` those that are older than their text.
maps() {
  printf '%s\n' "$settings" | sed -n 's/^[a-z0-9_]* = //p' | tr ', ' '[\n*]' |
    sed -n 's/^\(hash\|btree\|lmdb\|regexp\|pcre\|texthash\|cidr\):\(\/.*\)/\1 \2/p' |
    while read -r kind path; do
      case $kind in hash|btree) file=$path.db ;; lmdb) file=$path.lmdb ;; *) file=$path ;; esac
      if [ ! -e "$file" ]; then
        printf 'missing-map\t%s\n' "$kind:$path"
      elif [ "$path" -nt "$file" ]; then
        printf 'old-map\t%s\n' "$kind:$path"
      fi
    done
}
maps
# Files that came to their place after Postfix was started, however old they are.
say moved-here find /etc/postfix/main.cf /etc/postfix/master.cf -cnewer "$spool/pid/master.pid"
# Why programs of Postfix have ended since it was started.
fatals() { tail -n 300 "$log" | awk '/daemon started/ { said = "" } / (fatal|panic): / { said = said $0 "\n" } END { printf "%s", said }'; }
say fatal fatals
say mail-place-namespace matching '/^namespace/,/^}/s/^  location = \(.*[^ ].*\)/\1/p'
say dovecot-beside beside
# Files that came to their place after Dovecot read them, however old they are.
moved() { find "$dovecot" -type f \( -name '*.conf' -o -name '*.ext' \) -cnewer "$marker"; }
say dovecot-moved moved
say mail-place doveconf -h mail_location mail_path
for protocol in imap pop3; do
  say "mail-place-$protocol" doveconf -f protocol="$protocol" -h mail_location mail_path
done
wait
for key in peer-door own-door local-door; do say "$key" cat "$scratch/$key"; done
