"""The report as one HTML file that opens offline: no script, no font, no request.

The header holds title, verdict and four facts; the navigation names the sections that there are; the
sections are built in `sections.py`, their figures in `plots.py`, the look in `stylesheet.py`.
"""

from __future__ import annotations

import re

from tutelage.report import sections
from tutelage.report.compare import Comparison, comparison_columns
from tutelage.report.leaderboard import leaderboard
from tutelage.report.markup import bare_table, columns_table, definitions, document, scrolling, section, text
from tutelage.report.report import Report
from tutelage.report.section_chapters import chapter_section
from tutelage.report.section_data import origins
from tutelage.report.stylesheet import STYLE
from tutelage.report.table import columns_of, footnotes


def page(report: Report) -> str:
    """Return the self-contained page of one run.

    Raises:
        MissingExtraError: when matplotlib (the extra `report`) is not installed.
    """
    header = (
        f"<header><h1>{text(report.title)} "
        f'<span class="meta">{report.task}, {text(report.created[:10])}</span></h1>'
        f'<p class="verdict">{text(report.verdict)}</p>{sections.facts(report)}</header>'
    )
    parts = (
        sections.leaders(report),
        sections.costs(report),
        origins(report),
        sections.teacher_cards(report),
        sections.curves(report),
        sections.weights(report),
        sections.agreement(report),
        sections.mistakes(report),
        sections.disagreements(report),
        *map(chapter_section, report.chapters),
        sections.repeat(report),
        sections.sources(report),
    )
    footer = f"<footer>{text(report.version)}. This page loads nothing from the network.</footer>"
    return document(report.title, STYLE, _layout(header, parts, footer))


def fragment(report: Report) -> str:
    """Return the leaderboard as HTML for a notebook."""
    return bare_table(columns_of(leaderboard(report), report), report.verdict, footnotes(report))


def comparison_page(comparison: Comparison) -> str:
    """Return the self-contained page that lays several runs side by side."""
    count = len(comparison.reports)
    header = (
        f'<header><h1>Comparison <span class="meta">{text(comparison.reports[0].task)}</span></h1>'
        f'<p class="verdict">{count} runs on the same test rows</p></header>'
    )
    columns = comparison_columns(comparison)
    names = [
        f'<span class="who">{text(contender)}</span><span class="sub">{text(run)}</span>'
        for contender, run in zip(columns[0].cells, columns[1].cells, strict=True)
    ]
    table = scrolling(columns_table(columns[2:], names), "leaders")
    runs = "".join(_run(name, report) for name, report in zip(comparison.names, comparison.reports, strict=True))
    parts = (
        section("students", "Students and ensembles", "Best first, whichever run they come from.", table),
        section("runs", "The runs", "What was typed, and what it came to.", f'<div class="cards">{runs}</div>'),
    )
    return document("Comparison of runs", STYLE, _layout(header, parts, "<footer>Written by tutelage.</footer>"))


def comparison_fragment(comparison: Comparison) -> str:
    """Return the comparison as HTML for a notebook."""
    return bare_table(comparison_columns(comparison), f"{len(comparison.reports)} runs", ())


def _layout(header: str, parts: tuple[str, ...], footer: str) -> str:
    present = [part for part in parts if part]
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title in map(_heading, present))
    return (
        '<a class="skip" href="#main">Skip to the content</a><div class="layout">'
        f'{header}<nav aria-label="Sections"><ol>{links}</ol></nav>\n'
        f'<main id="main">{"".join(present)}</main>{footer}</div>'
    )


def _heading(part: str) -> tuple[str, str]:
    found = re.match(r'<section id="([^"]*)".*?<h2[^>]*>(.*?)</h2>', part, flags=re.DOTALL)
    assert found is not None
    return found.group(1), found.group(2)


def _run(name: str, report: Report) -> str:
    pairs = [
        ("command", f"<code>{text(report.command)}</code>"),
        ("plan", text(report.plan)),
        ("seeds", text(", ".join(map(str, report.seeds)))),
        ("created", text(report.created)),
        ("versions", text(report.version)),
    ]
    heading = f"<h3>{text(name)}</h3><p>{text(report.verdict)}</p>"
    return f'<article class="card">{heading}{definitions(pairs, "")}</article>'
