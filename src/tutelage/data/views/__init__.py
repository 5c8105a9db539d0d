"""Views: replayable augmentation. View 0 of a row is the row as it is, the others are pure functions of it.

One file per augmentation. `Views` says which ones, how many views and under which seed; `Rows.with_views` fits them.
"""

from .blur import Blur
from .chance import Draw
from .contrast import Contrast
from .crop import Crop
from .cutmix import CutMix
from .fitted import FittedViews
from .flip import Flip
from .gibbs import Gibbs
from .mask import Mask
from .mixup import Mixup
from .munge import Munge
from .noise import Noise
from .protocol import Applied, Augmentation
from .stretch import Stretch
from .views import Views
from .words import WordDropout

__all__ = [
    "Applied",
    "Augmentation",
    "Blur",
    "Contrast",
    "Crop",
    "CutMix",
    "Draw",
    "FittedViews",
    "Flip",
    "Gibbs",
    "Mask",
    "Mixup",
    "Munge",
    "Noise",
    "Stretch",
    "Views",
    "WordDropout",
]
