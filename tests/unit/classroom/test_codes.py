"""The codes of a class: enough bits, easy to type, kept where only the owner reads."""

from __future__ import annotations

import math
import os

import pytest

from labctl.classroom.codes import (
    ALPHABET,
    INSTRUCTOR,
    codes_file,
    codes_stamp,
    load_codes,
    new_code,
    renew_codes,
)
from labctl.errors import WrongState
from tests.unit.classroom.test_roll import made


def test_a_code_has_at_least_60_bits_and_no_letters_that_look_alike() -> None:
    assert math.log2(len(set(ALPHABET))) * len(new_code().replace("-", "")) >= 60
    # No digits, so the letters like b, s and z stay; rn looks like m, vv like w.
    assert not set(ALPHABET) & set("aeioulmwq")
    assert ALPHABET.islower() and ALPHABET.isascii() and ALPHABET.isalpha()
    assert len({new_code() for _each in range(100)}) == 100


def test_codes_are_made_once_and_kept() -> None:
    roll = made()
    codes = load_codes(roll)
    again = load_codes(roll)
    owners = [INSTRUCTOR, 1, 2, 3]
    texts = [codes.instructor, *(codes.of_seat(seat.number) for seat in roll.seats)]
    assert len(set(texts)) == 4
    assert [again.owner(text) for text in texts] == owners


def test_more_seats_get_codes_and_the_others_keep_theirs() -> None:
    before = load_codes(made(seats=2))
    after = load_codes(made(seats=4))
    assert [after.of_seat(each) for each in (1, 2)] == [before.of_seat(each) for each in (1, 2)]
    fewer = load_codes(made(seats=1))
    assert fewer.owner(after.of_seat(4)) is None
    assert load_codes(made(seats=4)).of_seat(4) == after.of_seat(4)


def test_new_codes_replace_all_of_them() -> None:
    roll = made()
    before, stamp = load_codes(roll), codes_stamp(roll)
    new = renew_codes(roll)
    assert codes_stamp(roll) != stamp
    assert not set(before.by_owner().values()) & set(new.by_owner().values())
    assert load_codes(roll) == new


def test_a_code_may_be_typed_in_other_ways() -> None:
    codes = load_codes(made())
    code = codes.of_seat(2)
    full_width = "".join(chr(ord(each) + 0xFEE0) for each in code)
    for typed in (code.upper(), code.replace("-", ""), f"  {code} \n", full_width):
        assert codes.owner(typed) == 2
    for wrong in ("", "-", code[:-1], code + "b", "x" * 100_000, "\ud800", codes.of_seat(1)[:5]):
        assert codes.owner(wrong) is None


def test_no_code_is_in_a_repr() -> None:
    codes = load_codes(made())
    assert codes.instructor not in repr(codes)
    assert codes.of_seat(1) not in repr(codes)


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_only_the_owner_can_read_the_codes() -> None:
    roll = made()
    load_codes(roll)
    assert codes_file(roll).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", '{"instructor": 5, "seats": {}}', "[]"])
def test_a_damaged_file_is_told_and_kept(text: str) -> None:
    roll = made()
    load_codes(roll)
    codes_file(roll).write_text(text, encoding="utf-8")
    with pytest.raises(WrongState) as caught:
        load_codes(roll)
    assert str(codes_file(roll)) in caught.value.message
    assert codes_file(roll).read_text(encoding="utf-8") == text
