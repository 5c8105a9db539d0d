"""From files and arrays to rows."""

from collections.abc import Mapping
from typing import Any

from ..core import InputError
from .automatic import recipe_for
from .chunks import fit_chunks
from .feed import Feed, Position
from .fitted import FittedRecipe
from .fitting import Prepared
from .images import ImagePreparation, Images, is_image_folder, read_images
from .recipe import Recipe
from .record import DataRecord
from .rows import Preparation, Rows, Sealed, rows_of
from .shards import ShardWriter, read_shards, write_prepared
from .tables import Table, read_columns, read_table

__all__ = [
    "DataRecord",
    "Feed",
    "FittedRecipe",
    "ImagePreparation",
    "Images",
    "Position",
    "Preparation",
    "Prepared",
    "Recipe",
    "Rows",
    "Sealed",
    "ShardWriter",
    "Table",
    "fit_chunks",
    "is_image_folder",
    "preparation_from_json",
    "read_columns",
    "read_images",
    "read_shards",
    "read_table",
    "recipe_for",
    "rows_of",
    "write_prepared",
]


def preparation_from_json(value: Mapping[str, Any]) -> Preparation:
    """The preparation written by `to_json`.

    Raises:
        InputError: it is of a kind that this version does not read; or a recipe has steps that are not of the house:
            `FittedRecipe.from_json` takes their classes.
    """
    kind = value.get("kind")
    if kind == "recipe":
        return FittedRecipe.from_json(value)
    if kind == "images":
        return ImagePreparation(int(value["size"]), str(value["output"]))
    why = "this version of tutelage reads recipes and images"
    if kind == "table":
        why = (
            "an earlier tutelage wrote it, and tables are prepared by recipes now: repeat the run (tutelage run "
            "RUN/run.json), or use it with the version that made it"
        )
    raise InputError(f"a preparation of kind {kind!r} was given: {why}")
