"""Lines fit their column, lose nothing, and begin with no mark that ends a sentence."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from labctl.report.lines import broken


@pytest.mark.parametrize("text", ["a " * 80, "mail" * 60, "配送キューに入れる。" * 12, ""])
def test_lines_fit_and_lose_nothing(text: str) -> None:
    lines = broken(text, 66)
    assert all(cell_len(line) <= 66 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_japanese_breaks_between_any_two_letters_but_not_before_a_full_stop() -> None:
    text = "Postfix が読むのはファイルではなく、（データベース）です。"
    assert broken(text, 24) == [
        "Postfix が読むのはファイ",
        "ルではなく、（データベー",
        "ス）です。",
    ]
    assert broken("one two three", 7) == ["one two", "three"]
