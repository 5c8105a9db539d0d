"""Votes whose voters are judged without labels."""

from __future__ import annotations

from .paper import NEURIPS, Paper

# fmt: off
PAPERS: dict[str, Paper] = {
    "whitehill2009": Paper(
        "Whitehill, Jacob and Wu, Ting-fan and Bergsma, Jacob and Movellan, Javier and Ruvolo, Paul",
        "Whose Vote Should Count More: Optimal Integration of Labels from Labelers of Unknown Expertise", 2009, NEURIPS,
        volume="22", pages="2035--2043",
    ),
    "fiscus1997": Paper(
        "Fiscus, Jonathan G.",
        "A Post-Processing System to Yield Reduced Word Error Rates: Recognizer Output Voting Error Reduction (ROVER)",
        1997, "IEEE Workshop on Automatic Speech Recognition and Understanding", pages="347--354",
    ),
}
# fmt: on
