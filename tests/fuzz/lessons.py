"""More changes, as instructors see them in a lesson: slips of the pen, other distributions' habits,
daemons started by hand, and ways that are right although the book has another one.

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

MAIN_CF: tuple[tuple[str, str], ...] = (
    ("inet_interfaces", "\\$myhostname, localhost"),
    ("inet_interfaces", "localhost, 192.168.56.110"),
    ("inet_interfaces", "localhost $address"),
    ("mydestination", "\\$myhostname, localhost.\\$mydomain, localhost, \\$mydomain"),
    ("mydestination", "${domain%%.*}"),
    ("mydestination", "\\$mydomain # my domain"),
    ("mydomain", ".$domain"),
    ("mynetworks", "127.0.0.1/8"),
    ("mynetworks", "127.0.0.0/8, $address/24"),
    ("mynetworks", "127.0.0.0/8, $network"),
    ("mynetworks", "127.0.0.0/8 [::1]/128"),
    ("smtp_tls_wrappermode", "yes"),
    ("smtpd_tls_wrappermode", "yes"),
    ("smtp_enforce_tls", "yes"),
    ("smtp_use_tls", "yes"),
    ("smtp_dns_support_level", "disabled"),
    ("smtp_host_lookup", "dns, native"),
    ("smtp_fallback_relay", "[$peer_address]"),
    ("home_mailbox", "Mailbox"),
    ("home_mailbox", "mail/"),
    ("mail_spool_directory", "/var/spool/mail"),
    ("mailbox_size_limit", "0"),
    ("daemon_directory", "/usr/libexec/postfix"),
    ("data_directory", "/var/lib/none"),
    ("setgid_group", "mail"),
    ("default_privs", "nosuchuser"),
    ("alias_maps", "hash:/etc/mail/aliases"),
    ("alias_maps", "texthash:/etc/aliases"),
    ("local_recipient_maps", "proxy:unix:passwd.byname \\$alias_maps"),
    ("local_transport", "local:\\$myhostname"),
    ("mailbox_transport", "virtual"),
    ("virtual_transport", "local"),
    ("smtpd_sender_restrictions", "permit_mynetworks, permit_sasl_authenticated, reject"),
    ("smtpd_sender_restrictions", "reject_non_fqdn_sender, reject_unknown_sender_domain"),
    ("smtpd_client_restrictions", "permit_mynetworks, sleep 3"),
    ("smtpd_helo_restrictions", "reject_non_fqdn_hostname"),
    ("smtpd_etrn_restrictions", "reject"),
    ("smtpd_forbid_bare_newline", "yes"),
    ("unknown_local_recipient_reject_code", "450"),
    ("local_destination_concurrency_limit", "1"),
    ("disable_mime_output_conversion", "yes"),
    ("receive_override_options", "no_address_mappings"),
    ("header_size_limit", "100"),
    ("hopcount_limit", "1"),
    ("parent_domain_matches_subdomains", "smtpd_access_maps"),
    ("maps_rbl_domains", "none.invalid"),
    ("queue_run_delay", "10s"),
    ("smtpd_peername_lookup", "no"),
    ("smtp_never_send_ehlo", "yes"),
    ("line_length_limit", "2048"),
)

AUTH_MAIN_CF: tuple[tuple[str, str], ...] = (
    ("smtpd_sasl_auth_enable", "ture"),
    ("smtpd_sasl_auth_enable", "yes # AUTH"),
    ("smtpd_recipient_restrictions",
     "permit_mynetwork, permit_sasl_authenticated, reject_unauth_destination"),
    ("smtpd_recipient_restrictions",
     "permit_mynetworks; permit_sasl_authenticated; reject_unauth_destination"),
    ("smtpd_recipient_restrictions", "permit_sasl_authenticated, reject_unauth_destination"),
    ("smtpd_relay_restrictions", "reject_unauth_destination"),
    ("smtpd_sasl_mechanism_filter", "login"),
    ("smtpd_sasl_path", "smtpd"),
    ("smtpd_sasl_service", "smtp"),
    ("smtpd_sasl_response_limit", "4"),
    ("smtpd_enforce_tls", "yes"),
    ("smtpd_sasl_security_options", "noanonymous, noactive"),
)  # fmt: skip

POSTFIX: tuple[tuple[str, str], ...] = (
    ("postfix started by hand", "systemctl stop postfix; sleep 0.5; postfix start"),
    ("postfix stopped by its own command", "postfix stop"),
    ("AUTH switched on in master.cf only",
     "postconf -X smtpd_sasl_auth_enable; "
     "postconf -P smtp/inet/smtpd_sasl_auth_enable=yes; " + RESTART_POSTFIX),
    ("master.cf: mynetworks of all",
     "postconf -P smtp/inet/mynetworks=0.0.0.0/0; " + RESTART_POSTFIX),
    ("master.cf: local in a chroot", "postconf -F local/unix/chroot=y; " + RESTART_POSTFIX),
    ("master.cf: a program that is missing",
     "postconf -F smtp/inet/command=smptd; " + RESTART_POSTFIX),
    ("master.cf: no tlsmgr", "postconf -MX tlsmgr/unix; " + RESTART_POSTFIX),
    ("master.cf: a content filter of its own",
     "postconf -P smtp/inet/content_filter=scan:127.0.0.1:10024; " + RESTART_POSTFIX),
    ("master.cf: smtp client on another port",
     "postconf -P smtp/unix/smtp_bind_address=127.0.0.1; " + RESTART_POSTFIX),
    ("master.cf: smtps too",
     "postconf -M smtps/inet='smtps inet n - y - - smtpd -o smtpd_tls_wrappermode=yes'; "
     + RESTART_POSTFIX),
    ("master.cf: smtp on the address only",
     'postconf -M "smtp/inet=$address:smtp inet n - y - - smtpd"; ' + RESTART_POSTFIX),
    ("the queue directory of root", "chown root:root /var/spool/postfix/incoming; "
                                    + RESTART_POSTFIX),
    ("main.cf writable by all", "chmod 666 /etc/postfix/main.cf"),
    ("main.cf of another user", 'chown "$user" /etc/postfix/main.cf; ' + RESTART_POSTFIX),
    ("private is closed", "chmod 000 /var/spool/postfix/private"),
    ("public has another group", "chgrp root /var/spool/postfix/public"),
    ("qmgr is stopped by a signal", "pkill -STOP -x qmgr"),
    ("Postfix's master is stopped by a signal", "pkill -STOP -x master"),
    ("mail spool is nearly full",
     "mount -t tmpfs -o size=300k,mode=2775,gid=8 none /var/mail"),
    ("transport: the peer by its name",
     'echo "$peer_domain smtp:[mail.$peer_domain]" >/etc/postfix/mine; '
     "postmap /etc/postfix/mine; postconf -e transport_maps=hash:/etc/postfix/mine; "
     + RESTART_POSTFIX),
    ("transport: the peer to a wrong port",
     'echo "$peer_domain smtp:[$peer_address]:26" >/etc/postfix/mine; '
     "postmap /etc/postfix/mine; postconf -e transport_maps=hash:/etc/postfix/mine; "
     + RESTART_POSTFIX),
    ("transport: the peer on hold",
     'echo "$peer_domain retry:later" >/etc/postfix/mine; '
     "postmap /etc/postfix/mine; postconf -e transport_maps=hash:/etc/postfix/mine; "
     + RESTART_POSTFIX),
    ("virtual: a table that was not built again",
     'echo "x@$domain $user" >/etc/postfix/mine; postmap /etc/postfix/mine; '
     "postconf -e virtual_alias_maps=hash:/etc/postfix/mine; " + RESTART_POSTFIX
     + '; sleep 1; echo "y@$domain $user" >>/etc/postfix/mine'),
)  # fmt: skip

AUTH: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("saslauthd started by hand", ("smtp-auth",),
     "systemctl stop saslauthd; sleep 0.5; "
     "/usr/sbin/saslauthd -a pam -c -m /var/spool/postfix/var/run/saslauthd -n 5"),
    ("saslauthd is stopped by a signal", ("smtp-auth",), "pkill -STOP saslauthd"),
    ("MECHANISMS with two", ("smtp-auth",),
     "sed -i 's/^MECHANISMS=.*/MECHANISMS=\"pam shadow\"/' /etc/default/saslauthd; "
     + RESTART_SASL),
    ("no plugins for PLAIN", ("smtp-auth", "packages"),
     "mkdir /root/off; mv /usr/lib/*/sasl2/libplain* /usr/lib/*/sasl2/liblogin* /root/off/; "
     + RESTART_SASL),
    ("Dovecot does SASL, sasl2-bin is gone", ("smtp-auth", "packages"),
     "printf 'service auth {\\n  unix_listener "
     "/var/spool/postfix/private/auth {\\n    mode = 0660\\n    user = postfix\\n"
     "    group = postfix\\n  }\\n}\\nauth_mechanisms = plain login\\n' "
     ">/etc/dovecot/conf.d/95-sasl.conf; systemctl restart dovecot; postconf -e "
     "smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth; dpkg --purge sasl2-bin >/dev/null 2>&1; "
     + RESTART_POSTFIX),
    ("Dovecot does SASL with too narrow a mode", ("smtp-auth", "dovecot"),
     "printf 'service auth {\\n  unix_listener "
     "/var/spool/postfix/private/auth {\\n    mode = 0600\\n    user = root\\n  }\\n}\\n"
     "auth_mechanisms = plain login\\n' >/etc/dovecot/conf.d/95-sasl.conf; "
     "systemctl restart dovecot; postconf -e smtpd_sasl_type=dovecot "
     "smtpd_sasl_path=private/auth; " + RESTART_POSTFIX),
    ("Dovecot does SASL, PLAIN only", ("smtp-auth",),
     "printf 'service auth {\\n  unix_listener "
     "/var/spool/postfix/private/auth {\\n    mode = 0660\\n    user = postfix\\n"
     "    group = postfix\\n  }\\n}\\n' >/etc/dovecot/conf.d/95-sasl.conf; "
     "systemctl restart dovecot; postconf -e smtpd_sasl_type=dovecot "
     "smtpd_sasl_path=private/auth; " + RESTART_POSTFIX),
    ("common-auth denies", ("accounts", "smtp-auth", "dovecot"),
     "sed -i '1i auth requisite pam_deny.so' /etc/pam.d/common-auth"),
    ("pam: dovecot denied", ("dovecot", "accounts"),
     "echo 'auth required pam_deny.so' >/etc/pam.d/dovecot"),
    ("postfix in group sasl by usermod", ("smtp-auth",), "usermod -a -G sasl postfix; "
                                                         + RESTART_SASL),
    ("socket of saslauthd is gone", ("smtp-auth",),
     "rm /var/spool/postfix/var/run/saslauthd/mux"),
    ("folder of the socket is gone", ("smtp-auth",),
     "rm -rf /var/spool/postfix/var/run/saslauthd"),
)  # fmt: skip

ACCOUNTS: tuple[tuple[str, str], ...] = (
    ("another password", 'echo "$user:another" | chpasswd'),
    ("password is locked", "passwd -q -l $user"),
    ("home is gone", "rm -rf /home/$user"),
    ("mailbox is a folder", "rm -f /var/mail/$user; mkdir /var/mail/$user; chown $user: "
                            "/var/mail/$user"),
    ("mailbox is a link to nowhere", "rm -f /var/mail/$user; ln -s /dev/null /var/mail/$user"),
    ("mailbox begins with something else",
     "echo hello >/var/mail/$user; chown $user:mail /var/mail/$user; chmod 600 /var/mail/$user"),
    ("mailbox of root", "touch /var/mail/$user; chown root:root /var/mail/$user; "
                        "chmod 600 /var/mail/$user"),
    ("account is another uid than its files", "usermod -u 1999 $user; chown root: /home/$user"),
    ("account has another name",
     "usermod -l ${user}x -d /home/${user}x -m $user; mv /var/mail/$user /var/mail/${user}x"),
    (".profile is endless", "echo 'while :; do sleep 1; done' >>/home/$user/.profile"),
    ("a command that is missing in .profile", "echo 'frobnicate' >>/home/$user/.profile"),
    ("umask 077", "echo 'umask 077' >>/home/$user/.profile"),
)  # fmt: skip

ALIASES: tuple[tuple[str, str], ...] = (
    ("aliases that go round", "sed -i 's/^postmaster:.*/postmaster: webmaster/' /etc/aliases; "
                              "echo 'webmaster: postmaster' >>/etc/aliases; newaliases"),
    ("alias with a tab", "sed -i 's/^postmaster:.*/postmaster:\\troot/' /etc/aliases; newaliases"),
    ("alias in capitals", "sed -i 's/^postmaster:.*/Postmaster: root/' /etc/aliases; newaliases"),
    ("alias of the user with a copy",
     'echo "$user: $user, $peer_user@$peer_domain" >>/etc/aliases; newaliases'),
    ("alias of the user to the peer's",
     'echo "$user: $peer_user@$peer_domain" >>/etc/aliases; newaliases'),
    ("alias file with Windows line ends", "sed -i 's/$/\\r/' /etc/aliases; newaliases || :"),
    ("alias file is empty", ": >/etc/aliases; newaliases"),
)  # fmt: skip

DNS: tuple[tuple[str, str], ...] = (
    ("named started by hand", "systemctl stop named; sleep 0.5; named -u bind"),
    ("named is stopped by a signal", "pkill -STOP -x named"),
    ("named with -4", "sed -i 's/^OPTIONS=.*/OPTIONS=\"-u bind -4\"/' /etc/default/named; "
                      + RESTART_BIND),
    ("zone of type primary", "sed -i 's/type master/type primary/' $zones; " + RESTART_BIND),
    ("zone file in the cache folder",
     "cp $zone /var/cache/bind/mine; sed -i \"s|$zone|mine|\" $zones; " + RESTART_BIND),
    ("zone file with a typing error in an address",
     "sed -i '/^mail/s/A .*/A 192.168.56.1O1/' $zone; rndc reload >/dev/null || :"),
    ("mail has the address of another host",
     "sed -i '/^mail/s/A .*/A 192.168.56.111/' $zone; rndc reload >/dev/null"),
    ("MX without a number", "sed -i 's/MX 10/MX/' $zone; rndc reload >/dev/null || :"),
    ("$ORIGIN in the middle",
     "sed -i '/^www/i $ORIGIN sub' $zone; rndc reload >/dev/null || :"),
    ("$ORIGIN written out", 'sed -i "1i \\$ORIGIN $domain." $zone; rndc reload >/dev/null'),
    ("listen-on the peer's address",
     'sed -i "s/listen-on {.*/listen-on { 127.0.0.1; $peer_address; };/" $options; '
     + RESTART_BIND),
    ("listen-on the own address only",
     'sed -i "s/listen-on {.*/listen-on { $address; };/" $options; ' + RESTART_BIND),
    ("dnssec-validation auto",
     "sed -i '/dnssec-validation/d; s|^};|  dnssec-validation auto;\\n};|' $options; "
     + RESTART_BIND),
    ("allow-transfer none", "sed -i 's|^};|  allow-transfer { none; };\\n};|' $options; "
                            + RESTART_BIND),
    ("allow-recursion for the network",
     'sed -i "s|^};|  allow-recursion { 127.0.0.1; $network; };\\n};|" $options; '
     + RESTART_BIND),
    ("rndc key is gone", "rm /etc/bind/rndc.key"),
    ("resolv.conf: a public server", "echo nameserver 8.8.8.8 >/etc/resolv.conf"),
    ("resolv.conf: a comment at the end", "sed -i '/^nameserver/s/$/ # mine/' /etc/resolv.conf"),
    ("resolv.conf: no blank", "sed -i 's/^nameserver /nameserver/' /etc/resolv.conf"),
    ("resolv.conf is gone", "rm /etc/resolv.conf"),
    ("hosts: itself by its mail name", 'echo "$address mail.$domain" >>/etc/hosts'),
    ("hosts: the mail name on the loopback", 'echo "127.0.0.1 mail.$domain" >>/etc/hosts'),
    ("hosts is gone", "rm /etc/hosts"),
)  # fmt: skip


DOVECOT: tuple[tuple[str, str], ...] = (
    ("dovecot started by hand", "systemctl stop dovecot; sleep 0.5; dovecot"),
    ("dovecot is stopped by a signal", "pkill -STOP -x dovecot"),
    ("dovecot's auth is stopped by a signal", "pkill -STOP -x auth"),
    ("INDEX in memory", "sed -i 's|INBOX=/var/mail/%u|&:INDEX=MEMORY|' $mail_conf; "
                        + RESTART_DOVECOT),
    ("INDEX where nobody may write",
     "sed -i 's|INBOX=/var/mail/%u|&:INDEX=/usr/index/%u|' $mail_conf; " + RESTART_DOVECOT),
    ("INBOX misspelt", "sed -i 's|INBOX=|INBOKS=|' $mail_conf; " + RESTART_DOVECOT),
    ("INBOX of a wrong variable", "sed -i 's|/var/mail/%u|/var/mail/%d|' $mail_conf; "
                                  + RESTART_DOVECOT),
    ("a missing % before u", "sed -i 's|/var/mail/%u|/var/mail/u|' $mail_conf; "
                             + RESTART_DOVECOT),
    ("lock_method = flock", in_local("lock_method = flock")),
    ("imaps off", in_local("service imap-login {", "  inet_listener imaps {", "    port = 0", "  }",
                         "}")),
    ("protocols with submission", in_local("protocols = imap pop3 submission")),
    ("mail_home elsewhere", in_local("mail_home = /srv/mail/%%u")),
    ("auth_failure_delay", in_local("auth_failure_delay = 5 secs")),
    ("one process for imap", in_local("service imap {", "  process_limit = 1", "}")),
    ("service count of login", in_local("service imap-login {", "  service_count = 0", "}")),
    ("only some may log in", in_local("passdb {", "  driver = passwd-file",
                                    "  args = /etc/dovecot/users", "  deny = yes", "}")),
    ("mail_uid = mail", in_local("mail_uid = mail", "mail_gid = mail")),
    ("disable_plaintext_auth with a capital", "sed -i 's/^disable_plaintext_auth.*/"
     "Disable_plaintext_auth = no/' $auth_conf; " + RESTART_DOVECOT),
    ("ssl without a value", "sed -i 's/^ssl = no/ssl =/' $ssl_conf; " + RESTART_DOVECOT),
    ("ssl = off", "sed -i 's/^ssl = no/ssl = off/' $ssl_conf; " + RESTART_DOVECOT),
    ("dovecot's files closed", "chmod 700 /etc/dovecot/conf.d; " + RESTART_DOVECOT),
    ("Windows line ends in 10-mail.conf", "sed -i 's/$/\\r/' $mail_conf; " + RESTART_DOVECOT),
)  # fmt: skip

FIREWALL: tuple[tuple[str, str], ...] = (
    ("everything of the network allowed",
     "for port in 25/tcp 110/tcp 143/tcp 53; do ufw delete allow $port >/dev/null; done; "
     "ufw allow from $network >/dev/null"),
    ("allowed on the interface",
     "ufw delete allow 25/tcp >/dev/null; "
     "ufw allow in on host0 to any port 25 proto tcp >/dev/null"),
    ("deny 53 by UDP", "ufw insert 1 deny 53/udp >/dev/null"),
    ("drop at the end of INPUT", "iptables -A INPUT -j DROP"),
    ("drop new connections to 25",
     "iptables -I INPUT -p tcp --dport 25 -m conntrack --ctstate NEW -j DROP"),
    ("drop two ports", "iptables -I INPUT -p tcp -m multiport --dports 110,143 -j DROP"),
    ("reject the network's 25", "iptables -I INPUT -s $network -p tcp --dport 25 -j REJECT"),
    ("drop to the peer", "iptables -I OUTPUT -d $peer_address -j DROP"),
    ("drop before all chains", "iptables -t raw -I PREROUTING -p tcp --dport 25 -j DROP"),
    ("25 redirected", "iptables -t nat -I PREROUTING -p tcp --dport 25 -j REDIRECT "
                      "--to-ports 2525"),
    ("nft drops at prerouting",
     "nft add table ip mine; nft add chain ip mine pre '{ type filter hook prerouting priority "
     "-300; }'; nft add rule ip mine pre tcp dport 143 drop"),
    ("outgoing closed but for mail and names",
     "ufw default deny outgoing >/dev/null; ufw allow out 25/tcp >/dev/null; "
     "ufw allow out 53 >/dev/null; ufw reload >/dev/null"),
    ("limited rate of new connections",
     "iptables -I INPUT -p tcp --dport 25 -m limit --limit 1/min --limit-burst 1 -j ACCEPT"),
    ("a black hole in the routes", "ip route add blackhole $peer_address"),
    ("port 143 by its name", "ufw delete allow 143/tcp >/dev/null; ufw allow imap2 >/dev/null"),
    ("110 to 143 as a range", "ufw delete allow 143/tcp >/dev/null; "
                              "ufw delete allow 110/tcp >/dev/null; "
                              "ufw allow 110:143/tcp >/dev/null"),
)  # fmt: skip

MAIL_COMMAND: tuple[tuple[str, str], ...] = (
    (".forward is writable by all", 'echo "$peer_user@$peer_domain" >/home/$user/.forward; '
                                    "chmod 666 /home/$user/.forward"),
    (".forward to a file in the home", 'echo "/home/$user/mbox" >/home/$user/.forward; '
                                       "chown $user: /home/$user/.forward"),
    (".forward to oneself by address", 'echo "$user@$domain" >/home/$user/.forward; '
                                       "chown $user: /home/$user/.forward"),
    (".forward is a folder", "mkdir /home/$user/.forward"),
    (".mailrc with an unknown word", "echo 'frobnicate' >/home/$user/.mailrc"),
    (".mailrc with another folder", "echo 'set folder=~/folders' >/home/$user/.mailrc"),
    ("MAIL unset", "echo 'unset MAIL' >>/home/$user/.profile"),
    ("REPLYTO set", "echo 'export REPLYTO=me@example.com' >>/home/$user/.profile"),
    ("sendmail by another program", "mv /usr/sbin/sendmail /usr/sbin/sendmail.off; "
                                    "ln -s /bin/true /usr/sbin/sendmail"),
)  # fmt: skip

BOOT: tuple[tuple[str, str], ...] = (
    ("boot order: Wants only",
     "for f in /etc/systemd/system/postfix*.d/*.conf; do sed -i /^After/d $f; done; "
     "systemctl daemon-reload"),
    ("boot order: misspelt target",
     "sed -i s/network-online/network-onlne/ /etc/systemd/system/postfix*.d/*.conf; "
     "systemctl daemon-reload"),
    ("boot order: not reloaded",
     "rm -rf /etc/systemd/system/postfix*.d"),
)  # fmt: skip
