"""One work, and the venues that several share."""

from __future__ import annotations

from dataclasses import dataclass

CVPR = "Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)"
ICASSP = "IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)"
ICML = "Proceedings of the {}th International Conference on Machine Learning (ICML)"
NEURIPS = "Advances in Neural Information Processing Systems"
SIGIR = "Proceedings of the International ACM SIGIR Conference on Research and Development in Information Retrieval"


@dataclass(frozen=True)
class Paper:
    """One work.

    Args:
        authors: in BibTeX form, joined by " and ".
        title: as printed.
        year: of publication.
        venue: journal, proceedings, or for a report its institution.
        kind: BibTeX entry type.
        pages: first and last page, volume and number where there are such.
        arxiv: arXiv number.
    """

    authors: str
    title: str
    year: int
    venue: str
    kind: str = "inproceedings"
    volume: str = ""
    number: str = ""
    pages: str = ""
    arxiv: str = ""
