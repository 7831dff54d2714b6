"""More changes, to what lies under the mail server: units, packages, disks, names of services,
rights of whole folders, ports in use, letters of a Japanese keyboard, and other right ways.

The same form as in `tests.fuzz.changes`.
"""

from __future__ import annotations

from tests.fuzz.forums import (
    RESTART_BIND,
    RESTART_DOVECOT,
    RESTART_POSTFIX,
    RESTART_SASL,
    in_local,
)

_WIDE_BLANK = "\\xe3\\x80\\x80"

MAIN_CF: tuple[tuple[str, str], ...] = (
    ("mydomain", "${domain%%.*}"),
    ("mydomain", "$domain."),
    ("myhostname", "mail.$domain."),
    ("inet_interfaces", "lcoalhost, $address"),
    ("inet_interfaces", "0.0.0.0"),
    ("inet_interfaces", "host0"),
    ("mydestination", "'\\$mydomain'"),
    ("mydestination", "\\$mydomein"),
    ("mydestination", "\\$mydomain localhost mail.\\$mydomain"),
    ("mynetworks", "192.168.56.0/8"),
    ("mynetworks", "127.0.0.0/8, 192.168.56.0/255.255.255.0"),
    ("relayhost", "\\$mydomain"),
    ("relayhost", "$peer_domain"),
    ("smtpd_relay_restrictions", ""),
    ("mailbox_command", '/usr/lib/dovecot/dovecot-lda -f \\"\\$SENDER\\" -a \\"\\$RECIPIENT\\"'),
    ("mailbox_transport", "lmtp:unix:private/dovecot-lmtp"),
    ("mailbox_command", "/usr/bin/maildrop"),
    ("virtual_mailbox_maps", "hash:/etc/postfix/vmailbox"),
    ("strict_mailbox_ownership", "no"),
    ("smtp_tls_security_level", "dane"),
    ("smtpd_tls_security_level", "may"),
    ("default_database_type", "btree"),
    ("syslog_facility", "local1"),
    ("process_id_directory", "pid"),
    # A list under the lab's own zone: a resolver outside that is slow would make the case broken.
    ("smtpd_client_restrictions", "reject_rbl_client list.$domain"),
    ("smtpd_recipient_limit", "1"),
    ("bounce_queue_lifetime", "0"),
    ("export_environment", "TZ=Asia/Tokyo"),
)

AUTH_MAIN_CF: tuple[tuple[str, str], ...] = (
    ("smtpd_recipient_restrictions", ""),
    ("smtpd_sasl_security_options", ""),
    ("smtpd_sasl_auth_enable", "true"),
    ("smtpd_sasl_path", "private/auth"),
    ("smtpd_sasl_type", "cyrus, dovecot"),
    ("cyrus_sasl_config_path", "/etc/postfix"),
)


def _dropin(unit: str, *lines: str, restart: str = "") -> str:
    text = "\\n".join(("[Service]", *lines))
    folder = f"/etc/systemd/system/{unit}.d"
    return (
        f"mkdir -p {folder}; printf '{text}\\n' >{folder}/mine.conf; systemctl daemon-reload; "
        f"{restart or f'systemctl restart {unit} || :'}"
    )


def _taken(port: int, service: str) -> str:
    """Another program listens on the port, so that the service cannot."""
    return (
        f"systemctl stop {service}; sleep 0.5; "
        f"setsid busybox nc -ll -p {port} -e /bin/cat </dev/null >/dev/null 2>&1 & "
        f"sleep 0.5; systemctl start {service} || :"
    )


POSTFIX: tuple[tuple[str, str], ...] = (
    ("header_checks discard the book's subject",
     "echo '/^Subject: Test mail/ DISCARD' >/etc/postfix/mine; "
     "postconf -e header_checks=regexp:/etc/postfix/mine; " + RESTART_POSTFIX),
    ("smtp_header_checks replace From",
     "echo '/^From:/ REPLACE From: nobody@example.com' >/etc/postfix/mine; "
     "postconf -e smtp_header_checks=regexp:/etc/postfix/mine; " + RESTART_POSTFIX),
    ("postscreen without smtpd",
     "postconf -M smtp/inet='smtp inet n - y - 1 postscreen'; " + RESTART_POSTFIX),
    ("master.cf: local without its rights",
     "postconf -F local/unix/unprivileged=y; " + RESTART_POSTFIX),
    ("master.cf: smtp is private", "postconf -F smtp/inet/private=y; " + RESTART_POSTFIX),
    ("master was killed", "pkill -9 -x master; sleep 0.5"),
    ("another program has port 25", _taken(25, "postfix")),
    ("the queue belongs to postfix alone", "chown -R postfix:postfix /var/spool/postfix; "
                                           + RESTART_POSTFIX),
    ("the queue belongs to root alone", "chown -R root:root /var/spool/postfix; "
                                        + RESTART_POSTFIX),
    ("the queue is open to all", "chmod -R 777 /var/spool/postfix; " + RESTART_POSTFIX),
    ("data directory of root", "chown -R root:root /var/lib/postfix; " + RESTART_POSTFIX),
    ("postfix's files for root only", "chmod 600 /etc/postfix/*.cf; " + RESTART_POSTFIX),
    ("no smtp in /etc/services", "sed -i /^smtp/d /etc/services; " + RESTART_POSTFIX),
    ("/etc/services is gone", "rm /etc/services; " + RESTART_POSTFIX),
    ("mail spool is read-only", "mount --bind /var/mail /var/mail; "
                                "mount -o remount,ro,bind /var/mail"),
    ("/tmp is full", "mount -t tmpfs -o size=4k,mode=1777 none /tmp; echo full >/tmp/x"),
    ("no dynamicmaps.cf", "rm -f /etc/postfix/dynamicmaps.cf; " + RESTART_POSTFIX),
    ("main.cf: a wide blank before =",
     f"sed -i 's/^mydestination =/mydestination{_WIDE_BLANK}=/' /etc/postfix/main.cf; "
     + RESTART_POSTFIX),
    ("main.cf: a wide comma",
     "sed -i 's/^\\(inet_interfaces = [^,]*\\),/\\1\\xe3\\x80\\x81/' /etc/postfix/main.cf; "
     + RESTART_POSTFIX),
    ("main.cf: curly quotes",
     "sed -i 's/^mydestination = \\(.*\\)/mydestination = \\xe2\\x80\\x9c\\1\\xe2\\x80\\x9d/' "
     "/etc/postfix/main.cf; " + RESTART_POSTFIX),
    ("main.cf: a value on the next line",
     "sed -i 's/^mydestination = \\(.*\\)/mydestination =\\n  \\1/' /etc/postfix/main.cf; "
     + RESTART_POSTFIX),
    ("main.cf: a comment behind a value",
     "sed -i 's/^mydestination = .*/& # mine/' /etc/postfix/main.cf; " + RESTART_POSTFIX),
    ("main.cf: capitals", "sed -i 's/^mydestination/MyDestination/' /etc/postfix/main.cf; "
                          + RESTART_POSTFIX),
    ("main.cf: no blanks around =", "sed -i 's/ = /=/' /etc/postfix/main.cf; " + RESTART_POSTFIX),
    ("main.cf of the package", "cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf; "
                               + RESTART_POSTFIX),
    ("master.cf of the package", "cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf; "
                                 + RESTART_POSTFIX),
    ("master.cf: no chroot at all",
     "sed -i 's/^\\([a-z0-9-]* *[a-z]* *[-yn] *[-yn] *\\)y/\\1n/' /etc/postfix/master.cf; "
     + RESTART_SASL),
    ("master.cf: an indented line", "sed -i 's/^smtp  *inet/ &/' /etc/postfix/master.cf; "
                                    + RESTART_POSTFIX),
    ("master.cf: -o with blanks",
     "sed -i '/^smtp  *inet/a \\  -o smtpd_client_restrictions = reject' /etc/postfix/master.cf; "
     + RESTART_POSTFIX),
    ("another time zone", "ln -sf /usr/share/zoneinfo/America/New_York /etc/localtime; "
                          "systemctl restart rsyslog; " + RESTART_POSTFIX),
    ("the log in another file",
     "echo 'mail.* -/var/log/maillog' >/etc/rsyslog.d/00-mail.conf; "
     "sed -i '/^mail\\./d' /etc/rsyslog.conf /etc/rsyslog.d/50-default.conf; "
     "systemctl restart rsyslog"),
    ("the log in the old format",
     "sed -i '1i $ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat' /etc/rsyslog.conf; "
     "systemctl restart rsyslog"),
    ("the log in the new format",
     "sed -i 's/^$ActionFileDefaultTemplate.*/$ActionFileDefaultTemplate RSYSLOG_FileFormat/' "
     "/etc/rsyslog.conf; systemctl restart rsyslog"),
    ("the log was rotated", "mv /var/log/mail.log /var/log/mail.log.1; systemctl kill -s HUP rsyslog"),
    ("unit: postfix in its own network", _dropin("postfix@-.service", "PrivateNetwork=yes")),
    ("unit: postfix sees no home", _dropin("postfix@-.service", "ProtectHome=yes")),
    ("unit: postfix may write nothing", _dropin("postfix@-.service", "ProtectSystem=strict")),
    ("unit: postfix restarts by itself", _dropin("postfix@-.service", "RestartSec=5")),
    ("unit: postfix is masked behind its wrapper", "systemctl mask -q postfix@-.service"),
    ("Maildir on both sides",
     "postconf -e home_mailbox=Maildir/; sed -i 's|^mail_location.*|mail_location = "
     "maildir:~/Maildir|' $mail_conf; echo 'export MAIL=~/Maildir' >>/home/$user/.profile; "
     + RESTART_POSTFIX + "; " + RESTART_DOVECOT),
    ("virtual: other domain by virtual_alias_domains",
     'echo "info@other.test $user@$domain" >/etc/postfix/mine; postmap /etc/postfix/mine; '
     "postconf -e virtual_alias_domains=other.test virtual_alias_maps=hash:/etc/postfix/mine; "
     + RESTART_POSTFIX),
    ("virtual: the domain goes round",
     'echo "@$domain @$domain" >/etc/postfix/mine; postmap /etc/postfix/mine; '
     "postconf -e virtual_alias_maps=hash:/etc/postfix/mine; " + RESTART_POSTFIX),
    ("virtual: all of the domain to root",
     'echo "@$domain root" >/etc/postfix/mine; postmap /etc/postfix/mine; '
     "postconf -e virtual_alias_maps=hash:/etc/postfix/mine; " + RESTART_POSTFIX),
)  # fmt: skip

AUTH: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("libsasl2-modules purged", ("smtp-auth", "packages"),
     "dpkg --purge --force-depends libsasl2-modules >/dev/null 2>&1; " + RESTART_SASL),
    ("unit: saslauthd sees no network", ("smtp-auth",),
     _dropin("saslauthd.service", "PrivateNetwork=yes")),
    ("unit: saslauthd with a private /var/spool", ("smtp-auth",),
     _dropin("saslauthd.service", "TemporaryFileSystem=/var/spool")),
    # The start script then gives the root folder the mode of the socket's folder.
    ("OPTIONS with a blank too many", ("smtp-auth", "accounts"),
     "systemctl stop saslauthd; sed -i 's|-m /var|-m / var|' /etc/default/saslauthd; "
     + RESTART_SASL),
    ("OPTIONS twice, the last one of the package", ("smtp-auth",),
     "systemctl stop saslauthd; echo 'OPTIONS=\"-c -m /var/run/saslauthd\"' "
     ">>/etc/default/saslauthd; " + RESTART_SASL),
    ("MECHANISMS without quotes", ("smtp-auth",),
     "sed -i 's/^MECHANISMS=.*/MECHANISMS=pam/' /etc/default/saslauthd; " + RESTART_SASL),
    ("saslauthd's defaults are gone", ("smtp-auth",),
     "systemctl stop saslauthd; rm /etc/default/saslauthd; " + RESTART_SASL),
    ("smtpd.conf with capitals", ("smtp-auth",),
     "sed -i 's/saslauthd/SASLAUTHD/; s/pwcheck_method/PWCheck_Method/' "
     "/etc/postfix/sasl/smtpd.conf; " + RESTART_SASL),
    ("smtpd.conf with =", ("smtp-auth",),
     "sed -i 's/: / = /' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL),
    ("smtpd.conf with commas", ("smtp-auth",),
     "sed -i 's/plain login/plain, login/' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL),
    ("/var/spool/postfix/var closed", ("smtp-auth", "postfix"),
     "chmod 700 /var/spool/postfix/var; systemctl restart postfix"),
)  # fmt: skip

ACCOUNTS: tuple[tuple[str, str], ...] = (
    ("/var/spool is closed", "chmod 700 /var/spool"),
    ("pam_access refuses the account",
     'echo "account required pam_access.so" >>/etc/pam.d/common-account; '
     'echo "-:$user:ALL" >>/etc/security/access.conf'),
    ("a large attachment in a full mailbox",
     "{ printf 'From a@b.test Mon Jan  1 00:00:00 2024\\nSubject: big\\n\\n'; "
     "yes 1234567890123456789012345678901234567890123456789012345678901234567890 | "
     "head -c 51300000; echo; echo; } >/var/mail/$user; chown $user:mail /var/mail/$user; "
     "chmod 600 /var/mail/$user"),
    ("a PATH without the system's", "echo 'export PATH=/home/$user/bin' >>/home/$user/.profile"),
    ("mesg n in .profile", "echo 'mesg n' >>/home/$user/.profile"),
    ("a syntax error in .profile", "echo 'if [ x' >>/home/$user/.profile"),
    ("set -e in .profile", "echo 'set -e; false' >>/home/$user/.profile"),
    ("/etc/profile with a fault", "echo 'fi' >>/etc/profile"),
    ("/var/mail of the user", "chown -R $user:$user /var/mail"),
    ("/var/mail of mode 755", "chmod 755 /var/mail"),
    ("/var/mail of mode 777", "chmod 777 /var/mail"),
    ("/home closed", "chmod 700 /home"),
    ("not in the shadow", 'sed -i "/^$user:/d" /etc/shadow'),
    ("/etc/shadow of root only", "chown root:root /etc/shadow; chmod 600 /etc/shadow"),
    ("home of all", "chmod 777 /home/$user"),
    ("account in group mail", "gpasswd -a $user mail >/dev/null"),
    ("a limit of the file size", "echo '* hard fsize 0' >>/etc/security/limits.conf"),
    ("a limit of the processes", 'echo "$user hard nproc 0" >>/etc/security/limits.conf'),
    ("hosts.deny of mail", "echo 'smtpd master imap-login pop3-login: ALL' >>/etc/hosts.deny"),
    ("/etc/passwd for root only", "chmod 600 /etc/passwd"),
    ("/dev/null for root only", "chmod 600 /dev/null"),
    ("rbash", "usermod -s /bin/rbash $user"),
)  # fmt: skip

ALIASES: tuple[tuple[str, str], ...] = (
    ("postmaster to root@localhost",
     "sed -i 's/^postmaster:.*/postmaster: root@localhost/' /etc/aliases; newaliases"),
    ("postmaster to a list that is missing",
     "sed -i 's|^postmaster:.*|postmaster: :include:/etc/postmasters|' /etc/aliases; newaliases"),
    ("alias with a wide colon",
     "sed -i 's/^postmaster:/postmaster\\xef\\xbc\\x9a/' /etc/aliases; newaliases || :"),
    ("alias with a blank before the colon",
     "sed -i 's/^postmaster:/postmaster :/' /etc/aliases; newaliases"),
    ("alias on two lines", "sed -i 's/^postmaster:.*/postmaster:\\n  root/' /etc/aliases; newaliases"),
    ("alias in quotes", "sed -i 's/^postmaster:.*/\"postmaster\": \"root\"/' /etc/aliases; newaliases"),
    ("alias to two", 'sed -i "s/^postmaster:.*/postmaster: root, $user/" /etc/aliases; newaliases'),
    ("root to the peer's user",
     'echo "root: $peer_user@$peer_domain" >>/etc/aliases; newaliases'),
    ("alias file is gone", "rm /etc/aliases"),
    ("alias by postalias", "echo 'info: root' >>/etc/aliases; postalias /etc/aliases"),
)  # fmt: skip

DNS: tuple[tuple[str, str], ...] = (
    ("zone: a link into root's home", "mv $zone /root/zone; ln -s /root/zone $zone; "
                                      + RESTART_BIND),
    ("named in a chroot that is missing",
     "sed -i 's|^OPTIONS=.*|OPTIONS=\"-u bind -t /var/lib/named\"|' /etc/default/named; "
     + RESTART_BIND),
    ("unit: named with a second ExecStart",
     _dropin("named.service", "ExecStart=/usr/sbin/named -f -u bind -4")),
    ("another program has port 53", _taken(53, "named")),
    ("zones in a folder of their own",
     'mkdir /etc/bind/zones; mv $zone /etc/bind/zones/; sed -i "s|$zone|/etc/bind/zones/${zone##*/}|" '
     "$zones; " + RESTART_BIND),
    ("zone name in capitals", 'sed -i "s/zone \\"$domain\\"/zone \\"$(echo $domain | tr a-z A-Z)\\"/" '
                              "$zones; " + RESTART_BIND),
    ("zone name with its dot", 'sed -i "s/zone \\"$domain\\"/zone \\"$domain.\\"/" $zones; '
                               + RESTART_BIND),
    ("zone of type hint", "sed -i '0,/type master/s//type hint/' $zones; " + RESTART_BIND),
    ("a reverse zone too",
     "printf '$TTL 1H\\n@ IN SOA localhost. root.localhost. 1 1H 1H 1W 1H\\n@ IN NS localhost.\\n' "
     ">/etc/bind/reverse; echo 'zone \"56.168.192.in-addr.arpa\" { type master; "
     "file \"/etc/bind/reverse\"; };' >>$zones; " + RESTART_BIND),
    ("zone: a missing parenthesis", "sed -i '0,/)/s///' $zone; " + RESTART_BIND),
    ("zone: a blank before a name", "sed -i 's/^mail/ mail/' $zone; rndc reload >/dev/null || :"),
    ("zone: a wide blank", f"sed -i 's/^mail/mail{_WIDE_BLANK}/' $zone; rndc reload >/dev/null || :"),
    ("zone: small letters",
     "sed -i '/^mail/s/IN.*A/in a/' $zone; rndc reload >/dev/null"),
    ("zone: an A in another class", "sed -i '/^mail/s/IN/CH/' $zone; rndc reload >/dev/null || :"),
    ("zone: an AAAA more", "echo 'mail IN AAAA fd00::99' >>$zone; rndc reload >/dev/null"),
    ("zone: an AAAA alone",
     "sed -i '/^mail/d' $zone; echo 'mail IN AAAA fd00::99' >>$zone; rndc reload >/dev/null"),
    ("zone: the MX of another domain", 'sed -i "/MX/s/MX.*/MX 10 mail.$peer_domain./" $zone; '
                                       "rndc reload >/dev/null"),
    ("zone: names in full",
     'sed -i "s/^mail/mail.$domain./; s/^www/www.$domain./" $zone; rndc reload >/dev/null'),
    ("zone: names in full without a dot",
     'sed -i "s/^mail/mail.$domain/" $zone; rndc reload >/dev/null'),
    ("zone: MX of a subdomain", 'echo "sub IN MX 10 mail" >>$zone; rndc reload >/dev/null'),
    ("zone: MX 0", "sed -i 's/MX 10/MX 0/' $zone; rndc reload >/dev/null"),
    ("zone: a null MX", "sed -i '/MX/s/MX.*/MX 0 ./' $zone; rndc reload >/dev/null"),
    ("zone: a name with an underscore",
     "sed -i 's/^mail/ma_il/' $zone; rndc reload >/dev/null || :"),
    ("zone: the file is empty", ": >$zone; " + RESTART_BIND),
    ("zone: with Windows line ends", "sed -i 's/$/\\r/' $zone; " + RESTART_BIND),
    ("zone: with a byte order mark", "sed -i '1s/^/\\xef\\xbb\\xbf/' $zone; " + RESTART_BIND),
    ("named.conf does not read the zones",
     "sed -i '/named.conf.local\\|my-zones/d' /etc/bind/named.conf; " + RESTART_BIND),
    ("named.conf: curly quotes",
     "sed -i '0,/\"/s//\\xe2\\x80\\x9d/' $zones; " + RESTART_BIND),
    ("named.conf: a comment with ;", "sed -i '1i ; my zones' $zones; " + RESTART_BIND),
    ("forward only to a dead server",
     "sed -i 's|^};|  forward only; forwarders { 192.0.2.53; };\\n};|' $options; " + RESTART_BIND),
    ("forward first to a dead server",
     "sed -i 's|^};|  forwarders { 192.0.2.53; };\\n};|' $options; " + RESTART_BIND),
    ("unit: named in its own network", _dropin("named.service", "PrivateNetwork=yes")),
    ("unit: named cannot read its files",
     _dropin("named.service", "InaccessiblePaths=/etc/bind")),
    ("/run/named of root", "chown root:root /run/named; " + RESTART_BIND),
    ("/var/cache/bind of root", "chown root:root /var/cache/bind; chmod 755 /var/cache/bind; "
                                + RESTART_BIND),
    ("resolv.conf: many servers",
     "sed -i '1i nameserver 192.0.2.1\\nnameserver 192.0.2.2\\nnameserver 192.0.2.3' "
     "/etc/resolv.conf"),
    ("resolv.conf: blanks before", "sed -i 's/^nameserver/  nameserver/' /etc/resolv.conf"),
    ("resolv.conf: a name", 'sed -i "s/^nameserver.*/nameserver $name/" /etc/resolv.conf'),
    ("resolv.conf: with Windows line ends", "sed -i 's/$/\\r/' /etc/resolv.conf"),
    ("resolv.conf is a folder", "rm /etc/resolv.conf; mkdir /etc/resolv.conf"),
    ("nsswitch.conf is gone", "rm /etc/nsswitch.conf"),
    ("hosts: the peer's domain on itself", 'echo "$address $peer_domain mail.$peer_domain" >>/etc/hosts'),
)  # fmt: skip


DOVECOT: tuple[tuple[str, str], ...] = (
    ("auth_default_realm", in_local("auth_default_realm = example.com")),
    ("namespace with a Maildir",
     "sed -i '/^namespace inbox/a \\  location = maildir:~/Maildir' $mail_conf; "
     + RESTART_DOVECOT),
    ("passdb passwd", "sed -i 's/driver = pam/driver = passwd/' "
                      "/etc/dovecot/conf.d/auth-system.conf.ext; " + RESTART_DOVECOT),
    ("~/mail is a file", "rm -rf /home/$user/mail; echo x >/home/$user/mail; "
                         "chown $user: /home/$user/mail"),
    ("another program has port 143", _taken(143, "dovecot")),
    ("another program has port 110", _taken(110, "dovecot")),
    ("auth_mechanisms with a comma", in_local("auth_mechanisms = plain, login")),
    ("a comment behind a value", "sed -i 's/^ssl = no/ssl = no # off/' $ssl_conf; "
                                 + RESTART_DOVECOT),
    ("mail_location in quotes",
     "sed -i 's|^mail_location = \\(.*\\)|mail_location = \"\\1\"|' $mail_conf; "
     + RESTART_DOVECOT),
    ("mail_location with a blank",
     "sed -i 's|:INBOX=|: INBOX=|' $mail_conf; " + RESTART_DOVECOT),
    ("mail_location with a wide blank",
     f"sed -i 's|^mail_location = |mail_location = {_WIDE_BLANK}|' $mail_conf; " + RESTART_DOVECOT),
    ("mail_location: INBOX only", "sed -i 's|^mail_location.*|mail_location = mbox:~:INBOX=/var/mail/%u|' "
                                  "$mail_conf; " + RESTART_DOVECOT),
    ("mail_privileged_group that is none", in_local("mail_privileged_group = mails")),
    ("no pam.d/dovecot", "rm -f /etc/pam.d/dovecot"),
    ("auth-system is gone", "rm /etc/dovecot/conf.d/auth-system.conf.ext; " + RESTART_DOVECOT),
    ("no userdb", "sed -i '/^userdb/,/^}/d' /etc/dovecot/conf.d/auth-system.conf.ext; "
                  + RESTART_DOVECOT),
    ("a static userdb", in_local("userdb {", "  driver = static",
                               "  args = uid=mail gid=mail home=/srv/%%u", "}")),
    ("passdb shadow", "sed -i 's/driver = pam/driver = shadow/' "
                      "/etc/dovecot/conf.d/auth-system.conf.ext; " + RESTART_DOVECOT),
    ("/etc/dovecot closed", "chmod 700 /etc/dovecot; " + RESTART_DOVECOT),
    ("dovecot.conf is gone", "rm /etc/dovecot/dovecot.conf; " + RESTART_DOVECOT),
    ("dovecot.conf twice read", "cp $mail_conf /etc/dovecot/conf.d/10-mail.conf.bak; "
                                + RESTART_DOVECOT),
    ("an old copy that is read later",
     "printf 'mail_location = maildir:~/Maildir\\n' >/etc/dovecot/conf.d/10-mail.old.conf; "
     + RESTART_DOVECOT),
    ("unit: dovecot sees no home", _dropin("dovecot.service", "ProtectHome=yes")),
    ("unit: dovecot may not write mail", _dropin("dovecot.service", "ReadOnlyPaths=/var/mail")),
    ("unit: dovecot in its own network", _dropin("dovecot.service", "PrivateNetwork=yes")),
    ("/run/dovecot of root only", "chmod 700 /run/dovecot"),
    ("login processes limited",
     in_local("service imap-login {", "  process_limit = 1", "  client_limit = 1", "}")),
    ("default_vsz_limit too small", in_local("default_vsz_limit = 1M")),
    ("haproxy on the listener",
     in_local("service imap-login {", "  inet_listener imap {", "    haproxy = yes", "  }", "}")),
    ("mail_location of a class without a driver",
     "sed -i 's|^mail_location = mbox:|mail_location = |' $mail_conf; " + RESTART_DOVECOT),
    ("auth_failure_delay 0", in_local("auth_failure_delay = 0 secs")),
    ("auth_cache", in_local("auth_cache_size = 10M")),
    ("verbose", in_local("auth_verbose = yes", "auth_debug_passwords = yes")),
)  # fmt: skip

FIREWALL: tuple[tuple[str, str], ...] = (
    ("only root may send mail",
     "iptables -I OUTPUT -p tcp --dport 25 -m owner ! --uid-owner root -j REJECT"),
    ("the peer's address here too", "ip address add $peer_address/24 dev host0"),
    ("a wrong hardware address of the peer",
     "ip neigh replace $peer_address lladdr 02:00:00:00:00:99 dev host0 nud permanent"),
    ("nftables in ufw's place",
     "ufw --force disable >/dev/null; systemctl disable -q --now ufw; "
     "printf 'flush ruleset\\ntable inet f {\\n chain in {\\n  type filter hook input priority 0; "
     "policy drop;\\n  ct state established,related accept\\n  iif lo accept\\n"
     "  tcp dport { 22, 25, 53, 80, 110, 143 } accept\\n  udp dport 53 accept\\n"
     "  icmp type echo-request accept\\n }\\n}\\n' >/etc/nftables.conf; "
     "systemctl enable -q --now nftables; systemctl restart nftables"),
    ("nftables in ufw's place, without 143",
     "ufw --force disable >/dev/null; systemctl disable -q --now ufw; "
     "printf 'flush ruleset\\ntable inet f {\\n chain in {\\n  type filter hook input priority 0; "
     "policy drop;\\n  ct state established,related accept\\n  iif lo accept\\n"
     "  tcp dport { 22, 25, 53, 80, 110 } accept\\n  udp dport 53 accept\\n"
     "  icmp type echo-request accept\\n }\\n}\\n' >/etc/nftables.conf; "
     "systemctl enable -q --now nftables; systemctl restart nftables"),
    ("all ports in one rule",
     "for port in 25/tcp 110/tcp 143/tcp; do ufw delete allow $port >/dev/null; done; "
     "ufw allow 25,110,143/tcp >/dev/null"),
    ("25 for TCP and UDP", "ufw delete allow 25/tcp >/dev/null; ufw allow 25 >/dev/null"),
    ("25 from the machine only",
     'ufw delete allow 25/tcp >/dev/null; '
     'ufw allow from "${network%.*}.1" to any port 25 proto tcp >/dev/null'),
    ("25 to another address",
     "ufw delete allow 25/tcp >/dev/null; "
     "ufw allow to 192.0.2.5 port 25 proto tcp >/dev/null"),
    ("deny 143 on the interface", "ufw insert 1 deny in on host0 to any port 143 >/dev/null"),
    ("limit 25", "ufw delete allow 25/tcp >/dev/null; ufw limit 25/tcp >/dev/null"),
    ("limit ssh", "ufw limit 22/tcp >/dev/null"),
    ("before.rules drop 25",
     "sed -i '/^# End required lines/a -A ufw-before-input -p tcp --dport 25 -j DROP' "
     "/etc/ufw/before.rules; ufw reload >/dev/null"),
    ("outgoing to the peer rejected", "ufw reject out to $peer_address >/dev/null"),
    ("answers of 25 dropped", "iptables -I OUTPUT -p tcp --sport 25 -j DROP"),
    ("answers of 53 dropped", "iptables -I OUTPUT -p udp --sport 53 ! -o lo -j DROP"),
    ("invalid packets dropped", "iptables -I INPUT -m conntrack --ctstate INVALID -j DROP"),
    ("established dropped", "iptables -I INPUT -m conntrack --ctstate ESTABLISHED "
                            "-p tcp --dport 25 -j DROP"),
    ("ICMP off", "sysctl -qw net.ipv4.icmp_echo_ignore_all=1"),
    ("the loopback is down", "ip link set lo down"),
    ("a second address", "ip address add ${network%.*}.77/24 dev host0"),
    ("ufw's default is gone", "sed -i 's/^DEFAULT_INPUT_POLICY=.*/DEFAULT_INPUT_POLICY=\"REJECT\"/' "
                              "/etc/default/ufw; ufw reload >/dev/null"),
)  # fmt: skip

MAIL_COMMAND: tuple[tuple[str, str], ...] = (
    (".mailrc asks a Cc", "echo 'set askcc' >/home/$user/.mailrc"),
    (".mailrc with a nail for From", "echo 'set from=\"User <$user@$domain>\"' >/home/$user/.mailrc"),
    (".mailrc of root only", "echo 'set crt' >/home/$user/.mailrc; chmod 600 /home/$user/.mailrc"),
    (".forward in capitals", 'echo "nobody" >/home/$user/.FORWARD'),
    (".forward of another owner", 'echo "$peer_user@$peer_domain" >/home/$user/.forward; '
                                  "chown daemon /home/$user/.forward"),
    (".forward round with the peer's alias",
     'echo "$user@mail.$domain" >/home/$user/.forward; chown $user: /home/$user/.forward'),
    (".forward with a comment only", "echo '# none' >/home/$user/.forward; "
                                     "chown $user: /home/$user/.forward"),
    ("an alias of the shell", "echo \"alias mail='mail -v'\" >>/home/$user/.bashrc"),
    ("mailname of the host", "echo $name.$domain >/etc/mailname"),
    ("mailname empty", ": >/etc/mailname"),
    ("mail of another alternative", "ln -sf /bin/true /etc/alternatives/mailx; ln -sf /bin/true "
                                    "/usr/bin/mail"),
    ("mailbox with old mail",
     "printf 'From a@b.test Mon Jan  1 00:00:00 2024\\nFrom: a@b.test\\nSubject: old\\n\\nx\\n\\n' "
     ">/var/mail/$user; chown $user:mail /var/mail/$user; chmod 600 /var/mail/$user"),
)  # fmt: skip

PACKAGES: tuple[tuple[str, str], ...] = (
    ("mailutils purged", "dpkg --purge --force-depends mailutils >/dev/null 2>&1"),
    ("bind9 purged", "dpkg --purge --force-depends bind9 >/dev/null 2>&1"),
)
