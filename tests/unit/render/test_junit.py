"""A JUnit file is valid XML, whatever a log line or a student's name contains."""

from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from labctl.render.junit import Case, junit_text, write_junit

GOOD = Case("mail", "message", 0.5)
BAD = Case("mail", "answer", 1.25, "Connection refused", "smtp[1]: deferred (<&>)")


def test_counts_times_and_the_failures_words(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    write_junit(path, "labctl test-mail", [GOOD, BAD])
    suite = ElementTree.parse(path).getroot()[0]
    assert suite.attrib == {
        "name": "labctl test-mail",
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "time": "1.750",
    }
    good, bad = suite
    assert good.find("failure") is None
    failure = bad.find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == (BAD.failure, BAD.details)


@given(st.text(), st.text(min_size=1), st.text())
def test_any_text_gives_well_formed_xml(name: str, failure: str, details: str) -> None:
    root = ElementTree.fromstring(junit_text("s", [Case("g", name, 0, failure, details)]).encode())
    assert root.find(".//failure") is not None
