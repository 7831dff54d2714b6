#!/bin/sh
# Usage: dovecot-local-conf.sh FOLDER
# Move the book's settings of Dovecot 2.3 to local.conf.
cd "$1" || exit
grep -hv ^namespace conf.d/10-mail.conf conf.d/10-ssl.conf | grep '=' | grep -v inbox >local.conf
echo disable_plaintext_auth=no >>local.conf
sed -i /^mail_/d conf.d/10-mail.conf
sed -i /^ssl/d conf.d/10-ssl.conf
sed -i /^disable/d conf.d/10-auth.conf
