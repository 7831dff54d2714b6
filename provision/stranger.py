"""What a host's mail server answers to a stranger, who is outside of the lab's network.

The stranger is a network namespace on the host itself, so that it exists with every provider and
no other machine needs an address for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from labctl.errors import CommandFailed
from labctl.scripts import Script
from provision.patience import patient
from provision.step import Target

_STRANGER = Script("provision", "stranger.sh")
_SECONDS = 8
# The replies of one conversation, in order.
_REPLIES = ("greeting", "ehlo", "mail", "rcpt", "ehlo", "mail", "rcpt")


@dataclass(frozen=True)
class StrangersAnswer:
    """The server's reply to RCPT TO, or "" if the conversation did not come so far.

    Of the replies for both senders, and on all ports, it is one that accepts, if there is one.
    `last` is the last reply on port 25, "" if nobody answered.
    """

    reply: str
    last: str

    @property
    def accepted(self) -> bool:
        """Whether the server would have relayed a message."""
        return self.reply.startswith("2")


def ask_to_relay(target: Target, recipient: str) -> StrangersAnswer:
    """Ask the host's mail server, as a stranger, to accept mail for another server's account.

    Raises:
        WrongState: the host does not answer over SSH.
    """
    host = target.host
    seconds = target.left(patient(_SECONDS))
    # Whoever forges a sender uses an address of the server itself, or of one that it trusts. Both
    # domains exist, so that only the relay is in question. No message follows.
    senders = (host.mailbox, recipient)
    words = (str(host.address), *senders, recipient, f"{max(0.5, seconds - 0.5):.1f}")
    try:
        left = target.at_least(seconds + 1.5)
        said = target.remote.script(_STRANGER, *words, check=False, left=left).stdout
    except CommandFailed as error:
        # A server that is slow to say goodbye may have said before that it relays.
        said = error.output
    first, *others = [[line for line in each.splitlines() if line] for each in said.split("--\n")]
    asked = [
        reply
        for replies in (first, *others)
        for name, reply in zip(_REPLIES, replies, strict=False)
        if name == "rcpt"
    ]
    accepted = [reply for reply in asked if reply.startswith("2")]
    return StrangersAnswer([*accepted, *asked, ""][0], first[-1] if first else "")
