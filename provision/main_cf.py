"""The parameters of main.cf beside the book's: which break nothing, and what to ask of the others.

Both the checks of a running Postfix and the explanations of a message that is lost look here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from labctl.i18n import N_

# What the book, labctl and the packages set in main.cf. It breaks nothing by itself.
USUAL = frozenset(
    {
        "myhostname",
        "mydomain",
        "inet_interfaces",
        "mydestination",
        "smtpd_sasl_auth_enable",
        "smtpd_recipient_restrictions",
        "alias_database",
        "compatibility_level",
        "append_dot_mydomain",
        "biff",
        "readme_directory",
        "smtpd_banner",
        "smtpd_tls_cert_file",
        "smtpd_tls_key_file",
        "smtp_tls_CApath",
        "smtp_tls_session_cache_database",
        "smtpd_tls_session_cache_database",
        "delay_warning_time",
        "maximal_queue_lifetime",
        "disable_vrfy_command",
        "notify_classes",
        "html_directory",
        "mail_name",
        "soft_bounce",
        "smtpd_timeout",
        "default_process_limit",
        "broken_sasl_auth_clients",
        "smtpd_sasl_authenticated_header",
        "smtpd_sasl_local_domain",
        "smtpd_sasl_security_options",
        "smtpd_sasl_type",
        "smtpd_sasl_path",
        "smtpd_tls_auth_only",
        "smtpd_delay_reject",
        "smtpd_client_connection_count_limit",
        "debug_peer_level",
        # What the package of RHEL sets besides.
        "command_directory",
        "daemon_directory",
        "data_directory",
        "debugger_command",
        "mail_owner",
        "mailq_path",
        "manpage_directory",
        "meta_directory",
        "newaliases_path",
        "sample_directory",
        "sendmail_path",
        "setgid_group",
        "shlib_directory",
        "smtp_tls_CAfile",
        "unknown_local_recipient_reject_code",
    }
)

# Values that are as good as none.
HARMLESS: Mapping[str, frozenset[str]] = {
    "inet_protocols": frozenset({"ipv4", "all", "ipv4, ipv6", "ipv4,ipv6"}),
    "recipient_delimiter": frozenset({"+", "-", "+-", ""}),
    "relayhost": frozenset({""}),
    "default_transport": frozenset({"smtp"}),
    "relay_transport": frozenset({"relay", "smtp"}),
    "mailbox_size_limit": frozenset({"0"}),
    "smtp_tls_security_level": frozenset({"may", "none", ""}),
    "smtpd_tls_security_level": frozenset({"may", "none", ""}),
    "mailbox_command": frozenset({""}),
    "home_mailbox": frozenset({"", "Maildir/"}),
    "alias_maps": frozenset({"hash:/etc/aliases", "lmdb:/etc/aliases"}),
    "myorigin": frozenset({"$mydomain", "/etc/mailname"}),
    "queue_directory": frozenset({"/var/spool/postfix"}),
    # What Debian's packages write in answer to debconf.
    "mynetworks": frozenset({"127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128"}),
    "smtpd_relay_restrictions": frozenset(
        {"permit_mynetworks permit_sasl_authenticated defer_unauth_destination"}
    ),
}

# Those of the usual parameters whose value decides whether mail works.
_DECISIVE = frozenset(
    {
        "default_process_limit",
        "maximal_queue_lifetime",
        "smtpd_client_connection_count_limit",
        "smtpd_sasl_local_domain",
        "smtpd_sasl_path",
        "smtpd_sasl_security_options",
        "smtpd_sasl_type",
        "smtpd_timeout",
        "smtpd_tls_auth_only",
        "soft_bounce",
    }
)


def is_harmless(settings: Mapping[str, str], also: Collection[str] = ()) -> bool:
    """Whether a main.cf has, beside the book's parameters, only such as break nothing.

    Args:
        also: parameters that are judged elsewhere.
    """
    usual = USUAL - _DECISIVE | {*also}
    return all(
        name in usual or (value in HARMLESS.get(name, ()) and value != "Maildir/")
        for name, value in settings.items()
    )


# What the book and the package set for smtpd.
OF_SMTPD = frozenset(
    {
        "inet_protocols",
        "smtpd_banner",
        "smtpd_recipient_restrictions",
        "smtpd_relay_restrictions",
        "smtpd_sasl_auth_enable",
        "smtpd_tls_cert_file",
        "smtpd_tls_key_file",
        "smtpd_tls_session_cache_database",
    }
)

# What is expected of any other parameter, and what to ask about it.
NOT_SET = N_("not set, or another value")
WHAT_FOR = N_("main.cf sets {name}, and the book does not. What does it do? man 5 postconf")
NO_IPV6 = N_("Does the lab have IPv6 addresses? Which protocol may Postfix use?")
NO_TLS = N_("Must a client use TLS here? The book's servers have none.")

# The same of master.cf.
AS_PACKAGED = N_("as the package has it")
OF_MASTER_CF = N_("postconf -M lists the services of master.cf, postconf -P what -o sets there.")
