"""A host's shell under load: more parallel commands than sshd has channels, and none is lost."""

from __future__ import annotations

from collections.abc import Mapping

from labctl.parallel import on_each
from labctl.run import Completed
from provision.step import Target


def test_of_many_commands_at_once_none_is_lost(targets: Mapping[str, Target]) -> None:
    """sshd closes a connection that sends data to a command that has just ended."""

    def ended(number: int) -> list[Completed]:
        return [
            target.remote.run(argv, stdin=stdin, check=False)
            for target in targets.values()
            for argv, stdin in ((["echo", str(number)], None), (["false"], "unread\n"))
        ]

    each = on_each(range(200), ended, at_once=40)
    assert [(done.returncode, done.stdout) for one in each for done in one] == [
        result for number in range(200) for result in ((0, f"{number}\n"), (1, "")) * len(targets)
    ]
