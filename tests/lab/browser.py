"""Debian's Chromium in headless mode: as the reader of a page, and for a test to operate."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import axe_core_python
from playwright.sync_api import Browser, sync_playwright

_AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
# Runs when the page is loaded. The findings replace the text of the page.
_RUN = """
axe.run().then(found => {
  document.body.textContent = JSON.stringify({
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
    wide: document.documentElement.scrollWidth > innerWidth,
    passes: found.passes.length,
    violations: found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')),
  });
});
"""


def audit(page: Path, *, dark: bool, work: Path) -> dict[str, Any]:
    """The findings of axe-core, and whether the page is dark and wider than the window."""
    html = page.read_text(encoding="utf-8")
    audited = work / "audited.html"
    script = f"<script>{_AXE.read_text(encoding='utf-8')}</script><script>{_RUN}</script>"
    audited.write_text(html.replace("</body>", f"{script}</body>"), encoding="utf-8")
    out = chromium(audited, "--dump-dom", "--virtual-time-budget=30000", dark=dark)
    body = out[out.rindex("<body>") + 6 : out.rindex("</body>")]
    found: dict[str, Any] = json.loads(unescape(body))
    return found


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A Chromium that a test operates with Playwright."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def chromium(page: Path, *what: str, dark: bool = False) -> str:
    """Open the page with the options in `what` and return Chromium's output."""
    done = subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1000,1400",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            *what,
            page.resolve().as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout
