"""Fusions and generators that learn beside the student."""

from __future__ import annotations

from .paper import ICML, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "liu2019": Paper(
        "Liu, Hanxiao and Simonyan, Karen and Yang, Yiming", "DARTS: Differentiable Architecture Search", 2019,
        "International Conference on Learning Representations (ICLR)", arxiv="1806.09055",
    ),
    "mescheder2018": Paper(
        "Mescheder, Lars and Geiger, Andreas and Nowozin, Sebastian",
        "Which Training Methods for GANs do actually Converge?", 2018, ICML.format(35), arxiv="1801.04406",
    ),
    "miyato2018": Paper(
        "Miyato, Takeru and Kataoka, Toshiki and Koyama, Masanori and Yoshida, Yuichi",
        "Spectral Normalization for Generative Adversarial Networks", 2018,
        "International Conference on Learning Representations (ICLR)", arxiv="1802.05957",
    ),
    "yang2025": Paper(
        "Yang, Chuanguang and Yu, Xinqiang and Yang, Han and An, Zhulin and Yu, Chengqing and Huang, Libo and "
        "Xu, Yongjun",
        "Multi-Teacher Knowledge Distillation with Reinforcement Learning for Visual Recognition", 2025,
        "Proceedings of the AAAI Conference on Artificial Intelligence", volume="39", arxiv="2502.18510",
    ),
    "yuan2021": Paper(
        "Yuan, Fei and Shou, Linjun and Pei, Jian and Lin, Wutao and Gong, Ming and Fu, Yan and Jiang, Daxin",
        "Reinforced Multi-Teacher Selection for Knowledge Distillation", 2021,
        "Proceedings of the AAAI Conference on Artificial Intelligence", volume="35", arxiv="2012.06048",
    ),
    "zhang2023": Paper(
        "Zhang, Hailin and Chen, Defang and Wang, Can",
        "Adaptive Multi-Teacher Knowledge Distillation with Meta-Learning", 2023,
        "IEEE International Conference on Multimedia and Expo (ICME)", arxiv="2306.06634",
    ),
}
# fmt: on
