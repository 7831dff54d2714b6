"""A checkpoint after every step, and the way back to any of them."""

from __future__ import annotations

from provision.steps import STEPS
from tests.lab.program import labctl, on_host


def test_every_step_is_kept_and_can_be_gone_back_to() -> None:
    labctl("destroy", "--yes")
    labctl("up", "--checkpoints", "every")
    kept = [each["name"] for each in labctl("checkpoints", "--json").json["checkpoints"]]
    assert kept == ["os", *(step.checkpoint or step.name for step in STEPS if not step.wanted)]

    labctl("reset", "--to", "postfix", "--yes")
    on_host("host1", "systemctl is-active postfix")
    assert on_host("host1", "getent passwd user1", code=None).code != 0

    labctl("reset", "--to", "dovecot", "--yes")
    labctl("test-mail")


def test_a_step_long_done_gets_no_checkpoint_of_a_later_state() -> None:
    labctl("destroy", "--yes")
    labctl("up")
    labctl("up", "--checkpoints", "every")
    kept = {each["name"] for each in labctl("checkpoints", "--json").json["checkpoints"]}
    assert kept == {"os", "dns", "packages", "ready"}
    assert "--checkpoints every" in labctl("reset", "--to", "postfix", "--yes", code=2).err
