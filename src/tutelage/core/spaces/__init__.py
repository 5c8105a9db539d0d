"""The kinds of answer. A new kind is one file here and one line below."""

from .classes import Classes, Kind
from .features import Features
from .labels import Labels
from .scores import Scores
from .space import FLOOR, Answer, Space
from .values import Values

KINDS: dict[str, type[Classes] | type[Labels] | type[Values] | type[Scores] | type[Features]] = {
    kind.kind_of_space: kind for kind in (Classes, Labels, Values, Scores, Features)
}
"""The kinds of answer by the name that files and tasks give them."""

__all__ = ["FLOOR", "KINDS", "Answer", "Classes", "Features", "Kind", "Labels", "Scores", "Space", "Values"]
