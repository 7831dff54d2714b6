"""Send one message and watch it: its dialogue on the wire, and its way in the logs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from labctl.errors import LabError, MachineLacks
from labctl.hint import commands
from labctl.home import written_for_person
from labctl.i18n import _
from labctl.mailtest.capture import Spoken, captured, dialogues
from labctl.mailtest.letters import Sending, first_letters, new_run_id
from labctl.mailtest.mailcommand import read_by_mail, user_of, write_by_mail
from labctl.mailtest.trace import Trace, trace_message
from labctl.mailtest.watch import Watch
from provision.mailbox import boxes_kept, find_messages
from provision.step import Target


def send_and_watch(
    targets: Mapping[str, Target], *, keep: Path | None = None, timeout: float = 30.0
) -> tuple[Trace, tuple[Spoken, ...]]:
    """Send the book's message from the first host to the second, and remove it again.

    Args:
        keep: where to copy the capture, if anywhere.
        timeout: the seconds that the message may take.

    Returns:
        The message's trace and its dialogue.

    Raises:
        LabError: the message cannot be written.
        MachineLacks: nothing can be captured.
        WrongUsage: the capture cannot be kept.
    """
    watch = Watch(targets, new_run_id())
    sender, receiver = watch.targets.values()
    if receiver.remote.endpoint.neighbour:
        raise MachineLacks(
            _("the network of the lab is not on this machine, so it cannot be captured"),
            hint=commands("labctl trace last"),
        )
    with TemporaryDirectory(prefix="labctl-") as folder:
        file = Path(folder) / "smtp.pcap"
        with boxes_kept(list(watch.targets.values()), watch.run_id):
            with captured(receiver.host.address, file, receiver.remote.endpoint.netns):
                sending = _delivered(watch, timeout)
            trace = trace_message(targets, sending.message_id)
        names = {str(host.address): host.name for host in sender.lab.hosts}
        spoken = dialogues(file, names)
        if trace.settled and not spoken:
            raise MachineLacks(
                _("the message was delivered, but this machine captured nothing of it"),
                hint=commands("labctl trace last"),
            )
        if keep is not None:
            with written_for_person(keep):
                shutil.copyfile(file, keep)
    return trace, spoken


def _delivered(watch: Watch, timeout: float) -> Sending:
    """Send a message, read it, and wait until both hosts have logged it."""
    sender, receiver = watch.targets.values()
    letter = first_letters([sender.host, receiver.host], watch.run_id)[0]
    # Of a kind that nobody answers.
    letter = replace(letter, kind="watched")
    sending = write_by_mail(sender, letter, receiver.host.mailbox)
    if not sending.sent:
        raise LabError(_("the message was not sent"), cause=sending.words)
    tokens = [letter.token]
    found = find_messages(receiver.remote, user_of(receiver), tokens, timeout).get(letter.token)
    if found is not None:
        sending = read_by_mail(receiver, sending, found)[0]
    watch.settled_logs([sending])
    return sending
