"""Key words that give away what a question asks for, or the section of a news item."""

from __future__ import annotations

import re
from typing import Any

from ._texts import TEXT

SECTIONS = ("World", "Sports", "Business", "Sci/Tech")


def asked_for(row: dict[str, Any]) -> str | None:
    """The kind that the first words of a question give away."""
    return next((kind for kind, pattern in ASKED if pattern.search(row[TEXT])), None)


def section(row: dict[str, Any]) -> str | None:
    """The section with more key words than any other."""
    found = [len(pattern.findall(row[TEXT])) for pattern in KEYS]
    best = max(found)
    return SECTIONS[found.index(best)] if best and found.count(best) == 1 else None


def _words(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words.strip().replace(' ', '|')})\b", re.IGNORECASE)


ASKED = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("ABBR", r"\b(?:stands? for|abbreviat\w+|acronym|initials)\b|full form"),
        ("NUM", r"^(?:when|how (?:many|much|old|long|far|tall|often|big|fast|high|deep|large|hot|late|wide))\b"),
        ("NUM", r"^(?:what|which|in what) (?:\w+ )?(?:year|date|day|month|number|percentage|population|age|speed)\b"),
        ("HUM", r"^(?:who|whose|whom)\b|^(?:what|which) (?:\w+ )?(?:president|actor|actress|author|company|team)\b"),
        ("LOC", r"^where\b|^(?:what|which|in what) (?:\S+ )?(?:city|country|state|county|continent|river|island)\b"),
        ("DESC", r"^(?:why|how (?:do|does|did|can|is|are|was|were|would|could|should))\b|\b(?:mean|origin of) "),
        ("DESC", r"^what (?:is|are) (?:an? )?\w+ \?$"),
    )
)
KEYS = tuple(
    _words(words)
    for words in (
        "iraq iraqi baghdad minister troops palestinian israeli israel killed rebels election militants un nuclear "
        "darfur sudan gaza afghanistan hostage pope bomb",
        "game season team coach cup league olympic olympics match players win victory champion championship yankees "
        "football baseball quarterback nba nfl tennis medal sox",
        "oil prices stocks profit shares sales earnings economy investors company quarter bank billion dollar market "
        "fed wall airline deficit retailer",
        "software microsoft internet google computer web technology nasa space scientists apple ibm linux users "
        "security wireless search chip pc phone virus",
    )
)
