"""From files and arrays to rows."""

from .images import ImagePreparation, Images, is_image_folder, read_images
from .prepare import TablePreparation, fit_table
from .rows import Rows, Sealed, rows_of
from .tables import Table, read_columns, read_table

__all__ = [
    "ImagePreparation",
    "Images",
    "Rows",
    "Sealed",
    "Table",
    "TablePreparation",
    "fit_table",
    "is_image_folder",
    "read_columns",
    "read_images",
    "read_table",
    "rows_of",
]
