"""Checks what a lab file says to providers against the options that they have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from labctl.edition import Edition
from labctl.errors import WrongUsage
from labctl.i18n import _
from labctl.lab import Lab, LabFile, wrong_lab_file
from labctl.mistakes import one_mistake
from labctl.providers.options import accepts, errors_in
from labctl.providers.registry import provider_class, provider_names


def check_settings(lab: Lab, path: Path | None) -> None:
    """Check what the lab file at `path` says to providers.

    Raises:
        WrongUsage: No provider knows a key, or none that knows it accepts its value; it names the
            file, the key and what is allowed.
    """
    settings = lab.choices.settings
    if not settings and lab.choices.provider is None:
        return
    names = provider_names()
    wrong = []
    if lab.choices.provider not in (None, *names):
        wrong.append("provider: " + _no_provider(lab.choices.provider))
    for key, value in settings.items():
        wrong += _table_errors(key, value) if key in names else _key_errors(key, value)
    if wrong:
        raise wrong_lab_file(path, "\n".join(wrong), known_keys())


def edition_mistakes(edition: Edition) -> list[str]:
    """What the edition says wrongly to providers, each as `key: what is allowed`."""
    names = provider_names()
    wrong = []
    for name, table in edition.providers.items():
        if name not in names:
            wrong.append(f"providers.{name}: " + _no_provider(name))
        else:
            wrong += [f"providers.{each}" for each in _table_errors(name, table)]
    return wrong


def _no_provider(name: object) -> str:
    missing = _("there is no provider {name}", name=repr(name))
    return "; ".join([missing, _("providers: {names}", names=", ".join(provider_names()))])


def known_keys() -> tuple[str, ...]:
    """Every key that may be at the top of a lab file: labctl's own, options, tables."""
    keys = dict.fromkeys(LabFile.model_fields)
    for name in provider_names():
        keys |= dict.fromkeys(provider_class(name).Options.model_fields)
    return (*keys, *provider_names())


def ignored_keys(provider: str, lab: Lab) -> tuple[str, ...]:
    """The keys at the top of the lab file that this provider does not use, but another does."""
    model = provider_class(provider).Options
    return tuple(
        key
        for key, value in lab.choices.settings.items()
        if key not in provider_names() and not accepts(model, key, value)
    )


def with_release(lab: Lab, provider: str, release: str) -> Lab:
    """The lab with hosts of a release, whatever its lab file says.

    Args:
        release: The value of `--release`.

    Raises:
        WrongUsage: The provider does not know the release, or has none to choose from.
    """
    if not _releases_of(provider):
        having = [name for name in provider_names() if _releases_of(name)]
        raise WrongUsage(
            _("--release has no effect with the provider {name}", name=provider),
            hint=_("providers with it: {names}", names=", ".join(having)),
        )
    if release not in _releases_of(provider):
        raise WrongUsage(
            _("there is no release {name}", name=repr(release)),
            hint=_("releases: {names}", names=", ".join(_releases_of(provider))),
        )
    settings = lab.choices.settings
    table = settings.get(provider)
    own = table if isinstance(table, Mapping) else {}
    choices = lab.choices.model_copy(update={provider: {**own, "release": release}})
    return Lab(name=lab.name, edition=lab.edition, choices=choices, options=lab.options)


def releases() -> tuple[str, ...]:
    """The releases that `--release` takes."""
    return tuple(dict.fromkeys(each for name in provider_names() for each in _releases_of(name)))


def _releases_of(provider: str) -> tuple[str, ...]:
    field = provider_class(provider).Options.model_fields.get("release")
    # The type is `Literal[...] | None`.
    return (
        tuple(each for part in get_args(field.annotation) for each in get_args(part))
        if field
        else ()
    )


def server_provider() -> tuple[str, str]:
    """The first provider whose hosts are on a server: its name, and the option for the server.

    Raises:
        WrongUsage: There is no such provider.
    """
    for name in provider_names():
        if option := provider_class(name).server_option:
            return name, option
    raise WrongUsage(
        _("no provider has its hosts on a server"),
        hint=_("providers: {names}", names=", ".join(provider_names())),
    )


def _key_errors(key: str, value: object) -> list[str]:
    models = [provider_class(name).Options for name in provider_names()]
    knowing = [model for model in models if key in model.model_fields]
    if not knowing:
        return [f"{key}: " + _("no such key")]
    each = [errors_in(model, {key: value}) for model in knowing]
    return [one_mistake(detail) for detail in each[0]] if all(each) else []


def _table_errors(provider: str, table: object) -> list[str]:
    if not isinstance(table, Mapping):
        return [f"{provider}: " + _("must be a table: [{name}]", name=provider)]
    model = provider_class(provider).Options
    return [f"{provider}.{one_mistake(each, model)}" for each in errors_in(model, table)]
