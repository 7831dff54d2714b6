"""The `mail` command as the book uses it: write, read by number, answer."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from labctl.mailtest.letters import Letter, Sending, answer_to
from labctl.run import Completed
from provision.step import Target

_MESSAGE_ID = re.compile(r"^Message-I[dD]: <([^>]+)>", re.MULTILINE)
# A login shell, like a person's own: what its profile sets (MAIL) is part of the test.
_AS_AT_LOGIN = ["bash", "-lc", '"$@"', "bash"]


def user_of(target: Target) -> str:
    """The account that writes and reads on the host."""
    return target.host.account or ""


def write_by_mail(target: Target, letter: Letter, address: str) -> Sending:
    """Send the letter to `address` as the host's account."""
    begun = time.monotonic()
    done = _mail(
        target,
        ["-s", letter.subject, "-a", f"Message-ID: <{letter.message_id}>", address],
        letter.body + "\n",
    )
    words = "" if done.ok else done.stdout + done.stderr
    return Sending(letter, begun=begun, sent=done.ok, words=words)


def show_by_mail(target: Target, number: str, *more: str) -> Completed:
    """What `mail` shows for a message's number. `more` are further lines to type."""
    # `exit`, not the book's `q`, which moves read messages to ~/mbox.
    typed = ["set dot", f"print {number}", *more, "exit", ""]
    return _mail(target, [], "\n".join(typed))


def read_by_mail(target: Target, sending: Sending, number: str) -> tuple[Sending, Sending | None]:
    """Read the letter by its number. Answer it if it is from the other host.

    Returns:
        How far the letter came, and the answer, or None if there is none.
    """
    letter = sending.letter
    answer = answer_to(letter) if letter.kind == "message" else None
    # `Reply`, because the `reply` of mailutils writes to all recipients, also to oneself.
    reply = (f"Reply {number}", answer.body, ".") if answer else ()
    begun = time.monotonic()
    done = show_by_mail(target, number, *reply)
    shown = letter.token in done.stdout and letter.body in done.stdout
    identity = _MESSAGE_ID.search(done.stdout)
    read = replace(
        sending,
        arrived=True,
        read=shown,
        ended=time.monotonic(),
        words="" if shown else done.stdout + done.stderr,
        found_id=identity[1] if identity else "",
    )
    if answer is None or not shown:
        return read, None
    said = "" if done.ok else done.stderr
    return read, Sending(answer, begun=begun, sent=done.ok, words=said)


def _mail(target: Target, args: list[str], typed: str) -> Completed:
    return target.remote.run(
        [*_AS_AT_LOGIN, "mail", *args], user=user_of(target), stdin=typed, check=False
    )
