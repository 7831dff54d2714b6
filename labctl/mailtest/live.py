"""One message sent for the sake of watching it: its dialogue off the wire, its way in the logs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from labctl.errors import LabError, MachineLacks
from labctl.home import written_for_person
from labctl.i18n import _
from labctl.mailtest.capture import Spoken, captured, dialogues
from labctl.mailtest.letters import first_letters, new_run_id
from labctl.mailtest.mailcommand import read_by_mail, user_of, write_by_mail
from labctl.mailtest.trace import Trace, trace_message
from labctl.mailtest.watch import Watch
from provision.mailbox import boxes_kept, find_messages
from provision.step import Target


def send_and_watch(
    targets: Mapping[str, Target], *, keep: Path | None = None, timeout: float = 30.0
) -> tuple[Trace, tuple[Spoken, ...]]:
    """Sends the book's message from the first host to the second; its trace and its dialogue.

    The message is removed again. With `keep`, the capture is copied there. Raises LabError
    where the message cannot be written, MachineLacks where nothing can be captured, WrongUsage
    where the capture cannot be kept.
    """
    watch = Watch(targets, new_run_id())
    sender, receiver = watch.targets.values()
    letter = first_letters([sender.host, receiver.host], watch.run_id)[0]
    # Of a kind that is not answered.
    letter = replace(letter, kind="watched")
    with TemporaryDirectory(prefix="labctl-") as folder:
        file = Path(folder) / "smtp.pcap"
        with boxes_kept(list(watch.targets.values()), watch.run_id):
            with captured(receiver.host.address, file):
                letter = write_by_mail(sender, letter, receiver.host.mailbox)
                if not letter.sent:
                    raise LabError(_("the message was not sent"), cause=letter.words)
                found = find_messages(
                    receiver.remote, user_of(receiver), [letter.token], timeout
                ).get(letter.token)
                if found is not None:
                    letter = read_by_mail(receiver, letter, found)[0]
                watch.settled_logs([letter])
            trace = trace_message(targets, letter.message_id)
        names = {str(host.address): host.name for host in sender.lab.hosts}
        spoken = dialogues(file, names)
        if trace.settled and not spoken:
            raise MachineLacks(
                _("the message went its way, but nothing of it was seen on this machine's wire"),
                hint="labctl trace last",
            )
        if keep is not None:
            with written_for_person(keep):
                shutil.copyfile(file, keep)
    return trace, spoken
