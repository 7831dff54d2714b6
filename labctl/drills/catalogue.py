"""The drills: the breakage, the level, the symptom, the hints and the explanation.

The texts are marked for translation here and translated with `_` when they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from labctl.drills.actions import names_of, placeholders
from labctl.drills.breakages import BREAKAGES, Breakage
from labctl.errors import WrongUsage
from labctl.i18n import N_, _
from labctl.lab import Host, Lab
from provision.step import Scene


@dataclass(frozen=True)
class Drill:
    """One drill, on the first mail server. `breaks` names a Breakage, `repair` is one repair.

    `level`: 1 found with one command, 2 needs a log, 3 needs two facts combined. The texts and
    the repair, which is shell, may name a fact about the host in braces (labctl.drills.actions).
    """

    name: str
    level: int
    breaks: str
    symptom: str
    hints: tuple[str, ...]
    explanation: str
    repair: str

    @cached_property
    def breakage(self) -> Breakage:
        return next(each for each in BREAKAGES if each.name == self.breaks)

    def symptom_in(self, lab: Lab) -> str:
        """The symptom, translated, with the names of the lab's hosts."""
        return _(self.symptom, **placeholders(lab, host_of(lab)))

    def repair_on(self, scene: Scene) -> str:
        """The repair as shell for that host; "" if only `up` can repair it."""
        return self.repair.format_map(names_of(scene))


def host_of(lab: Lab) -> Host:
    """The host on which the drills are."""
    return lab.mail_hosts[0]


_RESTART = "systemctl restart {postfix}"
_SASL = "systemctl restart {saslauthd} {postfix}"

DRILLS = (
    Drill(
        "postfix-stopped",
        1,
        "Postfix stopped",
        N_("{user} says: “My mail program cannot connect to the server at all.”"),
        (
            N_("Does anything on the host listen on port 25? (ss -ltn)"),
            N_("Which service should listen there, and what does systemctl say of it?"),
        ),
        N_("Postfix was not running. Nothing listens on port 25, so no mail comes in or goes out."),
        "systemctl start {postfix}",
    ),
    Drill(
        "port-closed",
        1,
        "port 25 closed",
        N_("{peer_user} says: “My mail to {user} neither arrives nor comes back.”"),
        (
            N_("On {peer_name}, mailq shows the message and the reason why it waits."),
            N_("The connection times out. What is between the two hosts?"),
            N_("Compare what the firewall lets in on both hosts ({looking})."),
        ),
        N_("The firewall of {name} no longer let port 25 in. The sending server keeps the message "
           "in its queue and tries again, so nothing is lost."),
        "{open_25}",
    ),
    Drill(
        "destination-of-the-other",
        1,
        "mydestination of the other host",
        N_("{peer_user} says: “My mail to {user}@{domain} is not accepted: relay access denied.”"),
        (
            N_("Which host answers with this error? The mail log of the sender names it."),
            N_("For which domains does a server take mail as its own? One parameter says it."),
        ),
        N_("mydestination named the other host's domain. The server took {domain} for a foreign "
           "domain and refused to relay to it."),
        "postconf -e 'mydestination=$mydomain'; " + _RESTART,
    ),
    Drill(
        "listens-to-itself",
        1,
        "inet_interfaces without the address",
        N_("{peer_user} says: “{name} refuses the connection, but the administrator says Postfix "
           "runs.”"),
        (
            N_("ss -ltn shows at which addresses port 25 is open."),
            N_("Which parameter decides at which addresses Postfix listens?"),
        ),
        N_("inet_interfaces held only localhost: Postfix ran, and nobody outside could reach it."),
        "postconf -e 'inet_interfaces=localhost, {address}'; " + _RESTART,
    ),
    Drill(
        "password-changed",
        1,
        "another password",
        N_("{user} says: “Since this morning I can neither send nor read. My password is right!”"),
        (
            N_("Try the password the lab has for {user} (labctl credentials) over IMAP and SMTP."),
            N_("SMTP and IMAP ask the same source for passwords. Which?"),
        ),
        N_("Somebody had set another password for {user}. Postfix (by saslauthd) and Dovecot both "
           "ask PAM, so both refused the old one."),
        "",
    ),
    Drill(
        "edited-not-restarted",
        2,
        "no restart after an edit",
        N_("The administrator says: “I corrected inet_interfaces, and it still does not work.”"),
        (
            N_("main.cf is right. Is it what the running Postfix has read?"),
            N_("When was main.cf changed, and when was Postfix started?"),
        ),
        N_("main.cf was corrected but Postfix was not restarted. inet_interfaces is read at start "
           "only; a reload is not enough."),
        _RESTART,
    ),
    Drill(
        "auth-daemon-gone",
        2,
        "saslauthd not there, systemd says active",
        N_("{user} says: “Sending fails with 454 temporary authentication failure.” "
           "systemctl may even say that saslauthd is active."),
        (
            N_("Read the mail log while somebody tries to log in."),
            N_("Is there really a process called saslauthd? (pgrep)"),
        ),
        N_("saslauthd was not running. If its unit only starts a script, systemd still says active "
           "(exited), because it does not watch the daemon."),
        "systemctl restart {saslauthd}",
    ),
    Drill(
        "auth-not-allowed",
        2,
        "postfix not in group sasl",
        N_("{user} says: “My password is refused when I send, but I can read my mail.”"),
        (
            N_("The mail log tells what smtpd could not do."),
            N_("Who may open saslauthd's socket? Look at the owner and mode of its folder."),
            N_("In which groups is the user postfix? (id postfix)"),
        ),
        N_("The user postfix was not in the group sasl: smtpd could not reach saslauthd's socket."),
        "gpasswd -a postfix {sasl_group}; " + _SASL,
    ),
    Drill(
        "auth-config-misplaced",
        2,
        "smtpd.conf in the wrong folder",
        N_("{user} says: “My mail program finds no login method that it can use here.”"),
        (
            N_("What does the server offer after EHLO?"),
            N_("In which folder does Postfix look for smtpd.conf on this system?"),
        ),
        N_("smtpd.conf was in {postfix_folder} instead of {sasl_folder}, so Postfix used the "
           "library's own defaults."),
        "mv {postfix_folder}/smtpd.conf {smtpd_conf}; " + _SASL,
    ),
    Drill(
        "mx-without-dot",
        2,
        "MX without the dot at its end",
        N_("{peer_user} says: “Mail to {user} comes back: mail.{domain}.{domain} not found.”"),
        (
            N_("Ask for the MX record of {domain} with dig, and read the whole answer."),
            N_("How does a zone file tell a full name from a relative one?"),
        ),
        N_("The name in the MX record had no dot at its end, so BIND added the zone's own name."),
        r"sed -i '/MX/s/\([^.]\)$/\1./' {zone_file}; rndc reload",
    ),
    Drill(
        "zone-not-loaded",
        2,
        "named not reloaded",
        N_("The administrator says: “I have changed the zone file, and dig shows the old data.”"),
        (
            N_("When did BIND read the zone? (rndc zonestatus {domain})"),
            N_("What has to be done after a zone file was changed?"),
        ),
        N_("The zone file was changed, and BIND was not told to read it again."),
        "rndc reload",
    ),
    Drill(
        "socket-outside",
        3,
        "socket outside the chroot",
        N_("{user} says: “I cannot send: temporary authentication failure.” testsaslauthd on the "
           "host succeeds when it is given the socket's place."),
        (
            N_("saslauthd runs and knows the password. Can smtpd reach it?"),
            N_("In master.cf the smtpd service is chrooted: how does /var/run look from in there?"),
            N_("Compare the -m option in {sasl_defaults} with the chroot, {spool}."),
        ),
        N_("saslauthd's socket was outside the chroot of smtpd, so smtpd did not see it."),
        "systemctl stop {saslauthd}; sed -i 's|-m [^\"]*|-m {sasl_run_dir}|' "
        "{sasl_defaults}; " + _SASL,
    ),
    Drill(
        "two-mailboxes",
        3,
        "mail_location another",
        N_("{user} says: “The mail command shows my mail. My mail program shows an empty inbox.”"),
        (
            N_("Where does Postfix deliver, where does mail look, and where does Dovecot?"),
            N_("doveconf -n shows Dovecot's place and format. Compare them with the boxes on the "
               "disk."),
        ),
        N_("Dovecot looked for a Maildir while Postfix delivers into /var/mail (mbox)."),
        "sed -i '{mbox_again}' {dovecot_folder}/conf.d/10-mail.conf; systemctl restart {dovecot}",
    ),
    Drill(
        "box-of-another",
        3,
        "/var/mail closed",
        N_("{user} says: “I can log in over IMAP, but the inbox gives an internal error.”"),
        (
            N_("journalctl -u dovecot says which file could not be opened."),
            N_("Follow the path from / on: may {user} pass every folder? (namei -l)"),
        ),
        N_("Nobody but root could pass /var/mail any more (it has to be 2775, group mail)."),
        "chmod 2775 /var/mail",
    ),
    Drill(
        "sender-nobody-can-answer",
        3,
        "mailutils without its domain",
        N_("{peer_user} says: “When I answer {user}'s mail, the answer comes back: host not "
           "found.”"),
        (
            N_("Look at the From line of a message that {user} wrote with mail."),
            N_("Who makes that address: Postfix (myorigin) or the mail command itself?"),
        ),
        N_("The mail command no longer knew its domain and wrote {user}@{name}, which no DNS "
           "knows."),
        "printf 'address {{\\n  email-domain {domain};\\n}};\\n' >{mail_settings}",
    ),
    Drill(
        "mail-goes-astray",
        2,
        "all mail to another server",
        N_("{user} says: “{peer_user} never gets my mail. Mail to myself arrives.”"),
        (
            N_("mailq shows what waits, and why."),
            N_("The log names the server that Postfix tried (relay=). Is it the other server?"),
            N_("Which parameter names one server for all other domains? (postconf -n)"),
        ),
        N_("relayhost sent all mail for other domains to an address without a server."),
        "postconf -X relayhost; " + _RESTART,
    ),
    Drill(
        "local-mail-only",
        2,
        "local mail only",
        N_("{user} says: “Mail to {peer_user} comes back at once. Mail to myself arrives.”"),
        (
            N_("Read the message that comes back: what does it say?"),
            N_("Which transport does Postfix use for other domains? (postconf -n)"),
        ),
        N_("default_transport = error: Postfix returned all mail for other domains. Debian's "
           "choice “Local only” sets it."),
        "postconf -X default_transport; " + _RESTART,
    ),
    Drill(
        "closed-main-cf",
        2,
        "main.cf closed to users",
        N_("{user} says: “I cannot send with mail any more. The administrator can.”"),
        (
            N_("Send a message with mail as {user}. What does it say?"),
            N_("As which user does sendmail run, and which file does it read first?"),
        ),
        N_("main.cf had the mode 640. mail and sendmail run as the user who sends, and could not "
           "read it."),
        "chmod 644 {main_cf}",
    ),
    Drill(
        "rejects-everyone",
        2,
        "clients are rejected",
        N_("{peer_user} says: “My mail to {user} comes back: Client host rejected.”"),
        (
            N_("Which of the two servers says so? Look into both mail logs."),
            N_("smtpd has lists of restrictions for clients, senders and recipients. Which ones "
               "are set? (postconf -n)"),
        ),
        N_("smtpd_client_restrictions = reject: Postfix refused every client, whoever the "
           "recipient was."),
        "postconf -X smtpd_client_restrictions; " + _RESTART,
    ),
    Drill(
        "closed-to-the-other",
        3,
        "port 25 denied to the other host",
        N_("{peer_user} says: “My mail to {user} does not arrive, but you say that port 25 is "
           "open.”"),
        (
            N_("mailq on the other host says why its mail waits."),
            N_("The first rule of a firewall that fits a packet counts. ({listing})"),
        ),
        N_("A rule before the others denied port 25 to the other host's address alone."),
        "{allow_25_to_peer}",
    ),
    Drill(
        "wrong-database",
        3,
        "postmap in place of newaliases",
        N_("The administrator says: “I built the database of the aliases, and mail to postmaster "
           "disappears.”"),
        (
            N_("Ask as Postfix does: postalias -q postmaster hash:/etc/aliases"),
            N_("Several commands build databases. Which text does each of them expect?"),
        ),
        N_("The database was built with postmap, which takes the colon as part of the name. "
           "Postfix found no postmaster and discarded the mail."),
        "newaliases",
    ),
    Drill(
        "account-ended",
        2,
        "an account that has ended",
        N_("{user} says: “I can neither read nor send mail any more. My password is right.”"),
        (
            N_("Look for PAM in the log of the login. Does it speak of the password?"),
            N_("An account can expire on a certain day. (chage -l {user})"),
        ),
        N_("The account had expired, so PAM refused every login."),
        "chage -E -1 {user}",
    ),
    Drill(
        "sent-on",
        2,
        "mail sent on to the other account",
        N_("{user} says: “No mail arrives any more, and nothing comes back to the senders.”"),
        (
            N_("Follow one message through the log. To which address was it delivered in the end?"),
            N_("An account itself can say where its mail goes. Look at all files in its home "
               "folder. (ls -a)"),
        ),
        N_("The file .forward in {user}'s home folder sent all mail to {peer_user}."),
        "rm /home/{user}/.forward",
    ),
    Drill(
        "lock-left-behind",
        3,
        "a lock file left behind",
        N_("{user} says: “No mail arrives, and my mail program waits when it opens the inbox.”"),
        (
            N_("What does the mail log say that local could not do?"),
            N_("Which files are in /var/mail, and does a program use them? (fuser)"),
        ),
        N_("A lock file was left beside the mailbox. Postfix and Dovecot waited for a program that "
           "did not run any more."),
        "rm /var/mail/{user}.lock",
    ),
    Drill(
        "mailbox-too-small",
        3,
        "a mailbox smaller than a message",
        N_("{user} says: “No mail arrives, not even my own. Nothing comes back.”"),
        (
            N_("The mail log has a line with fatal. Which program wrote it?"),
            N_("It names two parameters. How must their values be related? (man 5 postconf)"),
        ),
        N_("mailbox_size_limit was smaller than message_size_limit. Then Postfix delivers nothing "
           "into mailboxes."),
        "postconf -X mailbox_size_limit; " + _RESTART,
    ),
)  # fmt: skip


def drills_of(lab: Lab) -> tuple[Drill, ...]:
    """The drills for the sections that the lab's edition has."""
    steps = {section.step for section in lab.edition.sections}
    return tuple(drill for drill in DRILLS if drill.breakage.step in steps)


def find_drill(name: str, drills: Sequence[Drill] = DRILLS) -> Drill:
    """The drill of that name. Raises WrongUsage with the existing names."""
    for drill in drills:
        if drill.name == name:
            return drill
    raise WrongUsage(
        _("there is no drill {name}", name=repr(name)),
        hint=_("drills: {names}", names=", ".join(drill.name for drill in drills)),
    )
