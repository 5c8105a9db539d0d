"""Choosing and blending fusions."""

from __future__ import annotations

from .paper import Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "jacobs1991": Paper(
        "Jacobs, Robert A. and Jordan, Michael I. and Nowlan, Steven J. and Hinton, Geoffrey E.",
        "Adaptive Mixtures of Local Experts", 1991, "Neural Computation", kind="article", volume="3", number="1",
        pages="79--87",
    ),
    "fix1951": Paper(
        "Fix, Evelyn and Hodges, Joseph L.",
        "Discriminatory Analysis. Nonparametric Discrimination: Consistency Properties",
        1951,
        "USAF School of Aviation Medicine",
        kind="techreport",
        number="Project 21-49-004, Report 4",
    ),
}
# fmt: on
