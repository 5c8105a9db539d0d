"""Fusions and generators that learn beside the student."""

from __future__ import annotations

from .paper import Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "liu2019": Paper(
        "Liu, Hanxiao and Simonyan, Karen and Yang, Yiming", "DARTS: Differentiable Architecture Search", 2019,
        "International Conference on Learning Representations (ICLR)", arxiv="1806.09055",
    ),
    "zhang2023": Paper(
        "Zhang, Hailin and Chen, Defang and Wang, Can",
        "Adaptive Multi-Teacher Knowledge Distillation with Meta-Learning", 2023,
        "IEEE International Conference on Multimedia and Expo (ICME)", arxiv="2306.06634",
    ),
}
# fmt: on
