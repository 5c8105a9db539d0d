"""The catalogue of works, one file per part of the field; a new file is two lines here."""

from __future__ import annotations

from .answers import PAPERS as ANSWERS
from .choosing import PAPERS as CHOOSING
from .features import PAPERS as FEATURES
from .generated import PAPERS as GENERATED
from .gradient import PAPERS as GRADIENT
from .learned import PAPERS as LEARNED
from .meta import PAPERS as META
from .nets import PAPERS as NETS
from .paper import Paper
from .peers import PAPERS as PEERS
from .routing import PAPERS as ROUTING
from .selecting import PAPERS as SELECTING
from .views import PAPERS as VIEWS
from .votes import PAPERS as VOTES

CATALOGUE: dict[str, Paper] = {
    **ANSWERS,
    **CHOOSING,
    **FEATURES,
    **GRADIENT,
    **ROUTING,
    **LEARNED,
    **PEERS,
    **META,
    **GENERATED,
    **NETS,
    **SELECTING,
    **VIEWS,
    **VOTES,
}
"""Citation key to work."""

__all__ = ["CATALOGUE", "Paper"]
