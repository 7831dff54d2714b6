"""AlmaLinux and its relatives: dnf, firewalld, BIND in a chroot, SELinux.

Only rendered and tested with fakes: no host of this family was run. The names are those of the
packages bind-chroot, postfix, cyrus-sasl and dovecot of RHEL 9.
"""

from __future__ import annotations

from provision.dnf import Dnf
from provision.families.base import Bind, Family, MailCommand, Pam, Postfix, Sasl
from provision.firewalld import Firewalld

RHEL_9 = Family(
    packages=Dnf(),
    firewall=Firewalld(),
    bind=Bind(
        folder="/etc",
        zone_folder="/var/named",
        cache="/var/named",
        group="named",
        unit="named-chroot",
        pid_file="/var/named/chroot/run/named/named.pid",
        tools="bind-utils",
    ),
    # Postfix 3.5
    postfix=Postfix(
        chroot="",
        compatibility="2",
        master_example="/etc/postfix/master.cf.proto",
        main_example="/etc/postfix/main.cf.proto",
    ),
    sasl=Sasl(
        defaults="/etc/sysconfig/saslauthd",
        smtpd_conf="/etc/sasl2/smtpd.conf",
        run_dir="/run/saslauthd",
        mux="/run/saslauthd/mux",
        group="",
        has_options=False,
        packages=frozenset({"cyrus-sasl", "cyrus-sasl-plain"}),
    ),
    mail_command=MailCommand("s-nail", "s-nail"),
    pam=Pam(
        auth="/etc/pam.d/password-auth",
        account="/etc/pam.d/password-auth",
        including="auth include password-auth",
        mending="authselect apply-changes",
    ),
    mail_log="/var/log/maillog",
    restorecon=True,
)
