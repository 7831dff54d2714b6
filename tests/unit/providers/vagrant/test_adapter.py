"""Vagrant's machine-readable output, recorded from Vagrant 2.3.4, and the meaning of errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.providers.vagrant.adapter import Vagrant
from labctl.providers.vagrant.failures import failure
from labctl.providers.vagrant.meaning import NoBoot
from labctl.providers.vagrant.output import readable, rows
from labctl.run import Completed

LOG = Path("/home/taro/vagrant.log")
STATUS = """\
1795570654,host1,metadata,provider,virtualbox
1795570656,host1,provider-name,virtualbox
1795570656,host1,state,running
1795570656,host1,state-human-long,The VM is running. To stop this VM%!(VAGRANT_COMMA) halt\\nit.
"""


def test_rows_are_unescaped_and_other_lines_left_out() -> None:
    found = rows(STATUS + "\nThe VM is running, they say.\n==> host1: Booting VM...\n")
    assert [row.kind for row in found] == [
        "metadata",
        "provider-name",
        "state",
        "state-human-long",
    ]
    assert found[2].target == "host1"
    assert found[3].data == ("The VM is running. To stop this VM, halt\nit.",)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ProviderNotUsable", MachineLacks),
        ("BoxAddShortNotFound", MachineLacks),
        ("VirtualBoxInvalidHostSubnet", MachineLacks),
        ("VMBootTimeout", MachineLacks),
        ("SnapshotNotFound", WrongState),
        ("VMNotCreatedError", WrongState),
        ("VBoxManageError", CommandFailed),
    ],
)
def test_an_error_keeps_vagrants_reason_and_leads_on(name: str, kind: type[LabError]) -> None:
    done = Completed(("vagrant", "up"), 1, "", "")
    error = failure(["up", "host1"], done, [(f"Vagrant::Errors::{name}", "the reason")], LOG)
    assert isinstance(error, kind)
    assert "the reason" in error.cause
    assert error.hint


def test_a_windows_path_keeps_its_backslashes() -> None:
    line = (
        "17,,error-exit,Vagrant::Errors::VBoxManageError,Could not open 'C:\\Users\\naoko\\VMs'"
        '%!(VAGRANT_COMMA) "D:\\renewed\\a.vmdk"\\nVBoxManage.exe: error: Details\n'
    )
    (row,) = rows(line)
    first, second = row.data[1].split("\n")
    assert first.startswith("Could not open 'C:\\Users\\naoko\\VMs', ")
    assert second == "VBoxManage.exe: error: Details"


def test_what_is_not_machine_readable_stays_in_the_readable_output() -> None:
    """Ruby's traceback comes between Vagrant's rows, as both outputs go to one file."""
    output = "17,host1,ui,info,Booting VM...\n/opt/a.rb:1:in `b': no (NoMethodError)\n17,,x,y\n"
    assert readable(output) == "Booting VM...\n/opt/a.rb:1:in `b': no (NoMethodError)\n"


def test_an_unknown_end_shows_the_command_and_what_it_said() -> None:
    done = Completed(("vagrant", "up"), 1, "", "ruby: out of memory\n")
    error = failure(["up", "host1"], done, [], LOG)
    assert "vagrant up host1" in error.message
    assert "ruby: out of memory" in error.cause
    assert str(LOG) in str(error.hint)


class Asked:
    """Stands for labctl.run: notes each call of Vagrant, and answers it.

    `says` maps the first word of a command to what Vagrant prints. `fails` is what it prints in the
    case of a failure.
    """

    def __init__(self) -> None:
        self.words: list[list[str]] = []
        self.calls: list[dict[str, Any]] = []
        self.says: dict[str, str] = {}
        self.fails = ""

    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        assert options["check"] is False
        self.words.append(list(argv[1:]))
        self.calls.append(options)
        status, said = (1, self.fails) if self.fails else (0, self.says.get(argv[1], ""))
        if options["log"] is not None:
            options["log"].parent.mkdir(parents=True, exist_ok=True)
            options["log"].write_text(said, encoding="utf-8")
            if (error := options["watch"](said)) is not None:
                raise error
        return Completed(tuple(argv), status, said, "warning: slow\n")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr("labctl.providers.vagrant.adapter.run", asked.run)
    monkeypatch.setattr(
        "labctl.providers.vagrant.adapter.vagrant.get_vagrant_executable", lambda: "vagrant"
    )
    return asked


@pytest.fixture
def adapter(tmp_path: Path, asked: Asked) -> Vagrant:
    return Vagrant(tmp_path / "machines", "virtualbox", tmp_path / "logs")


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (lambda it: it.boot(), "up --no-provision --provider=virtualbox"),
        (lambda it: it.boot("host2"), "up host2 --no-provision --provider=virtualbox"),
        (lambda it: it.halt("host2"), "halt host2"),
        (lambda it: it.halt("host2", force=True), "halt host2 --force"),
        (lambda it: it.destroy(), "destroy --force"),
        (lambda it: it.states(), "status"),
        (lambda it: it.state("host1"), "status host1"),
        (lambda it: it.ssh_addresses(), "ssh-config"),
        (lambda it: it.save_snapshot("host1", "dns"), "snapshot save host1 dns"),
        (
            lambda it: it.restore_snapshot("host1", "dns"),
            "snapshot restore --no-provision host1 dns",
        ),
        (lambda it: it.delete_snapshot("host1", "dns"), "snapshot delete host1 dns"),
        (lambda it: it.snapshots("host1"), "snapshot list host1"),
    ],
)
def test_what_vagrant_is_asked(
    adapter: Vagrant, asked: Asked, ask: Callable[[Vagrant], object], line: str
) -> None:
    ask(adapter)
    assert asked.words == [[*line.split(), "--machine-readable"]]


def test_a_script_runs_as_root_without_the_carriage_returns_of_windows(
    adapter: Vagrant, asked: Asked
) -> None:
    asked.says = {"ssh": "done\n"}
    assert adapter.shell("host1", "hostname\n", "'a b'") == "done\n"
    command = "tr -d '\\r' | sudo -n sh -eu -s -- 'a b'"
    words = ["ssh", "host1", "--no-tty", "--command", command]
    assert asked.words == [[*words, "--", "-F", "none"]]
    assert asked.calls[0]["stdin"] == "hostname\n"


@pytest.mark.parametrize(
    ("hypervisor", "more"),
    [("virtualbox", {"VAGRANT_NO_PLUGINS": "1"}), ("libvirt", {})],
)
def test_vagrant_works_in_the_labs_folder_alone(
    tmp_path: Path, asked: Asked, hypervisor: str, more: dict[str, str]
) -> None:
    folder = tmp_path / "machines"
    Vagrant(folder, hypervisor, tmp_path).boot()
    (call,) = asked.calls
    assert call["cwd"] == folder
    assert call["env"] == {
        "VAGRANT_CWD": str(folder),
        "VAGRANT_DOTFILE_PATH": str(folder / ".vagrant"),
        "VAGRANT_VAGRANTFILE": "Vagrantfile",
        "VAGRANT_DEFAULT_PROVIDER": hypervisor,
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_NO_COLOR": "1",
        "VAGRANT_LOG": "fatal",
        **more,
    }


def test_states_by_machine(adapter: Vagrant, asked: Asked) -> None:
    asked.says = {"status": STATUS + STATUS.replace("host1", "host2").replace("running", "saved")}
    assert adapter.states() == {"host1": "running", "host2": "saved"}
    assert adapter.state("host1") == "running"
    asked.says = {"status": "1795570654,,ui,error,no such machine\n"}
    assert adapter.states() == {}
    assert adapter.state("host1") == "not_created"


def test_snapshots_are_the_details_below_the_heading(adapter: Vagrant, asked: Asked) -> None:
    asked.says = {
        "snapshot": "17,host1,ui,output,==> host1: \n17,,ui,detail,labctl-os-1a2b3c\n"
        "17,,ui,detail, labctl-dns-4d5e6f \n17,host1,metadata,provider,virtualbox\n"
    }
    assert adapter.snapshots("host1") == {"labctl-os-1a2b3c", "labctl-dns-4d5e6f"}
    asked.says = {"snapshot": "17,host1,ui,output,==> host1: No snapshots have been taken yet!\n"}
    assert adapter.snapshots("host1") == set()


def test_addresses_of_all_machines_with_one_call(adapter: Vagrant, asked: Asked) -> None:
    config = (
        "Host {name}\\n  HostName 127.0.0.1\\n  User vagrant\\n  Port {port}\\n"
        "  IdentityFile /home/taro/key\\n"
    )
    asked.says = {
        "ssh-config": "".join(
            f"17,{name},ssh-config,{config.format(name=name, port=port)}\n"
            for name, port in (("host1", 20001), ("host2", 20002))
        )
    }
    found = adapter.ssh_addresses()
    assert {name: (each.address, each.port) for name, each in found.items()} == {
        "host1": ("127.0.0.1", 20001),
        "host2": ("127.0.0.1", 20002),
    }
    assert found["host1"].key == Path("/home/taro/key")
    assert len(asked.words) == 1


def test_the_log_has_all_that_was_asked_and_said(
    adapter: Vagrant, asked: Asked, tmp_path: Path
) -> None:
    asked.says = {"up": "17,host1,ui,info,Booting VM...\n17,host1,metadata,provider,virtualbox\n"}
    adapter.boot("host1")
    asked.says = {"ssh": "plain words\n"}
    adapter.shell("host1", "true")
    log = (tmp_path / "logs" / "vagrant.log").read_text(encoding="utf-8")
    assert log.startswith(
        "$ vagrant up host1 --no-provision --provider=virtualbox\n"
        "Booting VM...\nwarning: slow\nexit 0\n$ vagrant ssh host1 --no-tty"
    )
    assert log.endswith("plain words\nwarning: slow\nexit 0\n")
    # What was watched during a boot is in the log, and its own file is gone.
    assert [each.name for each in (tmp_path / "logs").iterdir()] == ["vagrant.log"]


def test_a_call_that_fails_names_its_reason_and_the_log(
    adapter: Vagrant, asked: Asked, tmp_path: Path
) -> None:
    asked.fails = "17,,error-exit,Vagrant::Errors::SomethingNew,Nobody knows%!(VAGRANT_COMMA) why\n"
    with pytest.raises(CommandFailed) as caught:
        adapter.save_snapshot("host1", "dns")
    assert "vagrant snapshot save host1 dns" in caught.value.message
    assert "SomethingNew: Nobody knows, why" in caught.value.cause
    assert str(tmp_path / "logs" / "vagrant.log") in caught.value.hint.text


@pytest.mark.parametrize(
    ("ask", "limit"),
    [
        # While it boots, a machine may let nobody in for a minute or two.
        (lambda it: it.boot(), 12),
        (lambda it: it.boot(limit=1000), 12),
        (lambda it: it.restore_snapshot("a", "b"), 3),
    ],
)
def test_a_machine_that_refuses_the_key_is_not_waited_for(
    adapter: Vagrant, asked: Asked, ask: Callable[[Vagrant], object], limit: int
) -> None:
    refused = "17,host1,ui,detail,Warning: Authentication failure. Retrying...\n"
    other = refused.replace("host1", "host2")
    asked.says = dict.fromkeys(("up", "snapshot"), (refused + other) * (limit - 1))
    ask(adapter)
    for often, ends in ((limit - 1, False), (limit, True)):
        asked.says = dict.fromkeys(("up", "snapshot"), refused * often)
        if not ends:
            ask(adapter)
            continue
        with pytest.raises(WrongState, match="does not accept the lab's key") as caught:
            ask(adapter)
        assert str(caught.value.hint) == "labctl destroy, labctl up"


def test_with_a_limit_a_boot_ends_after_it(
    adapter: Vagrant, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("labctl.providers.vagrant.adapter.time.monotonic", lambda: now[0])
    adapter.boot(limit=120)
    watch = asked.calls[0]["watch"]
    started = "17,host1,ui,info,Waiting for domain to get an IP address...\n"
    assert watch("downloading\n") is None
    # The time runs from the start of the first machine.
    now[0] = 500.0
    assert watch(started) is None
    now[0] = 620.0
    assert watch(started) is None
    now[0] = 620.5
    assert isinstance(watch(started), NoBoot)


def test_without_vagrant_the_doctor_is_named(
    adapter: Vagrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "labctl.providers.vagrant.adapter.vagrant.get_vagrant_executable", lambda: None
    )
    with pytest.raises(MachineLacks, match="not installed") as caught:
        adapter.states()
    assert str(caught.value.hint) == "labctl doctor"
