"""Search: what is found out by training students. Automatic fusion, selection, settings, and questions to a run."""

from .analyse import analyse
from .analysis import Analysis, Line, Question
from .auto import auto
from .best import Best, Tried, write_recipe
from .checked import Check, Checked
from .distilling import distill
from .distilling_strings import distill_strings
from .explain import explain
from .explanation import Agreed, Explanation, Formed, Importance, Method
from .faithful import Faith
from .ground import Ground, ground_of, stand
from .journal import Journal
from .keeping import keep_found
from .prequential import prequential
from .profiles import Profile
from .repeating import distill_as
from .select import select
from .selection import Added, Part, Proxy, Selection
from .shapley import Shapley, shapley
from .space import Setting
from .string_trial import NetWriter, Parts, Writer
from .subsets import Subsets, subsets_of
from .tuning import search_best
from .walking import Follow

__all__ = [
    "Added",
    "Agreed",
    "Analysis",
    "Best",
    "Check",
    "Checked",
    "Explanation",
    "Faith",
    "Follow",
    "Formed",
    "Ground",
    "Importance",
    "Journal",
    "Line",
    "Method",
    "NetWriter",
    "Part",
    "Parts",
    "Profile",
    "Proxy",
    "Question",
    "Selection",
    "Setting",
    "Shapley",
    "Subsets",
    "Tried",
    "Writer",
    "analyse",
    "auto",
    "distill",
    "distill_as",
    "distill_strings",
    "explain",
    "ground_of",
    "keep_found",
    "prequential",
    "search_best",
    "select",
    "shapley",
    "stand",
    "subsets_of",
    "write_recipe",
]
