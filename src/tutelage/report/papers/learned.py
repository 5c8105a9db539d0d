"""Fusions that are learnt."""

from __future__ import annotations

from .paper import ICML, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "ilse2018": Paper(
        "Ilse, Maximilian and Tomczak, Jakub M. and Welling, Max", "Attention-based Deep Multiple Instance Learning",
        2018, ICML.format(35), pages="2127--2136", arxiv="1802.04712",
    ),
    "liu2020": Paper(
        "Liu, Yuang and Zhang, Wei and Wang, Jun", "Adaptive Multi-Teacher Multi-Level Knowledge Distillation", 2020,
        "Neurocomputing", kind="article", volume="415", pages="106--113", arxiv="2103.04062",
    ),
}
# fmt: on
