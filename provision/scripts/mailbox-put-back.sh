#!/bin/sh
# Usage: mailbox-put-back.sh TOKEN SPOOL USER FOLDER [USER FOLDER]...
# Remove every message with the token from the queues, the users' mailboxes, and all other mailboxes:
# an alias may lead to any. If a user's box then begins with all that mailbox-keep.sh saved in FOLDER,
# restore the saved bytes and append the messages that arrived in between. Print each file that is
# locked and was left as it is.
. ./mbox.sh
. ./queues.sh

token=$1 spool=$2
shift 2

# drop FILE NOTE: the mbox without the messages that contain the token, and without the message
# that begins with NOTE. What is before a message stays, also if no empty line ends it.
drop() {
  awk -v start="$START" -v token="$token" -v note="$2" '
    function flush(i) { if (!mine) for (i = 1; i <= n; i++) print line[i]; n = 0; mine = 0 }
    $0 ~ start { flush() }
    # Lines are kept one by one: a string that grows is copied for each line of an attachment.
    { line[++n] = $0 }
    index($0, token) || note != "" && index($0, note) == 1 { mine = 1 }
    END { flush() }' "$1"
}

# as_delivered: the messages of standard input as they arrived, without what Dovecot and `mail` add
# when they number a message. The numbers are wrong in another box, and Dovecot shows none of the
# messages at first if they are not in order.
as_delivered() {
  awk -v start="$START" '
    BEGIN { blank = 1 }
    blank && $0 ~ start { header = 1 }
    { blank = $0 == ""; if (blank) header = 0 }
    header && /^(X-UID: |X-IMAPbase: |X-IMAP: |Status: O$)/ { next }
    { print }'
}

# plain FILE: the mbox without what `mail` and Dovecot add to messages by themselves.
plain() {
  sed '/^X-IMAPbase:/d; /^X-IMAP:/d; /^X-UID:/d; /^Status:/d; /^X-Status:/d; /^X-Keywords:/d
    s/^>*From /From /; s/^\(From [^ ]*\)  */\1 /' "$1"
}

count() {
  awk -v start="$START" '$0 ~ start { n++ } END { print n + 0 }' "$1"
}

# after OLD NEW: the messages of NEW behind as many as OLD has.
after() {
  awk -v start="$START" -v skip="$(count "$1")" '
    $0 ~ start { n++ }
    n > skip' "$2"
}

begins_with() {
  head -c "$(stat -c %s "$2")" "$1" | cmp -s - "$2"
}

# without_token FILE NOTE: make $new of a box that a program has written anew since it was saved.
without_token() {
  if [ ! -f "$old" ]; then
    drop "$1" "$2" | as_delivered >"$new"
    return 0
  fi
  drop "$1" "$2" >"$new"
  plain "$old" >"$kept/old-plain"
  plain "$new" >"$kept/new-plain"
  if begins_with "$kept/new-plain" "$kept/old-plain"; then
    after "$old" "$new" | as_delivered >"$kept/later"
    cat "$old" "$kept/later" >"$new"
  fi
}

# Take the dot lock, as Postfix and Dovecot do. Wait for 25 seconds at most: if a delivery and a
# session of a mail client block each other, Postfix gives up after 20 (postconf(5),
# deliver_lock_attempts).
locked() {
  # On a file system that is read-only no lock can be made.
  [ -w "${1%/*}" ] || return 1
  tries=0
  # The lock file is empty, so that a full disk does not prevent it.
  until (set -C; : >"$1.lock") 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 500 ] || return 1
    if [ $((tries % 100)) = 0 ] && dead_lock "$1"; then rm -f "$1.lock"; fi
    sleep 0.05
  done
}

# still_locked FILE: whether the lock is the one from before the test, so that nothing was delivered.
still_locked() {
  [ -f "$old.locked" ] && [ "$(stat -c '%i %Z' "$1.lock" 2>/dev/null)" = "$(cat "$old.locked")" ] &&
    ! grep -qaF -- "$token" "$1"
}

# restore FILE NAME: NAME is that of mailbox-keep.sh.
restore() {
  file=$1 old=$kept/$2
  if [ ! -f "$file" ] || [ -L "$file" ]; then return 0; fi
  if [ -f "$old" ] && cmp -s "$old" "$file"; then return 0; fi
  if still_locked "$file"; then
    if [ ! -s "$file" ] && [ -f "$old.absent" ]; then rm -f "$file"; fi
    return 0
  fi
  if ! locked "$file"; then
    if [ -e "$file.lock" ] || grep -qaF -- "$token" "$file"; then echo "$file"; fi
    return 0
  fi
  trap 'rm -f "$file.lock"' EXIT
  # Dovecot puts this note into a box that it finds empty.
  note="Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"
  if [ -f "$old" ] && grep -qaF -- "$note" "$old"; then note=''; fi
  new=$kept/new
  if [ -f "$old" ] && begins_with "$file" "$old"; then
    # The saved bytes are all there, so that they need not be understood.
    tail -c "+$(($(stat -c %s "$old") + 1))" "$file" >"$kept/came"
    { cat "$old" && drop "$kept/came" "$note" | as_delivered; } >"$new"
  else
    without_token "$file" "$note"
  fi
  if [ ! -s "$new" ] && [ -f "$old.absent" ]; then
    rm -f "$file"
  elif ! cmp -s "$new" "$file"; then
    # In place, because a server that waits for the lock has already opened the file.
    cat "$new" >"$file"
    if cmp -s "$new" "$old"; then touch -r "$old" "$file"; fi
  fi
  rm -f "$file.lock"
  trap - EXIT
}

# clear MAILDIR NAME: remove the messages with the token, and the folder if it was absent.
clear() {
  grep -rlsF -- "$token" "$1/new" "$1/cur" | while IFS= read -r file; do rm -f -- "$file"; done
  # Dovecot makes a new cache of headers when it needs one.
  grep -lsaF -- "$token" "$1/dovecot.index.cache" | while IFS= read -r file; do rm -f -- "$file"; done
  if [ -f "$kept/$2.absent" ] && [ -d "$1" ]; then
    find "$1" -type f ! -name 'dovecot*' ! -name maildirfolder | grep -q . || rm -rf "$1"
  fi
}

# tidy BOX: remove the messages with the token, and the box if it was absent before.
tidy() {
  file=$1
  if ! locked "$file"; then
    echo "$file"
    return 0
  fi
  trap 'rm -f "$file.lock"' EXIT
  drop "$file" '' >"$kept/new"
  if [ ! -s "$kept/new" ] && ! grep -qxF -- "${file##*/}" "$kept/boxes"; then
    rm -f "$file"
  else
    cat "$kept/new" >"$file"
  fi
  rm -f "$file.lock"
  trap - EXIT
}

# tidy_others: the same for the mailboxes of everybody else.
tidy_others() {
  grep -lsF -- "$token" /var/mail/* | while IFS= read -r box; do
    case " $users " in *" ${box##*/} "*) continue ;; esac
    case $box in *.lock) ;; *) [ -L "$box" ] || tidy "$box" ;; esac
  done
}

# put_back USER FOLDER: all of one user.
put_back() {
  # The shell runs the trap of EXIT after a signal only if the signal has one too.
  trap 'exit 1' HUP INT TERM
  user=$1 kept=$2
  home=$(home_of "$user")
  restore "/var/mail/$user" inbox
  filled=$(cat "$kept/filled-place" 2>/dev/null || :)
  case $filled in
    */) clear "${filled%/}" filled ;;
    ?*) restore "$filled" filled ;;
  esac
  if [ -n "$home" ]; then
    restore "$home/mbox" mbox
    restore "$home/dead.letter" dead.letter
    clear "$home/Maildir" Maildir
    # Dovecot makes a new cache of headers when it needs one.
    grep -rlsaF --include=dovecot.index.cache -- "$token" "$home/mail" |
      while IFS= read -r file; do rm -f -- "$file"; done
    # Dovecot keeps its index here from the first login on.
    if [ -f "$kept/mail.absent" ] && [ -d "$home/mail" ]; then
      rm -rf "$home/mail/.imap"
      rmdir "$home/mail" 2>/dev/null || :
    fi
  fi
  # Only one of the processes, because two would wait for each other's locks.
  [ "$user" != "${users%% *}" ] || tidy_others
  rm -rf "$kept"
}

users=''
for each do
  case $each in */*) ;; *) users="$users${users:+ }$each" ;; esac
done
clear_queues
# In processes of their own: the saved copies of one that fails stay, and the others are put back.
at_work=''
while [ $# -gt 0 ]; do
  put_back "$1" "$2" &
  at_work="$at_work $!"
  shift 2
done
status=0
for each in $at_work; do wait "$each" || status=$?; done
exit "$status"
