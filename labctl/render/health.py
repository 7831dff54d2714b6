"""How the doctor's findings look: worst first to the eye, one line each, what mends it below."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.markup import escape

from labctl.diagnosis import Diagnosis, Health, Verdict
from labctl.i18n import _
from labctl.render.document import print_json
from labctl.render.screen import console

_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.LACKING: "red"}


def print_health(health: Health, *, as_json: bool) -> None:
    if as_json:
        data = {
            "system": health.system,
            "providers": [
                {
                    "provider": each.provider,
                    "usable": each.usable,
                    "diagnoses": list(each.diagnoses),
                }
                for each in health.providers
            ],
        }
        print_json("doctor", data, ok=health.ok)
        return
    for each in health.providers:
        word = _("can be used") if each.usable else _("cannot be used")
        console().print(f"[bold]{each.provider}[/]  {word}")
        for diagnosis in each.diagnoses:
            _print_diagnosis(diagnosis)


def _print_diagnosis(diagnosis: Diagnosis) -> None:
    out = console()
    width = max(cell_len(_(verdict)) for verdict in Verdict)
    mark = set_cell_size(_(diagnosis.verdict), width)
    out.print(f"  [{_COLOURS[diagnosis.verdict]}]{mark}[/] {escape(diagnosis.what)}")
    if diagnosis.verdict is not Verdict.OK:
        indent = " " * (width + 3)
        out.print(f"{indent}{escape(diagnosis.why)}", style="dim")
        out.print(f"{indent}[bold]" + _("next") + f"[/]: {escape(diagnosis.mend)}")
