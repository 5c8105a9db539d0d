"""Who teaches which row, and when."""

from __future__ import annotations

from .paper import CVPR, ICML, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "cao2023": Paper(
        "Cao, Shengcao and Li, Mengtian and Hays, James and Ramanan, Deva and Wang, Yu-Xiong and Gui, Liang-Yan",
        "Learning Lightweight Object Detectors via Multi-Teacher Progressive Distillation", 2023, ICML.format(40),
        arxiv="2308.09105",
    ),
    "sariyildiz2025": Paper(
        "Sariyildiz, Mert Bulent and Weinzaepfel, Philippe and Lucas, Thomas and de Jorge, Pau and Larlus, Diane and "
        "Kalantidis, Yannis",
        "DUNE: Distilling a Universal Encoder from Heterogeneous 2D and 3D Teachers", 2025, CVPR, arxiv="2503.14405",
    ),
    "shazeer2017": Paper(
        "Shazeer, Noam and Mirhoseini, Azalia and Maziarz, Krzysztof and Davis, Andy and Le, Quoc and Hinton, Geoffrey "
        "and Dean, Jeff",
        "Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer", 2017,
        "International Conference on Learning Representations (ICLR)", arxiv="1701.06538",
    ),
    "shen2019": Paper(
        "Shen, Zhiqiang and He, Zhankui and Xue, Xiangyang", "MEAL: Multi-Model Ensemble via Adversarial Learning",
        2019,
        "Proceedings of the AAAI Conference on Artificial Intelligence", arxiv="1812.02425",
    ),
    "wang2023": Paper(
        "Wang, Hu and Ma, Congbo and Zhang, Jianpeng and Zhang, Yuan and Avery, Jodie and Hull, Louise and "
        "Carneiro, Gustavo",
        "Learnable Cross-modal Knowledge Distillation for Multi-modal Learning with Missing Modality", 2023,
        "Medical Image Computing and Computer Assisted Intervention (MICCAI)", arxiv="2310.01035",
    ),
}
# fmt: on
