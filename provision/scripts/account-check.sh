#!/bin/sh
# Usage: account-check.sh USER OTHER_USER MARK PAM_AUTH PAM_ACCOUNT <PASSWORD
# MARK is in the messages of this very check; "" if it sends none.
. ./say.sh
. ./account-password.sh
. ./mbox.sh

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
if has_password "$name" "$password"; then say password echo yes; fi
say state passwd -S "$name"
# The days of the last change of the password and of the account's end, and how many days a
# password is valid (shadow(5)).
IFS=: read -r _ _ changed _ valid _ _ ends _ <<END
$(getent shadow "$name")
END
say valid echo "$valid"
say expiry echo "$changed:$ends"
# What refuses every password before pam_unix is asked.
denies() { sed -n '/pam_unix/q; /^[[:space:]]*auth[[:space:]].*pam_deny/p' "$auth"; }
say denies denies
# The folders that an account passes through to its programs, their files, its mail and its home.
# A folder may be open to it by a group or an ACL, so it is the account that tries.
# shellcheck disable=SC2016 # The inner shell reads it.
entering='for each; do [ -z "$each" ] || [ -x "$each" ] || echo "closed $each"; done'
enter() { su -s /bin/sh -c "$entering" "$name" sh "$@" 2>&1 </dev/null; }
# If it cannot even start a shell, su does not say why.
closed() {
  find -L / /bin /etc /lib /lib64 /usr /usr/bin /usr/lib -maxdepth 0 ! -perm -o=x -printf '%m %p\n'
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
$(enter / /etc /usr /var /var/spool "${home%/*}")
END
extra() { grep -hvE '^[[:space:]]*(#|$)|^@include|pam_(unix|deny|permit)\.so' "$account"; }
say pam-line extra
say shell echo "$shell"
if [ ! -x "$shell" ]; then say no-shell echo yes; fi
today() { echo $(($(date +%s) / 86400)); }
say today today
about_file() { stat -c "$1" "$2" 2>/dev/null || :; }
read -r owner mode <<END
$(about_file '%U %a' "$home")
END
say home echo "$owner"
if [ -n "$mode" ]; then say home-mode echo "$mode"; fi
# Dovecot keeps its index there.
say mail-folder stat -c '%U' "$home/mail"
say spool stat -L -c '%a %U %G' /var/mail
say lock old_lock "$name"
read -r owner mode kind <<END
$(about_file '%U %a %F' "/var/mail/$name")
END
if [ -n "$kind" ]; then say box echo "$owner $mode"; fi
say box-kind echo "$kind"
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
