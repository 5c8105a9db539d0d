"""Reference nets."""

from __future__ import annotations

from .paper import CVPR, ICML, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "beyer2022b": Paper(
        "Beyer, Lucas and Zhai, Xiaohua and Kolesnikov, Alexander", "Better plain ViT baselines for ImageNet-1k", 2022,
        "arXiv preprint", kind="misc", arxiv="2205.01580",
    ),
    "bojanowski2017": Paper(
        "Bojanowski, Piotr and Grave, Edouard and Joulin, Armand and Mikolov, Tomas",
        "Enriching Word Vectors with Subword Information", 2017,
        "Transactions of the Association for Computational Linguistics", "article",
        volume="5", pages="135--146", arxiv="1607.04606",
    ),
    "dalal2005": Paper(
        "Dalal, Navneet and Triggs, Bill", "Histograms of Oriented Gradients for Human Detection", 2005,
        CVPR, pages="886--893",
    ),
    "dosovitskiy2021": Paper(
        "Dosovitskiy, Alexey and Beyer, Lucas and Kolesnikov, Alexander and Weissenborn, Dirk and Zhai, Xiaohua and "
        "Unterthiner, Thomas and Dehghani, Mostafa and Minderer, Matthias and Heigold, Georg and Gelly, Sylvain and "
        "Uszkoreit, Jakob and Houlsby, Neil",
        "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", 2021,
        "International Conference on Learning Representations (ICLR)", arxiv="2010.11929",
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
    "graves2006": Paper(
        "Graves, Alex and Fernández, Santiago and Gomez, Faustino and Schmidhuber, Jürgen",
        "Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural Networks",
        2006, ICML.format(23), pages="369--376",
    ),
}
