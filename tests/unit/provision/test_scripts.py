"""The scripts of the steps alone: run by sh on this machine, with programs that only note their
calls in place of systemctl, apt and the like. No root is needed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl.scripts import Script

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the hosts run Linux")

# A systemd with the units that are enabled, active or broken, as files in $STATE.
SYSTEMCTL = r"""
case $* in *--quiet*) exec >/dev/null ;; esac
verb=$1; shift
while case ${1:-} in -*) true ;; *) false ;; esac; do shift; done
case $verb in
  is-enabled) if [ -e "$STATE/masked-$1" ]; then echo masked; exit 1; fi
    if [ -e "$STATE/enabled-$1" ]; then echo enabled; else echo disabled; exit 1; fi ;;
  is-active) if [ -e "$STATE/active-$1" ]; then echo active; else echo inactive; exit 3; fi ;;
  unmask) for unit do rm -f "$STATE/masked-$unit"; done ;;
  show)
    for unit do
      case $unit in -p | [A-Z]*) continue ;; esac
      load=loaded file=disabled active=inactive
      [ ! -e "$STATE/masked-$unit" ] || load=masked file=masked
      [ ! -e "$STATE/enabled-$unit" ] || file=enabled
      [ ! -e "$STATE/active-$unit" ] || active=active
      printf '%s\n' "LoadState=$load" "UnitFileState=$file" "ActiveState=$active" ''
    done ;;
  enable) : >"$STATE/enabled-$1" ;;
  restart|reload)
    if [ -e "$STATE/broken-$1" ]; then echo "Job for $1 failed." >&2; exit 1; fi
    : >"$STATE/active-$1"; : >"$STATE/active-$1@-" ;;
  stop) rm -f "$STATE/active-$1" ;;
esac
"""


@dataclass
class Machine:
    """A folder with programs in front of the machine's own, and one for files."""

    root: Path

    def __post_init__(self) -> None:
        for folder in ("bin", "state", "files"):
            (self.root / folder).mkdir()
        self.program("systemctl", SYSTEMCTL)
        self.program("journalctl", "")
        for name in ("pgrep", "pkill", "script", "update-rc.d"):
            self.program(name, "exit 1")

    @property
    def files(self) -> Path:
        return self.root / "files"

    def program(self, name: str, body: str) -> None:
        """A program that notes its call and then does this."""
        path = self.root / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"$STATE/calls"\n{body}\n')
        path.chmod(0o755)

    def unit(self, name: str, *states: str) -> None:
        for state in states:
            (self.root / "state" / f"{state}-{name}").touch()

    def write(self, path: str, text: str = "x\n", age: int = 0) -> Path:
        """A file that was written `age` seconds ago."""
        file = self.files / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        seconds = file.stat().st_mtime - age
        os.utime(file, (seconds, seconds))
        return file

    def run(
        self, name: str, *args: object, moved: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a script. `moved` are absolute paths in it that are below `files` here."""
        return self.run_text(Script("provision", name).text, *args, moved=moved)

    def run_text(
        self, text: str, *args: object, moved: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run the text of a script in the same way."""
        for path in moved:
            # Not in `$chroot/etc/hosts`.
            text = re.sub(rf"(?<!\w){path}", f"{self.files}{path}", text)
        search = f"{self.root / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        return subprocess.run(
            ["sh", "-euc", text, "sh", *map(str, args)],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": search, "STATE": str(self.root / "state"), "LC_ALL": "C.UTF-8"},
        )

    def changes(self, name: str, *args: object, moved: tuple[str, ...] = ()) -> list[str]:
        """The changes that a script reports, which must succeed."""
        done = self.run(name, *args, moved=moved)
        assert done.returncode == 0, done.stdout + done.stderr
        assert all(line.startswith("changed\t") for line in done.stdout.splitlines())
        return [" ".join(line.split("\t")[1:]) for line in done.stdout.splitlines()]

    def calls(self) -> list[str]:
        path = self.root / "state" / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# keep-running.sh


def keep(machine: Machine, *, changed: str = "", reload: str = "") -> list[str]:
    files = machine.files
    return machine.changes(
        "keep-running.sh", "named", files / "pid", changed, reload, files / "conf"
    )


def test_a_unit_that_is_off_is_enabled_and_started(machine: Machine) -> None:
    machine.write("conf")
    assert keep(machine) == ["enabled named", "restarted named"]


def test_a_unit_that_runs_with_its_files_is_left_alone(machine: Machine) -> None:
    machine.unit("named", "enabled", "active")
    machine.write("conf", age=10)
    machine.write("pid")
    assert keep(machine) == []
    assert not [call for call in machine.calls() if "restart" in call or "reload" in call]


def test_a_unit_is_restarted_for_written_files(machine: Machine) -> None:
    machine.unit("named", "enabled", "active")
    machine.write("conf", age=10)
    machine.write("pid")
    assert keep(machine, changed="yes") == ["restarted named"]
    assert keep(machine, changed="yes", reload="yes") == ["reloaded named"]


def test_a_unit_that_is_older_than_its_files_is_restarted(machine: Machine) -> None:
    # An `up` that was killed between writing and restarting leaves this.
    machine.unit("named", "enabled", "active")
    machine.write("conf")
    machine.write("pid", age=10)
    assert keep(machine) == ["restarted named"]


def test_a_unit_that_does_not_start_is_reported_with_what_its_program_says(
    machine: Machine,
) -> None:
    machine.unit("named", "broken")
    machine.program("named-checkconf", "echo '/etc/bind/named.conf:3: unknown option'; exit 1")
    done = machine.run("keep-running.sh", "named", "pid", "", "", "conf")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "failed\tstart\tnamed",
        "because\t/etc/bind/named.conf:3: unknown option",
    ]


def test_the_journal_tells_why_if_the_files_are_right(machine: Machine) -> None:
    machine.unit("dovecot", "broken")
    machine.program("doveconf", "")
    machine.program(
        "journalctl",
        'case $* in *_SYSTEMD_UNIT=dovecot.service*) echo starting; echo "bind: Address in use" ;;'
        " esac",
    )
    done = machine.run("keep-running.sh", "dovecot", "pid", "", "", "conf")
    assert done.stderr.splitlines() == ["failed\tstart\tdovecot", "because\tbind: Address in use"]


def test_without_any_other_words_systemctl_has_the_last_one(machine: Machine) -> None:
    machine.unit("autoconfig", "broken")
    done = machine.run("keep-running.sh", "autoconfig", "pid", "", "", "conf")
    assert done.stderr.splitlines() == [
        "failed\tstart\tautoconfig",
        "because\tJob for autoconfig failed.",
    ]


# postfix.sh

NAMES = ("/etc/resolv.conf", "/etc/hosts")


def running_postfix(machine: Machine) -> None:
    """A Postfix that runs with its files and with the host's names in its chroot."""
    machine.unit("postfix", "enabled", "active")
    machine.unit("postfix@-", "active")
    for path in ("main.cf", "master.cf"):
        machine.write(path, age=20)
    for path in NAMES:
        machine.write(path[1:], age=20)
        machine.write(f"spool{path}", age=20)
    machine.write("spool/pid/master.pid", age=10)
    machine.write("example")


def postfix(machine: Machine, changed: str = "") -> list[str]:
    files = machine.files
    names = ("main.cf", "master.cf", "example", "spool", "spool")
    paths = (files / name for name in names)
    return machine.changes("postfix.sh", changed, "postfix", "postfix@-", *paths, moved=NAMES)


def test_a_running_postfix_is_left_alone(machine: Machine) -> None:
    running_postfix(machine)
    assert postfix(machine) == []


def test_a_postfix_that_is_off_is_started(machine: Machine) -> None:
    running_postfix(machine)
    (machine.root / "state" / "active-postfix@-").unlink()
    assert postfix(machine) == ["restarted postfix"]


def test_a_postfix_that_is_not_enabled_is(machine: Machine) -> None:
    running_postfix(machine)
    (machine.root / "state" / "enabled-postfix").unlink()
    assert postfix(machine) == ["enabled postfix"]


def test_a_masked_unit_that_runs_is_unmasked(machine: Machine) -> None:
    running_postfix(machine)
    (machine.root / "state" / "masked-postfix@-").touch()
    assert postfix(machine) == ["enabled postfix"]
    assert postfix(machine) == []


def test_postfix_is_restarted_for_a_written_main_cf(machine: Machine) -> None:
    running_postfix(machine)
    assert postfix(machine, changed="yes") == ["restarted postfix"]


@pytest.mark.parametrize("path", ["main.cf", "master.cf"])
def test_postfix_is_restarted_for_an_edited_file(machine: Machine, path: str) -> None:
    running_postfix(machine)
    machine.write(path)
    assert postfix(machine) == ["restarted postfix"]


@pytest.mark.parametrize("path", NAMES)
def test_postfix_is_restarted_for_other_names_in_its_chroot(machine: Machine, path: str) -> None:
    running_postfix(machine)
    machine.write(path[1:], "other\n", age=20)
    assert postfix(machine) == ["restarted postfix"]


def test_without_a_chroot_its_copies_do_not_matter(machine: Machine) -> None:
    running_postfix(machine)
    machine.write("etc/hosts", "other\n", age=20)
    files = machine.files
    paths = (files / name for name in ("main.cf", "master.cf", "example", "spool"))
    assert machine.changes("postfix.sh", "", "postfix", "postfix", *paths, "", moved=NAMES) == []


def test_a_missing_master_cf_is_made_from_the_packages(machine: Machine) -> None:
    running_postfix(machine)
    master = machine.files / "master.cf"
    master.write_text("")
    assert postfix(machine) == [f"wrote {master}", "restarted postfix"]
    assert master.read_text() == "x\n"


def test_a_postfix_that_ends_again_is_a_failure(machine: Machine) -> None:
    running_postfix(machine)
    machine.unit("postfix", "broken")
    machine.program("postconf", "echo 'postconf: fatal: main.cf, line 3' >&2; exit 1")
    files = machine.files
    names = ("main.cf", "master.cf", "example", "spool", "spool")
    paths = (files / name for name in names)
    done = machine.run("postfix.sh", "yes", "postfix", "postfix@-", *paths, moved=NAMES)
    assert done.stderr.splitlines() == [
        "failed\tstart\tpostfix",
        "because\tpostconf: fatal: main.cf, line 3",
    ]


# aliases.sh, dovecot-alone.sh, mail-command.sh


def aliases(machine: Machine) -> list[str]:
    machine.program("newaliases", f'echo x >"{machine.files}/etc/aliases.db"')
    return machine.changes("aliases.sh", moved=("/etc/aliases",))


def test_aliases_are_built_if_there_are_none(machine: Machine) -> None:
    (machine.files / "etc").mkdir()
    path = machine.files / "etc/aliases"
    assert aliases(machine) == [f"wrote {path}", f"built {path}.db"]
    assert "postmaster:" in path.read_text()
    assert aliases(machine) == []


def test_aliases_are_built_anew_if_they_are_older_than_the_text(machine: Machine) -> None:
    path = machine.write("etc/aliases", "info: root\n")
    machine.write("etc/aliases.db", age=10)
    assert aliases(machine) == [f"built {path}.db"]
    assert path.read_text() == "info: root\n"


def test_other_files_of_dovecot_lose_the_books_settings(machine: Machine) -> None:
    local = machine.write(
        "local.conf", "ssl = yes\n  mail_location=maildir:~/x\nmail_debug = yes\n"
    )
    own = machine.write("conf.d/10-ssl.conf", "ssl = no\n")
    other = machine.write("conf.d/99-mine.conf", "# ssl = yes\n")
    args = ("dovecot-alone.sh", machine.files, "mail_location", "ssl")
    assert machine.changes(*args) == [f"cleared-settings {local}"]
    assert local.read_text() == (
        "# labctl: ssl = yes\n# labctl:   mail_location=maildir:~/x\nmail_debug = yes\n"
    )
    assert (own.read_text(), other.read_text()) == ("ssl = no\n", "# ssl = yes\n")
    assert machine.changes(*args) == []


def with_home(machine: Machine, user: str = "user1") -> Path:
    home = machine.files / "home"
    home.mkdir()
    machine.program("getent", f'echo "{user}:x:1001:1001::{home}:/bin/bash"')
    return home


def test_mail_is_taken_out_of_the_shells_files(machine: Machine) -> None:
    with_home(machine)
    profile = machine.write("home/.profile", "umask 022\n  export MAIL=~/Maildir\n")
    machine.write("home/.bashrc", "EMAIL=x\n")
    assert machine.changes("mail-command.sh", "user1", "mailutils") == [f"cleared-mail {profile}"]
    assert profile.read_text() == "umask 022\n# labctl:   export MAIL=~/Maildir\n"
    assert machine.changes("mail-command.sh", "user1", "mailutils") == []


def test_s_nail_is_the_command_mail(machine: Machine) -> None:
    with_home(machine)
    (machine.files / "usr/local/bin").mkdir(parents=True)
    link, hidden = machine.files / "usr/local/bin/mail", ("/usr/local/bin",)
    # The shell looks for both commands; this machine's own may have a `mail`.
    body = 'case $2 in mail) [ -L "$LINK" ];; *) echo /usr/bin/s-nail;; esac'
    command = f'LINK="{link}"; command() {{ {body}; }}; '
    text = command + Script("provision", "mail-command.sh").text
    for _time, said in ((1, "changed\tmade\t/usr/local/bin/mail\n"), (2, "")):
        done = machine.run_text(text, "user1", "s-nail", moved=hidden)
        assert (done.stdout.replace(str(machine.files), ""), done.stderr) == (said, "")
    assert link.readlink() == Path("/usr/bin/s-nail")


# firewalld-dns.sh


FIREWALL_CMD = """
case "$*" in
  *--permanent*--query-service=dns) [ -e "$STATE/at-boot" ] ;;
  *--query-service=dns) [ -e "$STATE/now" ] ;;
  *--permanent*--query-port=53/*) [ -e "$STATE/port-at-boot" ] ;;
  *--query-port=53/*) [ -e "$STATE/port-now" ] ;;
  *--add-service=dns) touch "$STATE/at-boot" ;;
  *--reload) touch "$STATE/now" ;;
esac"""


def test_firewalld_lets_dns_in_now_and_at_boot(machine: Machine) -> None:
    machine.program("firewall-cmd", FIREWALL_CMD)
    assert machine.changes("firewalld-dns.sh") == []
    machine.unit("firewalld", "active")
    assert machine.changes("firewalld-dns.sh") == [
        *("wrote /etc/firewalld/zones/public.xml", "reloaded firewalld")
    ]
    assert machine.changes("firewalld-dns.sh") == []


def test_dns_may_be_open_by_its_port(machine: Machine) -> None:
    machine.program("firewall-cmd", FIREWALL_CMD)
    machine.unit("firewalld", "active")
    for state in ("port-at-boot", "port-now"):
        (machine.root / "state" / state).touch()
    assert machine.changes("firewalld-dns.sh") == []


# apt-install.sh


def apt(machine: Machine, body: str) -> subprocess.CompletedProcess[str]:
    for name in ("dpkg", "debconf-set-selections"):
        machine.program(name, "")
    machine.program("apt-get", body)
    return machine.run("apt-install.sh", "postfix", "ufw")


def test_packages_are_installed_without_the_recommended_ones(machine: Machine) -> None:
    assert apt(machine, "").returncode == 0
    [call] = [call for call in machine.calls() if call.startswith("apt-get ")]
    assert call.endswith("install --no-install-recommends postfix ufw")


def test_old_package_lists_are_updated_once(machine: Machine) -> None:
    body = (
        'case $* in *update) : >"$STATE/new" ;; *) [ -e "$STATE/new" ] ||'
        " { echo 'E: Unable to locate package ufw'; exit 100; } ;; esac"
    )
    assert apt(machine, body).returncode == 0


@pytest.mark.parametrize(
    ("line", "is_fault"),
    [
        ("postfix: Postfix is using backwards-compatible default settings", False),
        ("postfix: See http://www.postfix.org/COMPATIBILITY_README.html for details", False),
        (
            'postfix: To disable backwards compatibility use "postconf compatibility_level=3.6"',
            False,
        ),
        ("postfix/postfix-script: warning: not owned by root: {spool}/pid/master.pid", True),
        ("postfix/postfix-script: warning: group or other writable: {spool}/pid", True),
        ("postfix/postfix-script: warning: not owned by postfix: {spool}/incoming/81.79", False),
        ("find: ‘{spool}/active/B0D8122A2BF’: No such file or directory", False),
        ("find: ‘{spool}/defer/B/B0D8122A2BF’: No such file or directory", False),
        ("find: '{spool}/data/prng_exch.1': No such file or directory", False),
        ("find: ‘{spool}/active’: No such file or directory", True),
    ],
)
def test_notes_and_messages_that_leave_the_queue_are_no_fault(
    machine: Machine, line: str, is_fault: bool
) -> None:
    machine.write("spool/pid/master.pid")
    line = line.format(spool=machine.files / "spool")
    machine.program("script", f"echo '{line}'")
    said = machine.run("postfix-silent.sh", machine.files / "spool").stdout
    assert said == (f"check\t{line}\n" if is_fault else "")


@pytest.mark.parametrize(("source", "is_fault"), [(997, False), (0, True)])
def test_a_file_in_the_chroot_may_have_the_owner_of_its_source(
    machine: Machine, source: int, is_fault: bool
) -> None:
    """systemd-resolved owns the resolv.conf that it writes, and Postfix copies it so."""
    machine.write("spool/pid/master.pid")
    copied = machine.write("spool/etc/resolv.conf")
    line = f"postfix/postfix-script: warning: not owned by root: {copied}"
    machine.program("script", f"echo '{line}'")
    machine.program(
        "stat", f'case $* in *" /etc/resolv.conf") echo {source} ;; *) echo 997 ;; esac'
    )
    said = machine.run("postfix-silent.sh", machine.files / "spool").stdout
    assert said == (f"check\t{line}\n" if is_fault else "")


def test_a_mirror_that_is_not_there_is_not_asked_twice(machine: Machine) -> None:
    done = apt(machine, "echo Reading; echo \"E: Could not resolve 'deb.example'\"; exit 100")
    assert done.stderr.splitlines() == [
        "failed\treach-mirror\tpostfix ufw",
        "because\tE: Could not resolve 'deb.example'",
    ]
    assert len([call for call in machine.calls() if call.startswith("apt-get ")]) == 1


def test_a_package_that_does_not_exist_is_told_by_apts_own_line(machine: Machine) -> None:
    body = "case $* in *update) ;; *) echo 'E: Unable to locate package ufw'; exit 100 ;; esac"
    assert apt(machine, body).stderr.splitlines() == [
        "failed\tinstall\tpostfix ufw",
        "because\tE: Unable to locate package ufw",
    ]


# mailbox-*.sh

MESSAGE = "From {0}@example2.jp  Fri Nov 27 03:00:00 2026\nSubject: {0}\n{1}\n\nHello {0}\n\n"
OLD = MESSAGE.format("user2", "X-Old: 1")
OURS = MESSAGE.format("user1", "Message-ID: <run-1.a@host1>")
LATER = MESSAGE.format("root", "X-Later: 1")


@dataclass
class Mailbox:
    """A user's mailbox and home on the machine."""

    machine: Machine
    home: Path

    @property
    def box(self) -> Path:
        return self.machine.files / "var/mail/user1"

    def keep(self) -> str:
        moved = ("/var/mail", "/var/tmp", "/etc/postfix")
        done = self.machine.run("mailbox-keep.sh", "user1", moved=moved)
        return done.stdout.strip().removeprefix("kept ")

    def filled_by_postfix(self, parameter: str, value: str) -> None:
        """main.cf names the place of the mailbox."""
        self.machine.write("etc/postfix/main.cf", f"{parameter} = {value}\n")
        values = {"mail_spool_directory": "/var/mail", parameter: value}
        names = ("mailbox_transport", "mailbox_command", "home_mailbox", "mail_spool_directory")
        lines = " ".join(f"'{values.get(name, '')}'" for name in names)
        self.machine.program("postconf", f"printf '%s\\n' {lines}")

    def put_back(self, kept: str) -> str:
        moved = ("/var/mail",)
        spool = self.machine.files / "var/spool/postfix"
        done = self.machine.run("mailbox-put-back.sh", "run-1", spool, "user1", kept, moved=moved)
        assert done.returncode == 0, done.stderr
        assert not Path(kept).exists() or done.stdout
        return done.stdout

    def find(self, *tokens: str, notices: str = "0") -> str:
        args = ("user1", "0", notices, *tokens)
        return self.machine.run("mailbox-find.sh", *args, moved=("/var/mail",)).stdout


@pytest.fixture
def mailbox(machine: Machine) -> Mailbox:
    machine.program("postsuper", "cat >/dev/null")
    for folder in ("var/mail", "var/tmp", "var/spool/postfix"):
        (machine.files / folder).mkdir(parents=True)
    return Mailbox(machine, with_home(machine))


def test_a_mailbox_that_was_not_there_is_gone_again(mailbox: Mailbox) -> None:
    kept = mailbox.keep()
    mailbox.box.write_text(OURS)
    assert mailbox.put_back(kept) == ""
    assert not mailbox.box.exists()


def test_old_messages_come_back_byte_for_byte(mailbox: Mailbox) -> None:
    mailbox.box.write_text(OLD)
    os.utime(mailbox.box, (1_000_000, 1_000_000))
    kept = mailbox.keep()
    # `mail` and Dovecot rewrite the old message, and the test's message is behind it.
    mailbox.box.write_text(OLD.replace("\nX-Old", "\nStatus: RO\nX-UID: 1\nX-Old") + OURS)
    mailbox.put_back(kept)
    assert mailbox.box.read_text() == OLD
    assert mailbox.box.stat().st_mtime == 1_000_000


def test_a_message_that_arrived_meanwhile_stays(mailbox: Mailbox) -> None:
    mailbox.box.write_text(OLD)
    kept = mailbox.keep()
    mailbox.box.write_text(OLD + OURS + LATER)
    mailbox.put_back(kept)
    assert mailbox.box.read_text() == OLD + LATER


def test_read_messages_in_the_home_folder_are_put_back_too(mailbox: Mailbox) -> None:
    mbox = mailbox.home / "mbox"
    mbox.write_text(OLD)
    kept = mailbox.keep()
    mbox.write_text(OLD + OURS)
    (mailbox.home / "dead.letter").write_text(OURS)
    mailbox.put_back(kept)
    assert mbox.read_text() == OLD
    assert not (mailbox.home / "dead.letter").exists()


def test_a_maildir_loses_the_tests_messages_only(mailbox: Mailbox) -> None:
    new = mailbox.home / "Maildir/new"
    new.mkdir(parents=True)
    (new / "1").write_text(LATER)
    kept = mailbox.keep()
    (new / "2").write_text(OURS)
    mailbox.put_back(kept)
    assert [path.name for path in new.iterdir()] == ["1"]


@pytest.mark.parametrize("program", ["mktemp", "cp"])
def test_on_a_full_disk_nothing_is_kept(mailbox: Mailbox, program: str) -> None:
    mailbox.box.write_text(OLD)
    mailbox.machine.program(program, "echo 'No space left on device' >&2; exit 1")
    done = mailbox.machine.run("mailbox-keep.sh", "user1", moved=("/var/mail", "/var/tmp"))
    assert (done.returncode, done.stdout) == (73, "")
    assert list((mailbox.machine.files / "var/tmp").iterdir()) == []


@pytest.mark.parametrize("before", [None, OLD])
def test_the_mailbox_that_main_cf_names_is_put_back_too(
    mailbox: Mailbox, before: str | None
) -> None:
    mailbox.filled_by_postfix("home_mailbox", "Mailbox")
    box = mailbox.home / "Mailbox"
    if before:
        box.write_text(before)
    kept = mailbox.keep()
    box.write_text((before or "") + OURS)
    mailbox.put_back(kept)
    assert (box.read_text() if box.exists() else None) == before


def test_the_spool_folder_that_main_cf_names_is_put_back_too(mailbox: Mailbox) -> None:
    spool = mailbox.machine.files / "srv"
    spool.mkdir()
    mailbox.filled_by_postfix("mail_spool_directory", str(spool))
    kept = mailbox.keep()
    (spool / "user1").write_text(OURS)
    mailbox.put_back(kept)
    assert list(spool.iterdir()) == []


def test_the_mailbox_to_which_dovecot_delivers_is_put_back_too(mailbox: Mailbox) -> None:
    mailbox.filled_by_postfix("mailbox_command", "/usr/lib/dovecot/dovecot-lda")
    mailbox.machine.program("doveconf", "echo 'maildir:~/.maildir:LAYOUT=fs'")
    kept = mailbox.keep()
    new = mailbox.home / ".maildir/new"
    new.mkdir(parents=True)
    (new / "1").write_text(OURS)
    mailbox.put_back(kept)
    assert not new.exists()


@pytest.mark.parametrize("stays", [False, True])
def test_a_maildir_of_another_name_is_gone_unless_a_message_came(
    mailbox: Mailbox, stays: bool
) -> None:
    mailbox.filled_by_postfix("home_mailbox", "mail.d/")
    kept = mailbox.keep()
    new = mailbox.home / "mail.d/new"
    new.mkdir(parents=True)
    (new / "1").write_text(OURS)
    if stays:
        (new / "2").write_text(LATER)
    mailbox.put_back(kept)
    assert ([path.name for path in new.iterdir()] if new.exists() else None) == (
        ["2"] if stays else None
    )


def test_a_mailbox_that_somebody_locks_is_named_and_left(mailbox: Mailbox) -> None:
    kept = mailbox.keep()
    mailbox.box.write_text(OURS)
    mailbox.box.with_name("user1.lock").write_text("316:host1\n")
    mailbox.machine.program("sleep", "")  # the script waits for the lock, here without delay
    assert mailbox.put_back(kept).strip() == str(mailbox.box)
    assert mailbox.box.read_text() == OURS


def test_a_message_is_found_by_its_number(mailbox: Mailbox) -> None:
    mailbox.box.write_text(OLD + OURS + LATER)
    assert mailbox.find("run-1.a", "run-1.b") == "run-1.a 2\n"


def test_a_bounce_is_no_delivery_of_the_message_that_it_quotes(mailbox: Mailbox) -> None:
    bounce = (
        "From MAILER-DAEMON  Fri Nov 27 03:00:00 2026\nSubject: Undelivered\n\n"
        "Message-ID: <run-1.a@host1>\n\n"
    )
    mailbox.box.write_text(OLD + bounce)
    assert mailbox.find("run-1.a") == ""
    assert mailbox.find("run-1.a", notices="1") == "run-1.a 2\n"


def test_a_message_in_a_maildir_is_the_last_one(mailbox: Mailbox) -> None:
    new = mailbox.home / "Maildir/new"
    new.mkdir(parents=True)
    (new / "1").write_text(OURS)
    assert mailbox.find("run-1.a") == "run-1.a $\n"


def test_every_copy_of_a_run_is_counted(mailbox: Mailbox) -> None:
    mailbox.box.write_text(OURS + OLD + OURS)
    done = mailbox.machine.run("mailbox-count.sh", "user1", "run-1", moved=("/var/mail",))
    assert done.stdout.splitlines() == ["Message-ID: <run-1.a@host1>"] * 2
