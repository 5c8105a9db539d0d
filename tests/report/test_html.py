"""The page: safe, whole, deterministic; and in a real browser."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from report import sample
from tutelage.core.errors import MissingExtraError
from tutelage.report import Report
from tutelage.report.plots import agreement_plot, confusion_plot, reliability_plot, weights_by_class_plot

VOID = {"meta", "link", "br", "img"}
MANY = {
    "teachers": tuple(f"teacher {i:02d} of the house" for i in range(40)),
    "classes": tuple(f"class {i:03d}" for i in range(100)),
}


class Outline(HTMLParser):
    """Checks nesting and collects what a page holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("build", [sample.classification, sample.regression, sample.bare, sample.hostile])
def test_pages_are_well_formed_and_load_nothing(build) -> None:
    page = build().to_html()
    outline = Outline(page)
    assert not {"script", "iframe", "img", "object", "embed", "form"} & set(outline.tags)
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    links = [value for name, value in outline.attributes if name in ("href", "src", "xlink:href")]
    assert all(value and value.startswith(("#", "data:,")) for value in links)
    assert not re.search(r"@import|url\((?!#)", page)
    ids = [value for name, value in outline.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {value[1:] for value in links if value and value.startswith("#")}
    assert targets <= set(ids)


def test_the_verdict_comes_first_and_headings_descend() -> None:
    page = sample.classification().to_html()
    body = page[page.index("<body>") :]
    assert body.index('class="verdict"') < body.index("<h2")
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_pages_are_deterministic_and_small() -> None:
    page = sample.classification().to_html()
    assert page == sample.classification.__wrapped__().to_html()
    assert len(page.encode()) < 400_000
    assert len(sample.classification(**MANY).to_html().encode()) < 900_000


def test_figures_are_valid_and_follow_the_page() -> None:
    for svg in re.findall(r"<svg.*?</svg>", sample.hostile().to_html(), flags=re.DOTALL):
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert "var(--" in svg
        assert not re.search(r"(?:fill|stroke): ?#", svg)


def test_large_heat_maps_carry_no_numbers() -> None:
    small, large = sample.classification(), sample.classification(**MANY)
    for draw in (weights_by_class_plot, agreement_plot, confusion_plot):
        few, many = draw(small), draw(large)
        assert few is not None
        assert many is not None
        assert re.search(r">0\.\d\d</text>", few.svg)
        assert not re.search(r">0\.\d\d</text>", many.svg)
        assert len(many.table.rows) <= 100


def test_regression_has_no_reliability() -> None:
    report = replace(sample.regression(), reliability=sample.classification().reliability)
    assert reliability_plot(report) is None
    page = report.to_html()
    assert "Actual against predicted" in page
    assert "What it mixes up" not in page


def test_sections_without_content_are_left_out() -> None:
    page = sample.bare().to_html()
    assert re.findall(r'<section id="([^"]*)"', page) == ["leaderboard", "repeat"]
    assert re.findall(r'<a href="#([^"]*)">', page) == ["leaderboard", "repeat"]


def test_the_data_side_is_shown_in_full() -> None:
    page = sample.classification().to_html()
    start = page.index('<section id="data"')
    shown = page[start : page.index("</section>", start)]
    for word in ("60,050", "30 records broke 1 rules", "−6,000 in the gap", "+6,500 clicks again", "91.0 %", "drifted"):
        assert word in shown
    for key in ("data-rows", "data-matches", "data-missing", "data-drift-0"):
        assert f'id="{key}-' in shown
    assert "clicks" in sample.classification().card()
    assert "From train to test these columns drifted: price." in sample.classification().card()


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"tutelage\[report\]"):
        sample.classification().to_html()
    assert "accuracy" in sample.classification().table(80)


FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.mark.slow
@pytest.mark.system("chromium", "chromium", "chromium-browser", "google-chrome")
@pytest.mark.parametrize("build", [sample.classification, sample.regression, sample.hostile, "many", "compare"])
def test_in_a_browser(build, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    path = _saved(build, tmp_path / "page.html")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    backgrounds: set[str] = set()
    with sync_playwright() as playwright:
        for scheme in ("light", "dark"):
            for width in (375, 1280):
                browser = playwright.chromium.launch_persistent_context(
                    tmp_path / f"{scheme}{width}", executable_path=program, headless=True, args=FLAGS,
                    viewport={"width": width, "height": 800}, color_scheme=scheme,
                )  # fmt: skip
                page = browser.new_page()
                complaints: list[str] = []
                requests: list[str] = []
                page.on("console", lambda message, seen=complaints: seen.append(message.text))
                page.on("pageerror", lambda error, seen=complaints: seen.append(str(error)))
                page.on("request", lambda request, seen=requests: seen.append(request.url))
                page.goto(path.as_uri())
                assert page.locator("h1").is_visible()
                assert page.locator("figure svg").count() == path.read_text(encoding="utf-8").count("<svg")
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.title() != "owned"
                backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
                assert complaints == []
                assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
                browser.close()
    assert len(backgrounds) == 2


def _saved(build, path: Path) -> Path:
    if build == "compare":
        return sample.classification().compare(sample.classification()).save(path)
    report: Report = sample.classification(**MANY) if build == "many" else build()
    return report.save(path)
