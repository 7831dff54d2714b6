"""What the contracts of pyproject.toml leave open.

What is in none of the layers is ground floor: it imports only that. A provider is a package that
nobody but the registry knows, and it knows no other provider.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable

import grimp
import pytest

from labctl.providers.registry import provider_names
from tests.unit.pages import ROOT

GRAPH = grimp.build_graph("labctl", "provision")


def layers() -> set[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = config["tool"]["importlinter"]["contracts"][0]
    return set(re.findall(r"[\w.]+", " ".join(contract["layers"])))


def is_in(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def ground() -> list[str]:
    return sorted(module for module in GRAPH.modules if not is_in(module, layers()))


def test_most_of_labctl_is_in_a_layer() -> None:
    assert {"labctl.lab", "labctl.errors"} <= set(ground())
    assert is_in("labctl.cli.app", layers())
    assert is_in("provision.steps", layers())


@pytest.mark.parametrize("module", ground())
def test_the_ground_floor_imports_only_itself(module: str) -> None:
    imported = GRAPH.find_modules_directly_imported_by(module)
    assert {name for name in imported if is_in(name, layers())} == set()


def test_the_ground_floor_has_no_cycle() -> None:
    for module in ground():
        around = [
            name
            for name in GRAPH.find_modules_directly_imported_by(module)
            if GRAPH.chain_exists(importer=name, imported=module)
        ]
        assert around == [], module


def of_package(package: str, look: Callable[[str], set[str]]) -> set[str]:
    """What is found for a package and every module in it."""
    return {
        other for module in [package, *GRAPH.find_descendants(package)] for other in look(module)
    }


SHARED = {
    f"labctl.providers.{name}" for name in ("base", "checks", "keys", "options", "record", "rootfs")
}


@pytest.mark.parametrize("name", provider_names())
def test_a_provider_knows_only_what_all_providers_share(name: str) -> None:
    package = f"labctl.providers.{name}"
    imported = of_package(package, GRAPH.find_modules_directly_imported_by)
    assert {
        other
        for other in imported
        if is_in(other, {"labctl.providers"}) and not is_in(other, {package, *SHARED})
    } == set()


@pytest.mark.parametrize("name", provider_names())
def test_nothing_imports_a_provider(name: str) -> None:
    """The registry has its name as text, and imports it when it is asked for."""
    package = f"labctl.providers.{name}"
    importers = of_package(package, GRAPH.find_modules_that_directly_import)
    assert {other for other in importers if not is_in(other, {package})} == set()
