"""The options of providers: what the edition and the lab file say to each of them.

A provider's options are a pydantic model of its own. Their values come, the later the stronger,
from the model's defaults, from the edition (`providers: {vagrant: {...}}`), from keys at the top
of the lab file (`memory = 2048`) and from the provider's table in it (`[vagrant]`). The keys at
the top go to every provider that knows them; a table is for its provider alone, so that a class
can share one lab file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.errors import WrongUsage
from labctl.i18n import _
from labctl.lab import Lab
from labctl.mistakes import one_mistake

# Of one host: MiB, and a number of virtual processors.
Memory = Annotated[int, Field(ge=256, le=65536)]
Cpus = Annotated[int, Field(ge=1, le=64)]


class ProviderOptions(BaseModel):
    """The base of every provider's options.

    Text is no number and a number is no switch: a file says what it means, or is wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)


Options = TypeVar("Options", bound=ProviderOptions)


def read_options(provider: str, model: type[Options], lab: Lab) -> Options:
    """The options of a provider for a lab.

    Raises:
        WrongUsage: The edition lacks something that the provider needs, or the lab file chooses
            what does not fit together.
    """
    chosen = _chosen(provider, model, lab)
    try:
        return model.model_validate({**lab.edition.providers.get(provider, {}), **chosen})
    except ValidationError as error:
        # A mistake in one value alone was found when the lab file was read.
        if chosen and any(not each["loc"] for each in _details(error)):
            raise WrongUsage(
                _("the lab file does not fit the provider {name}", name=provider),
                cause="\n".join(one_mistake(each, model) for each in _details(error)),
                hint=_("keys: {names}", names=", ".join(model.model_fields)),
            ) from error
        raise WrongUsage(
            _(
                "the edition {edition} does not fit the provider {name}",
                edition=lab.edition.edition,
                name=provider,
            ),
            cause="\n".join(
                f"providers.{provider}.{one_mistake(each, model)}" for each in _details(error)
            ),
            hint=_("keys: {names}", names=", ".join(model.model_fields)),
        ) from error


def _chosen(provider: str, model: type[ProviderOptions], lab: Lab) -> dict[str, Any]:
    """What the lab file says to the provider."""
    settings = lab.choices.settings
    flat = {key: value for key, value in settings.items() if accepts(model, key, value)}
    table = settings.get(provider)
    own = table if isinstance(table, Mapping) else {}
    return {**flat, **own}


def accepts(model: type[ProviderOptions], key: str, value: object) -> bool:
    """Whether a provider with these options knows the key and takes the value."""
    return key in model.model_fields and not errors_in(model, {key: value})


def errors_in(model: type[ProviderOptions], values: Mapping[str, Any]) -> list[Any]:
    """What is wrong with these values, whatever others the model needs besides."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [each for each in _details(error) if each["loc"] and each["loc"][0] in values]
    return []


def _details(error: ValidationError) -> list[Any]:
    return list(error.errors(include_url=False, include_input=False))
