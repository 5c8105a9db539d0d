"""Small lists of words of praise and blame, written by hand, and a rule that counts them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, final


@final
@dataclass(frozen=True)
class Lexicon:
    """Words of praise less words of blame, each turned round by a word of denial shortly before it.

    Args:
        praise: regular expression of one word of praise.
        blame: regular expression of one word of blame.
        denial: regular expression of a word of denial and what may stand between it and the word that it denies.
    """

    praise: str
    blame: str
    denial: str

    def score(self, text: str) -> int:
        """More than zero where praise outweighs blame."""
        return self._counted(self.praise, text) - self._counted(self.blame, text)

    def _counted(self, words: str, text: str) -> int:
        denial = re.compile(self.denial)
        return sum(-1 if denial.search(text, 0, found.start()) else 1 for found in re.finditer(words, text))


@final
@dataclass(frozen=True)
class Opinion:
    """A rule: the class that a score speaks for; abstains where praise and blame are even.

    Args:
        lexicon: gives the score.
        classes: two, or five in order; a score of two and more speaks for the outer ones.
        column: of the text.
    """

    lexicon: Lexicon
    classes: tuple[str, ...]
    column: str

    def __call__(self, row: dict[str, Any]) -> str | None:
        """The class, or None."""
        score = self.lexicon.score((row[self.column] or "").lower())
        if score == 0:
            return None
        if len(self.classes) == 2:
            return self.classes[score > 0]
        return self.classes[2 + max(-2, min(2, score))]


def _spaced(words: str) -> str:
    return rf"\b(?:{'|'.join(words.split())})\b"


ENGLISH = Lexicon(
    praise=_spaced(
        r"good great best better love loves loved lovely enjoy\w* entertain\w* fun funny hilarious beautiful\w* "
        r"brillian\w+ excellent wonderful\w* charm\w* delight\w* touching moving powerful\w* compelling engag\w+ "
        r"fascinat\w+ fresh "
        r"smart clever witty warm honest solid perfect\w* remarkabl\w+ refreshing\w* superb\w* terrific thoughtful "
        r"heartfelt gripping intelligent inspir\w+ impressive masterpiece masterful\w* memorable rewarding satisf\w+ "
        r"stunning thrilling worthy enchanting gorgeous rich sweet pleasure pleasant provocative absorbing riveting"
    ),
    blame=_spaced(
        r"bad worst worse boring bored dull tedious awful terrible poor\w* lame silly stupid dumb mess messy fails? "
        r"failed failure flat bland predictable clich\S+ contrived lacks? lacking lifeless "
        r"disappoint\w+ waste\w* pointless "
        r"annoying unfunny hollow empty shallow weak mediocre ridiculous\w* problem unfortunately forgettable "
        r"pretentious tired tiresome clumsy sloppy inept unpleasant ugly painful\w* hackneyed stale "
        r"tepid uninspired sadly "
        r"overlong amateurish incoherent absurd banal dreary derivative plodding nothing"
    ),
    denial=r"\b(?:not|never|no|hardly|n't|neither|nor|without|isn't|doesn't|too)\s+(?:\w+\s+)?$",
)
CHINESE = Lexicon(
    praise="好吃|不错|很好|挺好|美味|味道好|满意|喜欢|给力|推荐|赞|新鲜|准时|很快|超快|热情|实惠|分量足|量足|很棒|太棒|好评|香|辛苦|谢谢|感谢|干净|可口|贴心|周到",
    blame=(
        "难吃|太慢|很慢|慢死|差评|太差|很差|极差|态度差|不好|不新鲜|凉了|冷了|都凉|都冷|冰凉|没送|少送|送错|漏|洒|撒|恶心|失望|垃圾|坑|太少|很少|太油|太咸|太辣|太甜|"
        "太硬|糊|催|退|投诉|吐|虫|头发|拉肚子|晚|等了|小时|无语|再也不|不会再|骗|贵|居然|竟然|没有"
    ),
    denial="(?:不|没|没有|不太|不怎么|不是很|一点不|一点也不|并不)$",
)
