"""Conflict resolution: what to believe where sources disagree on a fact.

A `Table` of claims (who says what about which fact, and when) goes into a resolver, any function to `Resolved`: one
value per fact with its confidence and the sources that say so. Four kinds:

- rules: `Priority`, `Latest`, `Majority`, `MostComplete`, `Smallest`, `Largest`, `MeanOf`, `MedianOf`, and `Range` and
  `TrustWindow`, which set claims aside and leave the rest to another;
- statistical, from where sources agree: `Weighted`, `ByAgreement`, `OneCoin`, `DawidSkene`, `Accuracies`,
  `TruthDiscovery`, `InverseVariance`;
- learned from facts with known truth: `learn` (scikit-learn), `train_net` (a small net over claims and sources);
- model-based: `SourceModels`, one model per source, combined by reliability.

`resolve_records` resolves whole tables, column by column.
"""

from .learned import Learned, learn
from .models import SourceModels
from .neural import Neural, train_net
from .records import column_claims, resolve_records
from .rules import Largest, Latest, Majority, MeanOf, MedianOf, MostComplete, Priority, Range, Smallest, TrustWindow
from .statistical import Accuracies, ByAgreement, DawidSkene, InverseVariance, OneCoin, TruthDiscovery, Weighted
from .table import Resolved, Resolver, Table, claims_of

__all__ = [
    "Accuracies",
    "ByAgreement",
    "DawidSkene",
    "InverseVariance",
    "Largest",
    "Latest",
    "Learned",
    "Majority",
    "MeanOf",
    "MedianOf",
    "MostComplete",
    "Neural",
    "OneCoin",
    "Priority",
    "Range",
    "Resolved",
    "Resolver",
    "Smallest",
    "SourceModels",
    "Table",
    "TrustWindow",
    "TruthDiscovery",
    "Weighted",
    "claims_of",
    "column_claims",
    "learn",
    "resolve_records",
    "train_net",
]
