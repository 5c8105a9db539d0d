"""Making a student smaller and portable."""

from .export import Exported, export_run

__all__ = ["Exported", "export_run"]
