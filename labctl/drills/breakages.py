"""Mistakes of students: how to make each one, and which finding a check must report.

Each way can be done to either mail server.
"""

from __future__ import annotations

from dataclasses import dataclass

from labctl.drills.actions import Action, command, line, script


@dataclass(frozen=True)
class Breakage:
    """A good lab, broken on one host by `actions`. `code` is the one finding that it gives.

    `repair` corrects what `up` leaves to the person: it removes no mail and no file that fills a
    disk.
    """

    name: str
    code: str
    actions: tuple[Action, ...]
    repair: tuple[Action, ...] = ()

    @property
    def step(self) -> str:
        """The step in whose section the finding is."""
        return self.code.partition(".")[0]


def _edited(expression: str, file: str) -> Action:
    return command(["sed", "-i", expression, file])


_RESTART = script("postfix-restart.sh", "{main_cf}", "{postfix}")
_SASL = command("systemctl restart {saslauthd} {postfix}")
_RELOAD = command("rndc reload")
_DOVECOT = command("systemctl restart {dovecot}")
_MAIL_CONF = "{dovecot_folder}/conf.d/10-mail.conf"
_AUTH_CONF = "{dovecot_folder}/conf.d/10-auth.conf"


def _set(setting: str) -> Action:
    return command(["postconf", "-e", setting])


def _parameter(name: str, wrong: str, how: str) -> Breakage:
    return Breakage(f"{name} {how}", f"postfix.{name}", (_set(f"{name}={wrong}"), _RESTART))


def _missing(name: str) -> Breakage:
    actions = (command(f"postconf -X {name}"), _RESTART)
    return Breakage(f"{name} missing", f"postfix.{name}", actions)


def _misspelt(name: str, wrong: str) -> Breakage:
    actions = (_edited(f"s/^{name} =/{wrong} =/", "{main_cf}"), _RESTART)
    return Breakage(f"{name} misspelt", f"postfix.{name}", actions)


PARAMETERS = (
    _missing("myhostname"),
    _misspelt("myhostname", "myhostnam"),
    _parameter("myhostname", "mail.{peer_domain}", "of the other host"),
    _missing("mydomain"),
    _misspelt("mydomain", "mydomein"),
    _parameter("mydomain", "{peer_domain}", "of the other host"),
    _missing("inet_interfaces"),
    _misspelt("inet_interfaces", "inet_interface"),
    _parameter("inet_interfaces", "localhost, {peer_address}", "of the other host"),
    _parameter("inet_interfaces", "{address}", "without localhost"),
    _parameter("inet_interfaces", "localhost", "without the address"),
    _missing("mydestination"),
    _misspelt("mydestination", "mydestnation"),
    _parameter("mydestination", "{peer_domain}", "of the other host"),
    _missing("smtpd_sasl_auth_enable"),
    _misspelt("smtpd_sasl_auth_enable", "smtpd_sasl_auth_enabled"),
    _parameter("smtpd_sasl_auth_enable", "no", "no"),
    _missing("smtpd_recipient_restrictions"),
    _misspelt("smtpd_recipient_restrictions", "smtpd_recipient_restriction"),
    _parameter(
        "smtpd_recipient_restrictions",
        "reject_unauth_destination, permit_sasl_authenticated, permit_mynetworks",
        "in the wrong order",
    ),
)

POSTFIX = (
    Breakage(
        "no restart after an edit",
        "postfix.restarted",
        (
            _set("inet_interfaces=localhost"),
            _RESTART,
            command("sleep 1.1"),
            _set("inet_interfaces=localhost, {address}"),
        ),
    ),
    Breakage(
        "edited a moment ago",
        "postfix.restarted",
        # A comment would make no difference. The queue manager reads this one at its start.
        (command("sleep 2"), _set("queue_run_delay=600s")),
    ),
    Breakage(
        "Postfix not enabled", "postfix.enabled", (command("systemctl disable -q {postfix}"),)
    ),
    Breakage("Postfix stopped", "postfix.running", (command("systemctl stop {postfix}"),)),
    Breakage("main.cf of another owner", "postfix.check", (command("chown daemon {main_cf}"),)),
    Breakage("port 25 closed", "firewall.port-25-tcp", (line("{close_25}"),)),
    Breakage("port 25 denied", "firewall.port-25-tcp", (line("{deny_25}"),)),
    Breakage(
        "port 53 open for TCP only",
        "firewall.port-53-udp",
        (line("{close_53_udp}"),),
    ),
    Breakage("port 110 closed", "firewall.port-110-tcp", (line("{close_110}"),)),
    Breakage("port 143 closed", "firewall.port-143-tcp", (line("{close_143}"),)),
    Breakage("ufw off", "firewall.active", (line("{firewall_off}"),)),
    Breakage("ufw not at boot", "firewall.active", (command("systemctl disable -q {firewall}"),)),
    Breakage("aliases not built", "aliases.database", (command("rm /etc/aliases.db"),)),
    Breakage(
        "aliases edited",
        "aliases.database",
        (script("append.sh", "/etc/aliases", "info: root"), command("sleep 0.1")),
    ),
)

AUTH = (
    Breakage(
        "saslauthd not there, systemd says active",
        "smtp-auth.saslauthd",
        (command("pkill -x saslauthd"),),
    ),
    Breakage(
        "START=no",
        "smtp-auth.start",
        (_edited("s/^START=yes/START=no/", "{sasl_defaults}"), _SASL),
    ),
    Breakage(
        "START=no, not yet restarted",
        "smtp-auth.start",
        (_edited("s/^START=yes/START=no/", "{sasl_defaults}"),),
    ),
    Breakage(
        "socket outside the chroot",
        "smtp-auth.socket",
        (
            command("systemctl stop {saslauthd}"),
            _edited('s|-m .*|-m /var/run/saslauthd"|', "{sasl_defaults}"),
            _SASL,
        ),
    ),
    Breakage(
        "postfix not in group sasl",
        "smtp-auth.group",
        (command("gpasswd -d postfix {sasl_group}"), _SASL),
    ),
    Breakage("smtpd.conf missing", "smtp-auth.smtpd-conf", (command("rm {smtpd_conf}"), _SASL)),
    Breakage(
        "smtpd.conf misspelt",
        "smtp-auth.smtpd-conf",
        (command("mv {smtpd_conf} {sasl_folder}/stmpd.conf"), _SASL),
    ),
    Breakage(
        "smtpd.conf in the wrong folder",
        "smtp-auth.smtpd-conf",
        (command("mv {smtpd_conf} {postfix_folder}/smtpd.conf"), _SASL),
    ),
    Breakage(
        "wrong mech_list",
        "smtp-auth.mech-list",
        (_edited("s/plain login/cram-md5/", "{smtpd_conf}"), _SASL),
    ),
    Breakage(
        "mech_list without login",
        "smtp-auth.mech-list",
        (_edited("s/plain login/plain/", "{smtpd_conf}"), _SASL),
    ),
    Breakage(
        "wrong pwcheck_method",
        "smtp-auth.pwcheck-method",
        (_edited("s/: saslauthd/: auxprop/", "{smtpd_conf}"), _SASL),
    ),
    Breakage(
        "saslauthd not enabled",
        "smtp-auth.enabled",
        (command("systemctl disable -q {saslauthd}"),),
    ),
    Breakage("account missing", "accounts.exists", (command("userdel -r {user}"),)),
    Breakage(
        "account with the other's name",
        "accounts.exists",
        (command("userdel -r {user}"), command("useradd -m {peer_user}")),
    ),
    Breakage("account without password", "accounts.password", (command("passwd -d {user}"),)),
    Breakage("another password", "accounts.password", (script("password.sh", "{user}", "other"),)),
    Breakage(
        "mailbox of another owner", "accounts.mailbox", (script("foreign-mailbox.sh", "{user}"),)
    ),
    Breakage("/var/mail closed", "accounts.mailbox", (command("chmod 700 /var/mail"),)),
)

DNS = (
    Breakage("MX missing", "dns.zone.mx", (_edited("/MX/d", "{zone_file}"), _RELOAD)),
    Breakage(
        "MX without the dot at its end",
        "dns.zone.mx",
        (_edited("/MX/s/[.]$//", "{zone_file}"), _RELOAD),
    ),
    Breakage("A of www missing", "dns.zone.www", (_edited("/^www/d", "{zone_file}"), _RELOAD)),
    Breakage(
        "A of mail missing, BIND restarted",
        "dns.zone.mail",
        (_edited("/^mail/d", "{zone_file}"), command("systemctl restart {bind}")),
    ),
    Breakage(
        "named.conf with a fault",
        "dns.files",
        (
            _edited("s/recursion yes;/recursion yes/", "{bind_options}"),
            script("restart-anyway.sh", "{bind}"),
        ),
    ),
    Breakage(
        "named not reloaded",
        "dns.loaded",
        (command("sleep 1.1"), script("append.sh", "{zone_file}", "; x")),
    ),
    Breakage(
        "serial as before, and the other host's copy is old",
        "dns.peer",
        (script("old-copy.sh", "{bind_zones}", "{bind_cache}", "{peer_domain}", "{peer_address}"),),
    ),
    Breakage("named stopped", "dns.named", (command("systemctl stop {bind}"),)),
    Breakage("named not enabled", "dns.enabled", (command("systemctl disable -q {bind}"),)),
    Breakage(
        "resolv.conf wrong",
        "dns.resolver",
        (script("write.sh", "/etc/resolv.conf", "nameserver {machine}"),),
    ),
    Breakage(
        "the other zone not forwarded",
        "dns.peer",
        (script("not-forwarded.sh", "{bind_zones}", "{peer_domain}"),),
    ),
)

MAILBOXES = (
    Breakage(
        "mail_location another",
        "dovecot.mail_location",
        (
            _edited(r"s|^mail_[ld][or].* = .*|{maildir}|", _MAIL_CONF),
            _DOVECOT,
        ),
    ),
    Breakage(
        "mail_location another in local.conf",
        "dovecot.mail_location",
        (
            script("write.sh", "{dovecot_folder}/local.conf", "{maildir}"),
            _DOVECOT,
        ),
    ),
    Breakage(
        "Postfix fills a Maildir",
        "postfix.home_mailbox",
        (_set("home_mailbox=Maildir/"), _RESTART),
    ),
    Breakage(
        "MAIL points at a Maildir",
        "mail-command.mailbox",
        (script("append.sh", "/home/{user}/.profile", "export MAIL=~/Maildir"),),
    ),
    Breakage(
        "disable_plaintext_auth yes",
        "dovecot.disable_plaintext_auth",
        (
            _edited("s/^disable_plaintext_auth.*/disable_plaintext_auth = yes/", _AUTH_CONF),
            _edited("s/^auth_allow_cleartext.*/auth_allow_cleartext = no/", _AUTH_CONF),
            _DOVECOT,
        ),
    ),
    Breakage(
        "Dovecot not restarted",
        "dovecot.restarted",
        (
            command("sleep 2"),
            script("append.sh", _AUTH_CONF, "auth_failure_delay = 3 secs"),
        ),
    ),
    Breakage("Dovecot stopped", "dovecot.running", (command("systemctl stop {dovecot}"),)),
    Breakage(
        "Dovecot not enabled", "dovecot.enabled", (command("systemctl disable -q {dovecot}"),)
    ),
    Breakage(
        "mailutils without its domain", "mail-command.sender", (command("rm {mail_settings}"),)
    ),
    Breakage(
        "mail sent on to the other account",
        "mail-command.delivery",
        (script("write.sh", "/home/{user}/.forward", "{peer_user}@{peer_domain}"),),
        repair=(command("rm /home/{user}/.forward"),),
    ),
    Breakage(
        "delivery by a program that is not there",
        "postfix.mailbox_command",
        (_set("mailbox_command=/usr/bin/procmail"), _RESTART),
    ),
    Breakage(
        "a mail on hold",
        "mail-command.hold",
        (script("stuck-mail.sh", "{user}", "{peer_user}", "{spool}"),),
        repair=(command("postsuper -d ALL"),),
    ),
    Breakage(
        "full disk",
        "mail-command.disk",
        (script("full-mail-disk.sh"),),
        repair=(command("umount /var/mail"),),
    ),
)

# What only a message between both hosts shows; one at a time, because the other host has to work.
MAIL = (
    Breakage(
        "all mail to another server",
        "postfix.relayhost",
        (_set("relayhost=[192.0.2.77]"), _RESTART),
    ),
    Breakage(
        "local mail only", "postfix.default_transport", (_set("default_transport=error"), _RESTART)
    ),
    Breakage(
        "the wrong protocol", "postfix.inet_protocols", (_set("inet_protocols=ipv6"), _RESTART)
    ),
    Breakage(
        "clients are rejected",
        "postfix.smtpd_client_restrictions",
        (_set("smtpd_client_restrictions=reject"), _RESTART),
    ),
    Breakage("an open relay", "postfix.mynetworks", (_set("mynetworks=0.0.0.0/0"), _RESTART)),
    Breakage(
        "AUTH over TLS only",
        "postfix.smtpd_tls_auth_only",
        (_set("smtpd_tls_auth_only=yes"), _RESTART),
    ),
    Breakage(
        "main.cf closed to users",
        "postfix.readable",
        (command("chmod 640 {main_cf}"),),
        repair=(command("chmod 644 {main_cf}"),),
    ),
    Breakage(
        "port 25 denied to the other host",
        "firewall.port-25-tcp",
        (line("{deny_25_to_peer}"),),
    ),
    Breakage("nothing goes out", "firewall.outgoing", (line("{stop_all_out}"),)),
    Breakage(
        "postmap in place of newaliases",
        "aliases.database",
        (command("postmap /etc/aliases"), command("postfix reload")),
        repair=(command("newaliases"),),
    ),
    Breakage(
        "no relay after AUTH",
        "postfix.smtpd_relay_restrictions",
        (_set("smtpd_relay_restrictions=permit_mynetworks, reject_unauth_destination"), _RESTART),
    ),
    Breakage(
        "a mailbox smaller than a message",
        "postfix.mailbox_size_limit",
        (_set("mailbox_size_limit=1000000"), _RESTART),
    ),
    Breakage(
        "a lock file left behind",
        "accounts.lock",
        (script("old-file.sh", "/var/mail/{user}.lock"),),
        repair=(command("rm -f /var/mail/{user}.lock"),),
    ),
    Breakage(
        "an account that has ended",
        "accounts.expired",
        (command("chage -E 0 {user}"),),
        repair=(command("chage -E -1 {user}"),),
    ),
)

BREAKAGES = (*PARAMETERS, *POSTFIX, *AUTH, *DNS, *MAILBOXES, *MAIL)
