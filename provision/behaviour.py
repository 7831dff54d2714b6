"""What the chapter is about, tried on both hosts at once: mail by `mail`, and who may relay.

A check of settings explains; these behaviours decide. Each is data: what was seen, and the log
lines of this very try.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from labctl.i18n import N_
from labctl.lab import Host
from labctl.scripts import Script
from provision.dialogue import (
    Answer,
    imap_shows,
    pop3_shows,
    smtp_relay,
    smtp_relay_after_auth,
)
from provision.facts import Facts, parse_facts
from provision.patience import patient
from provision.step import Scene, Target
from provision.stranger import StrangersAnswer, ask_to_relay
from provision.turns import begin_deliveries, end_deliveries

_EVIDENCE = Script("provision", "evidence.sh")
_TRY_MAIL = Script("provision", "try-mail.sh")
# Seconds that the messages may take. The script ends by itself soon after. On a busy machine its
# own commands need more; a verdict on half of the facts would be wrong.
_ARRIVAL = 4
_DEADLINE = 60.0

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

    `facts` are those of evidence.sh, `mail` those of try-mail.sh, without any line if no mail was
    sent. `stranger` is None if a stranger did not ask. `near` is the answer to a client of the
    lab's network that asks to relay without AUTH, `after_auth` the answer after AUTH. `clients`
    are IMAP's and POP3's answers.
    """

    scene: Scene
    facts: Facts = field(default_factory=lambda: Facts({}))
    mail: Facts = field(default_factory=lambda: Facts({}))
    stranger: StrangersAnswer | None = None
    near: Answer | None = None
    after_auth: Answer | None = None
    clients: Mapping[str, Answer] = field(default_factory=dict)
    sent: bool = False

    @property
    def host(self) -> Host:
        return self.scene.host

    def settings(self) -> dict[str, str]:
        """What main.cf sets (postconf -n)."""
        pairs = (line.partition("=") for line in self.facts.lines("set"))
        return {name.strip(): value.strip() for name, equals, value in pairs if equals}

    def overrides(self) -> dict[str, str]:
        """What master.cf sets with -o, by `service/type/parameter` (postconf -P)."""
        pairs = (line.partition("=") for line in self.facts.lines("override"))
        return {name.strip(): value.strip() for name, equals, value in pairs if equals}

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


def tokens(mark: str, host: str) -> tuple[str, str, str]:
    """The words that mark a host's messages: to itself, to the other host, to an alias."""
    own, peer, alias = (f"{mark}.{host}.{kind}" for kind in ("own", "peer", "alias"))
    return own, peer, alias


@contextmanager
def observing(
    targets: Sequence[Target], mark: str, *, sends: bool
) -> Iterator[Callable[[], dict[str, Evidence]]]:
    """Try the behaviours on these hosts at once, under one deadline, while the block runs.

    Sessions that open a mailbox wait until the messages are delivered (provision.turns).

    Args:
        mark: marks the messages, so that they can be found and removed.
        sends: send messages. Without it only what leaves no trace is tried.

    Yields:
        A function that waits for the evidence of all hosts, by host. It raises WrongState if a
        host does not answer over SSH, CommandFailed if one does not answer in time.
    """
    hosts = {target.host.name for target in targets}
    if sends:
        begin_deliveries(targets)
    with ThreadPoolExecutor(5 * len(targets) or 1) as pool:
        begun = [
            (target, _Begun(pool, target, mark if sends else "", target.peer.name not in hosts))
            for target in targets
        ]
        yield lambda: {target.host.name: each.evidence() for target, each in begun}


class _Begun:
    """What is being tried on one host. Without a mark no message is sent."""

    def __init__(self, pool: ThreadPoolExecutor, target: Target, mark: str, alone: bool) -> None:
        name, peer = str(target.host.account), target.peer.mailbox
        password = target.credentials.password(name)
        self._scene, self._sends = target.scene, bool(mark)
        self._facts = pool.submit(_facts, target)
        self._mailed: Future[Evidence] = (
            pool.submit(_mailed, target, mark, alone=alone)
            if mark
            else pool.submit(Evidence, target.scene)
        )
        self._stranger = pool.submit(ask_to_relay, target, peer)
        self._near = pool.submit(smtp_relay, target, target.host.mailbox, peer)
        self._after_auth = (
            pool.submit(smtp_relay_after_auth, target, name, password, peer)
            if target.lab.edition.relay == "auth"
            else None
        )

    def evidence(self) -> Evidence:
        mailed = self._mailed.result()
        return Evidence(
            self._scene,
            self._facts.result(),
            mailed.mail,
            self._stranger.result(),
            self._near.result(),
            self._after_auth.result() if self._after_auth else None,
            mailed.clients,
            sent=self._sends,
        )


def _facts(target: Target) -> Facts:
    host, peer, postfix = target.host, target.peer, target.family.postfix
    words = (str(host.account), postfix.spool, str(host.address), str(peer.address), peer.domain)
    return _said(target, _EVIDENCE, *words)


def _said(target: Target, script: Script, *words: str) -> Facts:
    """The facts of a script. Raises CommandFailed if it does not end within the deadline."""
    done = target.remote.script(script, *words, check=False, timeout=patient(_DEADLINE))
    return parse_facts(done.stdout)


def _mailed(target: Target, mark: str, *, alone: bool) -> Evidence:
    host, peer, family = target.host, target.peer, target.family
    own, away, alias = tokens(mark, host.name)
    coming = "" if alone else tokens(mark, peer.name)[1]
    words = (
        *(str(host.account), family.mail_log, family.postfix.spool, str(round(patient(_ARRIVAL)))),
        *(host.mailbox, own, "" if alone else peer.mailbox, away),
        *(f"postmaster@{host.domain}", alias, coming),
    )
    try:
        mail = _said(target, _TRY_MAIL, *words)
    finally:
        end_deliveries(target)
    clients: dict[str, Answer] = {}
    if mail["own-from"]:
        name = str(host.account)
        password = target.credentials.password(name)
        clients["imap"] = imap_shows(target, name, password, own)
        if mail["coming-from"]:
            clients["pop3"] = pop3_shows(target, name, password, coming)
    return Evidence(target.scene, mail=mail, clients=clients)


def seen(own: Evidence, peer: Evidence | None) -> list[Seen]:
    """The behaviours of a host, in the order in which one depends on the other."""
    found = []
    if peer is not None and peer.facts.lines("service"):
        answer = peer.facts["peer-mx"]
        found.append(Seen(own.host.name, NAMES, own.host.mail_name in answer, answer))
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
            answerable = _address(came) == own.host.mailbox
            found.append(_seen(own, SENDER, answerable, _address(came), []))
    # An alias may name another server on purpose. Without one, the message has to stay here.
    stays = "@" not in own.facts["alias"]
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
        Seen(own.host.name, names[key], answer.ok, answer.text)
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
