"""Tries on all hosts at once what the chapter is about: mail by `mail`, and who may relay.

What the hosts said is data (provision.behaviour), from which others decide what is right.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace

from labctl.errors import CommandFailed
from labctl.scripts import Script
from provision.behaviour import Evidence, all_seen
from provision.dialogue import (
    Answer,
    imap_shows,
    pop3_shows,
    smtp_relay,
    smtp_relay_after_auth,
)
from provision.facts import Facts, parse_facts
from provision.mail_log import last_lines
from provision.patience import Deadline, patiently
from provision.step import Target
from provision.stranger import ask_to_relay

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
    with ExitStack() as ending:
        for target in mailed:
            ending.callback(target.turns.end_deliveries)
            target.turns.begin_deliveries()
        yield ending.enter_context(closing(Observation(targets, mailed, mark)))


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
            client_log=mailed.client_log,
            sent=self._sends,
        )

    def explained(self, tried: Evidence) -> Evidence:
        """The same with the facts, if they were needed."""
        return replace(tried, facts=self._facts.result())


def _facts(target: Target, wait: Callable[[], bool]) -> Facts:
    if not wait():
        return Facts({})
    host, postfix = target.host, target.family.postfix
    words = (str(host.account), postfix.spool, str(host.address), str(target.peer.address))
    dovecot = target.family.dovecot
    package = (postfix.master_example, target.family.mail_command.settings)
    files = (*package, dovecot.folder, dovecot.marker, target.family.mail_log)
    return _said(target, _EVIDENCE, *words, *files, left=patiently(_FACTS))


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
        target.turns.end_deliveries()


def _received(target: Target, mark: str, sent: Facts, there: Facts | None) -> Evidence:
    """What reached a host and its mail clients. `there` is what the other host sent, if it did."""
    own, coming = tokens(mark, target.host.name)[0], tokens(mark, target.peer.name)[1]
    name = str(target.host.account)
    mail = sent
    if there is not None:
        words = (name, str(_looks(there["peer-log"])), coming)
        said = _said(target, _MAIL_CAME, *words, left=patiently(_ARRIVAL))
        mail = sent.with_facts(said)
    target.turns.end_deliveries()
    clients: dict[str, Answer] = {}
    if mail["own-from"]:
        password = target.credentials.password(name)
        clients["imap"] = imap_shows(target, name, password, own)
        if mail["coming-from"]:
            clients["pop3"] = pop3_shows(target, name, password, coming)
    all_ok = all(answer.ok for answer in clients.values())
    log = () if all_ok else _dovecots_words(target)
    return Evidence(target.scene, mail=mail, clients=clients, client_log=log)


def _dovecots_words(target: Target) -> tuple[str, ...]:
    """The last lines of Dovecot in the log: why it did not show a message, or as whom it looked."""
    with suppress(CommandFailed):
        pattern = rf"dovecot: .*{re.escape(str(target.host.account))}"
        return tuple(last_lines(target, pattern, 4))
    return ()


def _looks(log: str) -> int:
    """How often to look for a message, by the sender's log of it.

    Without a status the sender still tries, or has no log. Its script has waited for it already, so
    the message may come all the same, but soon.
    """
    if "status=sent" in log:
        return _LOOKS
    return 1 if "status=" in log else _LOOKS // 3
