"""The `incus` client as labctl calls it: words, answers and errors. A script stands for it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from labctl.errors import LabError, MachineLacks
from labctl.providers.incus.client import Incus
from labctl.providers.incus.refusals import NotThere

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prints its words one a line, unless a test writes another script."""
    path = tmp_path / "incus"
    says(path, 'for word do echo "$word"; done >"$0.words"; echo null')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return path


def says(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def words(program: Path) -> list[str]:
    return program.with_suffix(".words").read_text().splitlines()


def test_a_question_names_the_remote_the_project_and_the_object(program: Path) -> None:
    Incus("far", "labctl-a").get("instances", "host1", query={"recursion": "1"})
    assert words(program) == [
        "query",
        "--request",
        "GET",
        "far:/1.0/instances/host1?project=labctl-a&recursion=1",
    ]


def test_names_cannot_leave_their_place(program: Path) -> None:
    Incus().get("networks", "../projects?x")
    assert words(program)[-1] == "/1.0/networks/..%2Fprojects%3Fx"


def test_a_change_is_waited_for(program: Path) -> None:
    Incus().send("PUT", "instances", "host1", "state", data={"action": "start"})
    assert words(program)[2:] == [
        "PUT",
        "--wait",
        "--data",
        '{"action": "start"}',
        "/1.0/instances/host1/state",
    ]


def test_a_secret_goes_to_standard_input(program: Path) -> None:
    says(program, 'for word do echo "$word"; done >"$0.words"; cat >"$0.input"')
    Incus("far", "p").push("host1", "/etc/ssh/key", "secret\n", 0o600, 0)
    assert "secret" not in program.with_suffix(".words").read_text()
    assert program.with_suffix(".input").read_text() == "secret\n"
    assert words(program)[-2:] == ["-", "far:host1/etc/ssh/key"]
    assert "0600" in words(program)


# What Incus 6.0.4 printed in each of these cases.
_GET = 'Get "https://127.0.0.1:8443/1.0": '
REFUSALS = [
    ("Instance not found", NotThere, "labctl doctor"),
    ('Failed to fetch instance "x" in project "p": Instance not found', NotThere, "labctl doctor"),
    ("The instance is already running", LabError, "labctl doctor"),
    ('The remote "far" doesn\'t exist', MachineLacks, "incus remote add far TOKEN"),
    (
        "The incus daemon doesn't appear to be started (socket path: /run/incus/unix.socket)",
        MachineLacks,
        "sudo systemctl start incus",
    ),
    (
        "You don't have the needed permissions to talk to the incus daemon (socket path: /run/x)",
        MachineLacks,
        "sudo usermod --append --groups incus-admin USER",
    ),
    (
        _GET + "Unable to connect to: 127.0.0.1:8443 ([dial tcp: connect: connection refused])",
        MachineLacks,
        "incus remote list",
    ),
    (
        _GET + "lookup far.invalid on 192.0.2.53:53: no such host",
        MachineLacks,
        "incus remote list",
    ),
    (
        _GET + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        MachineLacks,
        "incus remote remove far",
    ),
    ("not authorized", MachineLacks, "incus remote remove far"),
    ("Certificate is restricted", MachineLacks, "incus config trust edit FINGERPRINT"),
    (
        'User does not have permission for project "labctl-x"',
        MachineLacks,
        "incus config trust edit FINGERPRINT",
    ),
    (
        "Failed instance creation: write /var/lib/incus/x: no space left on device",
        LabError,
        "incus storage list far:",
    ),
    ("Reached maximum number of networks in project", LabError, "incus project list far:"),
]


@pytest.mark.parametrize(("said", "kind", "mend"), REFUSALS)
def test_an_error_is_what_it_means(
    program: Path, said: str, kind: type[LabError], mend: str
) -> None:
    says(program, f"echo {shlex.quote('Error: ' + said)} >&2; exit 1")
    with pytest.raises(LabError) as failed:
        Incus("far").get("instances")
    assert type(failed.value) is kind
    assert said in failed.value.cause
    assert mend in str(failed.value.hint)


def test_a_full_pool_is_told_without_the_names_of_all_files(program: Path) -> None:
    files = "".join(
        f"tar: rootfs/usr/share/x509: {n}: Cannot write: No space left on device\n"
        for n in range(500)
    )
    says(program, f"echo {shlex.quote('Error: Image unpack failed: ' + files)} >&2; exit 1")
    with pytest.raises(LabError) as failed:
        Incus("far").send("POST", "instances", data={})
    assert failed.value.message == "the storage pool of Incus is full (far)"
    assert len(failed.value.cause.splitlines()) == 7


def test_an_instance_that_is_busy_is_waited_for(program: Path) -> None:
    """As the request of a killed labctl leaves it for a moment."""
    busy = 'Error: Failed to create instance delete operation: Instance is busy running a "create"'
    count = 'echo x >>"$0.tries"; [ $(wc -l <"$0.tries") -gt 2 ]'
    says(program, f"{count} || {{ echo '{busy}' >&2; exit 1; }}")
    Incus("", "p").send("DELETE", "instances", "host1")
    assert len(program.with_suffix(".tries").read_text().splitlines()) == 3


def test_a_cluster_without_a_majority_is_given_up(program: Path) -> None:
    says(program, "exec sleep 10")
    with pytest.raises(MachineLacks) as failed:
        Incus("far").get("instances", timeout=0.2)
    assert "far" in failed.value.message
    assert str(failed.value.hint) == "incus cluster list far:"


def test_a_member_without_its_cluster_is_no_fault_of_the_host(program: Path) -> None:
    says(program, "echo 'Error: no available cowsql leader server found' >&2; exit 1")
    with pytest.raises(MachineLacks):
        Incus("far", "p").run_in("host1", ["true"], check=False)
    with pytest.raises(MachineLacks):
        Incus("far").get("instances")


def test_a_script_that_fails_in_a_host_is_named_and_not_shown(program: Path) -> None:
    says(program, "echo broken >&2; exit 3")
    with pytest.raises(LabError) as failed:
        Incus("far", "p").script_in("host1", "await-boot.sh")
    assert "await-boot.sh" in failed.value.message
    assert "systemctl" not in failed.value.message
