"""Students that teach each other, and teachers in stages."""

from __future__ import annotations

from .paper import CVPR, NEURIPS, Paper

AAAI = "Proceedings of the AAAI Conference on Artificial Intelligence"

# fmt: off
PAPERS: dict[str, Paper] = {
    "chen2020": Paper(
        "Chen, Defang and Mei, Jian-Ping and Wang, Can and Feng, Yan and Chen, Chun",
        "Online Knowledge Distillation with Diverse Peers", 2020, AAAI, volume="34", number="4", pages="3430--3437",
        arxiv="1912.00350",
    ),
    "laine2017": Paper(
        "Laine, Samuli and Aila, Timo", "Temporal Ensembling for Semi-Supervised Learning", 2017,
        "International Conference on Learning Representations (ICLR)", arxiv="1610.02242",
    ),
    "lan2018": Paper(
        "Lan, Xu and Zhu, Xiatian and Gong, Shaogang", "Knowledge Distillation by On-the-Fly Native Ensemble", 2018,
        NEURIPS, volume="31", arxiv="1806.04606",
    ),
    "mirzadeh2020": Paper(
        "Mirzadeh, Seyed Iman and Farajtabar, Mehrdad and Li, Ang and Levine, Nir and Matsukawa, Akihiro and "
        "Ghasemzadeh, Hassan",
        "Improved Knowledge Distillation via Teacher Assistant", 2020, AAAI, volume="34", number="4",
        pages="5191--5198", arxiv="1902.03393",
    ),
    "son2021": Paper(
        "Son, Wonchul and Na, Jaemin and Choi, Junyong and Hwang, Wonjun",
        "Densely Guided Knowledge Distillation Using Multiple Teacher Assistants", 2021,
        "Proceedings of the IEEE/CVF International Conference on Computer Vision (ICCV)", pages="9395--9404",
        arxiv="2009.08825",
    ),
    "song2018": Paper(
        "Song, Guocong and Chai, Wei", "Collaborative Learning for Deep Neural Networks", 2018, NEURIPS, volume="31",
        arxiv="1805.11761",
    ),
    "tarvainen2017": Paper(
        "Tarvainen, Antti and Valpola, Harri",
        "Mean Teachers Are Better Role Models: Weight-Averaged Consistency Targets Improve Semi-Supervised Deep "
        "Learning Results", 2017, NEURIPS, volume="30", arxiv="1703.01780",
    ),
    "wu2021": Paper(
        "Wu, Guile and Gong, Shaogang", "Peer Collaborative Learning for Online Knowledge Distillation", 2021, AAAI,
        volume="35", number="12", pages="10302--10310", arxiv="2006.04147",
    ),
    "zhang2018": Paper(
        "Zhang, Ying and Xiang, Tao and Hospedales, Timothy M. and Lu, Huchuan", "Deep Mutual Learning", 2018, CVPR,
        pages="4320--4328", arxiv="1706.00384",
    ),
}
# fmt: on
