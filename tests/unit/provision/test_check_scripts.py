"""The scripts of the checks alone: run by sh, with programs in place of those of a host."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labctl.scripts import Script
from provision.facts import Facts, parse_facts
from tests.unit.mailtest.locally import Host
from tests.unit.provision.test_scripts import Machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the hosts run Linux")

# inet_interfaces has an address of another host: every program of Postfix ends, after a second of
# sleep, unless it is told another value.
FOREIGN_ADDRESS = r"""
case "$*" in *"-o inet_interfaces="*) ;; *)
  echo "postconf: fatal: parameter inet_interfaces: no local interface found" >&2; exit 1 ;;
esac
case "$*" in
  *-M*) echo 'smtp       inet  n  -  y  -  -  smtpd'; echo 'rewrite    unix  -  -  y  -  -  x' ;;
  *-P*) echo 'smtp/inet/smtpd_sasl_auth_enable = no' ;;
  *-n*) printf 'mydomain = example1.jp\ninet_interfaces =\nsmtpd_tls_auth_only = yes\n' ;;
  *-hx*) echo example1.jp ;;
  *) echo 'mydomain = example1.jp' ;;
esac
"""
# main.cf has an address beside the host's own, and lists that name other parameters.
INDIRECT = r"""
case "$*" in
  *-M*) echo 'smtp inet n - y - - smtpd'; echo 'pickup fifo n - y 60 1 pickup' ;;
  *-P*) ;;
  *-n*) printf 'mydomain = example1.jp\nbiff = no\n' ;;
  *-hx*mydestination) echo 'Example1.jp, localhost' ;;
  *-hx*smtpd_recipient_restrictions) echo 'permit_mynetworks, reject_unauth_destination' ;;
  *-hx*) ;;
  *)
    echo 'inet_interfaces = localhost, [192.168.56.101], 10.0.2.15'
    echo 'mydestination = $my_domains'
    echo 'smtpd_recipient_restrictions = $smtpd_relay_restrictions'
    ;;
esac
"""
REFUSED = r"""
echo 'postconf: fatal: unknown inet_protocols value "foo" in "foo"' >&2; exit 1
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def postfix(machine: Machine, postconf: str) -> Facts:
    machine.program("postconf", postconf)
    machine.program("ss", "")
    cf = machine.write("main.cf", "inet_interfaces = localhost, 192.168.56.102\n")
    masters = (machine.write("master.cf", "smtp inet n - y - - smtpd\n"), machine.files / "none")
    words = ("postfix", "postfix@-", *masters, machine.files, "example1.jp")
    done = machine.run("postfix-check.sh", cf, *words)
    assert done.returncode == 0, done.stderr
    return parse_facts(done.stdout)


def asked(machine: Machine) -> list[str]:
    return [call for call in machine.calls() if call.startswith("postconf ")]


def test_postfix_is_asked_once_for_an_address_of_another_host(machine: Machine) -> None:
    facts = postfix(machine, FOREIGN_ADDRESS)
    assert facts["inet_interfaces"] == "localhost, 192.168.56.102"
    assert facts["mydomain"] == "example1.jp"
    assert facts["override"] == "smtpd_sasl_auth_enable = no"
    assert facts["also"] == "smtpd_tls_auth_only = yes"
    assert facts.lines("lacks")[:2] == ["cleanup/unix", "proxymap/unix"]
    assert {"mydomain", "inet_interfaces"} <= set(facts.lines("set"))
    assert not facts["fatal"]
    assert [call for call in asked(machine) if "-o inet_interfaces=" not in call] == ["postconf -n"]


@pytest.mark.parametrize(("state", "kept"), [("dynamic", ["10.0.2.15"]), ("global", [])])
def test_what_main_cf_says_by_way_of_something_else(
    machine: Machine, state: str, kept: list[str]
) -> None:
    machine.program("ip", f'case $* in *10.0.2.15) echo "1: eth0 inet $6 scope {state}" ;; esac')
    machine.program("grep", 'case $* in -rqswF*) exit 1 ;; *) exec /bin/grep "$@" ;; esac')
    facts = postfix(machine, INDIRECT)
    assert facts.lines("kept") == kept
    assert facts.lines("listed") == ["example1.jp"]
    assert facts["restrictions"] == "permit_mynetworks, reject_unauth_destination"
    assert facts.pairs("has") == {"mydomain": "example1.jp", "biff": "no"}
    assert "pickup/unix" not in facts.lines("lacks")
    assert "local/unix" in facts.lines("lacks")


def test_a_main_cf_that_postfix_refuses_is_not_asked_about_again(machine: Machine) -> None:
    facts = postfix(machine, REFUSED)
    assert facts["fatal"] == 'unknown inet_protocols value "foo" in "foo"'
    assert len(asked(machine)) == 2


def test_a_unit_that_is_masked_until_the_next_boot_is_told(machine: Machine) -> None:
    said = "LoadState=loaded UnitFileState=enabled LoadState=masked ActiveState=active"
    machine.program(
        "systemctl", f"case $* in show*' postfix postfix@-') printf '%s\\n' {said} ;; esac"
    )
    assert postfix(machine, REFUSED)["enabled"] == "masked"


DOVECONF = r"""
cat <<'END'
mail_location = mbox:~/mail:INBOX=/var/mail/%u
passdb {
  driver = pam
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
  }
}
service imap-login {
  inet_listener imap {
    haproxy = yes
  }
  inet_listener imaps {
    port = 0
  }
  process_limit = 1
}
ssl = no
END
"""


def test_settings_of_dovecots_services_are_told_with_the_service(machine: Machine) -> None:
    machine.program("doveconf", DOVECONF)
    for name in ("postconf", "ss"):
        machine.program(name, "exit 1")
    folder = machine.files / "dovecot"
    folder.mkdir()
    done = machine.run("dovecot-check.sh", "dovecot", folder, folder)
    assert parse_facts(done.stdout).lines("beside") == [
        "mail_location = mbox:~/mail:INBOX=/var/mail/%u",
        "service imap-login: haproxy = yes",
        "service imap-login: process_limit = 1",
        "ssl = no",
    ]


def dns(machine: Machine, rndc: str = "exit 1") -> Facts:
    machine.program("rndc", rndc)
    (machine.files / "run").mkdir()
    words = ("named", "192.168.56.101", "example1.jp", "host1", "192.168.56.102", "example2.jp", 1)
    places = ("/etc/bind", "/run/named/named.pid")
    done = machine.run("dns-check.sh", *words, *places, moved=("/run",))
    return parse_facts(done.stdout)


def test_names_of_a_zone_may_be_in_capitals(machine: Machine) -> None:
    machine.program("named-checkconf", "")
    machine.program("dig", r"printf 'Example1.JP.\t60\tIN\tMX\t10 Mail.Example1.jp.\n'")
    facts = dns(machine)
    assert "10 mail.example1.jp." in facts.lines("own example1.jp. MX")
    assert facts["own-ttl example1.jp. MX"] == "60"


@pytest.mark.parametrize(
    ("said", "silent"),
    [
        ("rndc: 'zonestatus' failed: not found", ""),
        ("rndc: connect failed: 127.0.0.1#953: connection refused", "yes"),
        ("", "yes"),
    ],
)
def test_a_bind_that_is_silent_is_told_from_one_without_the_zone(
    machine: Machine, said: str, silent: str
) -> None:
    for name in ("named-checkconf", "dig"):
        machine.program(name, "exit 1")
    assert dns(machine, f'echo "{said}" >&2; exit 1')["silent"] == silent


def test_a_firewall_is_looked_at_on_a_host_without_ufw(machine: Machine) -> None:
    for name in ("systemctl", "nft", "find", "ip"):
        machine.program(name, "exit 1")
    machine.program("iptables", "echo '-P INPUT DROP'")
    machine.program("ss", "echo LISTEN")
    (machine.files / "etc").mkdir()
    done = machine.run("firewall-check.sh", "192.168.56.101", moved=("/etc",))
    facts = parse_facts(done.stdout)
    assert (facts["rule"], facts["udp"], done.returncode) == ("-P INPUT DROP", "LISTEN", 0)


# The settings of ufw, and its rules as ufw has loaded them.
UFW = {
    "default/ufw": 'IPV6=no\n\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_OUTPUT_POLICY=ACCEPT\n',
    "ufw/ufw.conf": "ENABLED=no\nENABLED=yes\n",
    "ufw/before.rules": "*filter\nCOMMIT\n",
    "ufw/after.rules": "*filter\nCOMMIT\n",
    "ufw/user.rules": "*filter\n-A ufw-user-input -j ACCEPT\nCOMMIT\n",
}
LOADED = "-A ufw-before-input -j x\n-A ufw-before-input -j y\n-A ufw-user-input -j z"


def ufw(machine: Machine, **files: str) -> Facts:
    """The facts of a host with ufw, with other texts in some files. An empty text is no file."""
    for name in ("systemctl", "nft", "ss", "ip"):
        machine.program(name, "exit 1")
    machine.program("find", "")
    machine.program("iptables", f"printf '%s' '{LOADED}'")
    machine.program("unshare", 'shift; exec "$@"')
    for name in ("iptables-restore", "ip6tables-restore"):
        machine.program(name, "if grep -q 8O80; then echo 'line 2 failed' >&2; exit 1; fi")
    for name, text in {**UFW, **files}.items():
        path = machine.files / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text:
            path.write_text(text, encoding="utf-8", newline="")
    done = machine.run("firewall-check.sh", "192.168.56.101", moved=("/etc",))
    assert done.returncode == 0, done.stderr
    return parse_facts(done.stdout)


def test_ufws_settings_are_read_as_its_start_script_reads_them(machine: Machine) -> None:
    facts = ufw(machine)
    assert (facts["ufw"], facts["policy"], facts["policy-out"]) == ("yes", "DROP", "ACCEPT")
    assert not facts["refused"]


@pytest.mark.parametrize(
    ("name", "text", "refused"),
    [
        ("ufw/ufw.conf", "ENABLED=yes\r\n", r"ufw/ufw.conf: ENABLED=yes\r"),
        ("ufw/ufw.conf", "ENABLED=Yes\n", "ufw/ufw.conf: ENABLED=Yes"),
        ("ufw/ufw.conf", "", "ufw/ufw.conf: -"),
        ("default/ufw", "IPV6=yes\r\n\r\n", r"default/ufw: \r: not found"),
        ("ufw/before.rules", "", "ufw/before.rules: -"),
        ("ufw/user.rules", "", "ufw/user.rules: -"),
        ("ufw/user.rules", "*filter\n--dport 8O80\nCOMMIT\n", "ufw/user.rules 2: --dport 8O80"),
    ],
)
def test_what_ufw_will_not_read_at_the_next_boot_is_told(
    machine: Machine, name: str, text: str, refused: str
) -> None:
    facts = ufw(machine, **{name: text})
    assert [line.rpartition("/etc/")[2] for line in facts.lines("refused")] == [refused]


def test_dig_reads_no_settings_of_its_own(machine: Machine) -> None:
    machine.program("named-checkconf", "")
    machine.program("dig", "")
    dns(machine)
    asked = [call for call in machine.calls() if call.startswith("dig ")]
    assert asked and all(call.startswith("dig -r ") for call in asked)


@pytest.mark.parametrize(
    ("profile", "box"),
    [
        ("echo welcome", "/var/mail/user1"),
        ("unset MAIL", ""),
        ("export MAIL=", ""),
        ("printf 'no end of line'; MAIL=/home/user1/Maildir; export MAIL", "/home/user1/Maildir"),
        ("exit 1", ""),
    ],
)
def test_a_greeting_of_the_profile_is_not_taken_for_mail(
    machine: Machine, profile: str, box: str
) -> None:
    machine.program("runuser", f'{profile}; shift 5; exec sh -c "$1"')
    for name in ("postconf", "find", "df", "mktemp"):
        machine.program(name, "exit 1")
    done = machine.run("mail-command-check.sh", "user1", "/var/log/mail.log", "/nowhere", "")
    assert parse_facts(done.stdout)["box"] == box


@pytest.mark.parametrize(
    ("login", "endless"),
    [
        ('shift 5; exec sh -c "$1"', ""),
        ("exit 1", ""),
        ("exit 124", ".profile"),
        # The login came to its end; it is the command that did not.
        ("echo; echo labctl:; exit 124", ""),
    ],
)
def test_a_login_that_has_no_end_is_told_and_waited_for_once(
    machine: Machine, login: str, endless: str
) -> None:
    machine.program("mail", "echo 'mail (GNU Mailutils 3.15)'")
    machine.program("runuser", login)
    for name in ("postconf", "find", "df", "chown"):
        machine.program(name, "exit 1")
    done = machine.run("mail-command-check.sh", "user1", "/var/log/mail.log", "/nowhere", "")
    assert parse_facts(done.stdout)["endless"] == endless
    assert len([call for call in machine.calls() if call.startswith("runuser ")]) == 1


@pytest.mark.parametrize(
    ("stopped", "frozen"), [("100 named", "named"), ("100 named\n101 named", "named"), ("", "")]
)
def test_a_daemon_that_a_signal_stopped_is_told_from_one_at_work(
    machine: Machine, stopped: str, frozen: str
) -> None:
    # pgrep fails if it finds none.
    machine.program("pgrep", f"case $* in '-r T '*named*) printf '{stopped}' | grep .;; esac")
    for name in ("named-checkconf", "dig", "rndc"):
        machine.program(name, "exit 1")
    assert dns(machine)["frozen"] == frozen


@pytest.mark.parametrize(
    ("folder", "is_there"),
    [("real", True), ("/var/run/saslauthd", False), ("../../var/run/other", True)],
)
def test_a_link_out_of_the_chroot_does_not_lead_to_the_socket(
    machine: Machine, folder: str, is_there: bool
) -> None:
    """smtpd cannot follow an absolute link: its root is the chroot."""
    spool = machine.files / "var/spool/postfix"
    outside = machine.files / "var/run/saslauthd"
    inside = spool / "run/saslauthd"
    for each in (outside, spool / "run", spool / "var/run/other"):
        each.mkdir(parents=True)
    if folder == "real":
        inside.mkdir()
    elif folder.startswith("/"):
        inside.symlink_to(outside)
    else:
        inside.symlink_to("../var/run/other")
    with socket.socket(socket.AF_UNIX) as listening:
        # A path to a socket has at most 107 bytes.
        with contextlib.chdir(inside):
            listening.bind("mux")
        for name in ("systemctl", "runuser", "ps", "pgrep"):
            machine.program(name, "exit 1")
        machine.program("postconf", "echo y")
        done = machine.run(
            "smtp-auth-check.sh",
            "saslauthd",
            "/none",
            "/none/conf",
            "/run/saslauthd/mux",
            spool,
            "",
        )
    assert bool(parse_facts(done.stdout)["there"]) is is_there


@pytest.mark.parametrize(
    ("states", "frozen"),
    [("T T", "saslauthd"), ("Ss T", "saslauthd"), ("Ss S", ""), ("", "")],
)
def test_a_stopped_process_of_saslauthd_is_told_even_if_others_run(
    machine: Machine, states: str, frozen: str
) -> None:
    said = "".join(f"echo 100 {state} saslauthd -a pam; " for state in states.split())
    machine.program("ps", f"{said}:")
    for name in ("systemctl", "runuser", "pgrep", "postconf"):
        machine.program(name, "exit 1")
    words = ("saslauthd", "/none", "/none/conf", "/run/saslauthd/mux", "/var/spool/postfix", "")
    done = machine.run("smtp-auth-check.sh", *words)
    assert parse_facts(done.stdout)["frozen"] == frozen


FIRST = "From a@example1.jp  Fri Nov 27 01:00:00 2026\nSubject: first\n\nbody\n"
OURS = "From user2@example2.jp  Fri Nov 27 01:00:01 2026\nMessage-ID: <mark.host2>\n\nbody\n\n"


ACCOUNT = ("user1", "user2", "mark", "/etc/pam.d/common-auth", "/etc/pam.d/common-account")


@pytest.mark.parametrize(
    ("box", "end"),
    [
        (FIRST + "\n", ""),
        ("", ""),
        (FIRST, "body"),
        (FIRST.removesuffix("\n"), "body"),
        ("hello\n", "hello"),
        # The messages of the check itself may be there already, or only the half of one.
        (FIRST + OURS, "body"),
        (FIRST + "\n" + OURS, ""),
        (FIRST + "\n" + OURS.removesuffix("\n"), ""),
        # An end that was missing once hides no further message.
        (FIRST + FIRST + "\n" + OURS, ""),
    ],
)
def test_a_mailbox_that_no_empty_line_ends_would_hide_the_next_message(
    tmp_path: Path, box: str, end: str
) -> None:
    host = Host(tmp_path)
    host.path("/var/mail/user1").write_text(box)
    said = host.run(Script("provision", "account-check.sh"), *ACCOUNT, stdin="x\n")
    assert parse_facts(said)["box-end"] == end


@pytest.mark.parametrize(("seconds", "unread"), [(-0.2, ""), (0.5, "yes"), (3600, "")])
def test_an_edit_in_the_second_after_the_start_is_unread(
    machine: Machine, seconds: float, unread: str
) -> None:
    """An edit before it is read, and a time in the future tells nothing."""
    with subprocess.Popen(["sleep", "60"]) as qmgr:
        try:
            edited = time.time() + seconds
            time.sleep(0.6)
            machine.program("pgrep", f"echo {qmgr.pid}")
            file = machine.write("master.cf")
            os.utime(file, (edited, edited))
            done = machine.run("master-cf-unread.sh", file)
        finally:
            qmgr.kill()
    assert parse_facts(done.stdout)["unread"] == unread


def test_the_lines_of_saslauthds_file_are_told_as_they_are(machine: Machine) -> None:
    defaults = machine.write(
        "saslauthd", '# START=no\nSTART = yes\nOPTIONS="-c -m /x"\nTHREADS=5\n'
    )
    for name in ("systemctl", "runuser", "ps", "postconf"):
        machine.program(name, "exit 1")
    words = ("/none/conf", "/run/saslauthd/mux", "/var/spool/postfix", "")
    facts = parse_facts(machine.run("smtp-auth-check.sh", "saslauthd", defaults, *words).stdout)
    assert facts.lines("setting") == ["START = yes", 'OPTIONS="-c -m /x"']
    assert facts.lines("options") == ['"-c -m /x"']
    assert not facts["start"]


@pytest.mark.parametrize(
    ("text", "database", "old"),
    [(-60, 0, False), (0, -60, True), (3600, 0, False)],
    ids=["built since", "edited since", "from a clock that is ahead"],
)
def test_a_database_is_older_than_its_text(
    machine: Machine, text: int, database: int, old: bool
) -> None:
    """A comma may stand between two databases in main.cf."""
    paths = [machine.write(name, age=-text) for name in ("aliases", "more")]
    for path in paths:
        machine.write(f"{path.name}.db", age=-database)
    machine.program("postconf", f"echo 'hash:{paths[0]}, hash:{paths[1]}'")
    facts = parse_facts(machine.run("aliases-check.sh").stdout)
    assert facts.lines("built") == facts.lines("source") == [str(path) for path in paths]
    assert bool(facts["old"]) is old


@pytest.mark.parametrize(
    ("line", "box"),
    [
        ("MAIL=/home/user1/Maildir", "/home/user1/Maildir"),
        ('MAIL="/srv/user1"', "/srv/user1"),
        ("# MAIL=/srv/user1", "/var/mail/user1"),
    ],
)
def test_mail_may_be_set_for_every_login(machine: Machine, line: str, box: str) -> None:
    machine.write("etc/environment", f"LANG=C\n{line}")
    machine.program("runuser", 'shift 5; exec sh -c "$1"')
    for name in ("postconf", "find", "df", "mktemp"):
        machine.program(name, "exit 1")
    words = ("user1", "/var/log/mail.log", "/nowhere", "")
    done = machine.run("mail-command-check.sh", *words, moved=("/etc/environment",))
    assert parse_facts(done.stdout)["box"] == box


MASTER = r"""
case "$*" in
  *-M*) echo 'smtp inet n - y - - smptd'; echo 'local unix - n y - - local'
    echo 'smtp unix - - n - - smtp' ;;
  *-P*) echo 'smtp/inet/syslog_name = mine'; echo 'submission/inet/syslog_name = other' ;;
  *) echo 'mydomain = example1.jp' ;;
esac
"""


def test_services_are_compared_with_the_packages(machine: Machine) -> None:
    machine.program("postconf", MASTER)
    machine.program("ss", "")
    cf = machine.write("main.cf")
    example = machine.write(
        "master.cf.dist",
        "# a comment\nsmtp inet n - y - - smtpd\nlocal unix - n n - - local\n"
        "smtp unix - - y - - smtp\n",
    )
    words = ("postfix", "postfix@-", machine.files / "master.cf", example, machine.files)
    facts = parse_facts(machine.run("postfix-check.sh", cf, *words, "example1.jp").stdout)
    assert facts.lines("odd") == ["smtp/inet: n - y smptd", "local/unix: - n y local"]
    assert facts.lines("override") == ["syslog_name = mine"]
    assert facts.lines("override-of") == ["submission/inet/syslog_name = other"]
    assert facts["no-master"] == "yes"
    assert not facts["master-written"]


@pytest.mark.parametrize(("age", "is_told"), [(60, True), (0, False)])
def test_a_master_cf_is_newer_than_postfix(machine: Machine, age: int, is_told: bool) -> None:
    machine.program("postconf", MASTER)
    machine.program("ss", "")
    machine.write("pid/master.pid", age=age)
    cf, master = machine.write("main.cf"), machine.write("master.cf", age=30)
    words = ("postfix", "postfix@-", master, "/none", machine.files)
    facts = parse_facts(machine.run("postfix-check.sh", cf, *words, "example1.jp").stdout)
    assert bool(facts["master-written"]) is is_told


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("auth required pam_unix.so", ""),
        ("auth [success=1 default=ignore] pam_unix.so nullok", ""),
        ("-session optional pam_none.so", ""),
        ("# auth required pam_none.so", ""),
        ("auth required pam_none.so", "auth required pam_none.so"),
        ("auth required pam_unix.so\r", "auth required pam_unix.so^M"),
        ("@include common-auth\r", "@include common-auth^M"),
        ("\r", "^M"),
        ("  session optional pam_unix.so \\\n  broken_shadow", ""),
        ("# acount required pam_unix.so", ""),
        ("AUTH required pam_unix.so", ""),
        ("acount required pam_unix.so", "acount required pam_unix.so"),
        ("account\u3000required pam_unix.so", "account\u3000required pam_unix.so"),
    ],
)
def test_a_line_of_pam_names_a_module_that_exists(
    machine: Machine, line: str, missing: str
) -> None:
    machine.write("lib/security/pam_unix.so")
    machine.write("etc/pam.d/common-auth")
    asked = machine.write("service", f"{line}\n")
    text = f"{Script('provision', 'pam.sh').text}\nmissing_of '{asked}'\n"
    done = machine.run_text(text, moved=("/lib/security", "/etc/pam.d"))
    assert done.stdout.strip() == missing


@pytest.mark.parametrize(
    ("lines", "refusing"),
    [
        ("[success=1 default=ignore] pam_unix.so\nrequisite pam_deny.so\nrequired pam_echo.so", ""),
        (
            "[success=1 default=ignore] pam_unix.so\n[default=die] pam_faillock.so authfail\n"
            "requisite pam_deny.so\nrequired pam_permit.so",
            "auth requisite pam_deny.so",
        ),
        ("sufficient pam_unix.so\nrequired pam_deny.so", ""),
        (
            "[success=1 default=ignore] pam_succeed_if.so\nrequisite pam_deny.so\n"
            "[success=1 default=ignore] pam_unix.so\nrequisite pam_deny.so",
            "",
        ),
    ],
)
def test_the_line_to_which_a_right_password_leads(
    machine: Machine, lines: str, refusing: str
) -> None:
    for name in ("getent", "passwd", "su", "perl", "python3"):
        machine.program(name, "exit 1")
    auth = machine.write("auth", "".join(f"auth {line}\n" for line in lines.splitlines()))
    script = Script("provision", "account-check.sh").text.replace("read -r password", "password=")
    done = machine.run_text(script, "user1", "user2", "", auth, "/nowhere")
    assert parse_facts(done.stdout)["denies"] == refusing
