"""A mail client's message is compared with the received one, byte for byte where required."""

from labctl.lab import load_edition
from labctl.mailtest.client import compose, differences
from labctl.mailtest.letters import Letter

ONE, TWO = load_edition("ubuntu-example").hosts
LETTER = Letter(
    kind="client",
    sender=ONE,
    recipient=TWO,
    subject="テストメール from user1",
    body="これは user1 からのテストメールです。",
    token="labctl.1@example1.jp",
    message_id="labctl.1@example1.jp",
)
RAW = bytes(compose(LETTER))


def test_what_is_sent_is_ascii_and_lines_end_with_crlf() -> None:
    assert RAW.isascii()
    assert RAW.count(b"\n") == RAW.count(b"\r\n")


def test_the_same_message_by_both_protocols_is_as_it_was_sent() -> None:
    assert differences(LETTER, RAW, RAW) == []


def test_other_bytes_by_pop3_are_seen() -> None:
    (found,) = differences(LETTER, RAW, b"X-Added: 1\r\n" + RAW)
    assert "different bytes" in found


def test_a_changed_subject_text_or_attachment_is_seen() -> None:
    subject = RAW.replace(b"Subject: ", b"Subject: X", 1)
    assert any("Subject" in found for found in differences(LETTER, subject, subject))
    other = bytes(compose(Letter(**{**vars(LETTER), "body": "別の本文"})))
    assert any("別の本文" in found for found in differences(LETTER, other, other))
    assert any("attachment" in found for found in differences(LETTER, RAW[:2000], RAW[:2000]))


def test_nothing_by_pop3_is_no_match() -> None:
    assert differences(LETTER, RAW, b"")
