"""Japanese text separates Latin letters, digits and code from Japanese letters by one space.

The titles of the textbook are exceptions: they are cited as printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from provision.steps import STEPS
from tests.unit.pages import ROOT, Page, pages

CATALOG = ROOT / "labctl" / "locale" / "ja" / "LC_MESSAGES" / "labctl.po"
JAPANESE = r"[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u9fff々〆〇]"
LATIN = r"[A-Za-z0-9{}]"
TOUCHING = re.compile(f"{JAPANESE}(?={LATIN})|{LATIN}(?={JAPANESE})")
JAPANESE_PAGES = [page for page in pages() if page.is_japanese]


@cache
def book_titles() -> list[str]:
    """The titles that the editions and the steps cite, longest first."""
    documents = [yaml.safe_load(path.read_text("utf-8")) for path in edition_files()]
    cited = {text for document in documents for text in strings(document)}
    cited |= {step.section for step in STEPS} | {"Linuxサーバー構築標準教科書"}
    return sorted((text for text in cited if re.search(JAPANESE, text)), key=len, reverse=True)


def edition_files() -> list[Path]:
    return sorted((ROOT / "labctl" / "editions").glob("*.yaml"))


def strings(value: object) -> Iterator[str]:
    """Every string in a YAML document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def touching(text: str) -> list[str]:
    """The places where a Latin and a Japanese letter touch, each with its neighbourhood."""
    for title in book_titles():
        text = text.replace(title, "、")
    text = text.replace("`", "")
    return [text[max(0, m.start() - 15) : m.end() + 15] for m in TOUCHING.finditer(text)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("ポート 25 を開きます", 0),
        ("ポート 25を開きます", 1),
        ("ポート25を開きます", 2),
        ("`labctl up`を実行します", 1),
        ("{name} は動いていません", 0),
        ("（BIND、Postfix）が動きます", 0),
        ("節「main.cfの設定」を読みます", 0),
    ],
)
def test_touching_letters_are_found(text: str, count: int) -> None:
    assert len(touching(text)) == count


@pytest.mark.parametrize("page", JAPANESE_PAGES, ids=lambda page: page.name)
def test_a_page_separates_latin_from_japanese(page: Page) -> None:
    assert touching(page.text) == []


def japanese(entry: Message) -> str:
    """The translation, which is a tuple for a message that depends on a number."""
    return entry.string if isinstance(entry.string, str) else "\n".join(entry.string or ())


def test_the_catalog_separates_latin_from_japanese() -> None:
    with CATALOG.open("rb") as file:
        entries = [entry for entry in read_po(file, locale="ja") if entry.id]
    found = {str(entry.id): touching(japanese(entry)) for entry in entries}
    assert {message: places for message, places in found.items() if places} == {}


# One spelling for each word: what is not written, and what is.
SPELLINGS = {
    "コンテナ(?!ー)": "コンテナー",
    "メモリー": "メモリ",
    "サーバ(?!ー)": "サーバー",
    "ユーザ(?!ー)": "ユーザー",
    "フォルダ(?!ー)": "フォルダー",
    "プロキシ(?!ー)": "プロキシー",
    "プロバイダ(?!ー)": "プロバイダー",
    "ブラウザ(?!ー)": "ブラウザー",
    "レイヤ(?!ー)": "レイヤー",
    "クラスタ(?!ー)": "クラスター",
    "インタフェース": "インターフェース",
    "プロセッサ(?!ー)": "プロセッサー",
    "リポジトリ(?!ー)": "リポジトリー",
    "ファイアーウォール": "ファイアウォール",
    "パラメータ(?!ー)": "パラメーター",
    "受信箱": "受信トレイ",
    "メールのログ": "メールログ",
    "規則": "ルール",
    "モード": "パーミッション",
    "送信者": "差出人",
    "別名": "エイリアス",
    "(?<!その)他の": "ほかの",
    "わか(?=[りるっ])": "分か",
    "あて(?=[のにるた、。])": "宛て",
}


def spelt_otherwise(text: str) -> list[str]:
    """The words of a text with another spelling than ours; titles of the book do not count."""
    for title in book_titles():
        text = text.replace(title, "")
    return [found for other in SPELLINGS for found in re.findall(other, text)]


@pytest.mark.parametrize("page", JAPANESE_PAGES, ids=lambda page: page.name)
def test_a_page_spells_each_word_in_one_way(page: Page) -> None:
    assert spelt_otherwise(page.text) == []


def test_the_catalog_spells_each_word_in_one_way() -> None:
    with CATALOG.open("rb") as file:
        entries = [entry for entry in read_po(file, locale="ja") if entry.id]
    found = {str(entry.id): spelt_otherwise(japanese(entry)) for entry in entries}
    assert {message: words for message, words in found.items() if words} == {}
