"""The changes: what students, forum posts and other tutorials do to a mail server.

A change is a shell script that runs as root on one host. It sees `$name`, `$address`, `$domain`,
`$user` of that host, `$peer_name`, `$peer_address`, `$peer_domain`, `$peer_user` of the other
one, and `$network` (CIDR). `sections` are the steps in which its finding may appear. Whether a
change breaks anything is not written here: the oracle finds out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

from tests.fuzz import forums, lessons, systems

RESTART_POSTFIX = "touch -d '3 seconds ago' /etc/postfix/main.cf; systemctl restart postfix || :"
RESTART_DOVECOT = "systemctl restart dovecot || :"
RESTART_BIND = "systemctl restart named || :"
RESTART_SASL = "systemctl restart saslauthd; systemctl restart postfix || :"


@dataclass(frozen=True)
class Change:
    """One change. `name` says what it does; `needs` are the sections that the edition must have.

    `asked`: the book's section asks for this very thing, so a finding is right although all mail
    works without it (the name in Postfix's greeting, a database newer than its text).
    """

    name: str
    sections: tuple[str, ...]
    script: str
    needs: tuple[str, ...] = ()
    asked: bool = False


# The book has other words here, although these work for most.
_ASKED_VALUES = (
    ("inet_interfaces", "$address"),
    ("smtpd_recipient_restrictions", "permit_sasl_authenticated, reject_unauth_destination"),
    ("smtpd_recipient_restrictions", ""),
    ("smtpd_recipient_restrictions", "permit"),
)


def _main_cf(parameter: str, value: str, *sections: str, needs: Sequence[str] = ()) -> Change:
    return Change(
        f"main.cf: {parameter} = {value}",
        sections or ("postfix",),
        f'postconf -e "{parameter} = {value}"; {RESTART_POSTFIX}',
        tuple(needs),
        asked=parameter in ("myhostname", "alias_database") or (parameter, value) in _ASKED_VALUES,
    )


def _removed(parameter: str) -> Change:
    return Change(
        f"main.cf: no {parameter}",
        ("postfix",),
        f"postconf -X {parameter}; {RESTART_POSTFIX}",
        asked=True,
    )


def _misspelt(parameter: str, rng: random.Random) -> Change:
    place = rng.randrange(1, len(parameter) - 1)
    wrong = parameter[:place] + parameter[place + 1 :]
    return Change(
        f"main.cf: {parameter} misspelt as {wrong}",
        ("postfix",),
        f"sed -i 's/^{parameter} =/{wrong} =/' /etc/postfix/main.cf; {RESTART_POSTFIX}",
        asked=True,
    )


_BOOK_PARAMETERS = ("myhostname", "mydomain", "inet_interfaces", "mydestination")
_AUTH_PARAMETERS = ("smtpd_sasl_auth_enable", "smtpd_recipient_restrictions")

_MAIN_CF: tuple[tuple[str, str], ...] = (
    ("myhostname", "mail.$peer_domain"),
    ("myhostname", "$name.$domain"),
    ("myhostname", "localhost"),
    ("mydomain", "$peer_domain"),
    ("mydomain", "example.com"),
    ("inet_interfaces", "localhost"),
    ("inet_interfaces", "loopback-only"),
    ("inet_interfaces", "$address"),
    ("inet_interfaces", "localhost, $peer_address"),
    ("inet_interfaces", "all"),
    ("inet_interfaces", "127.0.0.1, $address"),
    ("inet_protocols", "ipv6"),
    ("inet_protocols", "all"),
    ("mydestination", "$domain"),
    ("mydestination", "localhost"),
    ("mydestination", ""),
    ("mydestination", "$domain, $peer_domain"),
    ("mydestination", "$domain, localhost, localhost.localdomain"),
    ("mydestination", "mail.$domain"),
    ("myorigin", "$peer_domain"),
    ("myorigin", "localhost"),
    ("myorigin", "$domain"),
    ("relayhost", "[127.0.0.9]"),
    ("relayhost", "[$peer_address]"),
    ("relayhost", "smtp.example.invalid"),
    ("default_transport", "error"),
    ("default_transport", "smtp"),
    ("relay_transport", "error"),
    ("defer_transports", "smtp"),
    ("defer_transports", "local"),
    ("local_transport", "error:closed"),
    ("mailbox_transport", "lmtp:unix:private/none"),
    ("mailbox_command", "/usr/bin/procmail"),
    ("home_mailbox", "Maildir/"),
    ("mail_spool_directory", "/var/spool/mails"),
    ("mailbox_size_limit", "100"),
    ("message_size_limit", "100"),
    ("message_size_limit", "20480000"),
    ("virtual_alias_domains", "$domain"),
    ("relay_domains", "$peer_domain"),
    ("local_recipient_maps", "hash:/etc/postfix/none"),
    ("local_recipient_maps", ""),
    ("alias_maps", ""),
    ("alias_maps", "hash:/etc/none"),
    ("mynetworks", "0.0.0.0/0"),
    ("mynetworks", "127.0.0.0/8"),
    ("mynetworks_style", "subnet"),
    ("mynetworks_style", "host"),
    ("smtpd_client_restrictions", "reject"),
    ("smtpd_client_restrictions", "permit_mynetworks, reject"),
    ("smtpd_client_restrictions", "reject_unknown_client_hostname"),
    ("smtpd_helo_restrictions", "reject_unknown_helo_hostname"),
    ("smtpd_helo_required", "yes"),
    ("smtpd_sender_restrictions", "reject"),
    ("smtpd_sender_restrictions", "reject_unknown_sender_domain"),
    ("smtpd_data_restrictions", "reject_unauth_pipelining"),
    ("smtpd_relay_restrictions", "permit"),
    ("smtpd_relay_restrictions", "permit_mynetworks, reject"),
    ("smtpd_recipient_restrictions", "permit"),
    ("smtpd_tls_security_level", "encrypt"),
    ("smtp_tls_security_level", "encrypt"),
    ("smtp_tls_security_level", "may"),
    ("smtp_bind_address", "127.0.0.1"),
    ("smtp_host_lookup", "native"),
    ("disable_dns_lookups", "yes"),
    ("disable_vrfy_command", "yes"),
    ("smtpd_banner", "mail server"),
    ("smtpd_delay_reject", "no"),
    ("soft_bounce", "yes"),
    ("biff", "no"),
    ("append_dot_mydomain", "no"),
    ("recipient_delimiter", "+"),
    ("delay_warning_time", "4h"),
    ("maximal_queue_lifetime", "1d"),
    ("content_filter", "smtp-amavis:[127.0.0.1]:10024"),
    ("smtpd_milters", "inet:127.0.0.1:8891"),
    ("header_checks", "regexp:/etc/postfix/none"),
    ("canonical_maps", "hash:/etc/postfix/none"),
    ("always_bcc", "root"),
    ("smtpd_timeout", "300s"),
    ("default_process_limit", "100"),
    ("smtpd_client_connection_count_limit", "50"),
    ("compatibility_level", "2"),
    ("mail_owner", "daemon"),
    ("queue_directory", "/var/spool/none"),
    ("smtpd_reject_unlisted_recipient", "no"),
    ("notify_classes", "resource, software, policy"),
    ("masquerade_domains", "$domain"),
)

_AUTH_MAIN_CF: tuple[tuple[str, str], ...] = (
    ("smtpd_sasl_auth_enable", "no"),
    ("smtpd_sasl_auth_enable", "YES"),
    ("smtpd_sasl_type", "dovecot"),
    ("smtpd_sasl_path", "nowhere"),
    ("smtpd_sasl_security_options", "noanonymous, noplaintext"),
    ("smtpd_sasl_security_options", "noanonymous"),
    ("smtpd_tls_auth_only", "yes"),
    ("smtpd_sasl_exceptions_networks", "0.0.0.0/0"),
    ("smtpd_sasl_local_domain", "$domain"),
    ("broken_sasl_auth_clients", "yes"),
    ("smtpd_sasl_authenticated_header", "yes"),
    ("smtpd_discard_ehlo_keywords", "auth"),
    (
        "smtpd_recipient_restrictions",
        "reject_unauth_destination, permit_sasl_authenticated, permit_mynetworks",
    ),
    ("smtpd_recipient_restrictions", "permit_mynetworks, reject_unauth_destination"),
    (
        "smtpd_recipient_restrictions",
        "permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination",
    ),
    (
        "smtpd_recipient_restrictions",
        "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, permit",
    ),
)

_POSTFIX: tuple[tuple[str, str], ...] = (
    ("main.cf cannot be read by users", "chmod 640 /etc/postfix/main.cf"),
    ("main.cf has mode 600", "chmod 600 /etc/postfix/main.cf; " + RESTART_POSTFIX),
    ("main.cf belongs to daemon", "chown daemon /etc/postfix/main.cf"),
    ("main.cf is empty", ": >/etc/postfix/main.cf; " + RESTART_POSTFIX),
    ("main.cf is missing", "rm /etc/postfix/main.cf; systemctl restart postfix || :"),
    ("main.cf: a comment more", "echo '# my notes' >>/etc/postfix/main.cf; " + RESTART_POSTFIX),
    (
        "main.cf: a line without =",
        "echo 'mydestination $mydomain' >>/etc/postfix/main.cf; " + RESTART_POSTFIX,
    ),
    (
        "main.cf: a parameter twice, the last one wrong",
        "echo 'mydestination = localhost' >>/etc/postfix/main.cf; " + RESTART_POSTFIX,
    ),
    (
        "main.cf: a parameter twice, the last one right",
        "sed -i '1i mydestination = localhost' /etc/postfix/main.cf; " + RESTART_POSTFIX,
    ),
    (
        "main.cf: a Japanese space before a value",
        "sed -i 's/^mydestination = /mydestination = \\xe3\\x80\\x80/' /etc/postfix/main.cf; "
        + RESTART_POSTFIX,
    ),
    (
        "main.cf: an indented parameter",
        "sed -i 's/^mydestination/ mydestination/' /etc/postfix/main.cf; " + RESTART_POSTFIX,
    ),
    ("postfix is stopped", "systemctl stop postfix"),
    ("postfix is disabled", "systemctl disable -q postfix"),
    ("postfix is masked", "systemctl mask -q --now postfix"),
    ("postfix is reloaded", "postfix reload"),
    ("postfix edited and not restarted", 'sleep 1; postconf -e "mydestination = localhost"'),
    (
        "master.cf: no smtp service",
        "sed -i 's/^smtp \\{1,\\}inet/#&/' /etc/postfix/master.cf; " + RESTART_POSTFIX,
    ),
    (
        "master.cf: smtp on another port",
        "sed -i 's/^smtp \\{1,\\}inet/2525 inet/' /etc/postfix/master.cf; " + RESTART_POSTFIX,
    ),
    (
        "master.cf: submission too",
        "postconf -M submission/inet='submission inet n - y - - smtpd'; " + RESTART_POSTFIX,
    ),
    ("master.cf: no local service", "postconf -MX local/unix; " + RESTART_POSTFIX),
    ("master.cf: no smtp client", "postconf -MX smtp/unix; " + RESTART_POSTFIX),
    ("master.cf: no pickup", "postconf -MX pickup/unix; " + RESTART_POSTFIX),
    (
        "master.cf: smtp client without a chroot",
        "postconf -F smtp/unix/chroot=n; " + RESTART_POSTFIX,
    ),
    ("master.cf: smtpd -v", "postconf -F 'smtp/inet/command=smtpd -v'; " + RESTART_POSTFIX),
    (
        "master.cf: smtpd with another hostname",
        "postconf -P smtp/inet/myhostname=mail.$domain; " + RESTART_POSTFIX,
    ),
    (
        "master.cf: smtpd rejects clients",
        "postconf -P smtp/inet/smtpd_client_restrictions=reject; " + RESTART_POSTFIX,
    ),
    (
        "transport map: error for the peer",
        'echo "$peer_domain error:closed" '
        ">/etc/postfix/transport; postmap /etc/postfix/transport; "
        "postconf -e transport_maps=hash:/etc/postfix/transport; " + RESTART_POSTFIX,
    ),
    (
        "transport map: the peer's address",
        'echo "$peer_domain smtp:[$peer_address]" '
        ">/etc/postfix/transport; postmap /etc/postfix/transport; "
        "postconf -e transport_maps=hash:/etc/postfix/transport; " + RESTART_POSTFIX,
    ),
    (
        "transport map that is not built",
        "postconf -e transport_maps=hash:/etc/postfix/transport; " + RESTART_POSTFIX,
    ),
    (
        "virtual alias: user to nobody",
        'echo "$user@$domain nobody@$domain" '
        ">/etc/postfix/virtual; postmap /etc/postfix/virtual; "
        "postconf -e virtual_alias_maps=hash:/etc/postfix/virtual; " + RESTART_POSTFIX,
    ),
    (
        "sender is rewritten",
        'echo "$user@$domain other@$domain" >/etc/postfix/generic; '
        "postmap /etc/postfix/generic; postconf -e smtp_generic_maps=hash:/etc/postfix/generic; "
        + RESTART_POSTFIX,
    ),
    (
        "access map rejects the peer",
        'echo "$peer_domain REJECT" >/etc/postfix/access; '
        "postmap /etc/postfix/access; "
        "postconf -e 'smtpd_sender_restrictions = check_sender_access hash:/etc/postfix/access'; "
        + RESTART_POSTFIX,
    ),
    (
        "queue directory of another owner",
        "chown root /var/spool/postfix/active; " + RESTART_POSTFIX,
    ),
    ("maildrop not writable", "chmod 700 /var/spool/postfix/maildrop"),
    ("postdrop without setgid", "chmod g-s /usr/sbin/postdrop"),
    ("chroot without resolv.conf", "rm /var/spool/postfix/etc/resolv.conf"),
    (
        "chroot with a stale resolv.conf",
        "echo nameserver 127.0.0.99 >/var/spool/postfix/etc/resolv.conf",
    ),
    (
        "everything on hold",
        "postconf -e 'smtpd_data_restrictions = static:HOLD'; " + RESTART_POSTFIX,
    ),
)

_AUTH: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("saslauthd is killed", ("smtp-auth",), "pkill -x saslauthd || :"),
    ("saslauthd is stopped", ("smtp-auth",), "systemctl stop saslauthd"),
    ("saslauthd is disabled", ("smtp-auth",), "systemctl disable -q saslauthd"),
    ("saslauthd is restarted", ("smtp-auth",), RESTART_SASL),
    (
        "START=no",
        ("smtp-auth",),
        "sed -i s/^START=.*/START=no/ /etc/default/saslauthd; " + RESTART_SASL,
    ),
    ("START=no, later", ("smtp-auth",), "sed -i s/^START=.*/START=no/ /etc/default/saslauthd"),
    ("no START", ("smtp-auth",), "sed -i /^START=/d /etc/default/saslauthd; " + RESTART_SASL),
    (
        "START in quotes",
        ("smtp-auth",),
        "sed -i 's/^START=.*/START=\"yes\"/' /etc/default/saslauthd; " + RESTART_SASL,
    ),
    (
        "MECHANISMS=shadow",
        ("smtp-auth",),
        "sed -i 's/^MECHANISMS=.*/MECHANISMS=\"shadow\"/' /etc/default/saslauthd; " + RESTART_SASL,
    ),
    (
        "MECHANISMS=sasldb",
        ("smtp-auth",),
        "sed -i 's/^MECHANISMS=.*/MECHANISMS=\"sasldb\"/' /etc/default/saslauthd; " + RESTART_SASL,
    ),
    (
        "socket in its usual place",
        ("smtp-auth",),
        "systemctl stop saslauthd; "
        "sed -i 's|-m [^\"]*|-m /var/run/saslauthd|' /etc/default/saslauthd; " + RESTART_SASL,
    ),
    (
        "socket in its usual place, smtpd without a chroot",
        ("smtp-auth",),
        "systemctl stop saslauthd; sed -i 's|-m [^\"]*|-m /var/run/saslauthd|' "
        "/etc/default/saslauthd; postconf -F smtp/inet/chroot=n; " + RESTART_SASL,
    ),
    (
        "postfix not in group sasl",
        ("smtp-auth",),
        "gpasswd -d postfix sasl >/dev/null; " + RESTART_SASL,
    ),
    ("smtpd.conf missing", ("smtp-auth",), "rm /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL),
    (
        "smtpd.conf in another folder",
        ("smtp-auth",),
        "mv /etc/postfix/sasl/smtpd.conf /etc/postfix/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "smtpd.conf not readable",
        ("smtp-auth",),
        "chmod 600 /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "mech_list: plain",
        ("smtp-auth",),
        "sed -i 's/plain login/plain/' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "mech_list: cram-md5",
        ("smtp-auth",),
        "sed -i 's/plain login/cram-md5/' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "mech_list: LOGIN PLAIN",
        ("smtp-auth",),
        "sed -i 's/plain login/LOGIN PLAIN/' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "pwcheck_method: auxprop",
        ("smtp-auth",),
        "sed -i 's/: saslauthd/: auxprop/' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "pwcheck_method misspelt",
        ("smtp-auth",),
        "sed -i 's/pwcheck/pwchek/' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "saslauthd_path without mux",
        ("smtp-auth",),
        "echo 'saslauthd_path: /var/run/saslauthd' >>/etc/postfix/sasl/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "saslauthd_path with mux",
        ("smtp-auth",),
        "echo 'saslauthd_path: /var/run/saslauthd/mux' "
        ">>/etc/postfix/sasl/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "log_level in smtpd.conf",
        ("smtp-auth",),
        "echo 'log_level: 3' >>/etc/postfix/sasl/smtpd.conf; " + RESTART_SASL,
    ),
    (
        "socket folder of mode 700",
        ("smtp-auth",),
        "chmod 700 /var/spool/postfix/var/run/saslauthd; " + RESTART_SASL,
    ),
    ("pam: deny for smtp", ("smtp-auth",), "echo 'auth required pam_deny.so' >/etc/pam.d/smtp"),
    (
        "master.cf: smtpd without AUTH",
        ("smtp-auth", "postfix"),
        "postconf -P smtp/inet/smtpd_sasl_auth_enable=no; " + RESTART_POSTFIX,
    ),
    (
        "Dovecot does SASL",
        ("smtp-auth",),
        "printf 'service auth {\\n  unix_listener "
        "/var/spool/postfix/private/auth {\\n    mode = 0660\\n    user = postfix\\n"
        "    group = postfix\\n  }\\n}\\n' >/etc/dovecot/conf.d/95-sasl.conf; "
        "echo 'auth_mechanisms = plain login' >/etc/dovecot/conf.d/96-mech.conf; "
        "systemctl restart dovecot; postconf -e smtpd_sasl_type=dovecot "
        "smtpd_sasl_path=private/auth; " + RESTART_POSTFIX,
    ),
)

_ACCOUNTS: tuple[tuple[str, str], ...] = (
    ("account removed", "userdel -r $user 2>/dev/null"),
    ("account has another password", "echo $user:other-2 | chpasswd"),
    ("account has no password", "passwd -qd $user"),
    ("account is locked", "passwd -ql $user"),
    ("account is expired", "chage -E 0 $user"),
    ("password must be changed", "chage -d 0 $user"),
    ("account without a shell", "usermod -s /usr/sbin/nologin $user"),
    ("account with another shell", "usermod -s /bin/sh $user"),
    ("home of another owner", "chown root:root /home/$user"),
    ("home is closed to all", "chmod 700 /home/$user"),
    ("/home closed", "chmod 750 /home"),
    ("/etc closed", "chmod 750 /etc"),
    ("/ closed", "chmod 700 /"),
    ("home is missing", "rm -rf /home/$user"),
    (
        "mailbox of another owner",
        "touch /var/mail/$user; chown root:root /var/mail/$user; chmod 600 /var/mail/$user",
    ),
    ("mailbox is a folder", "rm -f /var/mail/$user; mkdir /var/mail/$user"),
    (
        "mailbox readable by all",
        "touch /var/mail/$user; chown $user:mail /var/mail/$user; chmod 644 /var/mail/$user",
    ),
    ("/var/mail closed", "chmod 700 /var/mail"),
    ("/var/mail of another group", "chgrp root /var/mail"),
    ("/var/mail as on other systems", "chmod 1777 /var/mail"),
    ("another account more", "useradd -m -s /bin/bash taro"),
    ("account in group sudo", "gpasswd -a $user sudo >/dev/null"),
    ("account with a comment", "usermod -c 'mail user' $user"),
)

_ALIASES: tuple[tuple[str, str], ...] = (
    ("aliases.db missing", "rm /etc/aliases.db; postfix reload"),
    ("aliases edited, not built", "sleep 1; echo 'info: root' >>/etc/aliases"),
    ("aliases edited and built", "echo 'info: root' >>/etc/aliases; newaliases"),
    ("postmap in place of newaliases", "postmap /etc/aliases; postfix reload"),
    ("alias without a colon", "echo 'info root' >>/etc/aliases; newaliases || :"),
    ("alias of the account to itself", 'echo "$user: $user" >>/etc/aliases; newaliases'),
    ("alias of the account to root", 'echo "$user: root" >>/etc/aliases; newaliases'),
    ("alias of the account to /dev/null", 'echo "$user: /dev/null" >>/etc/aliases; newaliases'),
    ("aliases built again", "newaliases"),
    (
        "postmaster to the account",
        'sed -i "s/^postmaster:.*/postmaster: $user/" /etc/aliases; newaliases',
    ),
    ("aliases.db cannot be read", "chmod 600 /etc/aliases.db; postfix reload"),
)

_DNS: tuple[tuple[str, str], ...] = (
    ("MX missing", "sed -i /MX/d $zone; rndc reload >/dev/null"),
    ("MX without its last dot", "sed -i '/MX/s/[.]$//' $zone; rndc reload >/dev/null"),
    ("MX to www", "sed -i '/MX/s/mail/www/' $zone; rndc reload >/dev/null"),
    ("MX to an unknown name", "sed -i '/MX/s/mail/smtp/' $zone; rndc reload >/dev/null"),
    ("MX with another preference", "sed -i 's/MX 10/MX 5/' $zone; rndc reload >/dev/null"),
    (
        "a second MX, less preferred",
        'echo "@ IN MX 20 www.$domain." >>$zone; rndc reload >/dev/null',
    ),
    (
        "a second MX, more preferred, without a server",
        '{ echo "@ IN MX 5 old.$domain."; '
        "echo 'old IN A 192.0.2.1'; } >>$zone; rndc reload >/dev/null",
    ),
    ("no A of mail", "sed -i '/^mail/d' $zone; rndc reload >/dev/null"),
    (
        "A of mail is the peer's",
        'sed -i "/^mail/s/$address/$peer_address/" $zone; rndc reload >/dev/null',
    ),
    (
        "mail is a CNAME",
        "sed -i '/^mail/d' $zone; echo \"mail IN CNAME $name\" >>$zone; rndc reload >/dev/null",
    ),
    ("no A of www", "sed -i '/^www/d' $zone; rndc reload >/dev/null"),
    ("no NS", "sed -i '/IN.*NS/d' $zone; rndc reload >/dev/null || :"),
    ("zone file with a fault", "echo 'mail IN A' >>$zone; rndc reload >/dev/null || :"),
    ("zone file with a fault, restarted", "echo 'mail IN A' >>$zone; " + RESTART_BIND),
    ("zone file edited, not loaded", "sleep 1; echo '; note' >>$zone"),
    ("zone: TXT more", "echo '@ IN TXT \"v=spf1 mx -all\"' >>$zone; rndc reload >/dev/null"),
    ("zone: a long TTL", "sed -i 's/^$TTL.*/$TTL 1D/' $zone; rndc reload >/dev/null"),
    ("zone file not readable", "chmod 600 $zone; chown root:root $zone; " + RESTART_BIND),
    (
        "zone not in the configuration",
        'sed -i "s/zone \\"$domain\\"/zone \\"x$domain\\"/" $zones; ' + RESTART_BIND,
    ),
    ("zone file misnamed", "sed -i 's/\\(file .*\\)\\(\";\\)/\\1x\\2/' $zones; " + RESTART_BIND),
    (
        "named.conf without a semicolon",
        "sed -i '0,/recursion yes;/s//recursion yes/' $options; " + RESTART_BIND,
    ),
    ("recursion no", "sed -i 's/recursion yes;/recursion no;/' $options; " + RESTART_BIND),
    (
        "listen-on loopback only",
        "sed -i 's/listen-on {.*/listen-on { 127.0.0.1; };/' $options; " + RESTART_BIND,
    ),
    ("listen-on any", "sed -i 's/listen-on {.*/listen-on { any; };/' $options; " + RESTART_BIND),
    (
        "allow-query localhost",
        "sed -i 's/allow-query {.*/allow-query { localhost; };/' $options; " + RESTART_BIND,
    ),
    (
        "allow-query any",
        "sed -i 's/allow-query {.*/allow-query { any; };/' $options; " + RESTART_BIND,
    ),
    ("named stopped", "systemctl stop named"),
    ("named disabled", "systemctl disable -q named"),
    ("named restarted", RESTART_BIND),
    ("resolv.conf: a dead server", "echo 'nameserver 192.0.2.53' >/etc/resolv.conf"),
    ("resolv.conf: a dead server first", "sed -i '1i nameserver 192.0.2.53' /etc/resolv.conf"),
    (
        "resolv.conf: the peer",
        'sed -i "s/^nameserver.*/nameserver $peer_address/" /etc/resolv.conf',
    ),
    ("resolv.conf: loopback", "sed -i 's/^nameserver.*/nameserver 127.0.0.1/' /etc/resolv.conf"),
    ("resolv.conf: empty", ": >/etc/resolv.conf"),
    ("resolv.conf: another search", "sed -i 's/^search.*/search example.com/' /etc/resolv.conf"),
    ("hosts: the peer by name", 'echo "$peer_address mail.$peer_domain" >>/etc/hosts'),
    ("hosts: a wrong peer", 'echo "192.0.2.7 mail.$peer_domain" >>/etc/hosts'),
    ("nsswitch without dns", "sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf"),
)

_DOVECOT: tuple[tuple[str, str], ...] = (
    (
        "mail_location: Maildir",
        "sed -i 's|^mail_location.*|mail_location = maildir:~/Maildir|' "
        "$mail_conf; " + RESTART_DOVECOT,
    ),
    ("mail_location missing", "sed -i /^mail_location/d $mail_conf; " + RESTART_DOVECOT),
    ("mail_location with %n", "sed -i 's/%u/%n/' $mail_conf; " + RESTART_DOVECOT),
    (
        "mail_location misspelt",
        "sed -i s/^mail_location/mail_locaton/ $mail_conf; " + RESTART_DOVECOT,
    ),
    ("no mail groups", "sed -i '/^mail_.*group/d' $mail_conf; " + RESTART_DOVECOT),
    ("no privileged group", "sed -i '/^mail_privileged_group/d' $mail_conf; " + RESTART_DOVECOT),
    ("no access groups", "sed -i '/^mail_access_groups/d' $mail_conf; " + RESTART_DOVECOT),
    (
        "plain text refused",
        "sed -i 's/^disable_plaintext_auth.*/disable_plaintext_auth = yes/' "
        "$auth_conf; " + RESTART_DOVECOT,
    ),
    (
        "plain text refused but for the lab",
        "sed -i "
        '"s|^disable_plaintext_auth.*|disable_plaintext_auth = yes\\nlogin_trusted_networks = '
        '$network|" $auth_conf; ' + RESTART_DOVECOT,
    ),
    (
        "auth_mechanisms: plain login",
        "sed -i 's/^auth_mechanisms.*/auth_mechanisms = plain login/'"
        " $auth_conf; " + RESTART_DOVECOT,
    ),
    (
        "auth_mechanisms: cram-md5",
        "sed -i 's/^auth_mechanisms.*/auth_mechanisms = cram-md5/' $auth_conf; " + RESTART_DOVECOT,
    ),
    ("no passdb", "sed -i '/auth-system/d' $auth_conf; " + RESTART_DOVECOT),
    ("ssl = yes", "sed -i 's/^ssl = no/ssl = yes/' $ssl_conf; " + RESTART_DOVECOT),
    ("ssl = required", "sed -i 's/^ssl = no/ssl = required/' $ssl_conf; " + RESTART_DOVECOT),
    ("a 2.4 setting in 2.3", "echo 'mail_driver = mbox' >>$mail_conf; " + RESTART_DOVECOT),
    ("a brace too few", "sed -i '$d' $mail_conf; " + RESTART_DOVECOT),
    ("protocols = imap", "echo 'protocols = imap' >>/etc/dovecot/local.conf; " + RESTART_DOVECOT),
    (
        "protocols = imap pop3",
        "echo 'protocols = imap pop3' >>/etc/dovecot/local.conf; " + RESTART_DOVECOT,
    ),
    (
        "listen on loopback",
        "echo 'listen = 127.0.0.1' >>/etc/dovecot/local.conf; " + RESTART_DOVECOT,
    ),
    (
        "listen on the address",
        'echo "listen = $address, 127.0.0.1" >>/etc/dovecot/local.conf; ' + RESTART_DOVECOT,
    ),
    (
        "imap on another port",
        "printf 'service imap-login {\\n  inet_listener imap {\\n"
        "    port = 1143\\n  }\\n}\\n' >>/etc/dovecot/local.conf; " + RESTART_DOVECOT,
    ),
    (
        "settings in local.conf",
        "grep -h '^mail_' $mail_conf >>/etc/dovecot/local.conf; "
        "sed -i '/^mail_/d' $mail_conf; " + RESTART_DOVECOT,
    ),
    (
        "local.conf overrules",
        "echo 'mail_location = maildir:~/Maildir' >>/etc/dovecot/local.conf; " + RESTART_DOVECOT,
    ),
    ("dovecot stopped", "systemctl stop dovecot"),
    ("dovecot disabled", "systemctl disable -q dovecot"),
    ("dovecot reloaded", "sleep 1; touch $ssl_conf; doveadm reload"),
    (
        "dovecot edited, not restarted",
        "sleep 1; sed -i 's|^mail_location.*|mail_location = maildir:~/Maildir|' $mail_conf",
    ),
    ("10-mail.conf not readable", "chmod 000 $mail_conf; " + RESTART_DOVECOT),
    ("debug logging", "echo 'auth_debug = yes' >>/etc/dovecot/local.conf; " + RESTART_DOVECOT),
    (
        "lock methods of other tutorials",
        "echo 'mbox_write_locks = fcntl' >>/etc/dovecot/local.conf; " + RESTART_DOVECOT,
    ),
)

_FIREWALL: tuple[tuple[str, str], ...] = (
    ("port 25 closed", "ufw delete allow 25/tcp >/dev/null"),
    ("port 25 denied", "ufw deny 25/tcp >/dev/null"),
    (
        "port 25 denied to the peer",
        "ufw insert 1 deny from $peer_address to any port 25 proto tcp >/dev/null",
    ),
    (
        "port 25 for the lab only",
        "ufw delete allow 25/tcp >/dev/null; "
        "ufw allow from $network to any port 25 proto tcp >/dev/null",
    ),
    ("port 143 closed", "ufw delete allow 143/tcp >/dev/null"),
    ("port 110 closed", "ufw delete allow 110/tcp >/dev/null"),
    ("port 53 closed", "ufw delete allow 53 >/dev/null"),
    ("port 53 by TCP only", "ufw delete allow 53 >/dev/null; ufw allow 53/tcp >/dev/null"),
    ("port 587 open too", "ufw allow 587/tcp >/dev/null"),
    ("ufw off", "ufw disable >/dev/null"),
    ("ufw not at boot", "systemctl disable -q ufw"),
    ("iptables drops 25", "iptables -I INPUT -p tcp --dport 25 -j DROP"),
    ("iptables rejects 143", "iptables -I INPUT -p tcp --dport 143 -j REJECT"),
    ("outgoing 25 dropped", "iptables -I OUTPUT -p tcp --dport 25 -j DROP"),
    ("outgoing 25 rejected", "ufw reject out 25/tcp >/dev/null"),
    ("outgoing 53 dropped", "iptables -I OUTPUT -p udp --dport 53 ! -o lo -j DROP"),
    ("loopback dropped", "iptables -I INPUT -i lo -j DROP"),
    ("ping refused", "iptables -I INPUT -p icmp -j DROP"),
    (
        "nft drops 25",
        "nft add table inet mine; nft add chain inet mine in "
        "'{ type filter hook input priority -5; }'; nft add rule inet mine in tcp dport 25 drop",
    ),
    ("rules flushed", "iptables -F; iptables -P INPUT ACCEPT"),
)

_MAIL_COMMAND: tuple[tuple[str, str], ...] = (
    ("no mailutils.conf", "rm -f /etc/mailutils.conf"),
    ("another mailname", "echo example.com >/etc/mailname"),
    ("MAIL to a Maildir", "echo 'export MAIL=~/Maildir' >>/home/$user/.profile"),
    ("MAIL to the mailbox", "echo 'export MAIL=/var/mail/$LOGNAME' >>/home/$user/.profile"),
    (".forward to the peer", "echo $peer_user@$peer_domain >/home/$user/.forward"),
    (".forward to oneself", 'echo "\\\\$user" >/home/$user/.forward'),
    (".forward to a file", "echo /dev/null >/home/$user/.forward"),
    (".mailrc with a From", "echo 'set from=other@$domain' >/home/$user/.mailrc"),
    (".mailrc harmless", "echo 'set crt' >/home/$user/.mailrc"),
    ("mail removed", "mv /usr/bin/mail /usr/bin/mail.off; rm -f /etc/alternatives/mailx"),
    ("sendmail not executable", "chmod a-x /usr/sbin/sendmail"),
)

_BOOT: tuple[tuple[str, str], ...] = (
    ("boot order removed", "rm -rf /etc/systemd/system/postfix*.d; systemctl daemon-reload"),
    (
        "boot order by a full unit",
        "rm -rf /etc/systemd/system/postfix*.d; for unit in "
        "postfix.service postfix@.service; do sed '/^\\[Unit\\]/a After=network-online.target"
        "\\nWants=network-online.target' /lib/systemd/system/$unit >/etc/systemd/system/$unit; done; "
        "systemctl daemon-reload",
    ),
)

_PACKAGES: tuple[tuple[str, str], ...] = (
    ("dovecot-pop3d removed", "dpkg --purge dovecot-pop3d >/dev/null 2>&1; " + RESTART_DOVECOT),
    ("dovecot-imapd removed", "dpkg --purge dovecot-imapd >/dev/null 2>&1; " + RESTART_DOVECOT),
)


def _group(section: str, rows: Sequence[tuple[str, str]], *also: str) -> list[Change]:
    return [
        Change(name, (section, *also, *_ALSO.get(name, ())), script, asked=name in _ASKED)
        for name, script in rows
    ]


# Sections that a single change belongs to as well.
_ALSO = {"master.cf: no chroot at all": ("smtp-auth",)}
_ASKED = frozenset(
    {"aliases edited, not built", "an old message is on hold", "zone file edited, not loaded"}
)


def catalogue(rng: random.Random) -> list[Change]:
    """All changes, with random details where a change has them."""
    return [*_of_tutorials(rng), *of_forums(), *of_lessons(), *of_systems()]


def _of_tutorials(rng: random.Random) -> list[Change]:
    auth = ("smtp-auth",)
    return [
        *(_main_cf(name, value) for name, value in _MAIN_CF),
        *(_main_cf(name, value, "postfix", "smtp-auth", needs=auth)
          for name, value in _AUTH_MAIN_CF),
        *(_removed(name) for name in _BOOK_PARAMETERS),
        *(_misspelt(name, rng) for name in _BOOK_PARAMETERS),
        *(Change(one.name, one.sections, one.script, auth, asked=True)
          for each in _AUTH_PARAMETERS for one in (_removed(each), _misspelt(each, rng))),
        *_group("postfix", _POSTFIX),
        *(Change(name, sections, script, auth) for name, sections, script in _AUTH),
        *_group("accounts", _ACCOUNTS),
        *_group("aliases", _ALIASES, "mail-command"),
        *_group("dns", _DNS),
        *_group("dovecot", _DOVECOT),
        *(Change(name, ("firewall",), script, ("firewall",)) for name, script in _FIREWALL),
        *_group("mail-command", _MAIL_COMMAND, "postfix"),
        *(Change(name, ("boot-order",), script, ("boot-order",)) for name, script in _BOOT),
        *_group("packages", _PACKAGES, "dovecot"),
    ]  # fmt: skip


def of_forums() -> list[Change]:
    """The changes of `tests.fuzz.forums`."""
    return _of(forums)


def of_lessons() -> list[Change]:
    """The changes of `tests.fuzz.lessons`."""
    return [
        *_of(lessons),
        *(Change(name, ("boot-order",), script, ("boot-order",)) for name, script in lessons.BOOT),
    ]


def of_systems() -> list[Change]:
    """The changes of `tests.fuzz.systems`."""
    return [*_of(systems), *_group("packages", systems.PACKAGES, "dns", "mail-command")]


def _of(module: ModuleType) -> list[Change]:
    auth = ("smtp-auth",)
    return [
        *(_main_cf(name, value) for name, value in module.MAIN_CF),
        *(_main_cf(name, value, "postfix", "smtp-auth", needs=auth)
          for name, value in module.AUTH_MAIN_CF),
        *_group("postfix", module.POSTFIX, "mail-command", "aliases"),
        *(Change(name, sections, script, auth) for name, sections, script in module.AUTH),
        *_group("accounts", module.ACCOUNTS, "dovecot", "mail-command"),
        *_group("aliases", module.ALIASES, "mail-command"),
        *_group("dns", module.DNS),
        *_group("dovecot", module.DOVECOT),
        *(Change(name, ("firewall",), script, ("firewall",)) for name, script in module.FIREWALL),
        *_group("mail-command", module.MAIL_COMMAND, "postfix"),
    ]  # fmt: skip


Chooser = Callable[[], tuple[Change, ...]]


def chooser(rng: random.Random, sections: frozenset[str], doubles: float) -> Chooser:
    """A source of cases: every change once in random order, again and again.

    A share of `doubles` (0 to 1) are two changes at once.
    """
    waiting: list[Change] = []

    def following() -> Change:
        while True:
            if not waiting:
                waiting.extend(catalogue(rng))
                rng.shuffle(waiting)
            change = waiting.pop()
            if sections.issuperset(change.needs):
                return change

    def choose() -> tuple[Change, ...]:
        return tuple(following() for _number in range(2 if rng.random() < doubles else 1))

    return choose
