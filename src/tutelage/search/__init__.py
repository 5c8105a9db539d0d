"""Search: what is found out by training students. Automatic fusion, selection, settings."""

from .auto import auto
from .distilling import distill

__all__ = ["auto", "distill"]
