"""Comparisons of features, and several encoders at once."""

from __future__ import annotations

from .paper import CVPR, ICML, Paper

ICLR = "International Conference on Learning Representations (ICLR)"
ICCV = "Proceedings of the IEEE/CVF International Conference on Computer Vision (ICCV)"
ECCV = "Proceedings of the European Conference on Computer Vision (ECCV)"

# fmt: off
PAPERS: dict[str, Paper] = {
    "ahn2019": Paper(
        "Ahn, Sungsoo and Hu, Shell Xu and Damianou, Andreas and Lawrence, Neil D. and Dai, Zhenwen",
        "Variational Information Distillation for Knowledge Transfer", 2019, CVPR, arxiv="1904.05835",
    ),
    "huang2017": Paper(
        "Huang, Zehao and Wang, Naiyan", "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer",
        2017, "arXiv preprint", kind="misc", arxiv="1707.01219",
    ),
    "kornblith2019": Paper(
        "Kornblith, Simon and Norouzi, Mohammad and Lee, Honglak and Hinton, Geoffrey",
        "Similarity of Neural Network Representations Revisited", 2019, ICML.format(36), arxiv="1905.00414",
    ),
    "park2019": Paper(
        "Park, Wonpyo and Kim, Dongju and Lu, Yan and Cho, Minsu", "Relational Knowledge Distillation", 2019, CVPR,
        arxiv="1904.05068",
    ),
    "passalis2018": Paper(
        "Passalis, Nikolaos and Tefas, Anastasios",
        "Learning Deep Representations with Probabilistic Knowledge Transfer", 2018, ECCV, arxiv="1803.10837",
    ),
    "ranzinger2024": Paper(
        "Ranzinger, Mike and Heinrich, Greg and Kautz, Jan and Molchanov, Pavlo",
        "AM-RADIO: Agglomerative Vision Foundation Model Reduce All Domains Into One", 2024, CVPR,
        arxiv="2312.06709",
    ),
    "ranzinger2024b": Paper(
        "Ranzinger, Mike and Barker, Jon and Heinrich, Greg and Molchanov, Pavlo and Catanzaro, Bryan and Tao, Andrew",
        "PHI-S: Distribution Balancing for Label-Free Multi-Teacher Distillation", 2024, "arXiv preprint", kind="misc",
        arxiv="2410.01680",
    ),
    "romero2015": Paper(
        "Romero, Adriana and Ballas, Nicolas and Kahou, Samira Ebrahimi and Chassang, Antoine and Gatta, Carlo and "
        "Bengio, Yoshua",
        "FitNets: Hints for Thin Deep Nets", 2015, ICLR, arxiv="1412.6550",
    ),
    "sariyildiz2024": Paper(
        "Sariyildiz, Mert Bulent and Weinzaepfel, Philippe and Lucas, Thomas and Larlus, Diane and Kalantidis, Yannis",
        "UNIC: Universal Classification Models via Multi-teacher Distillation", 2024, ECCV, arxiv="2408.05088",
    ),
    "tian2020": Paper(
        "Tian, Yonglong and Krishnan, Dilip and Isola, Phillip", "Contrastive Representation Distillation", 2020,
        ICLR, arxiv="1910.10699",
    ),
    "tung2019": Paper(
        "Tung, Frederick and Mori, Greg", "Similarity-Preserving Knowledge Distillation", 2019, ICCV,
        arxiv="1907.09682",
    ),
    "wang2021": Paper(
        "Wang, Wenhui and Bao, Hangbo and Huang, Shaohan and Dong, Li and Wei, Furu",
        "MiniLMv2: Multi-Head Self-Attention Relation Distillation for Compressing Pretrained Transformers", 2021,
        "Findings of the Association for Computational Linguistics: ACL-IJCNLP 2021", arxiv="2012.15828",
    ),
    "zagoruyko2017": Paper(
        "Zagoruyko, Sergey and Komodakis, Nikos",
        "Paying More Attention to Attention: Improving the Performance of Convolutional Neural Networks via "
        "Attention Transfer",
        2017, ICLR, arxiv="1612.03928",
    ),
}
