"""The codes with which students and the instructor log in to the board.

A code has 61 random bits in three groups of letters. Letters that look alike, and vowels, which
could form words, are left out. The file is readable by its owner only.
"""

from __future__ import annotations

import json
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from labctl.classroom.roll import Roll
from labctl.errors import WrongState
from labctl.hint import Hint
from labctl.home import write_atomically
from labctl.i18n import _

ALPHABET = "bcdfghjknprstvxyz"
_GROUPS, _LETTERS = 3, 5
# Who has the instructor's code. The numbers of seats begin at 1.
INSTRUCTOR = 0


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    instructor: SecretStr
    seats: dict[int, SecretStr]


@dataclass(frozen=True)
class Codes:
    """The codes of one class. No code is in its repr."""

    _by_number: dict[int, SecretStr]

    def of_seat(self, number: int) -> str:
        """The code of a seat in plain text, for its card."""
        return self._by_number[number].get_secret_value()

    @property
    def instructor(self) -> str:
        """The instructor's code in plain text."""
        return self._by_number[INSTRUCTOR].get_secret_value()

    def by_owner(self) -> dict[int, str]:
        """All codes in plain text, by the number of the seat or INSTRUCTOR."""
        return {number: code.get_secret_value() for number, code in self._by_number.items()}

    def owner(self, typed: str) -> int | None:
        """The seat's number for its code, INSTRUCTOR for the instructor's, else None.

        Upper case, full-width letters, blanks and missing hyphens are accepted. The time does not
        depend on the code.
        """
        given = _bare(typed).encode(errors="replace")
        found = None
        for number, code in self._by_number.items():
            if compare_digest(_bare(code.get_secret_value()).encode(), given):
                found = number
        return found


def codes_file(roll: Roll) -> Path:
    return roll.folder / "codes.json"


def load_codes(roll: Roll) -> Codes:
    """Load the codes of a class. Missing ones are made and saved.

    Raises:
        WrongState: The file cannot be read.
    """
    path = codes_file(roll)
    kept = _read(path)
    numbers = [INSTRUCTOR, *(seat.number for seat in roll.seats)]
    codes = {number: kept.get(number) or SecretStr(new_code()) for number in numbers}
    if codes.keys() - kept.keys():
        # Codes of seats that the class no longer has are kept, in case they come back.
        _write(path, {**kept, **codes})
    return Codes(codes)


def renew_codes(roll: Roll) -> Codes:
    """Replace all codes of a class atomically. A board that runs notices."""
    numbers = [INSTRUCTOR, *(seat.number for seat in roll.seats)]
    codes = {number: SecretStr(new_code()) for number in numbers}
    _write(codes_file(roll), codes)
    return Codes(codes)


def _write(path: Path, codes: Mapping[int, SecretStr]) -> None:
    clear = {number: code.get_secret_value() for number, code in codes.items()}
    document = {"instructor": clear.pop(INSTRUCTOR), "seats": clear}
    write_atomically(path, json.dumps(document, indent=1), mode=0o600)


def codes_stamp(roll: Roll) -> tuple[int, int] | None:
    """What changes if the file of the codes is replaced; None if there is no file."""
    try:
        found = codes_file(roll).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def new_code() -> str:
    """A new random code, like `kqhtm-bxwzn-rdcfg`."""
    groups = ["".join(secrets.choice(ALPHABET) for _i in range(_LETTERS)) for _j in range(_GROUPS)]
    return "-".join(groups)


def _bare(text: str) -> str:
    """The letters of a typed code; what is no letter of the alphabet stays and matches nothing."""
    plain = unicodedata.normalize("NFKC", text[:100]).lower()
    return "".join(char for char in plain if char not in "-‐‑–—−ー_. \t\r\n")


def _read(path: Path) -> dict[int, SecretStr]:
    try:
        found = _File.model_validate_json(path.read_bytes())
        return {INSTRUCTOR: found.instructor, **found.seats}
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise WrongState(
            _("the codes in {path} cannot be read", path=path),
            hint=Hint(_("remove the file: new codes are made, and new cards must be printed")),
        ) from error
