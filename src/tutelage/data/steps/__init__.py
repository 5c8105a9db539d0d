"""Steps of preparation, one kind a file; `step` says what a step is."""

from .audio import LogMel
from .cast import Cast
from .codes import Codes, OneHot
from .dates import Cyclic, DateParts
from .duplicates import Duplicates, NearText
from .hashing import Hashed
from .image import Hog, Resize
from .impute import Fill, Impute
from .outliers import Clip, Isolation
from .profile import Profile
from .scale import Log, Scale
from .step import Apart, Column, Drops, Kind, Learns, OutOfFold, Role, State, Step, Summaries, Together
from .target_mean import TargetMean
from .text import TfIdf
from .tokens import Tokens
from .units import Affine, Convert

STEPS: tuple[type[Step], ...] = (
    Affine,
    Cast,
    Clip,
    Codes,
    Convert,
    Cyclic,
    DateParts,
    Duplicates,
    Fill,
    Hashed,
    Hog,
    Impute,
    Isolation,
    Log,
    LogMel,
    NearText,
    OneHot,
    Profile,
    Resize,
    Scale,
    TargetMean,
    TfIdf,
    Tokens,
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
    "Duplicates",
    "Fill",
    "Hashed",
    "Hog",
    "Impute",
    "Isolation",
    "Kind",
    "Learns",
    "Log",
    "LogMel",
    "NearText",
    "OneHot",
    "OutOfFold",
    "Profile",
    "Resize",
    "Role",
    "Scale",
    "State",
    "Step",
    "Summaries",
    "TargetMean",
    "TfIdf",
    "Together",
    "Tokens",
]
