"""Sessions with a lab's servers by SMTP, IMAP, POP3 and DNS, and what a server said in an error."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
from ipaddress import IPv4Address

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.resolver
from imap_tools import MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, UnexpectedCommandStatusError

from labctl import dial
from labctl.endpoint import Endpoint
from labctl.i18n import _
from labctl.reply import in_words, text_of
from labctl.wire import Imap, Pop3, Smtp

# What can go wrong with a server: a refusal, a broken protocol, or a host that is gone.
ERRORS = (OSError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto, ImapToolsError)
# Seconds that a server may take to answer.
SECONDS = 10.0


def smtp(endpoint: Endpoint, address: str, machine: IPv4Address) -> Smtp:
    """An SMTP session after the greeting.

    Args:
        machine: the address of labctl's machine in the lab.
    """
    session = Smtp(dial.tcp(endpoint, address, 25, SECONDS), SECONDS, machine)
    session.greet()
    return session


def pop3(endpoint: Endpoint, address: str) -> Pop3:
    """A POP3 session after the greeting."""
    return Pop3(dial.tcp(endpoint, address, 110, SECONDS))


class Inbox(MailBoxUnencrypted):
    """An IMAP client in the network of the endpoint's lab, connected when it is made."""

    def __init__(self, endpoint: Endpoint, address: str) -> None:
        self._endpoint = endpoint
        super().__init__(address, timeout=SECONDS)

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return Imap(dial.tcp(self._endpoint, self._host, self._port, SECONDS))


def ask_dns(endpoint: Endpoint, server: str, name: str, rdtype: str) -> dns.resolver.Answer:
    """Ask one name server of the lab.

    Args:
        server: its address.
        rdtype: the type of record: MX, A.

    Raises:
        OSError: it does not answer, or has no such record.
    """
    question = dns.message.make_query(name, rdtype)
    asked = question.question[0]
    try:
        with dial.udp(endpoint) as plug:
            reply = dns.query.udp(question, server, timeout=SECONDS, sock=plug)
        if reply.rcode() != dns.rcode.NOERROR:
            raise OSError(f"{name} {rdtype}: {dns.rcode.to_text(reply.rcode())}")
        assert isinstance(reply, dns.message.QueryMessage)  # a reply to a query is one
        answer = dns.resolver.Answer(asked.name, asked.rdtype, asked.rdclass, reply)
    except dns.exception.Timeout as error:
        raise TimeoutError from error
    except dns.exception.DNSException as error:
        raise OSError(_("the answer of the name server is not valid")) from error
    if answer.rrset is None:
        raise OSError(_("{name} has no {type} record", name=name, type=rdtype))
    return answer


def said(error: Exception) -> str:
    """The server's reply in an error, or what a person would see in its place."""
    if isinstance(error, UnexpectedCommandStatusError):
        status, lines = error.command_result
        return " ".join([status, *(text_of(line) for line in lines)])
    # Postfix logs the same words, by which `explain` finds the cause.
    if isinstance(error, ConnectionRefusedError) and error.strerror:
        return error.strerror
    return in_words(error)
