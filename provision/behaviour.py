"""What the hosts said when mail and relaying were tried, and what is right of it.

A check of settings explains; these behaviours decide. Each is data: what was seen, and the log
lines of this very try. provision.observing tries them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from labctl.i18n import N_
from labctl.lab import Host
from provision.dialogue import Answer
from provision.facts import Facts
from provision.step import Scene
from provision.stranger import StrangersAnswer

SUBMIT = N_("mail accepts a message of the account")
LOCAL = N_("a message to oneself arrives")
OUTBOUND = N_("a message to the other host's mailbox arrives")
SENDER = N_("the other host can answer the sender")
ALIAS = N_("a message to postmaster is delivered")
RELAY = N_("a stranger must not relay")
NEAR = N_("a client of the lab's network relays as the book says")
RELAY_AUTH = N_("a client relays after AUTH")
NAMES = N_("the other host may ask this one's zone")
IMAP = N_("IMAP shows the message and deletes it")
POP3 = N_("POP3 shows the message and deletes it")


@dataclass(frozen=True)
class Evidence:
    """What one host said and did.

    `facts` are those of evidence.sh, without any line if nothing failed. `mail` are those of
    try-mail.sh, without any line if no mail was sent, and `asked` those of ask-peer.sh.
    `stranger` is None if a stranger did not ask. `near` is the answer to a client of the
    lab's network that asks to relay without AUTH, `after_auth` the answer after AUTH. `clients`
    are IMAP's and POP3's answers, `client_log` the lines of the log if one of them failed.
    """

    scene: Scene
    facts: Facts = field(default_factory=lambda: Facts({}))
    mail: Facts = field(default_factory=lambda: Facts({}))
    asked: Facts = field(default_factory=lambda: Facts({}))
    stranger: StrangersAnswer | None = None
    near: Answer | None = None
    after_auth: Answer | None = None
    clients: Mapping[str, Answer] = field(default_factory=dict)
    client_log: tuple[str, ...] = ()
    sent: bool = False

    @property
    def host(self) -> Host:
        return self.scene.host

    def settings(self) -> dict[str, str]:
        """What main.cf sets (postconf -n)."""
        return self.facts.pairs("set")

    def overrides(self) -> dict[str, str]:
        """What master.cf sets with -o, by `service/type/parameter` (postconf -P)."""
        return self.facts.pairs("override")

    def services(self) -> dict[str, list[str]]:
        """The services of master.cf: `name/type`, and the words of its line (postconf -M)."""
        lines = (line.split() for line in self.facts.lines("service"))
        return {f"{words[0]}/{words[1]}": words for words in lines if len(words) > 7}

    def mode(self, path: str) -> str:
        """Mode, owner and group of a file; "" if it does not exist."""
        found = [line.partition(" ") for line in self.facts.lines("mode")]
        return next((rest for name, _blank, rest in found if name == path), "")


@dataclass(frozen=True)
class Seen:
    """One behaviour on one host. `name` is its message id, `found` what a person would see.

    `log` are the lines of the mail log that belong to it.
    """

    host: str
    name: str
    ok: bool
    found: str = ""
    log: tuple[str, ...] = ()


def pairs(evidence: Mapping[str, Evidence]) -> Iterator[tuple[Evidence, Evidence | None]]:
    """The evidence of each host with that of the other one, None if there is only one."""
    for own in evidence.values():
        yield own, next((peer for peer in evidence.values() if peer is not own), None)


def all_seen(evidence: Mapping[str, Evidence]) -> list[Seen]:
    """The behaviours of all hosts."""
    return [each for own, peer in pairs(evidence) for each in seen(own, peer)]


def seen(own: Evidence, peer: Evidence | None) -> list[Seen]:
    """The behaviours of a host, in the order in which one depends on the other."""
    found = []
    if peer is not None and peer.asked["asked"]:
        answer = peer.asked["peer-mx"]
        found.append(Seen(own.host.name, NAMES, own.host.mail_name in answer.lower(), answer))
    if own.stranger is not None:
        reply = own.stranger.reply
        found.append(Seen(own.host.name, RELAY, not own.stranger.accepted, reply))
    if own.near is not None and own.near.text:
        may = own.scene.lab.edition.relay == "network"
        found.append(Seen(own.host.name, NEAR, own.near.ok == may, own.near.text))
    if own.after_auth is not None and own.after_auth.text:
        told = own.after_auth
        found.append(Seen(own.host.name, RELAY_AUTH, told.ok, told.text))
    if not own.sent:
        return found
    return [*found, *_mail_seen(own, peer), *_clients_seen(own)]


def _mail_seen(own: Evidence, peer: Evidence | None) -> list[Seen]:
    mail = own.mail
    arrived = bool(mail["own-from"])
    # `mail` may say something and yet the message arrives. If the log knows the message that
    # sendmail took, `mail` handed none over.
    is_lost = not arrived and not mail.lines("own-log")
    refused = mail["own-said"] or mail["waits"] or mail["alias-log"]
    is_accepted = not (is_lost and refused)
    found = [
        _seen(own, SUBMIT, is_accepted, mail["own-said"], mail.lines("log")),
        _seen(own, LOCAL, arrived, "", [*mail.lines("own-log"), *mail.lines("log")]),
    ]
    if peer is not None:
        came = peer.mail["coming-from"]
        log = [*mail.lines("peer-log"), *mail.lines("log"), *peer.mail.lines("log")]
        found.append(_seen(own, OUTBOUND, bool(came), "", log))
        if came:
            # Domains are the same in any letters (RFC 4343), and a host's account has small ones.
            answerable = _address(came).lower() == own.host.mailbox
            found.append(_seen(own, SENDER, answerable, _address(came), []))
    # An alias may name another server on purpose. Without one, the message has to stay here.
    stays = "@" not in mail["alias"]
    delivered = bool(mail["alias-box"]) or any(
        "status=sent (delivered" in line or ("status=sent" in line and not stays)
        for line in mail.lines("alias-log")
        if "/dev/null" not in line
    )
    found.append(_seen(own, ALIAS, delivered, mail["alias-said"], mail.lines("alias-log")))
    return found


def _clients_seen(own: Evidence) -> list[Seen]:
    names = {"imap": IMAP, "pop3": POP3}
    return [
        Seen(own.host.name, names[key], answer.ok, answer.text, own.client_log)
        for key, answer in own.clients.items()
    ]


def _address(line: str) -> str:
    found = re.findall(r"[\w.+-]+@[\w.-]+", line)
    return found[-1] if found else line.partition(":")[2].strip()


def _seen(own: Evidence, name: str, ok: bool, found: str, log: Sequence[str]) -> Seen:
    return Seen(own.host.name, name, ok, found or _outcome(log), tuple(log[-6:]))


def _outcome(log: Sequence[str]) -> str:
    """Postfix's own words for what became of a message: `deferred (connection refused)`."""
    words = [line.partition("status=")[2] for line in log if "status=" in line]
    return words[-1] if words else ""
