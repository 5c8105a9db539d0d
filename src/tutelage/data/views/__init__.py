"""Views: replayable augmentation. View 0 of a row is the row as it is, the others are pure functions of it.

One file per augmentation. `Views` says which ones, how many views and under which seed; `Rows.with_views` fits them.
"""

from .chance import Draw
from .crop import Crop
from .fitted import FittedViews
from .flip import Flip
from .protocol import Applied, Augmentation
from .views import Views

__all__ = ["Applied", "Augmentation", "Crop", "Draw", "FittedViews", "Flip", "Views"]
