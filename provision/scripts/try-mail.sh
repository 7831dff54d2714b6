#!/bin/sh
# Usage: try-mail.sh USER LOG SPOOL OWN OWN_TOKEN PEER PEER_TOKEN ALIAS ALIAS_TOKEN
# As the user, write to OWN and PEER with `mail`, and to ALIAS with sendmail. Then wait until the
# log says what became of each message. Report what arrived here, its sender, and the lines of the
# log that belong to the messages. PEER is "" if only this host is tried.
. ./say.sh
. ./arrived.sh
. ./scratch.sh
. ./mailutils.sh

user=$1 log=$(log_of "$2") spool=$3 own=$4 own_token=$5 peer=$6 peer_token=$7 alias=$8
alias_token=$9
home=$(home_of "$user")
place=$(filled "$user" "$home")
size=$(stat -c %s "$log" 2>/dev/null || echo 0)
make_scratch
rest=$scratch/rest

# write KEY TOKEN ADDRESS: the book's message, which a filter by its words stops as well. `mail` of
# mailutils takes a header, and keeps no copy of the message; others get the token in the subject.
if is_mailutils; then mailutils=1; else mailutils=''; fi
write() {
  header=''
  [ -z "$mailutils" ] || header="-E 'unset record' -a 'Message-ID: <$2>'"
  { echo "This is test mail from $user" | hurried 3 runuser -l "$user" -c \
      "mail -s 'Test mail from $user, labctl check $2' $header $3" >"$scratch/$1" 2>&1; } ||
    echo "exit $?" >>"$scratch/$1"
}
send() {
  { printf 'From: %s\nSubject: labctl check %s\nMessage-ID: <%s>\n\n\n' "$own" "$2" "$2" |
    hurried 3 sendmail -i -f "$own" "$3" >"$scratch/$1" 2>&1; } || echo "exit $?" >>"$scratch/$1"
}
write own-said "$own_token" "$own" &
[ -z "$peer" ] || write peer-said "$peer_token" "$peer" &
send alias-said "$alias_token" "$alias" &
wait
for key in own-said peer-said alias-said; do say "$key" cat "$scratch/$key"; done
# asked NAME: what the tables of aliases say of it. A comma may stand between two of them.
asked() (
  IFS=', '
  # shellcheck disable=SC2086  # one word for each map
  hurried 1 postalias -q "$1" $maps
)
# Whom postmaster's mail reaches, an alias of an alias and a .forward too, one line for each step.
aliased() {
  recipient=postmaster maps=$(postconf -hx -o inet_interfaces= alias_maps)
  for _ in 1 2 3; do
    next=$(asked "$recipient") || break
    echo "$next"
    recipient=$next
  done
  cat "$(home_of "${recipient%@*}")/.forward" 2>/dev/null
}
say alias aliased

# settled KEY TOKEN: whether Postfix has delivered, deferred or bounced the message, or has not got
# it. A program that failed may have handed it over nevertheless, so the log gets a moment.
settled() {
  id=$(queue_id "$2" <"$rest")
  if [ -n "$id" ]; then
    grep -q " $id: \(to=<\|discard: \|reject: \)" "$rest"
  else
    [ "$looks" -gt 5 ] && grep -q '^exit [1-9]' "$scratch/$1"
  fi
}
# alias_boxes: the mailboxes that have the message itself. A bounce has it in its body.
alias_boxes() {
  # shellcheck disable=SC2013  # names of mailboxes have no blanks
  for box in $(grep -lsF -- "$alias_token" /var/mail/*); do
    [ -z "$(sender "$alias_token" "${box##*/}" /none "")" ] || echo "$box"
  done
}
if ! pgrep -x master >/dev/null; then is_over=1; else is_over=''; fi
: >"$rest"
looks=0
while :; do
  tail -c "+$((size + 1))" "$log" >"$rest" 2>/dev/null || :
  found_own=$(sender "$own_token" "$user" "$home" "$place")
  found_alias=$(alias_boxes)
  is_here=''
  if { [ -n "$found_own" ] || settled own-said "$own_token"; } &&
    { [ -n "$found_alias" ] || settled alias-said "$alias_token"; }; then is_here=1; fi
  if [ -n "$is_here" ] && { [ -z "$peer" ] || settled peer-said "$peer_token"; }; then break; fi
  # The other host may not answer; then Postfix waits for longer than a check does.
  if [ -n "$is_here" ]; then most=15; else most=20; fi
  [ -z "$is_over" ] && [ "$looks" -lt "$most" ] || break
  nap
done
say own-from echo "$found_own"
say alias-box echo "$found_alias"
for which in own peer alias; do
  case $which in own) token=$own_token ;; peer) token=$peer_token ;; *) token=$alias_token ;; esac
  id=$(queue_id "$token" <"$rest")
  [ -z "$id" ] || say "$which-log" grep -F " $id: " "$rest"
done
say waits grep -rlsF -- "$own_token" "$spool/maildrop"
# Lines without a queue id that say what goes wrong, except those of the check's own questions. As a
# mail client, it has an address in place of a name.
say log sed -n '/helo=<\(stranger\.invalid\|\[[0-9.]*\]\)>/d
  /NOQUEUE\|warning: \|fatal: \|error: \|panic: /p' "$rest"
