#!/bin/sh
# Usage: dovecot-check.sh UNIT FOLDER MARKER SETTING...
# doveconf prints what Dovecot would read, from whichever of its files.
. ./say.sh
. ./unit.sh
. ./frozen.sh
. ./doveconf.sh
. ./pam.sh

unit=$1 folder=$2 marker=$3
shift 3
{ doveconf "$@" 2>/dev/null || :; } | sed 's/ = */\t/'
matching '/^doveconf: .*\([Ee]rror\|[Ff]atal\)/s/^/error\t/p'
say_unit "$unit"
say by-hand pgrep -o -x dovecot
say frozen frozen 'dovecot|auth|anvil|config|imap-login|pop3-login'
say delivery postconf -x -o inet_interfaces= home_mailbox mailbox_command mailbox_transport
# Its files, and not copies of them beside or in another folder.
newer() {
  find "$folder" "$folder/conf.d" -maxdepth 1 -type f \( -name '*.conf' -o -name '*.ext' \) -newer "$marker"
}
say newer newer
# What is set for one protocol, plugin or address alone, which only counts if it may not be in force.
sections() { matching '/^\(protocol\|plugin\|remote\|local\|local_name\|namespace\) .*{$/p' | grep -v '^namespace inbox'; }
[ -z "$said" ] || say sections sections
say passdb matching '/^passdb/p'
say driver matching '/^passdb/,/^}/s/^  driver = //p'
# What takes every password.
say open matching '/^passdb/,/^}/s/^ *\(args = \)\?\(.*nopassword.*\)/\2/p'
say open everybody /etc/pam.d/dovecot
say beside beside
included() { grep -hE '^[[:space:]]*!include(_try)?[[:space:]]' "$folder/dovecot.conf"; }
say included included
# Files with settings of the book that Dovecot does not read: another name, or a copy.
unread() {
  case "
$changed" in *"
mail_location = "* | *"
mail_driver = "*) return ;; esac
  grep -lsE '^[[:space:]]*mail_(location|driver)[[:space:]]*=' "$folder"/* "$folder"/conf.d/* |
    grep -vE '/(conf\.d/[^/]*|dovecot|local)\.conf$'
}
say unread unread
why() {
  journalctl --quiet --unit="$unit" --lines=20 --output=cat | grep -E 'Fatal: |Error: ' | tail -n 1 |
    grep . || last_words "$unit"
}
runs_now || say why why
say pam cat /etc/pam.d/dovecot
say pam-missing missing_of /etc/pam.d/dovecot
say listens ss -ltnH '( sport = :143 or sport = :110 )'
