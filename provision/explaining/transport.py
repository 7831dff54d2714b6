"""Why a message does not reach the other host."""

from __future__ import annotations

import re
from dataclasses import replace

from labctl.i18n import N_
from provision.causes import Case, Explanation, Told
from provision.explaining.firewall import by_rule, stopped_by_nft, stops_from_peer, stops_to_peer
from provision.explaining.predicates import unless_answered
from provision.explaining.settings import (
    IN_HINTS,
    MAP,
    NAMED_BY_CLEANUP,
    OUT_HINTS,
    TABLE,
    VALUE,
    each_of,
    map_missing,
    master,
    missing_service,
    odd,
    odd_service,
    overridden,
    unread,
)
from provision.explaining.system import FOLDERS


def _chroot_resolver(case: Case) -> Told | None:
    """smtp runs in a chroot, which has a resolv.conf of its own."""
    words = case.own.services().get("smtp/unix", [])
    if len(words) > 4 and words[4] == "n":
        return None
    inside = case.own.facts.lines("chroot-nameserver")
    outside = case.own.facts.lines("nameserver")
    if inside == outside:
        return None
    return Told(", ".join(inside) or "-")


def _remembered(case: Case) -> Told | None:
    """Postfix asked for a name that the other host's zone, asked there, does not have."""
    asked = re.search(r"Name service error for name=(\S+)", case.log)
    if asked is None or case.peer is None:
        return None
    there = case.peer.host
    if not asked[1].endswith(there.domain):
        return None
    is_right = asked[1] in (there.domain, there.mail_name)
    is_known = f"{there.mail_name}." in case.own.asked["peer-mx"]
    return None if is_right or not is_known else Told(asked[1])


def _no_dns(case: Case) -> Told | None:
    order = case.own.facts["hosts-order"]
    return Told(order) if order and "dns" not in order and "resolve" not in order else None


def _closed_out(case: Case) -> Told | None:
    if case.own.facts["peer-door"] == "open":
        return None
    return by_rule(case, stops_to_peer(case, 25, "tcp") or stopped_by_nft(case.own))


def _recipients_refused(case: Case) -> Told | None:
    """Turned: the receiver's list has more than the book's three words, and refuses."""
    value = case.own.settings().get("smtpd_recipient_restrictions", "")
    words = [
        word
        for word in re.split(r"[\s,]+", value, flags=re.ASCII)
        if word not in _BOOK_RESTRICTIONS
    ]
    return Told(value, "smtpd_recipient_restrictions") if words and "rejected" in case.log else None


_BOOK_RESTRICTIONS = (
    "permit_mynetworks", "permit_sasl_authenticated", "reject_unauth_destination", "",
)  # fmt: skip


def _closed_in(case: Case) -> Told | None:
    """Turned: `own` receives, and `peer` could not connect, or its mail is stopped later."""
    rule = stops_from_peer(case, 25, "tcp") or stopped_by_nft(case.own)
    is_silent = case.peer is not None and case.peer.facts["peer-door"] == "silent"
    told = by_rule(case, rule) or (Told("25/tcp") if is_silent else None)
    if told is None or told.solution:
        return told
    firewall = case.own.scene.family.firewall
    return replace(told, solution=f"{firewall.listing}; {firewall.opening(25, 'tcp')}")


def _out_names(name: str) -> bool:
    return not name.startswith(("smtpd_", "mailbox", "local_", "home_", "mynetworks", "alias_"))


def _in_names(name: str) -> bool:
    return not name.startswith(("smtp_", "mailbox", "home_", "relayhost", "default_transport"))


# How this host finds the other one and reaches it.
_WAY = (
    Explanation("dns.nsswitch", _no_dns, "/etc/nsswitch.conf: hosts", "files dns",
                N_("Where does this host look for the address of a name?"), "hosts: files dns"),
    Explanation("postfix.chroot-resolver", _chroot_resolver,
                N_("the name server that Postfix asks in its chroot"), N_("as /etc/resolv.conf"),
                N_("Postfix's smtp sees a copy of resolv.conf. When is it copied?"),
                "systemctl restart postfix"),
    Explanation("firewall.outgoing", _closed_out, N_("outgoing mail, port 25"), N_("open"),
                N_("A firewall has rules for both directions: iptables -S OUTPUT")),
)  # fmt: skip


OUTBOUND = (
    *NAMED_BY_CLEANUP,
    VALUE,
    *(each if each.code == "postfix.smtp_generic_maps" else unless_answered(each)
      for each in each_of(OUT_HINTS)),
    master(missing_service("smtp/unix", "qmgr/unix", "bounce/unix", "rewrite/unix")),
    FOLDERS,
    *map(unless_answered, _WAY),
    Explanation("firewall.port-25-tcp", _closed_in, N_("port 25 from the other host"), N_("open"),
                N_("A port may be open to some and closed to others. Which rule concerns the other "
                   "host?"),
                at_peer=True),
    master(missing_service("smtp/inet"), at_peer=True),
    master(overridden(r"smtp/inet"), at_peer=True),
    replace(TABLE, at_peer=True),
    *each_of(IN_HINTS, at_peer=True),
    Explanation("postfix.{name}", _recipients_refused, "{name}",
                "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
                N_("Who else does this list refuse, besides strangers? Look at every word."),
                at_peer=True),
    MAP,
    Explanation("postfix.map", map_missing, MAP.what, MAP.expected, MAP.hint, at_peer=True),
    odd(_out_names),
    odd(_in_names, at_peer=True),
    master(overridden(r"smtp/unix")),
    master(odd_service),
    master(odd_service, at_peer=True),
    unread(at_peer=False),
    unread(at_peer=True),
    Explanation("dns.remembered", _remembered, N_("the other host's mail server in DNS"),
                N_("as its zone says now"),
                N_("The name server caches old answers for a while. Check again in a minute."),
                "rndc flush"),
)  # fmt: skip
