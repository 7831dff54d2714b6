"""Other ways to do what the book asks for, which no check may call wrong."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.drills.actions import Action, command
from labctl.drills.actions import script as drill_script
from labctl.scripts import Script


@dataclass(frozen=True)
class RightWay:
    """One other way. `repair` takes away what `up` leaves beside its own."""

    name: str
    actions: tuple[Action, ...]
    repair: tuple[Action, ...] = ()


def script(name: str, *args: str) -> Action:
    """A script beside this module."""
    return Action(args, Script("tests.lab", name))


def _set(*settings: str) -> Action:
    return command(["postconf", "-e", *settings])


_RESTART = drill_script("postfix-restart.sh", "{main_cf}", "{postfix}")
_SASL = command("systemctl restart {saslauthd} {postfix}")
_DOVECOT = command("systemctl restart {dovecot}")

RIGHT_WAYS = (
    RightWay("the domain in place of $mydomain", (_set("mydestination={domain}"), _RESTART)),
    RightWay(
        "localhost beside the domain",
        (_set("mydestination=$myhostname ${{mydomain}} localhost"), _RESTART),
    ),
    RightWay(
        "an address in place of localhost, and spaces",
        (_set("inet_interfaces = 127.0.0.1   {address}"), _RESTART),
    ),
    RightWay(
        "every interface, and capital letters",
        (_set("inet_interfaces=all"), script("capital-domain.sh", "{domain}"), _RESTART),
    ),
    RightWay(
        "comments, other order, long lines in main.cf",
        (script("reordered-main-cf.sh", "{main_cf}"), _RESTART),
    ),
    RightWay(
        "more restrictions",
        (
            _set(
                "smtpd_recipient_restrictions=permit_mynetworks, permit_sasl_authenticated,"
                " reject_unauth_destination, reject_unknown_recipient_domain"
            ),
            _RESTART,
        ),
    ),
    RightWay(
        "a reload in place of a restart",
        (_set("biff=no"), command("sleep 1.1"), command("postfix reload")),
    ),
    RightWay("smtpd.conf in other letters", (script("loose-smtpd-conf.sh", "{smtpd_conf}"), _SASL)),
    RightWay(
        "smtpd without a chroot, saslauthd's own socket",
        (
            command("postconf -F smtp/inet/chroot=n"),
            command("systemctl stop {saslauthd}"),
            command(["sed", "-i", 's|-m .*|-m /var/run/saslauthd"|', "{sasl_defaults}"]),
            _SASL,
        ),
    ),
    RightWay(
        "smtpd without a chroot, the saslauthd of before still runs",
        (
            command("postconf -F smtp/inet/chroot=n"),
            # The start script looks for the old one in the new folder.
            command(["sed", "-i", 's|-m .*|-m /var/run/saslauthd"|', "{sasl_defaults}"]),
            _SASL,
        ),
    ),
    RightWay(
        "Dovecot's settings in local.conf",
        (script("dovecot-local-conf.sh", "{dovecot_folder}"), _DOVECOT),
    ),
    RightWay(
        "Dovecot reloaded",
        (
            command("sleep 1"),
            command("touch {dovecot_folder}/conf.d/10-ssl.conf"),
            command("doveadm reload"),
        ),
    ),
    RightWay(
        "a Maildir in all three places",
        (
            _set("home_mailbox=Maildir/"),
            command(
                [
                    "sed",
                    "-i",
                    "s|^mail_location.*|mail_location = maildir:~/Maildir|",
                    "{dovecot_folder}/conf.d/10-mail.conf",
                ]
            ),
            drill_script("append.sh", "/home/{user}/.profile", "export MAIL=~/Maildir"),
            _RESTART,
            _DOVECOT,
        ),
    ),
    RightWay(
        "a zone file in short names",
        (script("short-zone.sh", "{zone_file}", "{name}", "{address}"),),
    ),
    RightWay(
        "ports opened for the lab's network only",
        (
            command("ufw delete allow 25/tcp"),
            command("ufw allow from {network} to any port 25 proto tcp"),
        ),
    ),
    RightWay(
        "nftables in place of ufw",
        (script("nftables.sh"),),
        repair=(script("no-nftables.sh"),),
    ),
    RightWay(
        "a second MX that is asked later",
        (
            drill_script("append.sh", "{zone_file}", "@ IN MX 20 www.{domain}."),
            command("rndc reload"),
        ),
    ),
    RightWay(
        "AUTH set in master.cf alone",
        (
            command("postconf -X smtpd_sasl_auth_enable"),
            command("postconf -P smtp/inet/smtpd_sasl_auth_enable=yes"),
            _RESTART,
        ),
        repair=(command("postconf -PX smtp/inet/smtpd_sasl_auth_enable"),),
    ),
    RightWay(
        "a longer list of aliases",
        (drill_script("append.sh", "/etc/aliases", "info: root"), command("newaliases")),
    ),
    RightWay(
        "a host name that nobody knows",
        (command("hostnamectl set-hostname another"), _RESTART, _DOVECOT),
        repair=(command("hostnamectl set-hostname {name}"), _RESTART, _DOVECOT),
    ),
    RightWay(
        "a folder of home folders that is open to the account by its group",
        (command("chgrp {user} /home"), command("chmod 750 /home")),
        repair=(command("chmod 755 /home"), command("chgrp root /home")),
    ),
)
