"""Selecting, searching and explaining."""

from __future__ import annotations

from .paper import ICML, NEURIPS, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "adebayo2018": Paper(
        "Adebayo, Julius and Gilmer, Justin and Muelly, Michael and Goodfellow, Ian and Hardt, Moritz and Kim, Been",
        "Sanity Checks for Saliency Maps", 2018, NEURIPS, volume="31", arxiv="1810.03292",
    ),
    "akiba2019": Paper(
        "Akiba, Takuya and Sano, Shotaro and Yanase, Toshihiko and Ohta, Takeru and Koyama, Masanori",
        "Optuna: A Next-generation Hyperparameter Optimization Framework", 2019,
        "Proceedings of the 25th ACM SIGKDD International Conference on Knowledge Discovery and Data Mining",
        arxiv="1907.10902",
    ),
    "bergstra2011": Paper(
        "Bergstra, James and Bardenet, R{\\'e}mi and Bengio, Yoshua and K{\\'e}gl, Bal{\\'a}zs",
        "Algorithms for Hyper-Parameter Optimization", 2011, NEURIPS, volume="24",
    ),
    "breiman2001": Paper(
        "Breiman, Leo", "Random Forests", 2001, "Machine Learning", kind="article", volume="45", number="1",
        pages="5--32",
    ),
    "caruana2004": Paper(
        "Caruana, Rich and Niculescu-Mizil, Alexandru and Crew, Geoff and Ksikes, Alex",
        "Ensemble Selection from Libraries of Models", 2004,
        "Proceedings of the Twenty-first International Conference on Machine Learning (ICML)",
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
    "kokhlikyan2020": Paper(
        "Kokhlikyan, Narine and Miglani, Vivek and Martin, Miguel and Wang, Edward and Alsallakh, Bilal and Reynolds, "
        "Jonathan and Melnikov, Alexander and Kliushkina, Natalia and Araya, Carlos and Yan, Siqi and "
        "Reblitz-Richardson, Orion",
        "Captum: A Unified and Generic Model Interpretability Library for PyTorch", 2020, "arXiv", kind="techreport",
        arxiv="2009.07896",
    ),
    "mitchell2022": Paper(
        "Mitchell, Rory and Cooper, Joshua and Frank, Eibe and Holmes, Geoffrey",
        "Sampling Permutations for Shapley Value Estimation", 2022, "Journal of Machine Learning Research",
        kind="article", volume="23", number="43", pages="1--46", arxiv="2104.12199",
    ),
    "petsiuk2018": Paper(
        "Petsiuk, Vitali and Das, Abir and Saenko, Kate",
        "RISE: Randomized Input Sampling for Explanation of Black-box Models", 2018,
        "Proceedings of the British Machine Vision Conference (BMVC)", arxiv="1806.07421",
    ),
    "shapley1953": Paper(
        "Shapley, Lloyd S.", "A Value for n-Person Games", 1953, "Contributions to the Theory of Games",
        kind="incollection", volume="2", pages="307--317",
    ),
    "sundararajan2017": Paper(
        "Sundararajan, Mukund and Taly, Ankur and Yan, Qiqi", "Axiomatic Attribution for Deep Networks", 2017,
        ICML.format(34), arxiv="1703.01365",
    ),
}
