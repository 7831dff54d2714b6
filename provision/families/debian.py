"""Debian and Ubuntu: apt, ufw, a chrooted smtpd, and BIND in /etc/bind."""

from __future__ import annotations

from dataclasses import replace

from provision.apt import Apt
from provision.families.base import Bind, Dovecot, Family, Postfix, Sasl
from provision.ufw import Ufw

# postfix.service only wraps the unit of the one instance, which is where Postfix really runs.
_INSTANCES = Postfix(running_unit="postfix@-", drop_ins=("postfix.service", "postfix@.service"))

DEBIAN_12 = Family(
    packages=Apt(),
    firewall=Ufw(),
    bind=Bind(
        includes=("/etc/bind/named.conf.default-zones",), empty_zones="/etc/bind/zones.rfc1918"
    ),
    postfix=_INSTANCES,
)
# Postfix 3.8, Dovecot 2.3, BIND 9.18
UBUNTU_24_04 = DEBIAN_12
# BIND 9.20 has its own empty zones, Postfix 3.10 one real unit, Dovecot 2.4 other settings.
# sasl2-bin has a unit in place of the start script. Postfix has its folder of smtpd.conf from the
# package's main.cf and no longer as a built-in default.
DEBIAN_13 = replace(
    DEBIAN_12,
    bind=Bind(includes=("/etc/bind/named.conf.root-hints",)),
    postfix=Postfix(),
    sasl=Sasl(
        drop_in="/etc/systemd/system/saslauthd.service.d/pid-file.conf",
        config_path="/etc/postfix/sasl",
    ),
    dovecot=Dovecot(syntax="2.4"),
)
# Postfix 3.10, Dovecot 2.4, BIND 9.20. Only rendered: no host with it was run.
UBUNTU_26_04 = DEBIAN_13
