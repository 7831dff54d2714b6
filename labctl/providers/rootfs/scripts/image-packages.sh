#!/bin/sh
# Usage: image-packages.sh OPTION... PACKAGE...
# Installs packages in an image with `apt-get install OPTION... PACKAGE...`.
#
# Postfix stays without a configuration, as the chapter begins. While there is no main.cf, each
# `postconf` of Postfix's generator and unit sleeps for a second, at every boot and reload. So a
# link wants its one instance, and starting Postfix at boot is left to the chapter.
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
apt-get install -y "$@"
[ -e /lib/systemd/system/postfix@.service ] || exit 0
systemctl disable postfix
mkdir -p /etc/systemd/system/postfix.service.wants
ln -s /lib/systemd/system/postfix@.service \
  /etc/systemd/system/postfix.service.wants/postfix@-.service
ln -s /dev/null /etc/systemd/system-generators/postfix-instance-generator
