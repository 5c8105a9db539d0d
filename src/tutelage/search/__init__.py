"""Search: what is found out by training students. Automatic fusion, selection, settings, and questions to a run."""

from .auto import auto
from .checked import Check, Checked
from .distilling import distill
from .ground import Ground, ground_of, stand
from .journal import Journal
from .keeping import keep_found
from .profiles import Profile
from .select import select
from .selection import Added, Part, Proxy, Selection
from .shapley import Shapley, shapley
from .subsets import Subsets, subsets_of

__all__ = [
    "Added",
    "Check",
    "Checked",
    "Ground",
    "Journal",
    "Part",
    "Profile",
    "Proxy",
    "Selection",
    "Shapley",
    "Subsets",
    "auto",
    "distill",
    "ground_of",
    "keep_found",
    "select",
    "shapley",
    "stand",
    "subsets_of",
]
