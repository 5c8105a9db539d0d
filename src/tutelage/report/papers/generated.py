"""Inputs that a generator makes, where there is no transfer data."""

from __future__ import annotations

from .features import ICCV
from .paper import CVPR, NEURIPS, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "chen2019": Paper(
        "Chen, Hanting and Wang, Yunhe and Xu, Chang and Yang, Zhaohui and Liu, Chuanjian and Shi, Boxin and "
        "Xu, Chunjing and Xu, Chao and Tian, Qi",
        "Data-Free Learning of Student Networks", 2019, ICCV, arxiv="1904.01186",
    ),
    "fang2019": Paper(
        "Fang, Gongfan and Song, Jie and Shen, Chengchao and Wang, Xinchao and Chen, Da and Song, Mingli",
        "Data-Free Adversarial Distillation", 2019, "arXiv preprint", kind="misc", arxiv="1912.11006",
    ),
    "hao2022": Paper(
        "Hao, Zhiwei and Luo, Yong and Wang, Zhi and Hu, Han and An, Jianping",
        "CDFKD-MFS: Collaborative Data-Free Knowledge Distillation via Multi-Level Feature Sharing", 2022,
        "IEEE Transactions on Multimedia", kind="article", arxiv="2205.11845",
    ),
    "kariyappa2021": Paper(
        "Kariyappa, Sanjay and Prakash, Atul and Qureshi, Moinuddin K.",
        "MAZE: Data-Free Model Stealing Attack Using Zeroth-Order Gradient Estimation", 2021, CVPR,
        arxiv="2005.03161",
    ),
    "micaelli2019": Paper(
        "Micaelli, Paul and Storkey, Amos", "Zero-shot Knowledge Transfer via Adversarial Belief Matching", 2019,
        NEURIPS, volume="32", arxiv="1905.09768",
    ),
    "truong2021": Paper(
        "Truong, Jean-Baptiste and Maini, Pratyush and Walls, Robert J. and Papernot, Nicolas",
        "Data-Free Model Extraction", 2021, CVPR, arxiv="2011.14779",
    ),
}
# fmt: on
