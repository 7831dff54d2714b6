#!/bin/sh
# Usage: mail-command-check.sh USER LOG SPOOL MARK
# MARK is in the messages of this very check, which do not count as waiting; "" if it sends none.
# `mail` gives its message to a script of ours in place of sendmail. The script notes the sender,
# and nothing is sent. A `mail` other than mailutils leaves the sender's domain to Postfix.
. ./say.sh
. ./patience.sh
. ./mailutils.sh
. ./mbox.sh

name=$1 log=$2 spool=$3 mark=$4
if command -v mail >/dev/null; then say mail echo yes; fi
# stand_in FILE: write a script that notes the sender in place of sendmail.
stand_in() {
  cat >"$1" <<'END'
#!/bin/sh
cat >/dev/null
while [ $# -gt 0 ]; do [ "$1" != -f ] || echo "$2"; shift; done >"${0%/*}/seen"
END
}
# On a full disk there is no folder, or an empty file in it. Not in /run, from which nothing may be
# run in some systems.
folder=$(mktemp -d 2>/dev/null || :)
[ -z "$folder" ] || trap 'rm -rf "$folder"' EXIT
# After a signal, the shell runs the trap of EXIT only if the signal has one too.
trap 'exit 1' HUP INT TERM
send=''
if [ -n "$folder" ] && is_mailutils && stand_in "$folder/sendmail" 2>/dev/null; then
  chmod 755 "$folder/sendmail"
  chown -R "$name" "$folder" || :
  send="mail -E 'unset record' -E 'set sendmail=sendmail:$folder/sendmail' -s test postmaster >/dev/null"
fi
# One login for both, because a login may have no end, and runuser ends it only after two seconds
# more. MAIL is in the line after the mark, and a line says that it is set: a .profile may print
# something of its own. A login by SSH or su has MAIL in its environment (pam_mail), and runuser has not.
code=0
# pam_env(8) sets what this file says, and nobody after it in a login by SSH.
box=/var/mail/$name
[ ! -r /etc/environment ] || while IFS= read -r line || [ -n "$line" ]; do
  case $line in MAIL=*) box=${line#MAIL=} box=${box#[\"\']} box=${box%[\"\']} ;; esac
done </etc/environment
[ "$box" = "/var/mail/$name" ] || say environment echo "MAIL=$box"
login=$(echo test | hurried 2 env MAIL="$box" runuser -l -w MAIL "$name" -c \
  "echo; echo labctl:; printenv MAIL && echo labctl-set; $send" 2>/dev/null) || code=$?
marked() { printf '%s\n' "$login" | grep -q '^labctl:$'; }
if [ "$code" = 124 ] && ! marked; then say endless echo .profile; fi
say from cat "$folder/seen"
# An interactive shell reads these too, which may name another mailbox.
home=$(home_of "$name")
say shell-box sed -n 's/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}MAIL=/=/p' /etc/bash.bashrc "$home/.bashrc"
{ postconf -x -o inet_interfaces= myorigin message_size_limit 2>/dev/null || :; } |
  sed -n 's/^myorigin = */origin\t/p; s/^message_size_limit = */size\t/p'
say home echo "$home"
place=$(filled "$name" "$home")
say place echo "$place"
# An empty MAIL is another thing than none. The words of a path may be links.
box=${login#*labctl:
}
case $login in
  *'labctl:
'*'labctl-set'*)
    box=${box%%labctl-set*}
    box=${box%
}
    printf 'box\t%s\n' "$box"
    case $box in
      "/var/mail/$name" | '') ;;
      *) say box-real readlink -f -- "$box" ;;
    esac
    ;;
esac
[ -z "$place" ] || say place-real readlink -f -- "$place"
queued() { find "$spool/$1" -type f -exec grep -LF -- "${mark:-no mark}" {} +; }
say queue queued deferred
say held queued hold
say reason sed -n 's/.*status=\(deferred.*\)/\1/p' "$log"
free() { df -k --output=avail,target "$spool" /var/mail /var/tmp; }
say free free
