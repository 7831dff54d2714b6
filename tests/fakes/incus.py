"""An Incus server in memory, below the real IncusProvider.

It reads the command lines of the `incus` client and answers as Incus 6.0 does: an error is text
after `Error: `. `changes` lists what was asked to be changed, in order.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from labctl.endpoint import Endpoint
from labctl.errors import CommandFailed
from labctl.managed import ManagedFile
from labctl.quote import shell_line
from labctl.run import Completed
from labctl.scripts import Script
from tests.fakes.host import FakeHost, FakeRemote

_PACKAGE = "labctl.providers.incus"
_ADD_LAYER, _AWAIT_BOOT = (
    Script(_PACKAGE, name).text for name in ("add-layer.sh", "await-boot.sh")
)
# What Incus picks for an instance without an own range; instances made at once all get it.
FIRST_ID = "1065536"
# The state that each action needs, and the one that it leads to.
_ACTIONS = {
    "start": ("Stopped", "Running"),
    "stop": ("Running", "Stopped"),
    "freeze": ("Running", "Frozen"),
    "unfreeze": ("Frozen", "Running"),
}


class Refused(Exception):
    """What the client prints after `Error: `."""


@dataclass
class Snapshot:
    """The disk of an instance and its settings at one time."""

    files: dict[str, ManagedFile]
    config: dict[str, str]
    devices: dict[str, dict[str, str]]


@dataclass
class Instance:
    """A container. `hangs` ignores a shutdown; `fails_to_boot` never finishes its boot."""

    name: str
    project: str
    location: str
    config: dict[str, str]
    devices: dict[str, dict[str, str]]
    status: str = "Stopped"
    files: dict[str, ManagedFile] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    hangs: bool = False
    fails_to_boot: bool = False

    def as_data(self) -> dict[str, Any]:
        # Of an instance on a cluster member that does not answer, a server knows no more.
        known = {"volatile.uuid": f"{self.project}/{self.name}", **self.config}
        return {
            "name": self.name,
            "project": self.project,
            "status": self.status,
            "location": self.location,
            "architecture": "x86_64",
            "description": "",
            "profiles": [],
            "config": {} if self.status == "Error" else known,
            "devices": dict(self.devices),
        }

    def snapshot(self) -> Snapshot:
        return Snapshot(dict(self.files), dict(self.config), copy.deepcopy(self.devices))

    def restore(self, kept: Snapshot) -> None:
        self.files = dict(kept.files)
        self.config, self.devices = dict(kept.config), copy.deepcopy(kept.devices)


@dataclass
class Server:
    """One server, or a cluster if it has `members` (name: free memory in GiB)."""

    remote: str = ""
    members: dict[str, int] = field(default_factory=dict)
    offline: set[str] = field(default_factory=set)
    groups: dict[str, list[str]] = field(default_factory=dict)
    pools: list[str] = field(default_factory=lambda: ["default"])
    projects: dict[str, dict[str, str]] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    acls: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, dict[str, str]] = field(default_factory=dict)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    instances: dict[tuple[str, str], Instance] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    is_down: bool = False
    # Goes down while a command runs in an instance.
    goes_silent: bool = False
    _ends_after: int | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def end_after(self, changes: int | None) -> None:
        """End labctl as Ctrl-C does after so many more changes."""
        self._ends_after = changes

    def instance(self, name: str, project: str = "labctl-default") -> Instance:
        try:
            return self.instances[project, name]
        except KeyError:
            raise Refused("Instance not found") from None

    def connect(self, endpoint: Endpoint) -> FakeRemote:
        """The way to a host that its endpoint describes."""
        words = list(endpoint.proxy_command)
        project = words[words.index("--project") + 1]
        there = self.instance(self._local(words[2]), project)
        running = there.status == "Running"
        host = FakeHost(there.name, running=running, files=there.files)
        return FakeRemote(host, endpoint)

    # -- the client -------------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        stdin: str | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """labctl.run.run, for the client of this server."""
        assert timeout, "a request without a time limit"
        with self._lock:
            try:
                if self.is_down:
                    raise Refused("Get: dial tcp 192.0.2.1:8443: connect: connection refused")
                said, status, error = self._dispatch(list(argv), stdin), 0, ""
            except Refused as refused:
                said, status, error = "", 1, f"Error: {refused}\n"
        if check and status:
            raise CommandFailed(shell_line(argv), status, error)
        return Completed(tuple(argv), status, said, error)

    def _dispatch(self, argv: list[str], stdin: str | None) -> str:
        match argv:
            case ["incus", "query", "--request", method, *rest, url]:
                data = json.loads(rest[rest.index("--data") + 1]) if rest else None
                return json.dumps(self._query(method, self._local(url), data))
            case ["incus", "exec", name, "--project", project, "-T", "-n", "--", *words]:
                return self._exec(self.instance(self._local(name), project), words)
            case ["incus", "file", "--project", project, "push", *options, "-", target]:
                self._push(project, self._local(target), options, stdin or "")
                return ""
            case ["incus", "project", "set", name, setting]:
                key, _equals, value = setting.partition("=")
                self._change(f"set {key} of {self._local(name)}")
                self.projects[self._local(name)][key] = value
                return ""
            case ["incus", "config", "--project", project, "device", "remove", name, device]:
                del self.instance(self._local(name), project).devices[device]
                return ""
            case ["incus", "console", "--project", project, name, "--show-log"]:
                return f"last words of {self.instance(self._local(name), project).name}\n"
        raise AssertionError(f"the server does not know: {shell_line(argv)}")

    def _local(self, thing: str) -> str:
        """The name without the remote, which must be this server."""
        prefix = f"{self.remote}:" if self.remote else ""
        assert thing.startswith(prefix), f"another server was asked: {thing}"
        return thing.removeprefix(prefix)

    def _change(self, what: str) -> None:
        if self._ends_after is not None:
            if self._ends_after == 0:
                raise KeyboardInterrupt
            self._ends_after -= 1
        self.changes.append(what)

    def _push(self, project: str, target: str, options: list[str], text: str) -> None:
        name, slash, path = target.partition("/")
        self._change(f"push {target}")
        mode = int(options[options.index("--mode") + 1], 8)
        owner = options[options.index("--uid") + 1]
        assert options[options.index("--gid") + 1] == owner, "a file of two owners"
        files = self.instance(name, project).files
        files[slash + path] = ManagedFile(slash + path, text, mode, owner, owner)

    def _exec(self, there: Instance, words: list[str]) -> str:
        if there.status != "Running":
            raise Refused("Instance is not running")
        if self.goes_silent:
            self.is_down = True
            raise CommandFailed(shell_line(words), 124, "timed out")
        match words:
            case ["sh", "-euc", text, "sh", *_args] if text == _ADD_LAYER:
                source = there.devices["layer"]["source"]
                volume = next(each for each in self.volumes if each["name"] == source)
                there.files.update(volume["files"])
            case ["sh", "-euc", text, "sh", *_args] if text == _AWAIT_BOOT:
                if there.fails_to_boot:
                    raise Refused("timed out")
            case ["sh", "-euc", _, "sh", *_] | ["rmdir", *_]:
                pass
            case _:
                raise AssertionError(f"a host does not know: {shell_line(words)}")
        return ""

    # -- the REST API -----------------------------------------------------------------------

    def _query(self, method: str, url: str, data: Mapping[str, Any] | None) -> Any:
        parts = urlsplit(url)
        path = [unquote(part) for part in parts.path.split("/")[2:]]
        query = dict(parse_qsl(parts.query))
        if method == "GET":
            return self._get(path, query)
        assert data is not None
        what = data.get("action") or ("restore" if "restore" in data else "")
        self._change(" ".join([method, *path, *([str(what)] if what else [])]))
        if path[0] == "instances":
            self._change_instance(method, path[1:], query, data)
        else:
            self._change_other(method, path, query, data)
        return None

    def _get(self, path: list[str], query: Mapping[str, str]) -> Any:
        project = query.get("project", "default")
        match path:
            case []:
                return {"environment": {"server_version": "6.0.4"}}
            case ["cluster"]:
                return {"enabled": bool(self.members)}
            case ["cluster", "members"]:
                return [
                    {
                        "server_name": name,
                        "groups": self.groups.get(name),
                        "status": "Offline" if name in self.offline else "Online",
                    }
                    for name in self.members
                ]
            case ["resources"]:
                free = self.members[query["target"]] * 1024**3
                return {"memory": {"total": 64 * 1024**3, "used": 64 * 1024**3 - free}}
            case ["storage-pools"]:
                return [{"name": name, "status": "Created"} for name in self.pools]
            case ["storage-pools", _pool, "volumes", "custom"]:
                return [{**each, "files": None} for each in self.volumes]
            case ["images", "aliases", alias]:
                return {"target": self._found(self.images, alias) and alias}
            case ["images", name]:
                return {"properties": self._found(self.images, name)}
            case ["projects"]:
                return [{"name": name, "config": kept} for name, kept in self.projects.items()]
            case ["projects", name]:
                return {"config": self._found(self.projects, name)}
            case ["networks", name]:
                return self._found(self.networks, name)
            case ["network-acls", name]:
                return self._found(self.acls, name)
            case ["instances"]:
                every = query.get("all-projects") == "true"
                if not every:
                    self._found(self.projects, project)
                return [
                    each.as_data()
                    for each in self.instances.values()
                    if every or each.project == project
                ]
            case ["instances", name]:
                return self.instance(name, project).as_data()
            case ["instances", name, "snapshots"]:
                kept = self.instance(name, project).snapshots
                return [{"name": each, "size": len(kept[each].files)} for each in kept]
        raise AssertionError(f"the server does not know: GET {path}")

    @staticmethod
    def _found(there: Mapping[str, Any], name: str) -> Any:
        if name not in there:
            raise Refused("Object not found")
        return there[name]

    def _change_other(
        self, method: str, path: list[str], query: Mapping[str, str], data: Mapping[str, Any]
    ) -> None:
        match method, path:
            case "POST", ["projects"]:
                self.projects[data["name"]] = dict(data["config"])
            case "DELETE", ["projects", name]:
                if any(project == name for project, _instance in self.instances):
                    raise Refused("Only empty projects can be removed")
                del self.projects[name]
            case "POST", ["networks"]:
                self._make_network(query.get("target", ""), data)
            case "PATCH", ["networks", name]:
                self._found(self.networks, name)["config"].update(data["config"])
            case "DELETE", ["networks", name]:
                self._found(self.networks, name)
                devices = [each.devices.get("lab", {}) for each in self.instances.values()]
                if any(device.get("network") == name for device in devices):
                    raise Refused("The network is currently in use")
                del self.networks[name]
            case ("POST", ["network-acls"]) | ("PUT", ["network-acls", _]):
                name = data["name"] if method == "POST" else path[1]
                self.acls[name] = {"egress": data["egress"], "ingress": data["ingress"]}
            case _:
                raise AssertionError(f"the server does not know: {method} {path}")

    def _make_network(self, target: str, data: Mapping[str, Any]) -> None:
        """On a cluster: pending on each member first, then created on all."""
        there = self.networks.setdefault(
            data["name"], {"status": "Pending", "config": {}, "on": []}
        )
        if target:
            there["on"].append(target)
            return
        if set(there["on"]) != set(self.members):
            raise Refused("The network is not pending on all members")
        config = dict(data["config"])
        if config["ipv4.address"] == "auto":
            config["ipv4.address"] = "10.9.8.1/24"
        there.update(status="Created", config=config)

    def _change_instance(
        self, method: str, path: list[str], query: Mapping[str, str], data: Mapping[str, Any]
    ) -> None:
        project = query.get("project", "default")
        if (method, path) == ("POST", []):
            self._make_instance(project, query.get("target", ""), data)
            return
        there = self.instance(path[0], project)
        match method, path[1:]:
            case "PUT", ["state"]:
                self._act(there, data)
            case "PUT", [] if "restore" in data:
                if there.status != "Stopped":
                    raise Refused("The instance is running")
                there.restore(there.snapshots[data["restore"]])
            case "PUT", []:
                there.config, there.devices = dict(data["config"]), copy.deepcopy(data["devices"])
                self._map_ids(there)
                self._ensure_possible(there)
            case "PATCH", []:
                there.config.update(data.get("config", {}))
                there.devices.update(data.get("devices", {}))
                self._ensure_possible(there)
            case "POST", [] if data["migration"]:
                if there.status != "Stopped":
                    raise Refused("The instance is running")
                there.location = query["target"]
            case "POST", ["snapshots"]:
                there.snapshots[data["name"]] = there.snapshot()
            case "DELETE", ["snapshots", name]:
                del there.snapshots[name]
            case "DELETE", []:
                if there.status != "Stopped":
                    raise Refused("The instance is currently running, stop it first")
                del self.instances[project, there.name]
            case _:
                raise AssertionError(f"the server does not know: {method} instances {path}")

    def _make_instance(self, project: str, target: str, data: Mapping[str, Any]) -> None:
        self._found(self.projects, project)
        name, source = data["name"], data["source"]
        if (project, name) in self.instances:
            raise Refused(f'Instance "{name}" already exists')
        made = Instance(
            name, project, target, dict(data.get("config", {})), data.get("devices", {})
        )
        if source["type"] == "copy":
            model = self.instance(source["source"], source["project"])
            given = made.config
            made.restore(model.snapshot())
            # Of a configuration nothing goes to another member by itself (Incus 6.0.4).
            made.config = given if model.location != target else {**made.config, **given}
            made.snapshots = copy.deepcopy(model.snapshots)
        else:
            self._found(self.images, source["alias"])
        made.config.setdefault("volatile.idmap.base", FIRST_ID)
        self._map_ids(made)
        self._ensure_possible(made)
        self.instances[project, name] = made

    def _ensure_possible(self, there: Instance) -> None:
        """Refuse devices as the server does: of an unknown type, or of what is not there."""
        for name, device in there.devices.items():
            if device["type"] not in ("nic", "disk", "none"):
                raise Refused(f'Failed creating device "{name}": Unsupported device type')
            if device["type"] == "nic" and device["network"] not in self.networks:
                raise Refused(f'Failed loading network "{device["network"]}": Network not found')
            if device["type"] == "disk" and device["path"] != "/":
                sources = [each["name"] for each in self.volumes]
                if device["source"] not in sources:
                    raise Refused(f'Storage volume "{device["source"]}" not found')

    @staticmethod
    def _map_ids(there: Instance) -> None:
        config = there.config
        base = config["volatile.idmap.base"] = config.get(
            "security.idmap.base", config["volatile.idmap.base"]
        )
        config["volatile.idmap.next"] = json.dumps([{"Hostid": int(base), "Maprange": 65_536}])

    @staticmethod
    def _act(there: Instance, data: Mapping[str, Any]) -> None:
        needs, after = _ACTIONS[data["action"]]
        forced = data["action"] == "stop" and data.get("force")
        if there.status != needs and not (forced and there.status == "Frozen"):
            raise Refused(f"The instance is already {there.status.lower()}")
        if there.hangs and data["action"] == "stop" and not forced:
            raise Refused('Failed shutting down instance, status is "Running": context deadline')
        there.status = after


def incus_in_memory(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Server:
    """The server of the client on this machine. It has the image, and this machine builds none."""
    server = Server(**options)
    layer = "os-1"
    properties = {"labctl.layer": layer, "labctl.release": "bookworm"}
    server.images = {"labctl-ubuntu-example": properties, f"labctl-{layer}": properties}
    monkeypatch.setattr(f"{_PACKAGE}.client.run", server.run)
    for module in ("provider", "image", "checks"):
        monkeypatch.setattr(f"{_PACKAGE}.{module}.can_build", lambda: False)
    return server
