"""The providers that labctl has, by name. Each is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from labctl.errors import WrongUsage
from labctl.i18n import _
from labctl.providers.base import ProviderClass

# In the order in which a default is looked for. A new provider is one package and one line here.
_PROVIDERS = {
    "vagrant": "labctl.providers.vagrant:VagrantProvider",
    "nspawn": "labctl.providers.nspawn:NspawnProvider",
    "incus": "labctl.providers.incus:IncusProvider",
}


def provider_names() -> tuple[str, ...]:
    """The names that `--provider` takes."""
    return tuple(_PROVIDERS)


def provider_class(name: str) -> ProviderClass:
    """The provider of that name.

    Raises:
        WrongUsage: There is no such provider; the hint has the names there are.
    """
    if name not in _PROVIDERS:
        raise WrongUsage(
            _("there is no provider {name}", name=repr(name)),
            hint=_("providers: {names}", names=", ".join(_PROVIDERS)),
        )
    module, _colon, attribute = _PROVIDERS[name].partition(":")
    return cast(ProviderClass, getattr(import_module(module), attribute))
