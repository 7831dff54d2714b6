#!/bin/sh
# Usage: try-mail.sh USER LOG SPOOL SECONDS OWN OWN_TOKEN PEER PEER_TOKEN ALIAS ALIAS_TOKEN COMING
# As the user, write to OWN and PEER with `mail`, and to ALIAS with sendmail. Then wait until the
# messages OWN_TOKEN and COMING are in the user's mailbox, for SECONDS at most. Wait three seconds
# more for the message to oneself if the log does not say what became of it. Report what
# arrived, each message's sender, and the lines of the log that belong to the messages. PEER and
# COMING are "" if only this host is tried.
. ./say.sh
. ./mbox.sh

user=$1 log=$2 spool=$3 seconds=$4 own=$5 own_token=$6 peer=$7 peer_token=$8 alias=$9
shift 9
alias_token=$1 coming=$2
home=$(home_of "$user")
# Postfix may write its log itself (MAILLOG_README).
own_log=$(postconf -hx maillog_file 2>/dev/null || :)
[ ! -f "$own_log" ] || log=$own_log
size=$(stat -c %s "$log" 2>/dev/null || echo 0)

# write TOKEN ADDRESS: `mail` of mailutils takes a header; others get the token in the subject.
if mail --version 2>/dev/null | grep -qi mailutils; then is_mailutils=1; else is_mailutils=''; fi
write() {
  header=''
  [ -z "$is_mailutils" ] || header="-a 'Message-ID: <$1>'"
  { echo 'labctl check' | timeout "$((seconds * 2))" runuser -l "$user" -c \
      "mail -s 'labctl check $1' $header $2" 2>&1; } || echo "exit $?"
}
say own-said write "$own_token" "$own"
[ -z "$peer" ] || say peer-said write "$peer_token" "$peer"
send() {
  printf 'From: %s\nSubject: labctl check %s\nMessage-ID: <%s>\n\n\n' "$own" "$1" "$1" |
    timeout "$((seconds * 2))" sendmail -i -f "$own" "$2" 2>&1 || echo "exit $?"
}
say alias-said send "$alias_token" "$alias"

# sender TOKEN: the From line of the message, if it has arrived.
sender() {
  [ ! -f "/var/mail/$user" ] || awk -v start="$START" -v token="$1" '
    BEGIN { blank = 1 }
    blank && $0 ~ start { header = 1; from = ""; hit = 0 }
    header && tolower($1) == "from:" { from = $0 }
    header && index($0, token) && $0 !~ /^Received:/ { hit = 1 }
    { blank = $0 == ""; if (blank) { if (header && hit) print from; header = 0 } }' "/var/mail/$user"
  # shellcheck disable=SC2013  # a Maildir's file names have no blanks
  for file in $(grep -rlsF -- "$1" "$home/Maildir/new" "$home/Maildir/cur"); do
    sed -n '/^[Ff]rom:/p;/^$/q' "$file"
  done
}
queue_of() { sed -n "s/.* \([0-9A-Za-z]*\): message-id=<$1>.*/\1/p" "$rest" | tail -n 1; }
# decided TOKEN: whether Postfix has delivered, deferred or bounced the message.
decided() {
  id=$(queue_of "$1")
  [ -n "$id" ] && grep -qF " $id: to=<" "$rest"
}
rest=$(mktemp)
trap 'rm -f "$rest"' EXIT
end=$(($(date +%s%3N) + seconds * 1000))
while :; do
  tail -c "+$((size + 1))" "$log" >"$rest" 2>/dev/null || :
  found_own=$(sender "$own_token") found_coming=''
  [ -z "$coming" ] || found_coming=$(sender "$coming")
  alias_id=$(queue_of "$alias_token")
  aliased=$(grep -lsF -- "$alias_token" /var/mail/* || :)
  [ -z "$alias_id" ] || aliased=$aliased$(grep -F " $alias_id: to=<" "$rest" || :)
  if [ -n "$found_own" ] && { [ -z "$coming" ] || [ -n "$found_coming" ]; } &&
    [ -n "$aliased" ]; then break; fi
  now=$(date +%s%3N)
  [ "$now" -lt "$((end + 3000))" ] || break
  # A busy machine has not come so far yet.
  [ "$now" -lt "$end" ] || { [ -z "$found_own" ] && ! decided "$own_token"; } || break
  sleep 0.1
done
say own-from echo "$found_own"
say coming-from echo "$found_coming"
say alias-box grep -lsF -- "$alias_token" /var/mail/*
for which in own peer alias; do
  case $which in own) token=$own_token ;; peer) token=$peer_token ;; *) token=$alias_token ;; esac
  id=$(queue_of "$token")
  [ -z "$id" ] || say "$which-log" grep -F " $id: " "$rest"
done
[ -z "$coming" ] || { id=$(queue_of "$coming"); [ -z "$id" ] || say coming-log grep -F " $id: " "$rest"; }
say waits grep -rlsF -- "$own_token" "$spool/maildrop"
# Lines without a queue id that say what goes wrong, except those of the check's own questions.
say log sed -n '/helo=<\(stranger\|labctl\)\.invalid>/d
  /NOQUEUE\|warning: \|fatal: \|error: \|panic: /p' "$rest"
