"""Augmentation that teachers answer."""

from __future__ import annotations

from .paper import CVPR, NEURIPS, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "beyer2022": Paper(
        "Beyer, Lucas and Zhai, Xiaohua and Royer, Amélie and Markeeva, Larisa and Anil, Rohan and "
        "Kolesnikov, Alexander",
        "Knowledge Distillation: A Good Teacher is Patient and Consistent", 2022,
        CVPR, pages="10925--10934", arxiv="2106.05237",
    ),
    "bucila2006": Paper(
        "Bucila, Cristian and Caruana, Rich and Niculescu-Mizil, Alexandru", "Model Compression", 2006,
        "Proceedings of the ACM SIGKDD International Conference on Knowledge Discovery and Data Mining (KDD)",
        pages="535--541",
    ),
    "fakoor2020": Paper(
        "Fakoor, Rasool and Mueller, Jonas and Erickson, Nick and Chaudhari, Pratik and Smola, Alexander J.",
        "Fast, Accurate, and Simple Models for Tabular Data via Augmented Distillation", 2020,
        NEURIPS, volume="33", arxiv="2006.14284",
    ),
    "he2016": Paper(
        "He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
        "Deep Residual Learning for Image Recognition", 2016, CVPR, pages="770--778", arxiv="1512.03385",
    ),
    "hendrycks2019": Paper(
        "Hendrycks, Dan and Dietterich, Thomas",
        "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", 2019,
        "International Conference on Learning Representations (ICLR)", arxiv="1903.12261",
    ),
    "iyyer2015": Paper(
        "Iyyer, Mohit and Manjunatha, Varun and Boyd-Graber, Jordan and Daumé III, Hal",
        "Deep Unordered Composition Rivals Syntactic Methods for Text Classification", 2015,
        "Annual Meeting of the Association for Computational Linguistics (ACL)", pages="1681--1691",
    ),
    "park2019b": Paper(
        "Park, Daniel S. and Chan, William and Zhang, Yu and Chiu, Chung-Cheng and Zoph, Barret and Cubuk, Ekin D. and "
        "Le, Quoc V.",
        "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition", 2019,
        "Interspeech", pages="2613--2617", arxiv="1904.08779",
    ),
    "reiter2005": Paper(
        "Reiter, Jerome P.", "Using CART to Generate Partially Synthetic Public Use Microdata", 2005,
        "Journal of Official Statistics", kind="article", volume="21", number="3", pages="441--462",
    ),
    "tang2019": Paper(
        "Tang, Raphael and Lu, Yao and Liu, Linqing and Mou, Lili and Vechtomova, Olga and Lin, Jimmy",
        "Distilling Task-Specific Knowledge from BERT into Simple Neural Networks", 2019,
        "arXiv preprint", kind="misc", arxiv="1903.12136",
    ),
    "yun2019": Paper(
        "Yun, Sangdoo and Han, Dongyoon and Oh, Seong Joon and Chun, Sanghyuk and Choe, Junsuk and Yoo, Youngjoon",
        "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", 2019,
        "Proceedings of the IEEE/CVF International Conference on Computer Vision (ICCV)", pages="6023--6032",
        arxiv="1905.04899",
    ),
    "zhang2018b": Paper(
        "Zhang, Hongyi and Cisse, Moustapha and Dauphin, Yann N. and Lopez-Paz, David",
        "mixup: Beyond Empirical Risk Minimization", 2018,
        "International Conference on Learning Representations (ICLR)", arxiv="1710.09412",
    ),
}
