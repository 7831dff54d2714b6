"""What can go wrong between labctl and a server, as a user sees it, in both languages.

Each refusal says what failed and why, and names the next command. After it, `destroy` leaves
nothing of the lab and touches nothing of anybody else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import LabError
from labctl.home import lab_home
from labctl.lab import load_lab
from labctl.providers.incus import IncusProvider
from labctl.run import run
from tests.incus.daemon import Daemon
from tests.lab.program import labctl

NAME = "incus-wrong"
PROJECT = f"labctl-{NAME}"
_JAPANESE = re.compile("[ぁ-んァ-ヶ]")


def refused(
    *words: str, says: str, mend: str, code: int, name: str = NAME, within: tuple[str, ...] = ()
) -> None:
    """labctl ends with this code, this message and this command, in English and in Japanese."""
    english = labctl(*words, name=name, code=code, within=within).err
    assert says in english
    assert mend in english
    japanese = labctl(*words, name=name, code=code, within=within, lang="ja").err
    assert _JAPANESE.search(japanese.splitlines()[0])
    assert says not in japanese
    assert mend in japanese


@pytest.fixture(autouse=True)
def others(daemon: Daemon) -> Iterator[None]:
    """Things of other people on the server; after the test they are there, and nothing of ours."""
    daemon.incus("project", "create", "people")
    daemon.incus("network", "create", "people0", "ipv4.address=none", "ipv6.address=none")
    before = there(daemon)
    yield
    labctl("destroy", "--yes", name=NAME)
    assert there(daemon) == before
    daemon.incus("network", "delete", "people0")
    daemon.incus("project", "delete", "people")


def there(daemon: Daemon) -> dict[str, Any]:
    """Names of what is on the server, without what all labs share."""
    projects = daemon.query("/1.0/projects?recursion=1")
    networks = daemon.query("/1.0/networks?recursion=1")
    found = daemon.query("/1.0/instances?recursion=1&all-projects=true")
    return {
        "projects": sorted(each["name"] for each in projects),
        "networks": sorted(
            each["name"] for each in networks if each["managed"] and each["name"] != "labctl-out"
        ),
        "instances": sorted(f"{each['project']}/{each['name']}" for each in found),
    }


@pytest.fixture
def lab(lab_file: Path) -> None:
    labctl("up", "--until", "os", "--lab", str(lab_file), name=NAME)


def written(folder: Path, text: str) -> str:
    path = folder / "wrong.toml"
    path.write_text(f'provider = "incus"\n[incus]\n{text}', encoding="utf-8")
    return str(path)


# -- the client and the server ------------------------------------------------------------------


def test_there_is_no_client(lab_file: Path, tmp_path: Path) -> None:
    refused(
        "up", "--lab", str(lab_file), within=("env", f"PATH={tmp_path}"),
        says="the program incus is not installed", mend="apt-get install incus-client", code=3,
    )  # fmt: skip


def test_the_client_does_not_know_the_remote(tmp_path: Path) -> None:
    refused(
        "up", "--lab", written(tmp_path, 'remote = "nowhere"\n'),
        says="does not know the remote nowhere", mend="incus remote add nowhere TOKEN", code=3,
    )  # fmt: skip


def test_no_server_runs_on_this_machine(
    lab_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("INCUS_DIR", str(tmp_path / "nowhere"))
        refused(
            "up", "--lab", str(lab_file),
            says="no Incus server runs on this machine", mend="incus remote list", code=3,
        )  # fmt: skip


class Laptop:
    """A client with a token. `within` is only there for the server's address."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.within = ("nsenter", f"--target={daemon.pid}", "--net", "--")

    def add(self) -> None:
        token = self.daemon.incus("config", "trust", "add", "laptop", "--quiet").stdout.split()[-1]
        run([*self.within, "incus", "remote", "add", "far", token], timeout=30)

    def add_again(self) -> None:
        run([*self.within, "incus", "remote", "remove", "far"], timeout=30)
        self.add()

    def certificate(self) -> str:
        [found] = self.daemon.query("/1.0/certificates?recursion=1")
        return str(found["fingerprint"])

    def restrict(self, restricted: bool) -> None:
        data = json.dumps({"restricted": restricted, "projects": ["default"]})
        path = f"/1.0/certificates/{self.certificate()}"
        self.daemon.incus("query", "--request", "PATCH", "--data", data, path)


@pytest.fixture
def laptop(
    daemon: Daemon, others: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Laptop]:
    daemon.incus("config", "set", "core.https_address", "127.0.0.1:8443")
    with monkeypatch.context() as patch:
        patch.setenv("INCUS_CONF", str(tmp_path))
        patch.setenv("INCUS_DIR", str(daemon.folder / "nowhere"))
        made = Laptop(daemon)
        made.add()
        yield made
        labctl("destroy", "--yes", name=NAME, within=made.within)
    for each in daemon.query("/1.0/certificates?recursion=1"):
        daemon.incus("config", "trust", "remove", each["fingerprint"])
    daemon.incus("config", "set", "core.https_address", "")


def test_a_client_that_the_server_trusts_no_more(laptop: Laptop, tmp_path: Path) -> None:
    file = written(tmp_path, 'remote = "far"\n')
    labctl("up", "--until", "os", "--lab", file, name=NAME, within=laptop.within)
    laptop.daemon.incus("config", "trust", "remove", laptop.certificate())
    for words in (("up",), ("reset", "--yes"), ("destroy", "--yes")):
        refused(
            *words,
            within=laptop.within,
            says="Incus does not trust this client (far)",
            mend="incus remote add far TOKEN",
            code=3,
        )  # fmt: skip
    ssh = labctl("ssh", "host1", "--", "true", name=NAME, within=laptop.within, code=3)
    assert "does not trust this client" in ssh.err
    laptop.add_again()
    assert labctl("ssh", "host1", "--", "uname", "-n", name=NAME, within=laptop.within).out


def test_a_server_with_another_certificate(laptop: Laptop, tmp_path: Path) -> None:
    file = written(tmp_path, 'remote = "far"\n')
    for ending in ("crt", "key"):
        (laptop.daemon.folder / "incus" / f"server.{ending}").unlink()
    laptop.daemon.kill()
    laptop.daemon.revive()
    refused(
        "up", "--lab", file, within=laptop.within,
        says="has another certificate than before (far)", mend="incus remote remove far", code=3,
    )  # fmt: skip
    run([*laptop.within, "incus", "remote", "remove", "far"], timeout=30)
    add = ("incus", "remote", "add", "far", "127.0.0.1:8443", "--accept-certificate")
    run([*laptop.within, *add], timeout=30)
    labctl("doctor", "--provider", "incus", "--lab", file, name=NAME, within=laptop.within)


def test_a_client_that_may_use_one_project_only(laptop: Laptop, tmp_path: Path) -> None:
    laptop.restrict(True)
    try:
        refused(
            "up", "--lab", written(tmp_path, 'remote = "far"\n'), within=laptop.within,
            says="restricts this client", mend="incus config trust edit FINGERPRINT", code=3,
        )  # fmt: skip
    finally:
        laptop.restrict(False)


# -- pools and limits ---------------------------------------------------------------------------


def test_a_pool_that_is_not_there(tmp_path: Path) -> None:
    refused(
        "up", "--lab", written(tmp_path, 'pool = "absent"\n'),
        says="storage pool absent: absent", mend="incus storage create absent btrfs size=50GiB",
        code=3,
    )  # fmt: skip


def test_a_pool_without_copies_is_slow_and_works(daemon: Daemon, tmp_path: Path) -> None:
    daemon.incus("storage", "create", "slow", "dir")
    try:
        file = written(tmp_path, 'pool = "slow"\n')
        told = labctl("doctor", "--provider", "incus", "--lab", file, name=NAME).out
        assert "storage pool slow: dir" in told and "slow and large" in told
        labctl("up", "--until", "os", "--lab", file, name=NAME)
        labctl("reset", "--yes", name=NAME)
        assert labctl("ssh", "host2", "--", "uname", "-n", name=NAME).out == "host2\n"
    finally:
        labctl("destroy", "--yes", name=NAME)
        delete_pool(daemon, "slow")


def test_a_pool_that_is_full(daemon: Daemon, tmp_path: Path) -> None:
    daemon.incus("storage", "create", "tiny", "btrfs", "size=300MiB")
    try:
        refused(
            "up", "--until", "os", "--lab", written(tmp_path, 'pool = "tiny"\n'),
            says="the storage pool of Incus is full", mend="incus storage list", code=1,
        )  # fmt: skip
    finally:
        labctl("destroy", "--yes", name=NAME)
        delete_pool(daemon, "tiny")


def delete_pool(daemon: Daemon, name: str) -> None:
    """Incus keeps unpacked images in a pool."""
    for volume in daemon.query(f"/1.0/storage-pools/{name}/volumes/image?recursion=1"):
        daemon.incus("query", "--request", "DELETE", "--wait",
                     f"/1.0/storage-pools/{name}/volumes/image/{volume['name']}")  # fmt: skip
    daemon.incus("storage", "delete", name)


def test_a_limit_that_an_administrator_set_on_the_lab_s_project(
    daemon: Daemon, lab: None, lab_file: Path
) -> None:
    daemon.incus("project", "set", PROJECT, "limits.instances=3")
    copy = IncusProvider(load_lab("incus-limited", lab_file), lab_home("incus-limited"))
    try:
        # The first copy makes the stock in the project of the lab that is copied.
        with pytest.raises(LabError) as caught:
            copy.create_like(lab_home(NAME), "os")
    finally:
        copy.destroy()
    assert "a limit of a project on the Incus server is reached" in caught.value.message
    assert str(caught.value.hint) == "incus project list"


# -- changes behind labctl's back ---------------------------------------------------------------


def test_a_host_that_somebody_deleted(daemon: Daemon, lab: None) -> None:
    daemon.incus("delete", "--force", "host2", "--project", PROJECT)
    refused("up", says="the Incus server no longer has these hosts", mend="labctl destroy", code=4)
    refused(
        "reset",
        "--yes",
        says="the Incus server no longer has these hosts",
        mend="labctl destroy",
        code=4,
    )
    [status] = labctl("status", "--json", name=NAME, code=None).json["labs"]
    assert {each["name"]: each["state"] for each in status["hosts"]}["host2"] == "absent"
    [refusal] = [labctl("ssh", "host2", name=NAME, code=4).err]
    assert "host2 does not run" in refusal


def test_a_host_that_somebody_renamed(daemon: Daemon, lab: None) -> None:
    daemon.incus("stop", "--force", "host1", "--project", PROJECT)
    daemon.incus("rename", "host1", "mine", "--project", PROJECT)
    refused("up", says="the Incus server no longer has these hosts", mend="labctl destroy", code=4)


def test_a_project_that_somebody_renamed(daemon: Daemon, lab: None) -> None:
    # Incus renames only empty projects.
    refusal = daemon.incus("project", "rename", PROJECT, "labctl-else", check=False)
    assert not refusal.ok and "empty" in refusal.stderr


def test_a_snapshot_that_somebody_deleted(daemon: Daemon, lab: None) -> None:
    [snapshot] = daemon.query(f"/1.0/instances/host2/snapshots?project={PROJECT}&recursion=1")
    daemon.incus("snapshot", "delete", "host2", snapshot["name"], "--project", PROJECT)
    refused(
        "reset", "--to", "os", "--yes",
        says="checkpoint os is missing on host2", mend="labctl status", code=4,
    )  # fmt: skip
    # Nothing was touched.
    for host in ("host1", "host2"):
        assert labctl("ssh", host, "--", "uname", "-n", name=NAME).out == f"{host}\n"


def test_an_instance_of_somebody_else_in_the_lab_s_project(daemon: Daemon, lab: None) -> None:
    daemon.incus("query", "--request", "POST", "--wait", "--data", json.dumps({
        "name": "theirs", "profiles": [], "source": {"type": "none"},
        "devices": {"root": {"type": "disk", "path": "/", "pool": "labctl"}},
    }), f"/1.0/instances?project={PROJECT}")  # fmt: skip
    refused(
        "destroy", "--yes", says="has instances that labctl did not make",
        mend=f"incus move theirs --project {PROJECT} --target-project default", code=4,
    )  # fmt: skip
    assert f"{PROJECT}/theirs" in there(daemon)["instances"]
    daemon.incus("delete", "theirs", "--project", PROJECT)


# -- names of other people ----------------------------------------------------------------------


def test_a_project_of_that_name(daemon: Daemon, lab_file: Path) -> None:
    daemon.incus("project", "create", PROJECT)
    refused(
        "up", "--lab", str(lab_file), says=f"the project {PROJECT} is not this lab's",
        mend="project_prefix", code=4,
    )  # fmt: skip
    labctl("destroy", "--yes", name=NAME)
    daemon.incus("project", "delete", PROJECT)


def test_a_network_that_lets_mail_out(daemon: Daemon, tmp_path: Path) -> None:
    daemon.incus("network", "create", "open0", "ipv6.address=none")
    refused(
        "up", "--lab", written(tmp_path, 'way_out = "open0"\n'),
        says="the network open0 on the Incus server was not made by labctl", mend="way_out", code=4,
    )  # fmt: skip
    labctl("destroy", "--yes", name=NAME)
    assert not daemon.query("/1.0/networks/open0")["config"].get("security.acls")
    daemon.incus("network", "delete", "open0")
