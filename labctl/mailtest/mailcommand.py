"""The `mail` command as the book uses it: write, read by number, answer."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from labctl.mailtest.letters import Letter, Sending, answer_to
from labctl.run import Completed
from provision.step import Target

_MESSAGE_ID = re.compile(r"^Message-I[dD]: <([^>]+)>", re.MULTILINE)
# A login shell, like a person's own: what its profile sets (MAIL) is part of the test.
_AS_AT_LOGIN = ["bash", "-lc", '"$@"', "bash"]
# The header by which s-nail's messages are found, as it takes no Message-ID.
_MARK = "X-Labctl-Test"


class _Program(Protocol):
    """How one program behind `mail` is told what to do. A person types the same in all of them."""

    @property
    def show(self) -> str:
        """The command that shows a message with the header that identifies it."""

    def written(self, letter: Letter) -> Letter:
        """The letter as it is sent."""

    def writing(self, letter: Letter) -> Sequence[str]:
        """The options with which it sends a letter that is given on standard input."""

    def reading(self) -> Sequence[str]:
        """The command line that opens the account's mailbox, for a script as for a person."""

    def answering(self, number: str, answer: Letter) -> Sequence[str]:
        """The lines that answer the message of that number."""


class _Mailutils:
    """GNU mailutils."""

    show = "print"

    def written(self, letter: Letter) -> Letter:
        return letter

    def writing(self, letter: Letter) -> Sequence[str]:
        return ["-s", letter.subject, "-a", f"Message-ID: <{letter.message_id}>"]

    def reading(self) -> Sequence[str]:
        return [*_AS_AT_LOGIN, "mail"]

    def answering(self, number: str, answer: Letter) -> Sequence[str]:
        # `Reply`, because the `reply` of mailutils writes to all recipients, also to oneself.
        return (f"Reply {number}", answer.body, ".")


class _SNail:
    """s-nail, the `mail` of AlmaLinux.

    It leaves the Message-ID to Postfix. It answers only a terminal or in batch mode (`-#`), in
    which it does not open the mailbox by itself.
    """

    show = "Print"

    def written(self, letter: Letter) -> Letter:
        return replace(letter, message_id="")

    def writing(self, letter: Letter) -> Sequence[str]:
        return ["-s", letter.subject, "-C", f"{_MARK}: {letter.token}"]

    def reading(self) -> Sequence[str]:
        return ["bash", "-lc", 'mail -# -f "${MAIL:-/var/mail/$(id -un)}"']

    def answering(self, number: str, answer: Letter) -> Sequence[str]:
        mark = f'set customhdr="{_MARK}: {answer.token}"'
        return (mark, f"Reply {number}", answer.body, ".")


_PROGRAMS: dict[str, _Program] = {"mailutils": _Mailutils(), "s-nail": _SNail()}


def _program(target: Target) -> _Program:
    return _PROGRAMS[target.family.mail_command.program]


def user_of(target: Target) -> str:
    """The account that writes and reads on the host."""
    return target.host.account or ""


def write_by_mail(target: Target, letter: Letter, address: str) -> Sending:
    """Send the letter to `address` as the host's account."""
    begun = time.monotonic()
    program = _program(target)
    argv = [*_AS_AT_LOGIN, "mail", *program.writing(letter), address]
    done = _run(target, argv, letter.body + "\n")
    words = "" if done.ok else done.stdout + done.stderr
    return Sending(program.written(letter), begun=begun, sent=done.ok, words=words)


def show_by_mail(target: Target, number: str, *more: str) -> Completed:
    """What `mail` shows for a message's number. `more` are further lines to type."""
    # `exit`, not the book's `q`, which moves read messages to ~/mbox.
    program = _program(target)
    typed = ["set dot", f"{program.show} {number}", *more, "exit", ""]
    return _run(target, program.reading(), "\n".join(typed))


def read_by_mail(target: Target, sending: Sending, number: str) -> tuple[Sending, Sending | None]:
    """Read the letter by its number. Answer it if it is from the other host.

    Returns:
        How far the letter came, and the answer, or None if there is none.
    """
    letter = sending.letter
    answer = answer_to(letter) if letter.kind == "message" else None
    reply = _program(target).answering(number, answer) if answer else ()
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


def _run(target: Target, argv: Sequence[str], typed: str) -> Completed:
    return target.remote.run(argv, user=user_of(target), stdin=typed, check=False)
