"""`labctl destroy` removes one lab, whatever is left of it, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.program import labctl


def test_a_name_that_is_a_path_removes_nothing(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    refused = labctl("destroy", "--yes", "--name", str(precious), code=2)
    assert "cannot be the name of a lab" in refused.err
    assert precious.is_dir()
