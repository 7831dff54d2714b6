"""A host's mailboxes around a test or a check: keep, search, put back.

A student's messages must survive a test byte for byte. The `mail` command alone rewrites a
mailbox (it numbers the messages in it). So the box is kept as it was, and put back without the
test's messages, under the dot lock that Postfix and Dovecot use too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from labctl.errors import CommandFailed, WrongState
from labctl.hint import Hint
from labctl.i18n import _
from labctl.parallel import on_each
from labctl.scripts import Script
from provision.step import Target

if TYPE_CHECKING:
    # Importing SSH takes a fifth of a second, and a reset needs none.
    from labctl.remote import Remote

_KEEP = Script("provision", "mailbox-keep.sh")
_FIND = Script("provision", "mailbox-find.sh")
_COUNT = Script("provision", "mailbox-count.sh")
_PUT_BACK = Script("provision", "mailbox-put-back.sh")
_FREE = Script("provision", "mailbox-free.sh")
_CLEAR_QUEUE = Script("provision", "queue-clear.sh")


# The status of mailbox-keep.sh if the disk is full.
_NO_ROOM = 73


class NoRoom(WrongState):
    """A host has no room for copies of its mailboxes."""


@dataclass(frozen=True)
class KeptBoxes:
    """The saved boxes of some users of a host.

    `folders` are on the host and readable by root alone, one for each of `users`. The mailboxes of
    `locked` users have a lock file that is older than a delivery takes.
    """

    users: tuple[str, ...]
    folders: tuple[str, ...]
    locked: frozenset[str] = frozenset()


def keep_boxes(remote: Remote, users: Sequence[str]) -> KeptBoxes:
    """Save the users' mailboxes on the host, and note which are absent.

    Raises:
        NoRoom: the host's disk is full. Nothing is kept there.
    """
    try:
        lines = remote.script(_KEEP, *users).stdout.splitlines()
    except CommandFailed as error:
        if error.returncode != _NO_ROOM:
            raise
        name = remote.endpoint.host
        raise NoRoom(
            _("{host}: the disk is full, so no mail can be tried", host=name),
            hint=Hint(_("df -h on {host} shows which file system is full", host=name)),
        ) from None
    found = [line.partition(" ")[::2] for line in lines]
    return KeptBoxes(
        tuple(users),
        tuple(folder for word, folder in found if word == "kept"),
        frozenset(user for word, user in found if word == "locked"),
    )


def find_messages(
    remote: Remote, user: str, tokens: Iterable[str], seconds: float, *, notices: bool = False
) -> dict[str, str]:
    """Wait on the host until all messages are in the mailbox, for at most `seconds`.

    Args:
        tokens: words that identify one message each. They are in its header.
        notices: look for bounces instead. They have the token in their text.

    Returns:
        For each token found, the number by which `mail` knows the message. It is `$`, the last
        one, for a message in a Maildir.
    """
    slice_ms = str(max(0, round(seconds * 1000)))
    done = remote.script(
        _FIND, user, slice_ms, "1" if notices else "0", *tokens, timeout=seconds + 30
    )
    return dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())


def delivered_ids(remote: Remote, user: str, run_id: str) -> list[str]:
    """The Message-IDs of a test run in the user's mailbox and Maildir, one for each copy."""
    lines = remote.script(_COUNT, user, run_id).stdout.splitlines()
    return [line.rpartition("<")[2].rstrip(">") for line in lines]


def maildrop(target: Target) -> str:
    """The folder in which sendmail(1) leaves a message for a Postfix that does not run."""
    return f"{target.family.postfix.spool}/maildrop"


def waits_for_postfix(target: Target, token: str) -> bool:
    """Whether the message is in the maildrop queue because Postfix does not run.

    Neither `mail` nor the log mentions it then.
    """
    return target.remote.run(["grep", "-rqsF", "--", token, maildrop(target)], check=False).ok


@contextmanager
def boxes_kept(targets: Sequence[Target], token: str) -> Iterator[frozenset[str]]:
    """Keep the boxes of all hosts during a test, and put them back in any case.

    Mail to postmaster reaches root, so root's box is kept too. If an alias leads elsewhere, the
    test's messages are removed there. Yields the hosts whose account's mailbox is locked.

    Raises:
        NoRoom: the disk of a host is full. Boxes that were kept are put back.
    """
    kept: list[tuple[Target, KeptBoxes]] = []
    try:
        on_each(targets, lambda each: kept.append((each, keep_boxes(each.remote, _owners(each)))))
        yield frozenset(
            target.host.name for target, boxes in kept if target.host.account in boxes.locked
        )
    finally:
        try:
            # To put back clears the queues again, because a message may come from another host
            # until that one is cleared.
            on_each([target for target, _boxes in kept], lambda each: clear_queue(each, token))
        finally:
            on_each(kept, lambda each: put_back(*each, token))


def _owners(target: Target) -> tuple[str, str]:
    return "root", target.host.account or ""


def clear_queue(target: Target, token: str, spool: str | None = None) -> None:
    """Remove every message with the token from the host's queues, and cut its delivery off.

    Args:
        spool: the folder of the queues; by default where the package has it.
    """
    target.remote.script(_CLEAR_QUEUE, token, spool or target.family.postfix.spool)


def free_box(target: Target) -> None:
    """Remove the lock of the account's mailbox if a delivery that was killed has left it.

    Mail waits 500 seconds for it otherwise (postconf(5), stale_lock_time).
    """
    target.remote.script(_FREE, target.host.account or "")


def put_back(target: Target, kept: KeptBoxes, token: str) -> None:
    """Remove every message with the token from the queues and the boxes, and the saved copies.

    Messages from before the test are as they were. Messages that arrived meanwhile stay.

    Raises:
        WrongState: somebody holds the lock of a box for more than 25 seconds.
    """
    pairs = chain.from_iterable(zip(kept.users, kept.folders, strict=True))
    done = target.remote.script(_PUT_BACK, token, target.family.postfix.spool, *pairs)
    locked = done.stdout.splitlines()
    if locked:
        raise WrongState(
            _(
                "{host}: {file} is locked; the test's messages are still in it",
                host=target.remote.endpoint.host,
                file=", ".join(locked),
            ),
            hint=Hint(_("close the mail program that has it open")),
        )
