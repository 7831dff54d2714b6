"""The dialogues of a check with a mail server, line by line as the server hears them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from labctl import dial
from labctl.errors import WrongState
from labctl.wire import Smtp
from provision import dialogue, mail_ports, patience
from provision.dialogue import Answer
from provision.patience import Deadline
from provision.step import Target
from provision.turns import Turns
from tests.fakes.host import FakeHost
from tests.fakes.target import fake_target
from tests.unit.provision.servers import tcp_pair

ADDRESS = "192.168.56.101"
MACHINE = IPv4Address("192.168.56.1")


@dataclass
class Script:
    """A server with fixed replies: those to a line that begins with the key, in capitals.

    `heard` is what the client said. The connection ends at a line without a reply.
    """

    greeting: str
    replies: dict[str, str | Callable[[str], str]]
    heard: list[str] = field(default_factory=list)

    def __call__(self, connection: socket.socket) -> None:
        # A client that is gone ends the conversation.
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            connection.sendall(self.greeting.encode() + b"\r\n")
            for raw in reader:
                line = raw.decode().rstrip("\r\n")
                self.heard.append(line)
                reply = self._reply(line)
                if reply is None:
                    return
                connection.sendall(reply.encode() + b"\r\n" if reply else b"")

    def _reply(self, line: str) -> str | None:
        # IMAP puts a tag before each command and repeats it in its reply.
        tag, _blank, rest = line.partition(" ")
        for word in (line, rest):
            for begin, reply in self.replies.items():
                if word.upper().startswith(begin):
                    said = reply(line) if callable(reply) else reply
                    return said.replace("TAG", tag)
        return None


class Lab:
    """The host1 of a lab: which server answers past its firewall, and which over the network."""

    def __init__(self) -> None:
        self.inside: dict[int, Any] = {}
        self.outside: dict[int, Any] = {}
        self.asked: list[tuple[str, int]] = []
        self.target: Target = fake_target(FakeHost("host1"))

    def _open(self, servers: dict[int, Any], port: int) -> socket.socket:
        server = servers.get(port, ConnectionRefusedError(port))
        if isinstance(server, Exception):
            raise server
        ours, theirs = tcp_pair()
        ours.settimeout(5)
        threading.Thread(target=server, args=[theirs], daemon=True).start()
        return ours

    def through_ssh(self, address: str, port: int, _seconds: float, _left: object) -> socket.socket:
        assert address == ADDRESS
        self.asked.append(("ssh", port))
        return self._open(self.inside, port)

    def over_network(self, _endpoint: object, address: str, port: int, _s: float) -> socket.socket:
        assert address == ADDRESS
        self.asked.append(("network", port))
        return self._open(self.outside, port)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    found = Lab()
    monkeypatch.setattr(found.target.remote, "open_tcp", found.through_ssh, raising=False)
    monkeypatch.setattr(dial, "tcp", found.over_network)
    monkeypatch.setattr("provision.mail_ports.SECONDS", 3.0)
    # On a busy machine a check waits longer.
    monkeypatch.setattr("provision.mail_ports.patient", lambda seconds: seconds)
    return found


def smtp(**replies: str) -> Script:
    return Script(
        "220 mail.example1.jp ESMTP",
        {
            "EHLO": "250-mail.example1.jp Hello\r\n250-AUTH PLAIN LOGIN\r\n250 DSN",
            "AUTH": "235 2.7.0 Authentication successful",
            "MAIL": "250 2.1.0 Ok",
            "RCPT": "250 2.1.5 Ok",
            "QUIT": "221 Bye",
            **{name.upper(): reply for name, reply in replies.items()},
        },
    )


# -- SMTP -----------------------------------------------------------------------------------------


def test_the_greeting_tells_the_name_and_the_mechanisms(lab: Lab) -> None:
    lab.inside[25] = server = smtp()
    assert dialogue.smtp_greeting(lab.target) == ("mail.example1.jp", ("PLAIN", "LOGIN"))
    # Past the firewall: a closed port is the firewall section's failure alone.
    assert lab.asked == [("ssh", 25)]
    assert server.heard == ["ehlo [192.168.56.1]"]


def test_a_server_without_auth_has_no_mechanism(lab: Lab) -> None:
    lab.inside[25] = smtp(ehlo="250 mail")
    assert dialogue.smtp_greeting(lab.target) == ("mail", ())


@pytest.mark.parametrize(
    ("mechanism", "line"),
    [("PLAIN", "AUTH PLAIN AHVzZXIxAHNlY3JldA=="), ("LOGIN", "AUTH LOGIN dXNlcjE=")],
)
def test_one_login_with_the_mechanism_that_is_asked_for(
    lab: Lab, mechanism: str, line: str
) -> None:
    lab.inside[25] = server = smtp()
    assert dialogue.smtp_auth(lab.target, "user1", "secret", mechanism) == Answer(
        True, "235 2.7.0 Authentication successful"
    )
    assert server.heard == ["ehlo [192.168.56.1]", line]


def test_whoever_waits_for_the_question_hears_of_it_before_the_answer(lab: Lab) -> None:
    lab.inside[25] = server = smtp(auth="535 5.7.8 Error: authentication failed")
    heard: list[list[str]] = []

    def asked() -> None:
        heard.append(list(server.heard))

    dialogue.smtp_auth(lab.target, "user1", "x", "PLAIN", asked)
    assert heard == [["ehlo [192.168.56.1]"]]


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("535 5.7.8 Error: authentication failed", "535 5.7.8 Error: authentication failed"),
        ("454 4.7.0 Temporary failure", "454 4.7.0 Temporary failure"),
    ],
)
def test_a_refused_login_is_told_in_the_servers_words(lab: Lab, reply: str, text: str) -> None:
    lab.inside[25] = smtp(auth=reply)
    assert dialogue.smtp_auth(lab.target, "user1", "x", "PLAIN") == Answer(False, text)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (ConnectionRefusedError(), "nothing answers on this port"),
        (TimeoutError(), "no answer in time"),
        (WrongState("host1 does not run"), "no answer in time"),
        (ConnectionResetError(), "the server closed the connection"),
        (OSError(113, "No route to host"), "No route to host"),
        (OSError(), "no answer"),
        (Script("554 5.3.2 too many connections", {}), "554 5.3.2 too many connections"),
        (Script("220 mail", {}), "the server closed the connection"),
    ],
)
def test_a_server_that_does_not_speak_is_told_as_a_person_sees_it(
    lab: Lab, fault: object, text: str
) -> None:
    lab.inside[25] = fault
    assert dialogue.smtp_auth(lab.target, "user1", "secret", "PLAIN") == Answer(False, text)


@pytest.mark.parametrize(
    ("replies", "answer"),
    [
        ({}, Answer(True, "250 2.1.5 Ok")),
        (
            {"rcpt": "554 5.7.1 Relay access denied"},
            Answer(False, "554 5.7.1 Relay access denied"),
        ),
        ({"mail": "451 4.3.0 Try again"}, Answer(False, "451 4.3.0 Try again")),
    ],
)
def test_a_relay_is_asked_from_the_network_and_no_message_is_sent(
    lab: Lab, replies: dict[str, str], answer: Answer
) -> None:
    lab.outside[25] = server = smtp(**replies)
    found = dialogue.smtp_relay(lab.target, "user1@example1.jp", "x@example.com")
    assert found == answer
    assert lab.asked == [("network", 25)]
    heard = [line.lower() for line in server.heard]
    assert heard[:2] == ["ehlo [192.168.56.1]", "mail from:<user1@example1.jp>"]
    assert heard[2:] == ([] if "mail" in replies else ["rcpt to:<x@example.com>"])


def test_a_relay_after_a_login_is_asked_from_the_network(lab: Lab) -> None:
    lab.outside[25] = server = smtp()
    found = dialogue.smtp_relay_after_auth(lab.target, "user1", "secret", "x@example.com")
    assert found == Answer(True, "250 2.1.5 Ok")
    assert lab.asked == [("network", 25)]
    assert [line.lower() for line in server.heard[2:]] == [
        "mail from:<user1@example1.jp>",
        "rcpt to:<x@example.com>",
    ]
    lab.outside[25] = smtp(rcpt="554 5.7.1 Relay access denied")
    refused = dialogue.smtp_relay_after_auth(lab.target, "user1", "secret", "x@example.com")
    assert refused == Answer(False, "554 5.7.1 Relay access denied")
    lab.outside[25] = smtp(mail="451 4.3.0 Try again")
    later = dialogue.smtp_relay_after_auth(lab.target, "user1", "secret", "x@example.com")
    assert later == Answer(False, "451 4.3.0 Try again")


def test_a_server_that_says_nothing_more_after_a_login_relays_nothing(lab: Lab) -> None:
    replies = dict(smtp().replies)
    del replies["RCPT"]
    lab.outside[25] = replace(smtp(), replies=replies)
    found = dialogue.smtp_relay_after_auth(lab.target, "user1", "secret", "x@example.com")
    assert found == Answer(False, "the server closed the connection")


def test_what_other_checks_find_is_no_answer_of_a_relay(lab: Lab) -> None:
    for server in (smtp(auth="535 5.7.8 no"), Script("220 mail", {}), TimeoutError()):
        lab.outside[25] = server
        nothing = dialogue.smtp_relay_after_auth(lab.target, "user1", "secret", "x@example.com")
        assert nothing == Answer(False, "")
    assert dialogue.smtp_relay(lab.target, "a@b", "c@d") == Answer(False, "")


# -- IMAP and POP3 --------------------------------------------------------------------------------


def imap(**replies: str) -> Script:
    return Script(
        "* OK Dovecot ready.",
        {
            "CAPABILITY": "* CAPABILITY IMAP4rev1\r\nTAG OK done",
            "LOGIN": "TAG OK in",
            "EXAMINE": "* 3 EXISTS\r\nTAG OK [READ-ONLY] done",
            "SELECT": "* 3 EXISTS\r\nTAG OK [READ-WRITE] done",
            "SEARCH": "* SEARCH 1 3\r\nTAG OK done",
            "STORE": "* 3 FETCH (FLAGS (\\Deleted))\r\nTAG OK done",
            "EXPUNGE": "* 3 EXPUNGE\r\nTAG OK done",
            "LOGOUT": "* BYE\r\nTAG OK done",
            **{name.upper(): reply for name, reply in replies.items()},
        },
    )


def pop3(**replies: str) -> Script:
    return Script(
        "+OK Dovecot ready.",
        {
            "USER": "+OK",
            "PASS": "+OK Logged in.",
            "STAT": "+OK 3 4096",
            "TOP 3": "+OK\r\nSubject: other\r\n.",
            "TOP 2": "+OK\r\nSubject: token-7\r\n.",
            "TOP 1": "+OK\r\nSubject: token-7 again\r\n.",
            "DELE": "+OK",
            "QUIT": "+OK Bye",
            **{name.upper().replace("_", " "): reply for name, reply in replies.items()},
        },
    )


def commands(server: Script) -> list[str]:
    """What the client said, without the tags of IMAP."""
    return [line.partition(" ")[2] for line in server.heard]


def without_capability(server: Script) -> list[str]:
    """The commands without CAPABILITY, which imaplib of Python 3.14 sends after the login, too."""
    return [command for command in commands(server) if command != "CAPABILITY"]


def test_an_imap_login_changes_nothing_in_the_mailbox(lab: Lab) -> None:
    lab.outside[143] = server = imap()
    assert dialogue.imap_login(lab.target, "user1", "secret") == Answer(True, "3 messages")
    assert without_capability(server) == ['LOGIN user1 "secret"', "EXAMINE INBOX", "LOGOUT"]
    assert lab.asked == [("network", 143)]


def test_a_closed_port_is_gone_around_through_ssh(lab: Lab) -> None:
    lab.inside[143], lab.inside[110] = imap(), pop3()
    assert dialogue.imap_login(lab.target, "user1", "secret").ok
    assert dialogue.pop3_login(lab.target, "user1", "secret").ok
    assert lab.asked == [("network", 143), ("ssh", 143), ("network", 110), ("ssh", 110)]


@pytest.mark.parametrize(
    ("replies", "text"),
    [
        ({"login": "TAG NO [AUTHENTICATIONFAILED] failed."}, "[AUTHENTICATIONFAILED] failed."),
        ({"examine": "TAG NO [SERVERBUG] Internal error"}, "[SERVERBUG] Internal error"),
    ],
)
def test_a_refusal_of_imap_is_told_in_the_servers_words(
    lab: Lab, replies: dict[str, str], text: str
) -> None:
    lab.outside[143] = server = imap(**replies)
    assert dialogue.imap_login(lab.target, "user1", "x") == Answer(False, text)
    assert commands(server)[-1] == "LOGOUT"


def test_a_message_is_found_and_deleted_over_imap(lab: Lab) -> None:
    lab.outside[143] = server = imap()
    found = dialogue.imap_shows(lab.target, "user1", "secret", "token-7")
    assert found == Answer(True, "shown and deleted")
    assert without_capability(server)[1:] == [
        "SELECT INBOX",
        "SEARCH TEXT token-7",
        "STORE 3 +FLAGS (\\Deleted)",
        "EXPUNGE",
        "LOGOUT",
    ]


@pytest.mark.parametrize(
    ("replies", "answer"),
    [
        (
            {"search": "* SEARCH\r\nTAG OK done"},
            Answer(False, "the message is not shown, but 3 others"),
        ),
        ({"select": "TAG NO [SERVERBUG] no"}, Answer(False, "[SERVERBUG] no")),
        ({"store": "TAG NO [READ-ONLY] no"}, Answer(False, "[READ-ONLY] no")),
        ({"expunge": "TAG NO later"}, Answer(False, "later")),
        # A login that fails is another finding.
        ({"login": "TAG NO no"}, Answer(True, "")),
    ],
)
def test_what_hinders_a_message_over_imap(
    lab: Lab, replies: dict[str, str], answer: Answer
) -> None:
    lab.outside[143] = imap(**replies)
    assert dialogue.imap_shows(lab.target, "user1", "secret", "token-7") == answer


def test_a_message_is_found_and_deleted_over_pop3_from_the_newest_on(lab: Lab) -> None:
    lab.outside[110] = server = pop3()
    found = dialogue.pop3_shows(lab.target, "user1", "secret", "token-7")
    assert found == Answer(True, "shown and deleted")
    assert server.heard == [
        "USER user1",
        "PASS secret",
        "STAT",
        "TOP 3 0",
        "TOP 2 0",
        "DELE 2",
        "QUIT",
    ]


@pytest.mark.parametrize(
    ("replies", "answer"),
    [
        (
            {"stat": "+OK 1 100", "top_1": "+OK\r\nSubject: a\r\n."},
            "the message is not shown, but 1 other",
        ),
        ({"stat": "+OK 0 0"}, "the message is not shown, and the mailbox looks empty"),
        ({"stat": "-ERR [SYS/TEMP] no"}, "-ERR [SYS/TEMP] no"),
        ({"dele": "-ERR no"}, "-ERR no"),
    ],
)
def test_what_hinders_a_message_over_pop3(lab: Lab, replies: dict[str, str], answer: str) -> None:
    lab.outside[110] = pop3(**replies)
    shown = dialogue.pop3_shows(lab.target, "user1", "secret", "token-7")
    assert shown == Answer(False, answer)


def test_only_the_newest_messages_are_searched_over_pop3(lab: Lab) -> None:
    other = "+OK\r\nSubject: other\r\n."
    lab.outside[110] = server = pop3(stat="+OK 50 5000", top=other, top_3=other, top_2=other)
    assert not dialogue.pop3_shows(lab.target, "user1", "secret", "token-7").ok
    tops = [line for line in server.heard if line.startswith("TOP")]
    assert tops == [f"TOP {number} 0" for number in range(50, 30, -1)]


def test_a_login_over_pop3_that_fails_is_another_finding(lab: Lab) -> None:
    lab.outside[110] = pop3(**{"pass": "-ERR [AUTH] no"})
    assert dialogue.pop3_shows(lab.target, "user1", "x", "token-7") == Answer(True, "")
    lab.outside[110] = pop3(**{"pass": "-ERR [AUTH] no"})
    assert dialogue.pop3_login(lab.target, "user1", "x") == Answer(False, "-ERR [AUTH] no")


def test_one_message_is_counted_in_the_singular(lab: Lab) -> None:
    lab.outside[110] = pop3(stat="+OK 1 100")
    assert dialogue.pop3_login(lab.target, "user1", "secret") == Answer(True, "1 message")


def test_a_pop3_login_counts_the_messages(lab: Lab) -> None:
    lab.outside[110] = server = pop3()
    assert dialogue.pop3_login(lab.target, "user1", "secret") == Answer(True, "3 messages")
    assert server.heard == ["USER user1", "PASS secret", "STAT", "QUIT"]


def _imap(target: Target) -> Answer:
    return dialogue.imap_login(target, "user1", "secret")


def _pop3(target: Target) -> Answer:
    return dialogue.pop3_login(target, "user1", "secret")


@pytest.mark.parametrize(("port", "speak"), [(143, _imap), (110, _pop3)])
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Script("* OK", {}), "the server closed the connection"),
        (ConnectionRefusedError(), "nothing answers on this port"),
        (WrongState("host1 does not run"), "no answer in time"),
        (OSError(113, "No route to host"), "No route to host"),
    ],
)
def test_a_mail_server_that_does_not_speak(
    lab: Lab, port: int, speak: Callable[[Target], Answer], fault: Any, text: str
) -> None:
    if isinstance(fault, Script):
        fault = replace(fault, greeting="+OK" if port == 110 else "* OK")
    lab.inside[port] = fault
    assert speak(lab.target) == Answer(False, text)


def test_a_server_that_did_not_answer_is_not_waited_for_as_long_again(lab: Lab) -> None:
    lab.inside[143] = TimeoutError()
    assert _imap(lab.target) == Answer(False, "no answer in time")
    lab.inside[143] = imap()
    assert mail_ports.connect(lab.target, 143).gettimeout() == 0.5
    lab.inside[110] = pop3()
    assert mail_ports.connect(lab.target, 110).gettimeout() > 1
    next_check = replace(lab.target, turns=Turns())
    assert mail_ports.connect(next_check, 143).gettimeout() > 1


def test_the_deadline_of_the_check_ends_a_server_that_never_comes_to_an_end(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine the deadline comes later.
    monkeypatch.setattr(patience, "_busy_now", lambda: 1.0)

    def endless(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.sendall(b"220 mail\r\n")
            while True:
                connection.sendall(b"250-wait\r\n")
                time.sleep(0.05)

    lab.inside[25] = endless
    hurried = replace(lab.target, ends=Deadline(0.5))
    # Without the deadline there is no answer at all.
    answer = dialogue.smtp_auth(hurried, "user1", "secret", "PLAIN")
    assert answer == Answer(False, "no answer in time")


class _Channel:
    """Like a channel of SSH: its reader goes on waiting until somebody closes it."""

    def __init__(self, plug: socket.socket) -> None:
        self._plug = plug

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plug, name)

    def shutdown(self, how: int) -> None: ...

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._plug.shutdown(socket.SHUT_RDWR)


def test_the_deadline_of_the_check_ends_a_dialogue_through_ssh(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_busy_now", lambda: 1.0)
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(dialogue, "through_ssh", lambda *_: _Channel(ours))
    with ours, theirs:
        hurried = replace(lab.target, ends=Deadline(0.5))
        # Without the deadline there is no answer at all.
        answer = dialogue.smtp_auth(hurried, "user1", "secret", "PLAIN")
    assert answer == Answer(False, "no answer in time")


def test_a_server_that_does_not_answer_has_not_closed_the_connection(lab: Lab) -> None:
    def mute(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.sendall(b"220 mail\r\n")
            connection.recv(1000)
            time.sleep(1)

    lab.inside[25] = mute
    with pytest.raises(TimeoutError):
        plug = mail_ports.through_ssh(lab.target, 25)
        plug.settimeout(0.2)
        with Smtp(plug, 1, MACHINE) as session:
            session.greet()
            session.ehlo()
