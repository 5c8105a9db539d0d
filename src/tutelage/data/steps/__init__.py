"""Steps of preparation, one kind a file; `step` says what a step is."""

from .cast import Cast
from .codes import Codes, OneHot
from .dates import Cyclic, DateParts
from .hashing import Hashed
from .impute import Fill, Impute
from .outliers import Clip, Isolation
from .scale import Log, Scale
from .step import Apart, Column, Drops, Kind, Learns, OutOfFold, Role, State, Step, Summaries, Together
from .units import Affine, Convert

STEPS: tuple[type[Step], ...] = (
    Affine,
    Cast,
    Clip,
    Codes,
    Convert,
    Cyclic,
    DateParts,
    Fill,
    Hashed,
    Impute,
    Isolation,
    Log,
    OneHot,
    Scale,
)
"""All steps of the house, by which a saved recipe is read."""

__all__ = [
    "STEPS",
    "Affine",
    "Apart",
    "Cast",
    "Clip",
    "Codes",
    "Column",
    "Convert",
    "Cyclic",
    "DateParts",
    "Drops",
    "Fill",
    "Hashed",
    "Impute",
    "Isolation",
    "Kind",
    "Learns",
    "Log",
    "OneHot",
    "OutOfFold",
    "Role",
    "Scale",
    "State",
    "Step",
    "Summaries",
    "Together",
]
