"""`labctl up --until` stops at a step or at a checkpoint."""

import pytest

from labctl.cli.options import complete_steps
from labctl.engine import OS, checkpoint_of, steps_until, stop_names
from labctl.errors import WrongUsage
from provision.step import Step
from provision.steps import STEPS


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_the_last_one_applied(step: Step) -> None:
    assert steps_until(step.name)[-1] is step


@pytest.mark.parametrize("step", [each for each in STEPS if each.checkpoint], ids=checkpoint_of)
def test_a_checkpoint_stops_after_the_step_that_saves_it(step: Step) -> None:
    assert steps_until(step.checkpoint)[-1] is step


def test_os_applies_no_step_and_ready_applies_all() -> None:
    assert steps_until(OS) == ()
    assert steps_until("ready") == steps_until(None) == STEPS


def test_completion_offers_every_name_once() -> None:
    offered = complete_steps("")
    assert len(offered) == len(set(offered))
    assert {OS, "packages", "ready"} <= set(offered) == set(stop_names())
    assert complete_steps("rea") == ["ready"]


def test_an_unknown_name_lists_the_names_there_are() -> None:
    with pytest.raises(WrongUsage) as wrong:
        steps_until("reday")
    assert "ready" in str(wrong.value.hint)
