#!/bin/sh
# Usage: account-check.sh USER OTHER_USER <PASSWORD
. ./say.sh
. ./account-password.sh

name=$1 other=$2
IFS= read -r password
say entry getent passwd "$name"
say other getent passwd "$other"
if has_password "$name" "$password"; then say password echo yes; fi
say state passwd -S "$name"
# The days of the last change of the password and of the account's end (shadow(5)).
expiry() { getent shadow "$name" | cut -d: -f3,8; }
say expiry expiry
shell() { getent passwd "$name" | cut -d: -f7; }
say shell shell
today() { echo $(($(date +%s) / 86400)); }
say today today
home=$(getent passwd "$name" | cut -d: -f6)
say home stat -c '%U' "$home"
say spool stat -L -c '%a %U %G' /var/mail
say box stat -c '%U %a' "/var/mail/$name"
