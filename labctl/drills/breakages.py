"""What students get wrong, one way each: how it comes about, and what a check must say.

Any mail server can be spoilt so. The scripts know it by `$name`, `$address`, `$domain` and
`$user`, and the other one by `$peer_address` and the like.
"""

from __future__ import annotations

from dataclasses import dataclass

from provision.step import Target

_NAMES = """
name=$1 address=$2 domain=$3 user=$4 peer_address=$5 peer_domain=$6 peer_user=$7
"""


def perform(target: Target, script: str) -> None:
    """Runs a script of this module on a host, which tells it the names of both mail servers."""
    host, peer = target.host, target.peer
    names = [host.name, str(host.address), host.domain, str(host.account)]
    others = [str(peer.address), peer.domain, str(peer.account)]
    target.remote.script(_NAMES + script, *names, *others)


@dataclass(frozen=True)
class Breakage:
    """A good lab, spoilt on one host by a shell script; `code` is the one finding it gives.

    `also` are findings of the same cause that may not be told apart. `repair` mends what `up`
    leaves to the person: it removes no mail and no file that fills a disk.
    """

    name: str
    code: str
    script: str
    also: tuple[str, ...] = ()
    repair: str = ""


_MAIN_CF = "/etc/postfix/main.cf"
# Postfix waits for a main.cf of this second to be older, at each of its programs' start.
_RESTART = (
    f"; touch -d '3 seconds ago' {_MAIN_CF}; "
    "systemctl reset-failed 'postfix@*'; systemctl restart postfix"
)


def _parameter(name: str, wrong: str, how: str) -> Breakage:
    return Breakage(f"{name} {how}", f"postfix.{name}", f'postconf -e "{name}={wrong}"' + _RESTART)


def _missing(name: str) -> Breakage:
    script = f"postconf -X {name}" + _RESTART
    return Breakage(f"{name} missing", f"postfix.{name}", script)


def _misspelt(name: str, wrong: str) -> Breakage:
    script = f"sed -i 's/^{name} =/{wrong} =/' /etc/postfix/main.cf" + _RESTART
    return Breakage(f"{name} misspelt", f"postfix.{name}", script)


_SASL = "; systemctl restart saslauthd postfix"
_SMTPD_CONF = "/etc/postfix/sasl/smtpd.conf"
_ZONE = "/etc/bind/db.$domain"
_DOVECOT = "; systemctl restart dovecot"
_CONF_D = "/etc/dovecot/conf.d"

PARAMETERS = (
    _missing("myhostname"),
    _misspelt("myhostname", "myhostnam"),
    _parameter("myhostname", "mail.$peer_domain", "of the other host"),
    _missing("mydomain"),
    _misspelt("mydomain", "mydomein"),
    _parameter("mydomain", "$peer_domain", "of the other host"),
    _missing("inet_interfaces"),
    _misspelt("inet_interfaces", "inet_interface"),
    _parameter("inet_interfaces", "localhost, $peer_address", "of the other host"),
    _parameter("inet_interfaces", "$address", "without localhost"),
    _parameter("inet_interfaces", "localhost", "without the address"),
    _missing("mydestination"),
    _misspelt("mydestination", "mydestnation"),
    _parameter("mydestination", "$peer_domain", "of the other host"),
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
        f"postconf -e inet_interfaces=localhost{_RESTART}; sleep 1.1; "
        'postconf -e "inet_interfaces=localhost, $address"',
    ),
    Breakage(
        "edited a moment ago",
        "postfix.restarted",
        f"sleep 2; touch {_MAIN_CF}",
    ),
    Breakage("Postfix not enabled", "postfix.enabled", "systemctl disable -q postfix"),
    Breakage("Postfix stopped", "postfix.running", "systemctl stop postfix"),
    Breakage("main.cf of another owner", "postfix.check", f"chown daemon {_MAIN_CF}"),
    Breakage("port 25 closed", "firewall.port-25-tcp", "ufw delete allow 25/tcp >/dev/null"),
    Breakage("port 25 denied", "firewall.port-25-tcp", "ufw deny 25/tcp >/dev/null"),
    Breakage(
        "port 53 open for TCP only",
        "firewall.port-53-udp",
        "ufw delete allow 53 >/dev/null; ufw allow 53/tcp >/dev/null",
    ),
    Breakage("port 110 closed", "firewall.port-110-tcp", "ufw delete allow 110/tcp >/dev/null"),
    Breakage("port 143 closed", "firewall.port-143-tcp", "ufw delete allow 143/tcp >/dev/null"),
    Breakage("ufw off", "firewall.active", "ufw disable >/dev/null"),
    Breakage("ufw not at boot", "firewall.active", "systemctl disable -q ufw"),
    Breakage("aliases not built", "aliases.database", "rm /etc/aliases.db"),
    Breakage("aliases edited", "aliases.database", "echo 'info: root' >>/etc/aliases; sleep 0.1"),
)

AUTH = (
    Breakage(
        "saslauthd not there, systemd says active",
        "smtp-auth.saslauthd",
        "pkill -x saslauthd; systemctl is-active -q saslauthd",
    ),
    Breakage(
        "START=no",
        "smtp-auth.start",
        "sed -i s/^START=yes/START=no/ /etc/default/saslauthd" + _SASL,
    ),
    Breakage(
        "START=no, not yet restarted",
        "smtp-auth.start",
        "sed -i s/^START=yes/START=no/ /etc/default/saslauthd",
    ),
    Breakage(
        "socket outside the chroot",
        "smtp-auth.socket",
        "systemctl stop saslauthd; sed -i 's|-m .*|-m /var/run/saslauthd\"|' "
        "/etc/default/saslauthd" + _SASL,
    ),
    Breakage("postfix not in group sasl", "smtp-auth.group", "gpasswd -d postfix sasl" + _SASL),
    Breakage("smtpd.conf missing", "smtp-auth.smtpd-conf", f"rm {_SMTPD_CONF}" + _SASL),
    Breakage(
        "smtpd.conf misspelt",
        "smtp-auth.smtpd-conf",
        f"mv {_SMTPD_CONF} /etc/postfix/sasl/stmpd.conf" + _SASL,
    ),
    Breakage(
        "smtpd.conf in the wrong folder",
        "smtp-auth.smtpd-conf",
        f"mv {_SMTPD_CONF} /etc/postfix/smtpd.conf" + _SASL,
    ),
    Breakage(
        "wrong mech_list",
        "smtp-auth.mech-list",
        f"sed -i 's/plain login/cram-md5/' {_SMTPD_CONF}" + _SASL,
    ),
    Breakage(
        "mech_list without login",
        "smtp-auth.mech-list",
        f"sed -i 's/plain login/plain/' {_SMTPD_CONF}" + _SASL,
    ),
    Breakage(
        "wrong pwcheck_method",
        "smtp-auth.pwcheck-method",
        f"sed -i 's/: saslauthd/: auxprop/' {_SMTPD_CONF}" + _SASL,
    ),
    Breakage("saslauthd not enabled", "smtp-auth.enabled", "systemctl disable -q saslauthd"),
    Breakage("account missing", "accounts.exists", "userdel -r $user 2>/dev/null"),
    Breakage(
        "account with the other's name",
        "accounts.exists",
        "userdel -r $user 2>/dev/null; useradd -m $peer_user",
    ),
    Breakage("account without password", "accounts.password", "passwd -d $user"),
    Breakage("another password", "accounts.password", "echo $user:other | chpasswd"),
    Breakage(
        "mailbox of another owner",
        "accounts.mailbox",
        "box=/var/mail/$user; touch $box; chown root:root $box; chmod 600 $box",
    ),
    Breakage("/var/mail closed", "accounts.mailbox", "chmod 700 /var/mail"),
)

DNS = (
    Breakage("MX missing", "dns.zone.mx", f"sed -i /MX/d {_ZONE}; rndc reload"),
    Breakage(
        "MX without the dot at its end",
        "dns.zone.mx",
        f"sed -i '/MX/s/[.]$//' {_ZONE}; rndc reload",
    ),
    Breakage("A of www missing", "dns.zone.www", f"sed -i '/^www/d' {_ZONE}; rndc reload"),
    Breakage(
        "A of mail missing, BIND restarted",
        "dns.zone.mail",
        f"sed -i '/^mail/d' {_ZONE}; systemctl restart named",
    ),
    Breakage(
        "named.conf with a fault",
        "dns.files",
        "sed -i 's/recursion yes;/recursion yes/' /etc/bind/named.conf.options; "
        "systemctl restart named || true",
    ),
    Breakage("named not reloaded", "dns.loaded", f"sleep 1.1; echo '; x' >>{_ZONE}"),
    # A copy of the other zone, whose server is asked for its serial only: the same, so no new copy.
    Breakage(
        "serial as before, and the other host's copy is old",
        "dns.peer",
        "dig +onesoa @$peer_address $peer_domain AXFR | sed '/MX/s/mail/www/' "
        ">/var/cache/bind/db.$peer_domain; "
        'sed -i "/$peer_domain/,/^};/d" /etc/bind/named.conf.local; '
        'echo "zone $peer_domain { type secondary; masterfile-format text; '
        'file \\"db.$peer_domain\\"; primaries { $peer_address; }; };" '
        ">>/etc/bind/named.conf.local; rndc reconfig; rndc flush; sleep 1",
    ),
    Breakage("named stopped", "dns.named", "systemctl stop named"),
    Breakage("named not enabled", "dns.enabled", "systemctl disable -q named"),
    Breakage(
        "resolv.conf wrong",
        "dns.resolver",
        "echo nameserver 192.168.56.1 >/etc/resolv.conf",
    ),
    Breakage(
        "the other zone not forwarded",
        "dns.peer",
        "sed -i '/type forward/,/forwarders/d' /etc/bind/named.conf.local; "
        'sed -i "s/^zone \\"$peer_domain\\" {/zone \\"x.$peer_domain\\" { type forward; '
        'forwarders { };/" /etc/bind/named.conf.local; rndc reload; rndc flush',
    ),
)

MAILBOXES = (
    Breakage(
        "mail_location another",
        "dovecot.mail_location",
        f"sed -i 's|^mail_location.*|mail_location = maildir:~/Maildir|' {_CONF_D}/10-mail.conf"
        + _DOVECOT,
    ),
    Breakage(
        "mail_location another in local.conf",
        "dovecot.mail_location",
        "echo 'mail_location = maildir:~/Maildir' >/etc/dovecot/local.conf" + _DOVECOT,
    ),
    Breakage(
        "Postfix fills a Maildir",
        "dovecot.mail_location",
        "postconf -e home_mailbox=Maildir/" + _RESTART,
        also=("mail-command.mailbox",),
    ),
    Breakage(
        "MAIL points at a Maildir",
        "mail-command.mailbox",
        "echo 'export MAIL=~/Maildir' >>/home/$user/.profile",
    ),
    Breakage(
        "disable_plaintext_auth yes",
        "dovecot.disable_plaintext_auth",
        f"sed -i 's/^disable_plaintext_auth.*/disable_plaintext_auth = yes/' "
        f"{_CONF_D}/10-auth.conf" + _DOVECOT,
    ),
    Breakage(
        "ssl yes",
        "dovecot.ssl",
        f"sed -i 's/^ssl = no/ssl = yes/' {_CONF_D}/10-ssl.conf" + _DOVECOT,
    ),
    Breakage(
        "Dovecot not restarted", "dovecot.restarted", f"sleep 2; touch {_CONF_D}/10-auth.conf"
    ),
    Breakage("Dovecot stopped", "dovecot.running", "systemctl stop dovecot"),
    Breakage("Dovecot not enabled", "dovecot.enabled", "systemctl disable -q dovecot"),
    Breakage("mailutils without its domain", "mail-command.sender", "rm /etc/mailutils.conf"),
    Breakage(
        "mail sent on to the other account",
        "mail-command.delivery",
        "echo $peer_user@$peer_domain >/home/$user/.forward",
        repair="rm /home/$user/.forward",
    ),
    Breakage(
        "delivery by a program that is not there",
        "mail-command.delivery",
        "postconf -e mailbox_command=/usr/bin/procmail" + _RESTART,
    ),
    # To an address literal where no mail server is: refused at once, and kept to try again.
    Breakage(
        "a mail stuck in the queue",
        "mail-command.queue",
        'echo test | runuser -u $user -- sendmail "$peer_user@[127.0.0.2]"; n=50; '
        'until [ -n "$(find /var/spool/postfix/deferred -type f)" ] || [ $((n -= 1)) = 0 ]; '
        "do sleep 0.1; done",
        repair="postsuper -d ALL",
    ),
    # Only mail's folder: the hosts may share their disk with this machine.
    Breakage(
        "full disk",
        "mail-command.disk",
        "mount -t tmpfs -o size=64k,mode=2775,gid=mail tmpfs /var/mail; "
        "head -c 1M /dev/zero >/var/mail/core 2>/dev/null || :",
        repair="umount /var/mail",
    ),
)

BREAKAGES = (*PARAMETERS, *POSTFIX, *AUTH, *DNS, *MAILBOXES)


@dataclass(frozen=True)
class RightWay:
    """Another way to do what the book asks for, which no check may call wrong.

    `repair` takes away what `up` leaves beside its own.
    """

    name: str
    script: str
    repair: str = ""


RIGHT_WAYS = (
    RightWay("the domain in place of $mydomain", "postconf -e mydestination=$domain" + _RESTART),
    RightWay(
        "localhost beside the domain",
        "postconf -e 'mydestination=$myhostname ${mydomain} localhost'" + _RESTART,
    ),
    RightWay(
        "an address in place of localhost, and spaces",
        'postconf -e "inet_interfaces = 127.0.0.1   $address"' + _RESTART,
    ),
    RightWay(
        "every interface, and capital letters",
        "postconf -e inet_interfaces=all mydomain=EXAMPLE${domain#example}" + _RESTART,
    ),
    RightWay(
        "comments, other order, long lines in main.cf",
        f"{{ echo '# mydestination = nobody'; tac {_MAIN_CF} | grep -v recipient; "
        "printf 'smtpd_recipient_restrictions =\\n  # why\\n  permit_mynetworks,\\n"
        "  permit_sasl_authenticated\\n  reject_unauth_destination\\n'; } >/tmp/main.cf; "
        f"cat /tmp/main.cf >{_MAIN_CF}" + _RESTART,
    ),
    RightWay(
        "more restrictions",
        "postconf -e 'smtpd_recipient_restrictions=permit_mynetworks, "
        "permit_sasl_authenticated, reject_unauth_destination, reject_unknown_recipient_domain'"
        + _RESTART,
    ),
    RightWay("a reload in place of a restart", "postconf -e biff=no; sleep 1.1; postfix reload"),
    RightWay(
        "smtpd.conf in other letters",
        f"printf '# SASL\\nmech_list:  LOGIN   PLAIN\\npwcheck_method:saslauthd\\n' "
        f">{_SMTPD_CONF}" + _SASL,
    ),
    RightWay(
        "smtpd without a chroot, saslauthd's own socket",
        "postconf -F smtp/inet/chroot=n; systemctl stop saslauthd; "
        "sed -i 's|-m .*|-m /var/run/saslauthd\"|' /etc/default/saslauthd" + _SASL,
    ),
    RightWay(
        "Dovecot's settings in local.conf",
        f"cat {_CONF_D}/10-mail.conf {_CONF_D}/10-ssl.conf | grep -v ^namespace | "
        "grep = | grep -v inbox >/etc/dovecot/local.conf; "
        "echo disable_plaintext_auth=no >>/etc/dovecot/local.conf; "
        f"sed -i /^mail_/d {_CONF_D}/10-mail.conf; sed -i /^ssl/d {_CONF_D}/10-ssl.conf; "
        f"sed -i /^disable/d {_CONF_D}/10-auth.conf" + _DOVECOT,
    ),
    RightWay("Dovecot reloaded", f"sleep 1; touch {_CONF_D}/10-ssl.conf; doveadm reload"),
    RightWay(
        "a Maildir in all three places",
        "postconf -e home_mailbox=Maildir/; "
        f"sed -i 's|^mail_location.*|mail_location = maildir:~/Maildir|' {_CONF_D}/10-mail.conf; "
        "echo 'export MAIL=~/Maildir' >>/home/$user/.profile" + _RESTART + _DOVECOT,
    ),
    RightWay(
        "a zone file in short names",
        '{ echo \'$TTL 1h\'; echo "@ SOA $name root 7 1h 15m 1w 1h"; echo "  NS $name"; '
        "echo '  MX 5 mail'; for each in $name mail www; do echo \"$each A $address\"; done; } "
        f">{_ZONE}; "
        "rndc reload; sleep 1",
    ),
    RightWay(
        "ports opened for the lab's network only",
        "ufw delete allow 25/tcp; ufw allow from 192.168.56.0/24 to any port 25 proto tcp",
    ),
    RightWay(
        "nftables in place of ufw",
        "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update; "
        "apt-get -qqy install --no-install-recommends nftables >/dev/null; "
        "ufw disable; systemctl disable -q ufw; { echo 'flush ruleset'; "
        "echo 'table inet lab { chain input { type filter hook input priority 0; policy drop;'; "
        "echo 'iif lo accept; ct state established,related accept; udp dport 53 accept;'; "
        "echo 'tcp dport { 22, 25, 53, 110, 143 } accept;'; echo '}'; echo '}'; } "
        ">/etc/nftables.conf; "
        "systemctl enable -q nftables; systemctl restart nftables",
        repair="systemctl stop nftables; "
        "apt-get -qqy purge nftables >/dev/null; rm -f /etc/nftables.conf",
    ),
    RightWay("a longer list of aliases", "echo 'info: root' >>/etc/aliases; newaliases"),
)
