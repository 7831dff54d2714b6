"""An opened lab: the lab, its home, its state and its provider."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from labctl.baselines import Baselines
from labctl.credentials import Credentials, load_credentials
from labctl.edition_files import edition_file, is_path, wrong_edition
from labctl.endpoint import Endpoint
from labctl.errors import WrongState
from labctl.hint import Command, commands
from labctl.home import LabHome, lab_home
from labctl.i18n import _, ngettext, prefer_language
from labctl.lab import LAB_FILE, Lab, load_lab
from labctl.parallel import on_each
from labctl.providers.base import Provider, never_made
from labctl.providers.choose import Choice, choose, make_provider
from labctl.providers.settings import check_settings, edition_mistakes, ignored_keys, with_release
from labctl.results import HostState
from labctl.state import LabState, read_state
from provision.step import WHOLE, Scene, Target, target_on


@dataclass(frozen=True)
class Session:
    """An opened lab. `state` is None if it was never brought up.

    `release` is what `--release` asked for when the lab was created, or asks for now.
    """

    lab: Lab
    home: LabHome
    choice: Choice
    provider: Provider
    state: LabState | None
    lab_file: Path | None
    release: str | None = None

    @property
    def ignored(self) -> tuple[str, ...]:
        """The keys of the lab file that only other providers use."""
        return ignored_keys(self.choice.name, self.lab)

    @property
    def complete(self) -> str:
        """The checkpoint at which the last complete `up` ended, or ""."""
        return self.state.complete if self.state is not None else ""

    @property
    def at(self) -> str:
        """The checkpoint at which the last complete `up` ended or that of a later reset, or ""."""
        return Baselines(self.home).at or self.complete

    @property
    def credentials(self) -> Credentials:
        return load_credentials(self.home, self.lab)

    def scene(self, host_name: str) -> Scene:
        """What decides the contents of a host's files. Raises WrongUsage for an unknown host."""
        upstream = self.provider.upstream_resolvers()
        return Scene(self.lab, self.lab.host(host_name), upstream, self.provider.system)

    def ensure_made(self) -> None:
        """Raise WrongState if nothing of the lab exists."""
        if not self.home.state.exists():
            raise never_made(self.lab.name)

    def ensure_up(self, hosts: Collection[str] | None = None) -> None:
        """Raise WrongState unless these hosts run, by default all of the lab."""
        states = self.provider.status()
        down = [
            name
            for name, state in states.items()
            if state is not HostState.RUNNING and (hosts is None or name in hosts)
        ]
        if down:
            whole = len(down) == len(states)
            raise WrongState(
                _("the lab {name} is not running", name=self.lab.name)
                if whole
                else ngettext(
                    "{hosts} does not run", "{hosts} do not run", len(down), hosts=", ".join(down)
                ),
                cause=", ".join(f"{name}: {_(states[name])}" for name in down),
                hint=commands(again(self)),
            )

    def endpoint(self, host: str) -> Endpoint:
        """How to reach one host. The others need not run.

        Raises:
            WrongState: the host does not run. The hint starts the lab as it was.
        """
        try:
            return self.provider.endpoints([host])[host]
        except WrongState:
            self.ensure_up([host])
            raise

    @contextmanager
    def targets(self, hosts: list[str] | None = None) -> Iterator[Mapping[str, Target]]:
        """The running hosts by name. Their connections are closed at the end.

        Raises:
            WrongState: a host does not answer.
        """
        from labctl.remote import Remote

        names = hosts if hosts is not None else [host.name for host in self.lab.hosts]
        endpoints = self.provider.endpoints(names)
        credentials = self.credentials
        with ExitStack() as stack:
            remotes = {name: stack.enter_context(Remote(endpoints[name])) for name in names}
            opened = on_each(
                names, lambda name: target_on(self.scene(name), remotes[name], credentials)
            )
            yield dict(zip(names, opened, strict=True))


@dataclass(frozen=True)
class OpenedLab:
    """A lab as its files describe it, whatever provider it has."""

    lab: Lab
    home: LabHome
    state: LabState | None
    lab_file: Path | None


def open_lab(name: str, lab_file: Path | None = None) -> OpenedLab:
    """Read the state and the lab file of the lab called `name`, and set its language.

    The lab file is the given one, else the one the lab was made with, else `./labctl.toml`. This
    is decided here for every command.

    Raises:
        WrongUsage: The name or the lab file is wrong.
        WrongState: The lab's state cannot be read.
    """
    home = lab_home(name)
    state = read_state(home)
    chosen_file = lab_file or (state.lab_file if state is not None else None) or _file_here()
    return OpenedLab(checked_lab(name, chosen_file), home, state, chosen_file)


def checked_lab(name: str, lab_file: Path | None) -> Lab:
    """The lab of a lab file, checked against labctl's steps and providers. Sets its language.

    Raises:
        WrongUsage: The lab file or the edition is wrong.
    """
    lab = load_lab(name, lab_file)
    check_settings(lab, lab_file)
    # labctl's own editions are right. To check them costs the modules of the providers they name.
    if is_path(lab.choices.edition):
        _check_edition(lab, lab_file)
    prefer_language(lab.choices.lang)
    return lab


def _check_edition(lab: Lab, lab_file: Path | None) -> None:
    """Raise WrongUsage if the edition names a step or an option that labctl does not have."""
    # Importing the steps takes a while, and only a user's own edition needs it.
    from provision.steps import wrong_sections

    if wrong := [*wrong_sections(lab.edition), *edition_mistakes(lab.edition)]:
        folder = lab_file.parent if lab_file is not None else Path.cwd()
        raise wrong_edition(edition_file(lab.choices.edition, folder), "\n".join(wrong))


def open_session(
    name: str,
    lab_file: Path | None = None,
    provider: str | None = None,
    release: str | None = None,
) -> Session:
    """Open the lab called `name` with its provider; see open_lab for which lab file counts.

    Args:
        provider: The value of `--provider`.
        release: The value of `--release`. It overrides the lab file, and the lab remembers it.

    Raises:
        WrongUsage: The name, the lab file, the provider's name or the release is wrong.
        WrongState: The lab's state cannot be read, or another provider made the lab, or its hosts
            have another release.
        MachineLacks: No provider suits this machine.
    """
    opened = open_lab(name, lab_file)
    lab, home, state = opened.lab, opened.home, opened.state
    choice = choose(provider, lab, state.provider if state is not None else None)
    if state is not None and state.provider != choice.name:
        raise WrongState(
            _("the lab {name} was created with {provider}", name=name, provider=state.provider),
            hint=commands("labctl destroy", "labctl up"),
        )
    kept = state.release if state is not None else release
    made = _provider(choice.name, lab, home, kept)
    if state is not None and release is not None:
        _ensure_release(made, _provider(choice.name, lab, home, release), name, release)
    options = made.options.model_dump(mode="json")
    lab = Lab(name=lab.name, edition=lab.edition, choices=lab.choices, options=options)
    return Session(lab, home, choice, made, state, opened.lab_file, kept)


def _provider(name: str, lab: Lab, home: LabHome, release: str | None) -> Provider:
    """The provider of that name for the lab, with hosts of a release; None for the lab file's."""
    if release is not None:
        lab = with_release(lab, name, release)
    return make_provider(name, lab, home)


def _ensure_release(made: Provider, asked: Provider, lab: str, release: str) -> None:
    """Raise WrongState if the hosts of an existing lab have another release than was asked for."""
    if made.system != asked.system:
        raise WrongState(
            _("the hosts of the lab {name} have {system}", name=lab, system=made.system.title),
            cause=f"--release {release}",
            hint=commands("labctl destroy", f"labctl up --release {release}"),
        )


def _file_here() -> Path | None:
    """The absolute path of `./labctl.toml`, so that it is found from any folder."""
    path = Path(LAB_FILE).absolute()
    return path if path.exists() else None


def again(session: Session) -> Command:
    """The `labctl up` command that applies no more steps than the lab has.

    Somebody may work in the lab by hand, and a plain `labctl up` completes the chapter.
    """
    until = () if session.at in ("", WHOLE) else ("--until", session.at)
    return ("labctl", "up", *until)
