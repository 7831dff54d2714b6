"""More changes, as they appear in forums, other tutorials and the work of students.

The same form as in `tests.fuzz.changes`. Here are tables and restrictions of Postfix, other ways to
run its services, files of the account, views and access lists of BIND, and orders of rules.
"""

from __future__ import annotations

RESTART_POSTFIX = "touch -d '3 seconds ago' /etc/postfix/main.cf; systemctl restart postfix || :"
RESTART_DOVECOT = "systemctl restart dovecot || :"
RESTART_BIND = "systemctl restart named || :"
RESTART_SASL = "systemctl restart saslauthd; systemctl restart postfix || :"

# Parameters of main.cf and their values.
MAIN_CF: tuple[tuple[str, str], ...] = (
    ("mynetworks_style", "class"),
    ("mynetworks", "127.0.0.0/8, $address"),
    (
        "smtpd_client_restrictions",
        "permit_mynetworks, reject_unknown_reverse_client_hostname",
    ),
    ("smtpd_helo_restrictions", "reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname"),
    ("smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination"),
    (
        "smtpd_relay_restrictions",
        "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    ),
    ("smtpd_sender_restrictions", "reject_authenticated_sender_login_mismatch"),
    ("smtpd_reject_unlisted_sender", "yes"),
    ("mailbox_size_limit", "1000000"),
    ("message_size_limit", "60000000"),
    ("message_size_limit", "0"),
    ("queue_minfree", "1000000000000000"),
    ("default_destination_concurrency_limit", "1"),
    ("smtp_connect_timeout", "5s"),
    ("smtp_sasl_auth_enable", "yes"),
    ("smtp_sasl_password_maps", "hash:/etc/postfix/sasl_passwd"),
    ("relayhost", "mail.$domain"),
    ("relayhost", "[$peer_address]:2525"),
    ("smtp_bind_address", "192.0.2.9"),
    ("smtp_bind_address", "$address"),
    ("smtp_helo_name", "localhost"),
    ("inet_interfaces", "127.0.0.1"),
    ("mydestination", "\\$mydomain, localhost"),
    ("mydestination", "$domain, mail.$domain, localhost.$domain, localhost"),
    ("myorigin", "mail.$domain"),
    ("alias_maps", "hash:/etc/aliases, nis:mail.aliases"),
    ("alias_database", "hash:/etc/postfix/aliases"),
    ("authorized_submit_users", "root"),
    ("virtual_alias_maps", "pcre:/etc/postfix/virtual"),
    ("virtual_mailbox_domains", "$domain"),
    ("luser_relay", "root"),
    ("mailbox_delivery_lock", "dotlock"),
    ("strict_rfc821_envelopes", "yes"),
    ("relay_domains", ""),
    ("relay_domains", "\\$mydestination"),
    ("smtpd_tls_cert_file", "/etc/ssl/none.pem"),
    ("smtpd_use_tls", "no"),
    ("debug_peer_list", "$peer_address"),
    ("maillog_file", "/var/log/postfix.log"),
    ("proxy_interfaces", "192.0.2.1"),
    ("smtpd_error_sleep_time", "0"),
    ("my_note", "hello"),
    ("local_transport", "smtp:[127.0.0.1]:2525"),
    ("recipient_canonical_maps", "hash:/etc/postfix/recipients"),
    ("transport_maps", "hash:/etc/postfix/transport, hash:/etc/postfix/other"),
    ("minimal_backoff_time", "60s"),
    ("undisclosed_recipients_header", "To: undisclosed"),
)

AUTH_MAIN_CF: tuple[tuple[str, str], ...] = (
    ("smtpd_recipient_restrictions", "permit_mynetworks, permit_sasl_authenticated, reject"),
    (
        "smtpd_recipient_restrictions",
        "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, "
        "check_policy_service inet:127.0.0.1:10023",
    ),
    (
        "smtpd_recipient_restrictions",
        "permit_mynetworks permit_sasl_authenticated reject_non_fqdn_recipient "
        "reject_unauth_destination",
    ),
    ("smtpd_sasl_tls_security_options", "noanonymous"),
)


def _table(parameter: str, line: str, kind: str = "hash") -> str:
    build = "" if kind in ("regexp", "pcre") else "postmap /etc/postfix/mine; "
    return (
        f"echo {line} >/etc/postfix/mine; {build}"
        f"postconf -e {parameter}={kind}:/etc/postfix/mine; {RESTART_POSTFIX}"
    )


POSTFIX: tuple[tuple[str, str], ...] = (
    ("header_checks reject subjects", _table("header_checks", "'/^Subject:/ REJECT'", "regexp")),
    ("header_checks hold mail", _table("header_checks", "'/^From:/ HOLD'", "regexp")),
    ("header_checks discard mail", _table("header_checks", "'/^From:/ DISCARD'", "regexp")),
    ("header_checks remove a line", _table("header_checks", "'/^Received:/ IGNORE'", "regexp")),
    ("body_checks reject", _table("body_checks", "'/./ REJECT'", "regexp")),
    ("transport: own domain to the peer",
     _table("transport_maps", '"$domain smtp:[$peer_address]"')),
    ("transport: own domain local", _table("transport_maps", '"$domain local:"')),
    ("transport: everything discarded", _table("transport_maps", "'* discard:'")),
    ("virtual: a copy to the peer",
     _table("virtual_alias_maps", '"$user@$domain $user@$domain $peer_user@$peer_domain"')),
    ("virtual: user to the peer",
     _table("virtual_alias_maps", '"$user@$domain $peer_user@$peer_domain"')),
    ("virtual: info to the user", _table("virtual_alias_maps", '"info@$domain $user"')),
    ("canonical: user in full", _table("canonical_maps", '"$user $user@$domain"')),
    ("sender_canonical: another domain",
     _table("sender_canonical_maps", '"@$domain @other.$domain"')),
    ("recipient_canonical: user to root",
     _table("recipient_canonical_maps", '"$user@$domain root@$domain"')),
    ("relocated: the user has moved", _table("relocated_maps", '"$user@$domain new@example.com"')),
    ("access: the peer's address",
     'echo "$peer_address REJECT" >/etc/postfix/mine; postmap /etc/postfix/mine; postconf -e '
     f"'smtpd_client_restrictions = check_client_access hash:/etc/postfix/mine'; {RESTART_POSTFIX}"),
    ("access: recipients",
     'echo "$user@$domain REJECT" >/etc/postfix/mine; postmap /etc/postfix/mine; postconf -e '
     "'smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, "
     "check_recipient_access hash:/etc/postfix/mine, reject_unauth_destination'; "
     + RESTART_POSTFIX),
    ("access: helo ok",
     'echo "mail.$peer_domain OK" >/etc/postfix/mine; postmap /etc/postfix/mine; postconf -e '
     f"'smtpd_helo_restrictions = check_helo_access hash:/etc/postfix/mine'; {RESTART_POSTFIX}"),
    ("mydestination in a file",
     "printf '%s\\nlocalhost\\n' $domain >/etc/postfix/mine; "
     f"postconf -e mydestination=/etc/postfix/mine; {RESTART_POSTFIX}"),
    ("aliases in /etc/postfix",
     "cp /etc/aliases /etc/postfix/aliases; postconf -e alias_maps=hash:/etc/postfix/aliases "
     f"alias_database=hash:/etc/postfix/aliases; newaliases; {RESTART_POSTFIX}"),
    ("main.cf for its group only", "chgrp postfix /etc/postfix/main.cf; "
                                   "chmod 640 /etc/postfix/main.cf"),
    ("/etc/postfix closed", "chmod 700 /etc/postfix"),
    ("master.cf cannot be read", "chmod 600 /etc/postfix/master.cf; " + RESTART_POSTFIX),
    ("main.cf is a link", "mv /etc/postfix/main.cf /etc/postfix/main.cf.mine; "
                          "ln -s main.cf.mine /etc/postfix/main.cf; " + RESTART_POSTFIX),
    ("main.cf with Windows line ends", "sed -i 's/$/\\r/' /etc/postfix/main.cf; "
                                       + RESTART_POSTFIX),
    ("master.cf: smtpd relays after AUTH only",
     "postconf -P 'smtp/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject'; "
     + RESTART_POSTFIX),
    ("master.cf: smtpd wants TLS first",
     "postconf -P smtp/inet/smtpd_tls_wrappermode=yes; " + RESTART_POSTFIX),
    ("master.cf: a harmless -o", "postconf -P smtp/inet/content_filter=; " + RESTART_POSTFIX),
    ("master.cf: a second smtpd",
     "postconf -M 127.0.0.1:10025/inet='127.0.0.1:10025 inet n - n - 2 smtpd'; "
     + RESTART_POSTFIX),
    ("master.cf: no rewrite", "postconf -MX rewrite/unix; " + RESTART_POSTFIX),
    ("master.cf: no proxymap", "postconf -MX proxymap/unix; " + RESTART_POSTFIX),
    ("master.cf: no bounce", "postconf -MX bounce/unix; " + RESTART_POSTFIX),
    ("master.cf: no anvil", "postconf -MX anvil/unix; " + RESTART_POSTFIX),
    ("master.cf: no cleanup", "postconf -MX cleanup/unix; " + RESTART_POSTFIX),
    ("master.cf: no qmgr", "postconf -MX qmgr/unix; " + RESTART_POSTFIX),
    ("master.cf: one smtpd only", "postconf -F smtp/inet/process_limit=5; " + RESTART_POSTFIX),
    ("master.cf: a broken line", "echo 'smtps inet n' >>/etc/postfix/master.cf; "
                                 + RESTART_POSTFIX),
    ("an old message waits for an unknown domain",
     "echo x | mail -s old nobody@nowhere.invalid; sleep 1"),
    ("an old message is on hold",
     "postconf -e defer_transports=local; postfix reload; sleep 1; "
     "echo x | sendmail -f $user@$domain $user@$domain; sleep 1; postsuper -h ALL; "
     "postconf -X defer_transports; " + RESTART_POSTFIX),
    ("rsyslog is stopped", "systemctl stop rsyslog syslog.socket; systemctl mask -q rsyslog"),
    ("mail.log removed, rsyslog restarted", "rm /var/log/mail.log; systemctl restart rsyslog"),
)  # fmt: skip

AUTH: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("saslauthd is masked", ("smtp-auth",), "systemctl mask -q --now saslauthd; pkill saslauthd"),
    ("Windows line ends for saslauthd", ("smtp-auth",),
     "sed -i 's/$/\\r/' /etc/default/saslauthd; systemctl stop saslauthd; pkill saslauthd; "
     + RESTART_SASL),
    ("Windows line ends in smtpd.conf", ("smtp-auth",),
     "sed -i 's/$/\\r/' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL),
    ("smtpd.conf without blanks", ("smtp-auth",),
     "sed -i 's/: /:/' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL),
    ("mech_list with cram-md5 too", ("smtp-auth",),
     "sed -i 's/plain login/plain login cram-md5/' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL),
    ("no mech_list", ("smtp-auth",),
     "sed -i '/mech_list/d' /etc/postfix/sasl/smtpd.conf; " + RESTART_SASL),
    ("smtpd.conf in /etc/sasl2 by cyrus_sasl_config_path", ("smtp-auth", "postfix"),
     "mkdir -p /etc/sasl2; mv /etc/postfix/sasl/smtpd.conf /etc/sasl2/; "
     "postconf -e cyrus_sasl_config_path=/etc/sasl2; " + RESTART_SASL),
    ("saslauthd asks IMAP", ("smtp-auth",),
     "sed -i 's/^MECHANISMS=.*/MECHANISMS=\"rimap\"/; s/^MECH_OPTIONS=.*/MECH_OPTIONS=\"127.0.0.1\"/'"
     " /etc/default/saslauthd; " + RESTART_SASL),
    ("MECHANISMS=ldap", ("smtp-auth",),
     "sed -i 's/^MECHANISMS=.*/MECHANISMS=\"ldap\"/' /etc/default/saslauthd; " + RESTART_SASL),
    ("THREADS=1", ("smtp-auth",),
     "sed -i 's/^THREADS=.*/THREADS=1/' /etc/default/saslauthd; " + RESTART_SASL),
    ("saslauthd -r", ("smtp-auth",),
     "sed -i 's/\"-c -m/\"-c -r -m/' /etc/default/saslauthd; " + RESTART_SASL),
    ("a link to the socket's folder", ("smtp-auth",),
     "systemctl stop saslauthd; sed -i 's|-m [^\"]*|-m /var/run/saslauthd|' "
     "/etc/default/saslauthd; rm -rf /var/spool/postfix/var/run/saslauthd; "
     "ln -s /var/run/saslauthd /var/spool/postfix/var/run/saslauthd; " + RESTART_SASL),
    ("socket folder open to all, postfix not in the group", ("smtp-auth",),
     "gpasswd -d postfix sasl >/dev/null; "
     "dpkg-statoverride --remove /var/spool/postfix/var/run/saslauthd >/dev/null; "
     "chmod 755 /var/spool/postfix/var/run/saslauthd; systemctl restart postfix"),
    ("socket folder of group root", ("smtp-auth",),
     "chgrp root /var/spool/postfix/var/run/saslauthd; systemctl restart postfix"),
    ("pam: an own file for smtp", ("smtp-auth",),
     "printf '@include common-auth\\n@include common-account\\n' >/etc/pam.d/smtp"),
    ("chroot off for smtpd alone", ("smtp-auth", "postfix"),
     "postconf -F smtp/inet/chroot=n; " + RESTART_SASL),
    ("AUTH for submission only", ("smtp-auth", "postfix"),
     "postconf -e smtpd_sasl_auth_enable=no; postconf -M submission/inet='submission inet n - y - "
     "- smtpd'; postconf -P submission/inet/smtpd_sasl_auth_enable=yes; " + RESTART_POSTFIX),
)  # fmt: skip

ACCOUNTS: tuple[tuple[str, str], ...] = (
    ("password too old", "chage -M 1 -d 2020-01-01 $user"),
    ("password soon too old", "chage -M 99998 -W 7 $user"),
    ("a shell that does not exist", "usermod -s /bin/none $user"),
    ("another home", "usermod -m -d /srv/$user $user"),
    ("home closed to its owner", "chmod 000 /home/$user"),
    ("mail folder of root", "rm -rf /home/$user/mail; mkdir /home/$user/mail; "
                            "chmod 700 /home/$user/mail"),
    ("mailbox of mode 660", "touch /var/mail/$user; chown $user:mail /var/mail/$user; "
                            "chmod 660 /var/mail/$user"),
    ("mailbox cannot be written", "touch /var/mail/$user; chown $user:mail /var/mail/$user; "
                                  "chmod 400 /var/mail/$user"),
    ("/var/mail is a link", "mv /var/mail /srv/mail; ln -s /srv/mail /var/mail"),
    ("a lock file left behind", "touch /var/mail/$user.lock"),
    ("a uid below 1000", "usermod -u 400 $user; chown -R $user: /home/$user"),
    ("a greeting in .profile", "echo 'echo welcome' >>/home/$user/.profile"),
    (".profile starts a missing shell", "echo 'exec tcsh' >>/home/$user/.profile"),
    (".profile ends the login", "echo 'exit 0' >>/home/$user/.profile"),
    ("a Japanese locale", "echo 'export LANG=ja_JP.UTF-8' >>/home/$user/.profile"),
    ("/etc/nologin", "touch /etc/nologin"),
)  # fmt: skip

ALIASES: tuple[tuple[str, str], ...] = (
    ("postmaster to /dev/null", "sed -i 's|^postmaster:.*|postmaster: /dev/null|' /etc/aliases; "
                                "newaliases"),
    ("postmaster to a failing command",
     "sed -i 's#^postmaster:.*#postmaster: \"|/bin/false\"#' /etc/aliases; newaliases"),
    ("postmaster to an unknown name",
     "sed -i 's/^postmaster:.*/postmaster: nobodyhere/' /etc/aliases; newaliases"),
    ("postmaster to the peer's user",
     'sed -i "s/^postmaster:.*/postmaster: $peer_user@$peer_domain/" /etc/aliases; newaliases'),
    ("no postmaster", "sed -i /^postmaster/d /etc/aliases; newaliases"),
    ("root to the user", 'echo "root: $user" >>/etc/aliases; newaliases'),
    ("alias of root to itself", "echo 'root: root' >>/etc/aliases; newaliases"),
    ("aliases for root only", "chmod 600 /etc/aliases; newaliases"),
    ("aliases.db of the user", "chown $user /etc/aliases.db"),
    ("alias twice", "echo 'postmaster: root' >>/etc/aliases; newaliases"),
    ("an include that is missing", "echo 'team: :include:/etc/team' >>/etc/aliases; newaliases"),
)  # fmt: skip

DNS: tuple[tuple[str, str], ...] = (
    ("allow-query for the lab's network",
     'sed -i "s|allow-query {.*|allow-query { 127.0.0.1; $network; };|" $options; ' + RESTART_BIND),
    ("allow-query for the own address",
     'sed -i "s|allow-query {.*|allow-query { 127.0.0.1; $address; };|" $options; '
     + RESTART_BIND),
    ("allow-recursion for nobody",
     "sed -i 's|^};|  allow-recursion { none; };\\n};|' $options; " + RESTART_BIND),
    ("allow-recursion for itself",
     "sed -i 's|^};|  allow-recursion { localhost; };\\n};|' $options; " + RESTART_BIND),
    ("allow-query-cache for nobody",
     "sed -i 's|^};|  allow-query-cache { none; };\\n};|' $options; " + RESTART_BIND),
    ("blackhole the peer",
     'sed -i "s|^};|  blackhole { $peer_address; };\\n};|" $options; ' + RESTART_BIND),
    ("forward to a dead server",
     'sed -i "s|forwarders {[^}]*$peer_address;|forwarders { 192.0.2.53;|" $zones; '
     + RESTART_BIND),
    ("no forward zone for the peer",
     'sed -i "s/zone \\"$peer_domain\\"/zone \\"x$peer_domain\\"/" $zones; ' + RESTART_BIND),
    ("the peer's zone as a secondary",
     'sed -i "/zone \\"$peer_domain\\"/,/^};/d" $zones; '
     'echo "zone \\"$peer_domain\\" { type slave; masters { $peer_address; }; };" >>$zones; '
     + RESTART_BIND + "; sleep 2"),
    ("the peer's zone by hand, wrong",
     'sed -i "/zone \\"$peer_domain\\"/,/^};/d" $zones; sed "s/$domain/$peer_domain/g" $zone '
     '>/etc/bind/mine; echo "zone \\"$peer_domain\\" { type master; file \\"/etc/bind/mine\\"; };" '
     ">>$zones; " + RESTART_BIND),
    ("MX is an address", 'sed -i "/MX/s/MX.*/MX 10 $address/" $zone; rndc reload >/dev/null'),
    ("SOA with an older serial",
     "sed -i '0,/[0-9]\\{8,\\}/s//1/' $zone; rndc reload >/dev/null"),
    ("TTL of 5 seconds", "sed -i 's/^$TTL.*/$TTL 5/' $zone; rndc reload >/dev/null"),
    ("no $TTL", "sed -i '/^$TTL/d' $zone; " + RESTART_BIND),
    ("a comment with #", "sed -i '1i # my zone' $zone; " + RESTART_BIND),
    ("NS without its last dot",
     'sed -i "/NS/s/$name.*/$name.$domain/" $zone; rndc reload >/dev/null || :'),
    ("an A for the domain itself", 'echo "@ IN A $address" >>$zone; rndc reload >/dev/null'),
    ("a wildcard", 'echo "* IN A $address" >>$zone; rndc reload >/dev/null'),
    ("www is a CNAME",
     "sed -i '/^www/d' $zone; echo \"www IN CNAME $name\" >>$zone; rndc reload >/dev/null"),
    ("a CNAME for the domain", 'echo "@ IN CNAME mail" >>$zone; rndc reload >/dev/null || :'),
    ("a zone twice", 'echo "zone \\"$domain\\" { type master; file \\"$zone\\"; };" >>$zones; '
                     + RESTART_BIND),
    ("/etc/bind closed", "chmod 700 /etc/bind; chown root:root /etc/bind; " + RESTART_BIND),
    ("a view for all",
     "sed -i 's/^include.*named.conf.local.*/view lab { match-clients { any; }; include "
     '"\\/etc\\/bind\\/named.conf.local"; include "\\/etc\\/bind\\/named.conf.default-zones"; };/; '
     "/^include.*default-zones/d' /etc/bind/named.conf; " + RESTART_BIND),
    ("a view for the host itself",
     "sed -i 's/^include.*named.conf.local.*/view lab { match-clients { localhost; }; include "
     '"\\/etc\\/bind\\/named.conf.local"; include "\\/etc\\/bind\\/named.conf.default-zones"; };/; '
     "/^include.*default-zones/d' /etc/bind/named.conf; " + RESTART_BIND),
    ("BIND on another port", "sed -i 's/listen-on {/listen-on port 5353 {/' $options; "
                             + RESTART_BIND),
    ("querylog", "rndc querylog on"),
    ("named masked", "systemctl mask -q --now named"),
    ("resolv.conf of systemd-resolved",
     "rm /etc/resolv.conf; ln -s /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf"),
    ("resolv.conf: its stub address", "echo nameserver 127.0.0.53 >/etc/resolv.conf"),
    ("resolv.conf: the peer second", 'echo "nameserver $peer_address" >>/etc/resolv.conf'),
    ("resolv.conf: options", "echo 'options timeout:1 attempts:1' >>/etc/resolv.conf"),
    ("resolv.conf for root only", "chmod 600 /etc/resolv.conf"),
    ("resolv.conf: misspelt", "sed -i s/^nameserver/nameservers/ /etc/resolv.conf"),
    ("hosts: 127.0.1.1", 'echo "127.0.1.1 $name.$domain mail.$domain" >>/etc/hosts'),
    ("hosts: no localhost", "sed -i /localhost/d /etc/hosts"),
    ("nsswitch: dns files", "sed -i 's/^hosts:.*/hosts: dns files/' /etc/nsswitch.conf"),
    ("nsswitch: mdns4_minimal",
     "sed -i 's/^hosts:.*/hosts: files mdns4_minimal [NOTFOUND=return] dns/' /etc/nsswitch.conf"),
    ("nsswitch: no hosts line", "sed -i '/^hosts:/d' /etc/nsswitch.conf"),
)  # fmt: skip


def in_local(*lines: str) -> str:
    """Add lines to a file that Dovecot reads last."""
    text = "\\n".join(lines)
    return f"printf '{text}\\n' >>/etc/dovecot/local.conf; {RESTART_DOVECOT}"


DOVECOT: tuple[tuple[str, str], ...] = (
    ("INBOX in /var/spool/mail", "sed -i 's|INBOX=/var/mail|INBOX=/var/spool/mail|' $mail_conf; "
                                 + RESTART_DOVECOT),
    ("mail_location: mbox:/var/mail/%%u",
     "sed -i 's|^mail_location.*|mail_location = mbox:/var/mail/%u|' $mail_conf; "
     + RESTART_DOVECOT),
    ("mail_location: another folder",
     "sed -i 's|mbox:~/mail|mbox:~/folders|' $mail_conf; " + RESTART_DOVECOT),
    ("mail_privileged_group = users", in_local("mail_privileged_group = users",
                                             "mail_access_groups = users")),
    ("first_valid_uid = 2000", in_local("first_valid_uid = 2000")),
    ("first_valid_uid = 500", in_local("first_valid_uid = 500")),
    ("auth_username_format in small letters", in_local("auth_username_format = %%Lu")),
    ("auth_username_format with a domain", in_local("auth_username_format = %%u@example.com")),
    ("a passwd-file first",
     "sed -i 's/^!include auth-system/!include auth-passwdfile.conf.ext\\n&/' $auth_conf; "
     + RESTART_DOVECOT),
    ("imap on the loopback only",
     in_local("service imap-login {", "  inet_listener imap {", "    address = 127.0.0.1", "  }",
            "}")),
    ("imap listener off",
     in_local("service imap-login {", "  inet_listener imap {", "    port = 0", "  }", "}")),
    ("protocols with lmtp", in_local("protocols = imap pop3 lmtp")),
    ("locks in Postfix's order", in_local("mbox_write_locks = dotlock fcntl")),
    ("no inbox in the namespace", "sed -i 's/^  inbox = yes/  inbox = no/' $mail_conf; "
                                  + RESTART_DOVECOT),
    ("mail_debug and an own log", in_local("mail_debug = yes", "log_path = /var/log/dovecot.log")),
    ("conf.d is not read", "sed -i 's/^!include conf.d/#&/' /etc/dovecot/dovecot.conf; "
                           + RESTART_DOVECOT),
    ("listen = *", in_local("listen = *")),
    ("listen = ::", in_local("listen = ::")),
    ("a plugin that is missing", in_local("mail_plugins = nothing")),
    ("another mailbox for imap",
     in_local("protocol imap {", "  mail_location = maildir:~/Maildir", "}")),
    ("dovecot masked", "systemctl mask -q --now dovecot"),
    ("login greeting", in_local("login_greeting = hello")),
    ("auth_allow_cleartext of 2.4", in_local("auth_allow_cleartext = yes")),
    ("pop3_uidl_format", in_local("pop3_uidl_format = %%08Xu%%08Xv")),
    ("users may have one connection", in_local("mail_max_userip_connections = 2")),
    ("the auth process does not answer", in_local("service auth {", "  executable = /bin/false",
                                                "}")),
)  # fmt: skip

FIREWALL: tuple[tuple[str, str], ...] = (
    ("deny 25 before its allow", "ufw insert 1 deny 25/tcp >/dev/null"),
    ("deny everything of the peer", "ufw insert 1 deny from $peer_address >/dev/null"),
    ("outgoing closed by default", "ufw default deny outgoing >/dev/null; ufw reload >/dev/null"),
    ("25 for the peer only", "ufw delete allow 25/tcp >/dev/null; "
                             "ufw allow from $peer_address to any port 25 proto tcp >/dev/null"),
    ("25 by its name", "ufw delete allow 25/tcp >/dev/null; ufw allow smtp >/dev/null"),
    ("25 by Postfix's profile", "ufw delete allow 25/tcp >/dev/null; ufw allow Postfix >/dev/null"),
    ("25 by UDP", "ufw delete allow 25/tcp >/dev/null; ufw allow 25/udp >/dev/null"),
    ("reject 110", "ufw insert 1 reject 110/tcp >/dev/null"),
    ("logging off", "ufw logging off >/dev/null"),
    ("ufw stopped", "systemctl stop ufw"),
    ("ufw masked", "systemctl mask -q ufw"),
    ("drop everything of the peer", "iptables -I INPUT -s $peer_address -j DROP"),
    ("reject 25 with a reset",
     "iptables -I INPUT -p tcp --dport 25 -j REJECT --reject-with tcp-reset"),
    ("iptables lets 25 in", "iptables -I INPUT -p tcp --dport 25 -j ACCEPT"),
    ("nft drops output", "nft add table inet mine; nft add chain inet mine out "
     "'{ type filter hook output priority 0; }'; nft add rule inet mine out tcp dport 25 drop"),
    ("everything open by a policy", "ufw default allow incoming >/dev/null; ufw reload >/dev/null"),
    ("answers not let in", "iptables -I INPUT -p tcp --sport 25 -j DROP"),
)  # fmt: skip

MAIL_COMMAND: tuple[tuple[str, str], ...] = (
    (".forward to a missing program", "echo '|/usr/bin/procmail' >/home/$user/.forward; "
                                      "chown $user: /home/$user/.forward"),
    (".forward is empty", ": >/home/$user/.forward; chown $user: /home/$user/.forward"),
    (".forward with a copy",
     'echo "\\\\$user, $peer_user@$peer_domain" >/home/$user/.forward; '
     "chown $user: /home/$user/.forward"),
    (".forward to an unknown name", "echo nobodyhere >/home/$user/.forward; "
                                    "chown $user: /home/$user/.forward"),
    (".mailrc with another sendmail", "echo 'set sendmail=/usr/sbin/none' >/home/$user/.mailrc"),
    (".mailrc keeps a copy", "echo 'set record=~/sent' >/home/$user/.mailrc"),
    (".mailutils with another domain",
     "echo 'address { email-domain example.com; };' >/home/$user/.mailutils"),
    ("mailutils.conf with a fault", "echo 'address {' >/etc/mailutils.conf"),
    ("mailname removed", "rm /etc/mailname"),
    ("another host name", "hostname elsewhere; echo elsewhere >/etc/hostname"),
    ("/tmp closed", "chmod 700 /tmp"),
    ("MAIL in /etc/profile", "echo 'export MAIL=/home/$LOGNAME/Maildir' >>/etc/profile"),
    ("EMAIL set", "echo 'export EMAIL=me@example.com' >>/home/$user/.profile"),
    ("no mail in the PATH", "chmod 700 /usr/bin/mail.mailutils"),
)  # fmt: skip
