"""The board and the end of its class: neither goes on while the other is there."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from labctl.classroom import board
from labctl.classroom.board import WebSettings
from labctl.classroom.board_lock import held_by_board, without_board
from labctl.errors import WrongState
from tests.unit.classroom.test_roll import made

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the board needs Linux")


def test_a_board_keeps_out_another_one_and_the_end_of_the_class() -> None:
    roll = made()
    with held_by_board(roll):
        with pytest.raises(WrongState, match="is already running"), held_by_board(roll):
            pass
        with pytest.raises(WrongState, match="is running") as caught, without_board(roll):
            pass
        assert "Ctrl-C" in caught.value.hint.text
        # It may have been started with nohup, from a terminal that is closed.
        assert caught.value.hint.commands == (("kill", str(os.getpid())),)
    with without_board(roll), pytest.raises(WrongState), held_by_board(roll):
        pass


def test_a_board_notices_that_its_class_is_gone_even_if_there_is_a_new_one() -> None:
    roll = made()
    with held_by_board(roll) as is_current:
        assert is_current()
        shutil.rmtree(roll.folder)
        assert not is_current()
        assert made() == roll
        assert not is_current()
        with held_by_board(roll) as is_new:
            assert is_new() and not is_current()
    assert not (roll.folder / "board.pid").exists()


class _Helper:
    async def serve(self, _path: Path, _user: int, _group: int) -> None:
        await asyncio.sleep(60)


def test_a_board_without_its_class_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "_CLASS_SECONDS", 0.01)
    script = "import sys; print('ready', flush=True); sys.stdin.read()"
    settings = WebSettings(
        class_name="mail", socket=tmp_path / "helper", host="", port=1, uid=1, gid=1
    )

    def start_web(_settings: WebSettings) -> Popen[bytes]:
        return Popen([sys.executable, "-c", script], stdin=PIPE, stdout=PIPE)

    monkeypatch.setattr(board, "_start_web", start_web)
    is_there = True

    def ready() -> None:
        nonlocal is_there
        is_there = False

    work = board._run(_Helper(), settings, ready, lambda: is_there)  # type: ignore[arg-type]
    with pytest.raises(WrongState, match="the class mail was removed"):
        asyncio.run(asyncio.wait_for(work, 20))
