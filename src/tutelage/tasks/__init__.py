"""What a student is for. A new task is one file here and one line below."""

from .classification import Classification

__all__ = ["Classification"]
