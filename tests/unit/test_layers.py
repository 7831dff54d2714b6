"""What is in none of the layers of pyproject.toml is ground floor: it imports only that."""

from __future__ import annotations

import re
import tomllib

import grimp
import pytest

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
