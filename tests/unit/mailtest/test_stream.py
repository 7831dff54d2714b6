"""The record on a host shows sendmail's answers, even after a power cut."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from labctl.mailtest.stream import _SEND, Sent, read_record

AROUND = ("labctl.7.quiet.", "@example1.jp")


def answers(text: str) -> dict[str, tuple[str, str]]:
    return {
        sent.token: (sent.answer, sent.words)
        for sent in read_record(text, "host1", "quiet", *AROUND)
    }


def test_each_message_has_its_answer() -> None:
    record = "begin 1\nend 1 0 \nbegin 2\nend 2 75 sendmail: fatal: no space \n"
    assert read_record(record, "host1", "quiet", *AROUND) == (
        Sent("labctl.7.quiet.1@example1.jp", "quiet", "host1", "accepted", ""),
        Sent(
            "labctl.7.quiet.2@example1.jp",
            "quiet",
            "host1",
            "refused",
            "sendmail: fatal: no space",
        ),
    )


@pytest.mark.parametrize(
    "end", ["", "begin 2\n", "end 1 unanswered\n", "end 1", "end 1 \nbeg", "\0\0\0\0"]
)
def test_a_message_without_a_whole_answer_is_unanswered(end: str) -> None:
    assert answers(f"begin 1\n{end}")["labctl.7.quiet.1@example1.jp"] == ("unanswered", "")


def test_a_refusal_whose_text_looks_like_an_answer_is_one_message() -> None:
    found = answers("begin 1\nend 1 75 end 9 0 begin 8\n")
    assert found == {"labctl.7.quiet.1@example1.jp": ("refused", "end 9 0 begin 8")}


def send(record: Path, last: int, sendmail: str) -> str:
    """Run the script of the host up to message `last`, with another program as sendmail."""
    script = _SEND.text.replace("/usr/sbin/sendmail", f"sh -c '{sendmail}' sh")
    words = [str(record), str(last), *AROUND, "user1@example1.jp", "user2@example2.jp", "0"]
    subprocess.run(["sh", "-c", script, "sh", *words], check=True)
    return record.read_text(encoding="utf-8")


@pytest.mark.posix
def test_the_script_records_what_sendmail_answers(tmp_path: Path) -> None:
    record = tmp_path / "quiet"
    record.touch()
    sendmail = (
        f'cat >"{tmp_path}/mail"; grep -q "quiet.2@" "{tmp_path}/mail" && echo no && exit 75; :'
    )
    found = answers(send(record, 3, sendmail))
    assert found == {
        "labctl.7.quiet.1@example1.jp": ("accepted", ""),
        "labctl.7.quiet.2@example1.jp": ("refused", "no"),
        "labctl.7.quiet.3@example1.jp": ("accepted", ""),
    }
    mail = (tmp_path / "mail").read_text(encoding="utf-8")
    assert "Message-ID: <labctl.7.quiet.3@example1.jp>\n\n" in mail


@pytest.mark.posix
def test_the_script_never_sends_a_number_again(tmp_path: Path) -> None:
    """Message 2 was started when the power was cut, so its result is unknown."""
    record = tmp_path / "quiet"
    record.write_text("begin 1\nend 1 0 \nbegin 2\n", encoding="utf-8")
    found = answers(send(record, 3, f'grep Message-ID >>"{tmp_path}/mail"'))
    assert [answer for answer, _words in found.values()] == ["accepted", "unanswered", "accepted"]
    mail = (tmp_path / "mail").read_text(encoding="utf-8")
    assert mail == "Message-ID: <labctl.7.quiet.3@example1.jp>\n"
    assert send(record, 3, "exit 1").count("begin") == 3
