"""Selecting, searching and explaining."""

from __future__ import annotations

from .paper import Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "caruana2004": Paper(
        "Caruana, Rich and Niculescu-Mizil, Alexandru and Crew, Geoff and Ksikes, Alex",
        "Ensemble Selection from Libraries of Models", 2004,
        "Proceedings of the 21st International Conference on Machine Learning (ICML)",
    ),
    "castro2009": Paper(
        "Castro, Javier and G{\\'o}mez, Daniel and Tejada, Juan",
        "Polynomial Calculation of the Shapley Value Based on Sampling", 2009, "Computers and Operations Research",
        kind="article", volume="36", number="5", pages="1726--1730",
    ),
    "cho2019": Paper(
        "Cho, Jang Hyun and Hariharan, Bharath", "On the Efficacy of Knowledge Distillation", 2019,
        "Proceedings of the IEEE/CVF International Conference on Computer Vision (ICCV)", arxiv="1910.01348",
    ),
    "mitchell2022": Paper(
        "Mitchell, Rory and Cooper, Joshua and Frank, Eibe and Holmes, Geoffrey",
        "Sampling Permutations for Shapley Value Estimation", 2022, "Journal of Machine Learning Research",
        kind="article", volume="23", number="43", pages="1--46", arxiv="2104.12199",
    ),
    "shapley1953": Paper(
        "Shapley, Lloyd S.", "A Value for n-Person Games", 1953, "Contributions to the Theory of Games",
        kind="incollection", volume="2", pages="307--317",
    ),
}
