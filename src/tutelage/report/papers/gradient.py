"""Teachers and labels weighed by their gradients."""

from __future__ import annotations

from .paper import NEURIPS, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "desideri2012": Paper(
        "Desideri, Jean-Antoine", "Multiple-Gradient Descent Algorithm (MGDA) for Multiobjective Optimization", 2012,
        "Comptes Rendus Mathematique", kind="article", volume="350", number="5-6", pages="313--318",
    ),
    "du2020": Paper(
        "Du, Shangchen and You, Shan and Li, Xiaojie and Wu, Jianlong and Wang, Fei and Qian, Chen and "
        "Zhang, Changshui",
        "Agree to Disagree: Adaptive Ensemble Knowledge Distillation in Gradient Space", 2020, NEURIPS, volume="33",
        pages="12345--12355",
    ),
    "sener2018": Paper(
        "Sener, Ozan and Koltun, Vladlen", "Multi-Task Learning as Multi-Objective Optimization", 2018, NEURIPS,
        volume="31", arxiv="1810.04650",
    ),
    "yu2020": Paper(
        "Yu, Tianhe and Kumar, Saurabh and Gupta, Abhishek and Levine, Sergey and Hausman, Karol and Finn, Chelsea",
        "Gradient Surgery for Multi-Task Learning", 2020, NEURIPS, volume="33", arxiv="2001.06782",
    ),
}
# fmt: on
