"""The results of the machine checks: one line each, followed by the fix."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from labctl.health import Diagnosis, Health, Verdict
from labctl.i18n import _
from labctl.render.document import print_json
from labctl.render.hints import hint_data
from labctl.render.screen import console, ignored_keys, print_hint
from labctl.render.shown import escape

_COLOURS = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.LACKING: "red",
    Verdict.UNKNOWN: "yellow",
}


def print_health(health: Health, lab: str, *, as_json: bool, command: str = "doctor") -> None:
    """What the doctor found; the commands are for the lab called `lab`."""
    if as_json:
        data = {
            "system": health.system,
            "providers": [
                {
                    "provider": each.provider,
                    "usable": each.usable,
                    "ignored": each.ignored,
                    "diagnoses": [_as_data(diagnosis, lab) for diagnosis in each.diagnoses],
                }
                for each in health.providers
            ],
        }
        print_json(command, data, ok=health.ok)
        return
    for each in health.providers:
        word = _("can be used") if each.usable else _("cannot be used")
        console().print(f"[bold]{each.provider}[/]  {word}")
        for diagnosis in each.diagnoses:
            _print_diagnosis(diagnosis, lab)
        if each.ignored:
            console().print(
                "  " + escape(ignored_keys(each.provider, each.ignored)), style="yellow"
            )


def _print_diagnosis(diagnosis: Diagnosis, lab: str) -> None:
    out = console()
    width = max(cell_len(_(verdict)) for verdict in Verdict)
    mark = set_cell_size(_(diagnosis.verdict), width)
    out.print(f"  [{_COLOURS[diagnosis.verdict]}]{mark}[/] {escape(diagnosis.what)}")
    indent = " " * (width + 3)
    if diagnosis.why:
        out.print(f"{indent}{escape(diagnosis.why)}", style="dim")
    print_hint(out, _("next"), diagnosis.mend, lab, indent)


def _as_data(diagnosis: Diagnosis, lab: str) -> dict[str, object]:
    mend = hint_data(diagnosis.mend, lab)
    return {
        "code": diagnosis.code,
        "verdict": diagnosis.verdict,
        "what": diagnosis.what,
        "why": diagnosis.why,
        "measured": dict(diagnosis.measured),
        "mend": mend.pop("hint"),
        **mend,
    }
