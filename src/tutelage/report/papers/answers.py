"""Fusions and objectives on answers, and how they are judged."""

from __future__ import annotations

from .paper import CVPR, ICASSP, ICML, NEURIPS, SIGIR, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "aslam2001": Paper(
        "Aslam, Javed A. and Montague, Mark", "Models for Metasearch", 2001, SIGIR, pages="276--284",
    ),
    "ba2014": Paper(
        "Ba, Jimmy and Caruana, Rich", "Do Deep Nets Really Need to be Deep?", 2014, NEURIPS, volume="27",
        arxiv="1312.6184",
    ),
    "bishop1994": Paper(
        "Bishop, Christopher M.", "Mixture Density Networks", 1994, "Aston University", kind="techreport",
        number="NCRG/94/004",
    ),
    "blanchard2017": Paper(
        "Blanchard, Peva and El Mhamdi, El Mahdi and Guerraoui, Rachid and Stainer, Julien",
        "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", 2017, NEURIPS, volume="30",
        arxiv="1703.02757",
    ),
    "brier1950": Paper(
        "Brier, Glenn W.", "Verification of Forecasts Expressed in Terms of Probability", 1950,
        "Monthly Weather Review", kind="article", volume="78", number="1", pages="1--3",
    ),
    "cao2007": Paper(
        "Cao, Zhe and Qin, Tao and Liu, Tie-Yan and Tsai, Ming-Feng and Li, Hang",
        "Learning to Rank: From Pairwise Approach to Listwise Approach", 2007, ICML.format(24), pages="129--136",
    ),
    "cormack2009": Paper(
        "Cormack, Gordon V. and Clarke, Charles L. A. and Buettcher, Stefan",
        "Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning Methods", 2009, SIGIR,
        pages="758--759",
    ),
    "dawid1979": Paper(
        "Dawid, A. P. and Skene, A. M.",
        "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", 1979,
        "Journal of the Royal Statistical Society: Series C (Applied Statistics)", kind="article",
        volume="28",
        number="1", pages="20--28",
    ),
    "efron1979": Paper(
        "Efron, Bradley", "Bootstrap Methods: Another Look at the Jackknife", 1979,
        "The Annals of Statistics",
        kind="article", volume="7", number="1", pages="1--26",
    ),
    "furlanello2018": Paper(
        "Furlanello, Tommaso and Lipton, Zachary C. and Tschannen, Michael and Itti, Laurent and "
        "Anandkumar, Anima",
        "Born-Again Neural Networks", 2018, ICML.format(35), pages="1607--1616", arxiv="1805.04770",
    ),
    "guo2017": Paper(
        "Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.",
        "On Calibration of Modern Neural Networks", 2017, ICML.format(34), pages="1321--1330",
        arxiv="1706.04599",
    ),
    "heskes1998": Paper(
        "Heskes, Tom", "Selecting Weighting Factors in Logarithmic Opinion Pools", 1998, NEURIPS,
        volume="10",
        pages="266--272",
    ),
    "lee2013": Paper(
        "Lee, Dong-Hyun",
        "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks", 2013,
        "ICML Workshop on Challenges in Representation Learning",
    ),
    "hinton2002": Paper(
        "Hinton, Geoffrey E.", "Training Products of Experts by Minimizing Contrastive Divergence", 2002,
        "Neural Computation", kind="article", volume="14", number="8", pages="1771--1800",
    ),
    "hinton2015": Paper(
        "Hinton, Geoffrey and Vinyals, Oriol and Dean, Jeff",
        "Distilling the Knowledge in a Neural Network", 2015,
        "arXiv preprint", kind="misc", arxiv="1503.02531",
    ),
    "huang2022": Paper(
        "Huang, Tao and You, Shan and Wang, Fei and Qian, Chen and Xu, Chang",
        "Knowledge Distillation from A Stronger Teacher", 2022, NEURIPS, volume="35", arxiv="2205.10536",
    ),
    "huber1964": Paper(
        "Huber, Peter J.", "Robust Estimation of a Location Parameter", 1964,
        "The Annals of Mathematical Statistics", kind="article", volume="35", number="1", pages="73--101",
    ),
    "kang2023": Paper(
        "Kang, SeongKu and Kweon, Wonbin and Lee, Dongha and Lian, Jianxun and Xie, Xing and Yu, Hwanjo",
        "Distillation from Heterogeneous Models for Top-K Recommendation", 2023,
        "Proceedings of the ACM Web Conference (WWW)", pages="801--811", arxiv="2303.01130",
    ),
    "kim2021": Paper(
        "Kim, Taehyeon and Oh, Jaehoon and Kim, Nak Yil and Cho, Sangwook and Yun, Se-Young",
        "Comparing Kullback-Leibler Divergence and Mean Squared Error Loss in Knowledge Distillation", 2021,
        "Proceedings of the Thirtieth International Joint Conference on Artificial Intelligence (IJCAI)",
        pages="2628--2635", arxiv="2105.08919",
    ),
    "kittler1998": Paper(
        "Kittler, Josef and Hatef, Mohamad and Duin, Robert P. W. and Matas, Jiri", "On Combining Classifiers",
        1998, "IEEE Transactions on Pattern Analysis and Machine Intelligence", kind="article", volume="20",
        number="3", pages="226--239",
    ),
    "kwon2020": Paper(
        "Kwon, Kisoo and Na, Hwidong and Lee, Hoshik and Kim, Nam Soo",
        "Adaptive Knowledge Distillation Based on Entropy", 2020, ICASSP, pages="7409--7413",
    ),
    "lakshminarayanan2017": Paper(
        "Lakshminarayanan, Balaji and Pritzel, Alexander and Blundell, Charles",
        "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles", 2017, NEURIPS,
        volume="30",
        arxiv="1612.01474",
    ),
    "lam1997": Paper(
        "Lam, Louisa and Suen, Ching Y.",
        "Application of Majority Voting to Pattern Recognition: An Analysis of Its Behavior and Performance",
        1997,
        "IEEE Transactions on Systems, Man, and Cybernetics - Part A: Systems and Humans", kind="article",
        volume="27", number="5", pages="553--568",
    ),
    "lin1991": Paper(
        "Lin, Jianhua", "Divergence Measures Based on the Shannon Entropy", 1991,
        "IEEE Transactions on Information Theory", kind="article", volume="37", number="1", pages="145--151",
    ),
    "loshchilov2019": Paper(
        "Loshchilov, Ilya and Hutter, Frank", "Decoupled Weight Decay Regularization", 2019,
        "International Conference on Learning Representations (ICLR)", arxiv="1711.05101",
    ),
    "nix1994": Paper(
        "Nix, David A. and Weigend, Andreas S.",
        "Estimating the Mean and Variance of the Target Probability Distribution", 1994,
        "Proceedings of 1994 IEEE International Conference on Neural Networks (ICNN)", volume="1",
        pages="55--60",
    ),
    "perrone1993": Paper(
        "Perrone, Michael P. and Cooper, Leon N.",
        "When Networks Disagree: Ensemble Methods for Hybrid Neural Networks", 1993,
        "Artificial Neural Networks for Speech and Vision", kind="incollection", pages="126--142",
    ),
    "prechelt1998": Paper(
        "Prechelt, Lutz", "Early Stopping - But When?", 1998,
        "Neural Networks: Tricks of the Trade, Lecture Notes in Computer Science", kind="incollection",
        volume="1524", pages="55--69",
    ),
    "sun2024": Paper(
        "Sun, Shangquan and Ren, Wenqi and Li, Jingzhi and Wang, Rui and Cao, Xiaochun",
        "Logit Standardization in Knowledge Distillation", 2024, CVPR, pages="15731--15740",
        arxiv="2403.01427",
    ),
    "tsoumakas2007": Paper(
        "Tsoumakas, Grigorios and Katakis, Ioannis", "Multi-Label Classification: An Overview", 2007,
        "International Journal of Data Warehousing and Mining", kind="article", volume="3", number="3",
        pages="1--13",
    ),
    "vongkulbhisal2019": Paper(
        "Vongkulbhisal, Jayakorn and Vinayavekhin, Phongtharin and Visentini-Scarzanella, Marco",
        "Unifying Heterogeneous Classifiers with Distillation", 2019, CVPR, pages="3175--3184",
        arxiv="1904.06062",
    ),
    "wen2023": Paper(
        "Wen, Yuqiao and Li, Zichao and Du, Wenyu and Mou, Lili",
        "f-Divergence Minimization for Sequence-Level Knowledge Distillation", 2023,
        "Proceedings of the 61st Annual Meeting of the Association for Computational Linguistics (ACL)",
        pages="10817--10834", arxiv="2307.15190",
    ),
    "wolpert1992": Paper(
        "Wolpert, David H.", "Stacked Generalization", 1992, "Neural Networks", kind="article", volume="5",
        number="2", pages="241--259",
    ),
    "yang2023": Paper(
        "Yang, Penghui and Xie, Ming-Kun and Zong, Chen-Chen and Feng, Lei and Niu, Gang and Sugiyama, "
        "Masashi and "
        "Huang, Sheng-Jun",
        "Multi-Label Knowledge Distillation", 2023,
        "Proceedings of the IEEE/CVF International Conference on Computer Vision (ICCV)", arxiv="2308.06453",
    ),
    "yin2018": Paper(
        "Yin, Dong and Chen, Yudong and Ramchandran, Kannan and Bartlett, Peter",
        "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", 2018, ICML.format(35),
        pages="5650--5659", arxiv="1803.01498",
    ),
    "you2017": Paper(
        "You, Shan and Xu, Chang and Xu, Chao and Tao, Dacheng", "Learning from Multiple Teacher Networks",
        2017,
        "Proceedings of the 23rd ACM SIGKDD International Conference on Knowledge Discovery and Data Mining",
        pages="1285--1294",
    ),
    "zhang2022": Paper(
        "Zhang, Hailin and Chen, Defang and Wang, Can",
        "Confidence-Aware Multi-Teacher Knowledge Distillation", 2022,
        ICASSP, pages="4498--4502", arxiv="2201.00007",
    ),
    "zhao2022": Paper(
        "Zhao, Borui and Cui, Quan and Song, Renjie and Qiu, Yiyu and Liang, Jiajun",
        "Decoupled Knowledge Distillation", 2022, CVPR, pages="11953--11962", arxiv="2203.08679",
    ),
}
# fmt: on
