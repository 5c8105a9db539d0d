"""Reference nets."""

from __future__ import annotations

from .paper import ICML, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "bojanowski2017": Paper(
        "Bojanowski, Piotr and Grave, Edouard and Joulin, Armand and Mikolov, Tomas",
        "Enriching Word Vectors with Subword Information", 2017,
        "Transactions of the Association for Computational Linguistics", "article",
        volume="5", pages="135--146", arxiv="1607.04606",
    ),
    "ioffe2015": Paper(
        "Ioffe, Sergey and Szegedy, Christian",
        "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", 2015,
        ICML.format(32), pages="448--456", arxiv="1502.03167",
    ),
    "kim2014": Paper(
        "Kim, Yoon", "Convolutional Neural Networks for Sentence Classification", 2014,
        "Proceedings of the Conference on Empirical Methods in Natural Language Processing (EMNLP)",
        pages="1746--1751", arxiv="1408.5882",
    ),
    "simonyan2015": Paper(
        "Simonyan, Karen and Zisserman, Andrew",
        "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015,
        "International Conference on Learning Representations (ICLR)", arxiv="1409.1556",
    ),
}
