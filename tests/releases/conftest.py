"""The labs of the tests about releases: one for each edition and release, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

# Before the import: a failed assertion in it shows both sides.
pytest.register_assert_rewrite("tests.releases.story")

from tests.releases.story import Story, told  # noqa: E402


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["ubuntu-example", "ubuntu"])
def edition(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def story(release: str, edition: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with told(edition, release, tmp_path_factory.mktemp(f"{release}-{edition}")) as found:
        yield found
