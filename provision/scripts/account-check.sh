#!/bin/sh
# Usage: account-check.sh USER OTHER_USER MARK PAM_AUTH PAM_ACCOUNT <PASSWORD
# MARK is in the messages of this very check; "" if it sends none.
. ./say.sh
. ./account-password.sh
. ./mbox.sh
. ./pam.sh

name=$1 other=$2 mark=$3 auth=$4 account=$5
IFS= read -r password
entry=''
while IFS= read -r line; do
  case $line in
    "$name":*) entry=$line ;;
    "$other":*) say other echo "$line" ;;
  esac
done <<END
$(getent passwd "$name" "$other")
END
say entry echo "$entry"
IFS=: read -r _ _ _ _ _ home shell <<END
$entry
END
# An empty field means /bin/sh (passwd(5)).
shell=${shell:-/bin/sh}
if has_password "$name" "$password"; then say password echo yes; fi
say state passwd -S "$name"
# The days of the last change of the password and of the account's end, and how many days a
# password is valid (shadow(5)).
IFS=: read -r _ _ changed _ valid _ _ ends _ <<END
$(getent shadow "$name")
END
say valid echo "$valid"
say expiry echo "$changed:$ends"
# What refuses every password: a line before pam_unix that is not jumped over (success=1), or the
# line to which a right password leads.
denies() {
  awk '/^[[:space:]]*auth[[:space:]]/ {
      if (jumped-- > 0) next
      if (/pam_deny/ || (unix && /pam_faillock.*authfail/)) { print; exit }
      if (unix || /sufficient.*pam_unix/) exit
      unix = /pam_unix/
      if (match($0, /success=[0-9]+/)) jumped = substr($0, RSTART + 8, RLENGTH - 8)
    }' "$auth"
}
say denies denies
say pam-missing missing_of "$auth" "$account"
# The folders that an account passes through to its programs, their files, its mail and its home.
# A folder may be open to it by a group or an ACL, so it is the account that tries.
# shellcheck disable=SC2016 # The inner shell reads it.
entering='for each; do [ -z "$each" ] || [ -x "$each" ] || echo "closed $each"; done'
enter() { su -s /bin/sh -c "$entering" "$name" sh "$@" 2>&1 </dev/null; }
# If it cannot even start a shell, su does not say why.
closed() {
  find -L / /bin /etc /lib /lib64 /usr /usr/bin /usr/lib /usr/sbin -maxdepth 0 ! -perm -o=x -printf '%m %p\n'
}
while IFS= read -r line; do
  case $line in
    closed\ *) say closed stat -c '%a %n' "${line#closed }" ;;
    # PAM may refuse an account whose password is right. It asks about root's su too.
    *[Dd]enied* | *[Ff]ailure*)
      say refused echo "$line"
      say closed closed
      ;;
  esac
done <<END
$(enter / /etc /usr /usr/bin /usr/sbin /var /var/spool "${home%/*}")
END
extra() { grep -hvE '^[[:space:]]*(#|$)|^@include|pam_(unix|deny|permit)\.so' "$account"; }
say pam-line extra
# The end of a line as editors of Windows write it is nothing that one sees.
return=$(printf '\r')
case $shell in
  *"$return") printf 'shell\t%s\\r\n' "${shell%"$return"}" ;;
  *) printf 'shell\t%s\n' "$shell" ;;
esac
if [ ! -x "$shell" ]; then say no-shell echo yes; fi
today() { echo $(($(date +%s) / 86400)); }
say today today
about_file() { stat -c "$1" "$2" 2>/dev/null || :; }
read -r owner mode <<END
$(about_file '%U %a' "$home/")
END
say home echo "$owner"
# Files have the number of their owner, and the first account with it gives the name.
if [ -n "$owner" ] && [ "$owner" != "$name" ] && [ "$(id -u "$owner")" = "$(id -u "$name")" ]; then
  say same-uid id -u "$name"
fi
if [ -n "$mode" ]; then say home-mode echo "$mode"; fi
# Dovecot keeps its index there.
say mail-folder find -L "$home/mail" -maxdepth 2 \( -path "$home/mail" -o -path "$home/mail/.imap*" \) \
  \( ! -user "$name" -o -type d ! -perm -700 \) -printf '%u %m %P\n' -quit
say spool stat -L -c '%a %U %G' /var/mail
say groups id -nG "$name"
say lock old_lock "$name"
read -r owner mode inode kind <<END
$(about_file '%U %a %i %F' "/var/mail/$name")
END
# held: the process that has the mailbox locked (fcntl(2)), which no file shows. A delivery, or a
# session of Dovecot, has it for a moment.
held() { sed -n "/ WRITE .*:$inode /{ s/.* WRITE *\([0-9]*\) .*/\1/p; q; }" /proc/locks; }
holder=$(held)
looks=0
while [ -n "$holder" ] && [ "$(held)" = "$holder" ]; do
  if [ "$looks" -ge 10 ]; then
    say holder ps -o pid=,comm= -p "$holder"
    break
  fi
  looks=$((looks + 1))
  sleep 0.1
done
if [ -n "$kind" ]; then say box echo "$owner $mode"; fi
say box-kind echo "$kind"
say filled filled "$name" "$home"
# Each message of an mbox begins with this word (mbox(5)).
odd() { head -n 1 "/var/mail/$name" | grep -av '^From '; }
say box-begins odd
# open_end: the last line of a box that no empty line ends, so that the next message is no message
# of its own to Dovecot and `mail`. While the messages of this check arrive, the last line may be
# any; then the line before them counts.
open_end() {
  awk -v start="$START" -v mark="${mark:-no mark}" '
    index($0, mark) { ours = 1; exit }
    $0 ~ start { before = last }
    { last = $0 }
    END { if (ours) print before; else print last }' "/var/mail/$name"
}
say box-end open_end
