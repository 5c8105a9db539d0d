"""Reference nets."""

from __future__ import annotations

from .paper import ICML, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "ioffe2015": Paper(
        "Ioffe, Sergey and Szegedy, Christian",
        "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", 2015,
        ICML.format(32), pages="448--456", arxiv="1502.03167",
    ),
    "simonyan2015": Paper(
        "Simonyan, Karen and Zisserman, Andrew",
        "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015,
        "International Conference on Learning Representations (ICLR)", arxiv="1409.1556",
    ),
}
