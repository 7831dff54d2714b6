"""Layers and their record: after a kill at any moment, all layers of the lab exist."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import WrongState
from labctl.providers.nspawn.store import LayerStore, Record, Saved, Size, Stack
from labctl.providers.record import now

HOSTS = ("host1", "host2")
NAMES = ("os", "dns", "packages", "ready", "before-reset-1")


class Killed(BaseException):
    """Stands for SIGKILL: nothing runs after it, and `except Exception` does not catch it."""


class Machine:
    """The folder, which survives a kill, and the provider's operations as single steps."""

    def __init__(self, folder: Path) -> None:
        self.store = LayerStore(folder)

    def create(self) -> Iterator[None]:
        identity = self.store.new_layer(HOSTS)
        yield
        top = self.store.new_layer(HOSTS)
        yield
        base = Stack(image=("os-1",), layers=(identity,))
        self.store.write(Record(base=base, top=top).with_checkpoint(saved("os", base)))
        yield

    def save(self, name: str) -> Iterator[None]:
        record = self.record()
        copy = self.store.new_layer(HOSTS)
        yield
        for host in HOSTS:
            source, target = self.store.upper(record.top, host), self.store.upper(copy, host)
            shutil.copytree(source, target, dirs_exist_ok=True)
            yield
        stack = Stack(image=record.base.image, layers=(*record.base.layers, copy))
        self.store.write(record.with_checkpoint(saved(name, stack)))
        yield

    def restore(self, name: str, keep_as: str) -> Iterator[None]:
        record = self.record()
        found = record.find(name)
        if found is None:
            return
        if keep_as:
            record = record.with_checkpoint(saved(keep_as, record.current))
        top = self.store.new_layer(HOSTS)
        yield
        self.store.write(record.model_copy(update={"base": found.stack, "top": top}))
        yield

    def drop(self, name: str) -> Iterator[None]:
        self.store.write(self.record().without_checkpoint(name))
        yield

    def record(self) -> Record:
        found = self.store.read()
        assert found is not None
        return found

    def stands(self) -> None:
        """Every layer in the record exists, for both hosts."""
        record = self.store.read()
        if record is None:
            return
        stacks = [record.current, *(each.stack for each in record.checkpoints)]
        for layer in {layer for stack in stacks for layer in stack.layers}:
            for host in HOSTS:
                assert self.store.upper(layer, host).is_dir(), (layer, host)


def saved(name: str, stack: Stack) -> Saved:
    return Saved(name=name, created=now(), origin="up", stack=stack)


OPERATIONS = st.one_of(
    st.tuples(st.just("save"), st.sampled_from(NAMES)),
    st.tuples(st.just("restore"), st.sampled_from(NAMES), st.sampled_from(("", *NAMES))),
    st.tuples(st.just("drop"), st.sampled_from(NAMES)),
)


@given(
    operations=st.lists(st.tuples(OPERATIONS, st.none() | st.integers(0, 3)), max_size=12),
    create_killed_at=st.none() | st.integers(0, 2),
)
def test_killed_between_any_two_steps_the_lab_stands(
    tmp_path_factory: pytest.TempPathFactory,
    operations: list[tuple[tuple[str, ...], int | None]],
    create_killed_at: int | None,
) -> None:
    machine = Machine(tmp_path_factory.mktemp("lab"))
    go(machine.create(), create_killed_at)
    machine.stands()
    if machine.store.read() is None:
        go(machine.create(), None)
    for (verb, *words), killed_at in operations:
        go(getattr(machine, verb)(*words), killed_at)
        machine.stands()
    # One more write removes what the kills left: no unnamed layer remains.
    machine.store.write(machine.record())
    stacks = [machine.record().current, *(each.stack for each in machine.record().checkpoints)]
    named = {layer for stack in stacks for layer in stack.layers}
    assert {path.name for path in (machine.store.folder / "layers").iterdir()} == named


def go(steps: Iterator[None], killed_at: int | None) -> None:
    """Run the steps up to the kill."""
    for number, _step in enumerate(steps):
        if number == killed_at:
            return


@pytest.mark.parametrize("point", ["fsync", "replace", "rmtree"])
def test_killed_within_a_write_the_lab_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    machine = Machine(tmp_path / "lab")
    go(machine.create(), None)
    go(machine.save("ready"), None)
    go(machine.restore("ready", "before-reset-1"), None)
    before = machine.record()

    with monkeypatch.context() as patch:
        where = {
            "fsync": (os, "fsync"),
            "replace": (Path, "replace"),
            "rmtree": (shutil, "rmtree"),
        }[point]
        patch.setattr(*where, killed)
        with pytest.raises(Killed):
            go(machine.drop("before-reset-1"), None)
    machine.stands()
    # Before the rename the old record is complete, after it the new one.
    kept = {each.name for each in machine.record().checkpoints}
    assert kept == {each.name for each in before.checkpoints} - (
        {"before-reset-1"} if point == "rmtree" else set()
    )


def killed(*_args: object, **_kwargs: object) -> None:
    raise Killed


def test_a_restored_state_keeps_the_one_before() -> None:
    first = Stack(image=("os-1",), layers=("a",))
    record = Record(base=first, top="b").with_checkpoint(saved("os", first))
    assert record.current.layers == ("a", "b")
    kept = record.with_checkpoint(saved("os", record.current))
    assert [each.name for each in kept.checkpoints] == ["os"]
    assert kept.find("os") == saved_stack(kept, ("a", "b"))
    assert kept.without_checkpoint("os").find("os") is None


def saved_stack(record: Record, layers: tuple[str, ...]) -> Saved | None:
    return next(each for each in record.checkpoints if each.stack.layers == layers)


@pytest.mark.posix
def test_a_layer_is_enterable_and_measured(tmp_path: Path) -> None:
    store = LayerStore(tmp_path)
    layer = store.new_layer(HOSTS)
    assert store.upper(layer, "host1").stat().st_mode & 0o777 == 0o755
    before = store.size(layer)
    (store.upper(layer, "host2") / "file").write_bytes(b"x" * 100_000)
    assert store.size(layer) - before >= 100_000


@pytest.mark.posix
def test_files_that_labs_share_count_by_their_share(tmp_path: Path) -> None:
    model, copy = LayerStore(tmp_path / "model"), LayerStore(tmp_path / "copy")
    layer = model.new_layer(HOSTS)
    empty = model.size(layer)
    written(model, layer, {"file": "x" * 400_000})
    alone = model.size(layer) - empty
    copy.link_layer(model, layer)
    assert model.size(layer) - empty == copy.size(layer) - empty == alone // 2
    another = copy.new_layer(HOSTS)
    assert copy.size_of_all() == Size(copy.size(layer) + copy.size(another))


@pytest.mark.posix
def test_a_lab_with_many_files_is_measured_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LayerStore(tmp_path)
    layer = store.new_layer(HOSTS)
    for number in range(30):
        (store.upper(layer, "host1") / f"file{number}").write_bytes(b"x" * 10_000)
    whole = store.size_of_all()
    monkeypatch.setattr("labctl.providers.nspawn.store.MOST_FILES", 20)
    part = store.size_of_all()
    assert (whole.is_whole, part.is_whole) == (True, False)
    assert part.used < whole.used


@pytest.mark.posix
def test_a_copied_layer_takes_the_place_of_what_a_killed_labctl_left(tmp_path: Path) -> None:
    model, copy = LayerStore(tmp_path / "model"), LayerStore(tmp_path / "copy")
    layer = model.new_layer(HOSTS)
    written(model, layer, {"file": "whole"})
    written(copy, layer, {"file": "half", "more": "left over"})
    copy.link_layer(model, layer)
    found = {path.name: path.read_text() for path in copy.upper(layer, "host1").iterdir()}
    assert found == {"file": "whole"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-10]),
        lambda path: path.write_text(json.dumps({"version": 99})),
        lambda path: path.write_text("{}"),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["cut", "another version", "empty", "no file"],
)
def test_a_record_that_is_not_readable_says_what_to_do(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    machine = Machine(tmp_path / "class-a")
    go(machine.create(), None)
    spoil(tmp_path / "class-a" / "nspawn.json")
    with pytest.raises(WrongState) as wrong:
        machine.store.read()
    assert "nspawn.json" in wrong.value.message
    assert str(wrong.value.hint) == "labctl destroy, labctl up"


def written(store: LayerStore, layer: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = store.upper(layer, "host1") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.posix
def test_a_file_of_the_models_identity_hides_no_file_of_the_copys_own(tmp_path: Path) -> None:
    """Opening /etc/machine-id for writing brings it into the layer, as it was."""
    model, copy = LayerStore(tmp_path / "model"), LayerStore(tmp_path / "copy")
    identity, work = model.new_layer(HOSTS), model.new_layer(HOSTS)
    written(model, identity, {"etc/machine-id": "1", "etc/resolv.conf": "old"})
    written(model, work, {"etc/machine-id": "1", "etc/resolv.conf": "new", "etc/motd": "hello"})
    copy.link_layer(model, work)
    copy.drop_copies(work, model, identity, HOSTS)
    left = {path.name for path in (copy.upper(work, "host1") / "etc").iterdir()}
    assert left == {"resolv.conf", "motd"}
    assert (model.upper(work, "host1") / "etc/machine-id").read_text() == "1"


@pytest.mark.posix
@pytest.mark.parametrize("linked", ["model", "copy"])
def test_a_link_that_took_the_place_of_a_file_is_kept(tmp_path: Path, linked: str) -> None:
    """And a file that took the place of a link: what they lead to may be another file later."""
    model, copy = LayerStore(tmp_path / "model"), LayerStore(tmp_path / "copy")
    identity, work = model.new_layer(HOSTS), copy.new_layer(HOSTS)
    written(model, identity, {"etc/localtime": "UTC", "etc/zone": "UTC"})
    written(copy, work, {"etc/localtime": "UTC", "etc/zone": "UTC"})
    store, layer = (model, identity) if linked == "model" else (copy, work)
    link = store.upper(layer, "host1") / "etc/localtime"
    link.unlink()
    link.symlink_to("zone")
    copy.drop_copies(work, model, identity, HOSTS)
    left = {path.name for path in (copy.upper(work, "host1") / "etc").iterdir()}
    assert left == {"localtime"}


def test_overlayfs_works_beside_the_layer_it_writes(tmp_path: Path) -> None:
    """mount(2) refuses a work folder on another file system, or inside of the layer."""
    store = LayerStore(tmp_path)
    upper, work = store.upper("1", "host1"), store.work("1", "host1")
    assert upper.parent == work.parent and upper != work
