"""What Vagrant's errors mean here: its class names, turned into LabErrors with a next command."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labctl.errors import CommandFailed, LabError, MachineLacks, WrongState
from labctl.i18n import _
from labctl.quote import shell_line
from labctl.run import Completed

_NO_HYPERVISOR = {
    "ProviderNotUsable",
    "NoDefaultProvider",
    "VirtualBoxNotDetected",
    "VirtualBoxInvalidVersion",
    "VirtualBoxKernelModuleNotLoaded",
    "VirtualBoxInstallIncomplete",
    "VirtualBoxVersionEmpty",
    "VBoxManageNotFoundError",
    "VBoxManageLaunchError",
}
_NO_BOX = {
    "BoxAddShortNotFound",
    "BoxAddNoMatchingProvider",
    "BoxAddNoMatchingVersion",
    "BoxMetadataDownloadError",
    "BoxNotFound",
    "BoxNotFoundWithProvider",
    "BoxNotFoundWithProviderAndVersion",
    "BoxServerNotSet",
    "DownloaderError",
    "DownloaderInterrupted",
}
_NO_NETWORK = {"NetworkCollision", "VirtualBoxInvalidHostSubnet"}
_GONE = {"VMNotCreatedError", "VMNotRunningError", "SSHNotReady", "VirtualBoxNameExists"}


def failure(words: Sequence[str], done: Completed, errors: Sequence[tuple[str, ...]]) -> LabError:
    """The error for a Vagrant command that ended badly.

    `errors` are the fields of its `error-exit` lines: class name, then text.
    """
    if not errors:
        output = done.stdout + done.stderr
        return CommandFailed(shell_line(["vagrant", *words]), done.returncode, output)
    name, *text = errors[0]
    kind, reason = name.rpartition("::")[2], "\n".join(text).strip()
    return _known(kind, reason) or CommandFailed(
        shell_line(["vagrant", *words]), done.returncode, f"{kind}: {reason}"
    )


def _known(kind: str, reason: str) -> LabError | None:
    for kinds, error in _MEANINGS:
        if kind in kinds:
            return error(reason)
    return None


def _no_hypervisor(reason: str) -> LabError:
    message = _("VirtualBox cannot be used by Vagrant")
    return MachineLacks(message, cause=reason, hint="labctl doctor")


def _no_box(reason: str) -> LabError:
    return MachineLacks(
        _("the machines' box is not on this machine and could not be downloaded"),
        cause=reason,
        hint=_("go online for the first labctl up, or add the box: vagrant box add"),
    )


def _no_network(reason: str) -> LabError:
    message = _("the lab's network cannot be made")
    return MachineLacks(message, cause=reason, hint="labctl doctor")


def _no_boot(reason: str) -> LabError:
    return MachineLacks(
        _("a machine did not boot in time"),
        cause=reason,
        hint=_("labctl doctor (is virtualization on?), then labctl up"),
    )


def _gone(reason: str) -> LabError:
    return WrongState(
        _("a machine of the lab is not as labctl left it"),
        cause=reason,
        hint=_("labctl destroy, then labctl up"),
    )


def _no_snapshot(reason: str) -> LabError:
    return WrongState(_("a snapshot is missing"), cause=reason, hint="labctl checkpoints")


def _locked(reason: str) -> LabError:
    message = _("another Vagrant works on the lab")
    return WrongState(message, cause=reason, hint=_("wait for it to end"))


_MEANINGS: tuple[tuple[set[str], Callable[[str], LabError]], ...] = (
    (_NO_HYPERVISOR, _no_hypervisor),
    (_NO_BOX, _no_box),
    (_NO_NETWORK, _no_network),
    ({"VMBootTimeout"}, _no_boot),
    (_GONE, _gone),
    ({"SnapshotNotFound"}, _no_snapshot),
    ({"MachineLocked"}, _locked),
)
