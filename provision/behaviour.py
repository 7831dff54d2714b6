"""What the chapter is about, tried on both hosts at once: mail by `mail`, and who may relay.

A check of settings explains; these behaviours decide. Each is data: what was seen, and the log
lines of this very try.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from labctl.errors import CommandFailed
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
from provision.patience import Deadline, patiently
from provision.step import Scene, Target
from provision.stranger import StrangersAnswer, ask_to_relay
from provision.turns import begin_deliveries, end_deliveries

_EVIDENCE = Script("provision", "evidence.sh")
_TRY_MAIL = Script("provision", "try-mail.sh")
_MAIL_CAME = Script("provision", "mail-came.sh")
_ASK_PEER = Script("provision", "ask-peer.sh")
# Seconds that the messages may take. The script itself stops to wait before that.
_ARRIVAL = 8.0
# How many times to look for a message that the sender says is sent.
_LOOKS = 15
# Seconds that the facts may take. They come last, so they have a deadline of their own. The script
# itself does not wait for as long.
_FACTS = 6.0
# Seconds for a question to the other host's name server.
_ASKED = 3.0
# Seconds after which the facts are gathered although nothing is known to be wrong yet, more on a
# busy machine. A host that is right has answered by then, and needs none.
_SUSPICIOUS = 3.0

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
    are IMAP's and POP3's answers.
    """

    scene: Scene
    facts: Facts = field(default_factory=lambda: Facts({}))
    mail: Facts = field(default_factory=lambda: Facts({}))
    asked: Facts = field(default_factory=lambda: Facts({}))
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


def tokens(mark: str, host: str) -> tuple[str, str, str]:
    """The words that mark a host's messages: to itself, to the other host, to an alias."""
    own, peer, alias = (f"{mark}.{host}.{kind}" for kind in ("own", "peer", "alias"))
    return own, peer, alias


class Observation:
    """Behaviours that are being tried on some hosts, and the facts that explain them."""

    def __init__(self, targets: Sequence[Target], mailed: Sequence[Target], mark: str) -> None:
        """`mailed` are those of the targets that send and receive messages."""
        hosts = {target.host.name for target in mailed}
        # A pool instead of labctl.parallel: some of the work waits for other work, and the caller
        # goes on meanwhile.
        self._pool = ThreadPoolExecutor(7 * len(targets) or 1)
        self._wanted, self._decided = False, threading.Event()
        self._patience = Deadline(_SUSPICIOUS)
        sent = {
            target.host.name: self._pool.submit(
                _sent, target, mark, alone=target.peer.name not in hosts
            )
            for target in mailed
        }
        self._begun = {
            target.host.name: _Begun(
                self._pool, target, mark if target in mailed else "", sent, self._wait
            )
            for target in targets
        }

    def note_wrong(self) -> None:
        """Have the facts gathered now: something has failed."""
        self._wanted = True
        self._decided.set()

    def evidence(self) -> dict[str, Evidence]:
        """The evidence of all hosts, by host, when everything has answered.

        Raises:
            WrongState: a host does not answer over SSH.
        """
        tried = {name: begun.tried() for name, begun in self._begun.items()}
        if any(not each.ok for each in all_seen(tried)):
            self._wanted = True
        self._decided.set()
        return {name: begun.explained(tried[name]) for name, begun in self._begun.items()}

    def close(self) -> None:
        """Wait for the end of everything that was begun."""
        self._decided.set()
        self._pool.shutdown()

    def _wait(self) -> bool:
        """Whether the facts are needed; waits until that is known."""
        while seconds := self._patience.left():
            # In steps, because the machine may become busy meanwhile.
            if self._decided.wait(min(seconds, 1.0)):
                return self._wanted
        return True


@contextmanager
def observing(targets: Sequence[Target], mark: str, *, sends: bool) -> Iterator[Observation]:
    """Try the behaviours on these hosts at once, while the block runs.

    Sessions that open a mailbox wait until the messages are delivered (provision.turns).

    Args:
        mark: marks the messages, so that they can be found and removed.
        sends: send messages. Without it only what leaves no trace is tried.
    """
    mailed = [target for target in targets if sends and not target.is_locked]
    begin_deliveries(mailed)
    observation = Observation(targets, mailed, mark)
    try:
        yield observation
    finally:
        observation.close()


class _Begun:
    """What is being tried on one host. Without a mark no message is sent."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        target: Target,
        mark: str,
        sent: Mapping[str, Future[Facts]],
        wait: Callable[[], bool],
    ) -> None:
        name, peer = str(target.host.account), target.peer.mailbox
        password = target.credentials.password(name)
        self._scene, self._sends = target.scene, bool(mark)
        self._mailed: Future[Evidence] = pool.submit(_mailed, target, mark, sent)
        self._after_auth = (
            pool.submit(smtp_relay_after_auth, target, name, password, peer)
            if target.lab.edition.relay == "auth"
            else None
        )
        self._stranger = pool.submit(ask_to_relay, target, peer)
        self._near = pool.submit(smtp_relay, target, target.host.mailbox, peer)
        self._asked = pool.submit(_asked, target)
        self._facts = pool.submit(_facts, target, wait)

    def tried(self) -> Evidence:
        """What was seen, without the facts that explain it."""
        mailed = self._mailed.result()
        return Evidence(
            self._scene,
            mail=mailed.mail,
            asked=self._asked.result(),
            stranger=self._stranger.result(),
            near=self._near.result(),
            after_auth=self._after_auth.result() if self._after_auth else None,
            clients=mailed.clients,
            sent=self._sends,
        )

    def explained(self, tried: Evidence) -> Evidence:
        """The same with the facts, if they were needed."""
        return replace(tried, facts=self._facts.result())


def _facts(target: Target, wait: Callable[[], bool]) -> Facts:
    if not wait():
        return Facts({})
    host, peer, postfix = target.host, target.peer, target.family.postfix
    words = (str(host.account), postfix.spool, str(host.address), str(peer.address), peer.domain)
    package = (postfix.master_example, target.family.mail_command.settings)
    return _said(target, _EVIDENCE, *words, *package, left=patiently(_FACTS))


def _asked(target: Target) -> Facts:
    peer = target.peer
    return _said(
        target,
        _ASK_PEER,
        str(peer.address),
        peer.domain,
        left=patiently(_ASKED),
    )


def _said(target: Target, script: Script, *words: str, left: Callable[[], float]) -> Facts:
    """The facts of a script, as far as it came while seconds were left."""
    try:
        done = target.remote.script(script, *words, check=False, left=left)
    except CommandFailed as error:
        # The host itself is too slow to end its script.
        return parse_facts(error.output)
    return parse_facts(done.stdout)


def _sent(target: Target, mark: str, *, alone: bool) -> Facts:
    """Send the messages of a host, and what became of them there."""
    host, peer, family = target.host, target.peer, target.family
    own, away, alias = tokens(mark, host.name)
    words = (
        *(str(host.account), family.mail_log, family.postfix.spool),
        *(host.mailbox, own, "" if alone else peer.mailbox, away),
        *(f"postmaster@{host.domain}", alias),
    )
    return _said(target, _TRY_MAIL, *words, left=patiently(_ARRIVAL))


def _mailed(target: Target, mark: str, sent: Mapping[str, Future[Facts]]) -> Evidence:
    """What the messages of both hosts came to on this one; nothing if none was sent."""
    if not mark:
        return Evidence(target.scene)
    try:
        own, there = sent[target.host.name].result(), sent.get(target.peer.name)
        return _received(target, mark, own, there.result() if there else None)
    finally:
        end_deliveries(target)


def _received(target: Target, mark: str, sent: Facts, there: Facts | None) -> Evidence:
    """What reached a host and its mail clients. `there` is what the other host sent, if it did."""
    own, coming = tokens(mark, target.host.name)[0], tokens(mark, target.peer.name)[1]
    name = str(target.host.account)
    mail = sent
    if there is not None:
        words = (name, target.family.mail_log, str(_looks(there["peer-log"])), coming)
        said = _said(target, _MAIL_CAME, *words, left=patiently(_ARRIVAL))
        mail = sent.with_facts(said)
    end_deliveries(target)
    clients: dict[str, Answer] = {}
    if mail["own-from"]:
        password = target.credentials.password(name)
        clients["imap"] = imap_shows(target, name, password, own)
        if mail["coming-from"]:
            clients["pop3"] = pop3_shows(target, name, password, coming)
    return Evidence(target.scene, mail=mail, clients=clients)


def _looks(log: str) -> int:
    """How often to look for a message, by the sender's log of it.

    A sender without a log says nothing, so the message may come all the same.
    """
    if not log or "status=sent" in log:
        return _LOOKS
    # Without a status the sender still tries, after a script that has waited for it already.
    return 1 if "status=" in log else _LOOKS // 3


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
            answerable = _address(came) == own.host.mailbox
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
