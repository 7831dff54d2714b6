"""`labctl up --until` stops at a step or at a checkpoint."""

from types import SimpleNamespace
from typing import cast

import pytest
import typer

from labctl.cli.completion import steps
from labctl.engine import OS, checkpoint_of, steps_until, stop_names
from labctl.errors import WrongUsage
from provision.step import Step
from provision.steps import STEPS, steps_of
from tests.books import LAB


def offered_for(incomplete: str) -> list[str]:
    context = SimpleNamespace(params={})
    return steps(cast(typer.Context, context), incomplete)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_the_last_one_applied(step: Step) -> None:
    assert steps_until(step.name, LAB)[-1].name == step.name


@pytest.mark.parametrize("step", [each for each in STEPS if each.checkpoint], ids=checkpoint_of)
def test_a_checkpoint_stops_after_the_step_that_saves_it(step: Step) -> None:
    assert steps_until(step.checkpoint, LAB)[-1].name == step.name


def test_os_applies_no_step_and_ready_applies_all() -> None:
    assert steps_until(OS, LAB) == ()
    assert steps_until("ready", LAB) == steps_until(None, LAB) == steps_of(LAB)


def test_completion_offers_every_name_once() -> None:
    offered = offered_for("")
    assert len(offered) == len(set(offered))
    assert {OS, "packages", "ready"} <= set(offered) == set(stop_names(LAB))
    assert offered_for("rea") == ["ready"]


def test_an_unknown_name_lists_the_names_there_are() -> None:
    with pytest.raises(WrongUsage) as wrong:
        steps_until("reday", LAB)
    assert "ready" in str(wrong.value.hint)
