"""The cache of image layers: read-only folders below the files of the hosts of every lab.

A layer is built once and renamed when it is complete, so the cache has no incomplete layer. A
layer that was altered since is found by its seal before a host uses it, and is built again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from labctl.errors import WrongState
from labctl.hint import commands
from labctl.i18n import _
from labctl.lab import Edition, PackageSet
from labctl.progress import Progress
from labctl.providers.rootfs.apt import AptSetup
from labctl.providers.rootfs.build import Builder, sweep
from labctl.providers.rootfs.mounts import overlays_using
from labctl.providers.rootfs.recipe import PACKAGE_SETS, Layer, Recipe
from labctl.providers.rootfs.seal import break_seal, built_on, is_sealed, seal


class Image:
    """The layers of one edition, built with this machine's package sources into `folder`."""

    def __init__(self, folder: Path, edition: Edition, apt: AptSetup, machine: str) -> None:
        self.folder = folder
        self._recipe = Recipe(edition, apt, machine)
        self._builder = Builder(folder, self._recipe)
        self._seen_whole: set[str] = set()

    def layers(self, sets: Iterable[PackageSet]) -> tuple[Layer, ...]:
        """The layers below a host that has these package sets, from the bottom up."""
        return self._recipe.layers(sets)

    def path(self, name: str) -> Path:
        return self.folder / name

    def ensure(self, layers: tuple[Layer, ...], progress: Progress) -> None:
        """Build the layers that are missing or altered. Only one labctl builds at a time.

        Raises:
            WrongState: an altered layer is in use.
            LabError: a layer cannot be built.
        """
        if all(self._is_whole(layer.name) for layer in layers):
            return
        # No other user of this machine may run a host's sudo.
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(progress):
            sweep(self.folder)
            for number, layer in enumerate(layers):
                if not self._is_whole(layer.name):
                    self._discard(self.path(layer.name))
                    progress("", _("building image layer {name}", name=layer.title))
                    self._build(layer, layers[:number])

    def _build(self, layer: Layer, below: tuple[Layer, ...]) -> None:
        with self._builder.build(layer, [self.path(each.name) for each in below]) as root:
            path = self.path(layer.name)
            seal(root, path, tuple(each.name for each in below))
            root.replace(path)

    @contextmanager
    def _locked(self, progress: Progress) -> Iterator[None]:
        lock = FileLock(self.folder / ".lock")
        with suppress(Timeout):
            lock.acquire(blocking=False)
        if not lock.is_locked:
            progress("", _("waiting for another labctl, which builds the image"))
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def ensure_again(self, names: tuple[str, ...], progress: Progress) -> None:
        """Do the same for layers on which a lab was made.

        Raises:
            WrongState: one of them is not complete, and today's recipe makes another one.
        """
        if all(self._is_whole(name) for name in names):
            return
        layers = self.layers(PACKAGE_SETS)[: len(names)]
        if tuple(layer.name for layer in layers) != names:
            raise WrongState(
                _("an image layer of the lab is missing or was altered"),
                cause=", ".join(str(self.path(n)) for n in names if not self._is_whole(n)),
                hint=commands("labctl destroy", "labctl up"),
            )
        self.ensure(layers, progress)

    def look_at(self, names: tuple[str, ...]) -> None:
        """Read the layers' seals ahead of `ensure_again`, which is then quick."""
        for name in names:
            self._is_whole(name)

    def _is_whole(self, name: str) -> bool:
        if name not in self._seen_whole and is_sealed(self.path(name)):
            self._seen_whole.add(name)
        return name in self._seen_whole

    def _discard(self, layer: Path) -> None:
        """Remove a layer that is not complete, and the layers that were built on it."""
        spoilt = [each for each in (*built_on(layer), layer) if each.exists()]
        for each in spoilt:
            hosts = overlays_using(each)
            if hosts:
                raise WrongState(
                    _("the image layer {name} was altered while hosts run on it", name=layer.name),
                    cause=", ".join(hosts),
                    hint=commands(
                        "labctl down --name NAME",
                        text=_("stop the lab of those hosts, then run the same command again"),
                    ),
                )
        for each in spoilt:
            self._seen_whole.discard(each.name)
            break_seal(each)
            # From now on a killed labctl leaves only what the next one sweeps.
            each.replace(self.folder / f".build-old-{each.name}")
        sweep(self.folder)


def sweep_if_idle(folder: Path) -> None:
    """End and remove what a killed build left, unless another labctl is building now."""
    if not folder.exists():
        return
    with suppress(Timeout), FileLock(folder / ".lock", blocking=False):
        sweep(folder)
