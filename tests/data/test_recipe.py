"""Recipes: fitted on training rows only, saved without pickle, the same on every back end, usable in a run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars
import pytest
import torch
from safetensors.numpy import load_file, save_file

import tutelage as tl
from replay.forked import forked
from tutelage.core import InputError
from tutelage.data import Preparation, preparation_from_json
from tutelage.data.chunks import fit_chunks
from tutelage.data.fitted import FittedRecipe
from tutelage.data.fitting import Fitting, merge_passes
from tutelage.data.recipe import Recipe
from tutelage.data.steps import (
    Affine,
    Cast,
    Clip,
    Codes,
    Cyclic,
    DateParts,
    Duplicates,
    Fill,
    Hashed,
    Impute,
    Log,
    OneHot,
    Scale,
    TargetMean,
    TfIdf,
)
from tutelage.data.steps.hashing import bucket_of, hash_of

N = 400
TRAIN = np.arange(0, N, 2)


def objects(values: Any) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def table(seed: int = 0, size: int = N) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    price = np.exp(chance.normal(size=size))
    price[::9] = np.nan
    return {
        "price": price,
        "count": chance.integers(0, 9, size),
        "brand": objects(
            chance.choice(objects(["acme", "bolt", "cog", "dyn", None]), size, p=[0.4, 0.3, 0.15, 0.05, 0.1])
        ),
        "shop": objects([f"s{n}" for n in chance.integers(0, 40, size)]),
        "when": np.datetime64("2024-01-01", "us") + chance.integers(0, 10**14, size),
        "bought": (chance.random(size) < 0.3).astype(np.int64),
    }


NUMBERS = ("price", "count", "shop_target")
RECIPE = Recipe(
    (
        Impute(("price",), indicator=True),
        Clip(("price",), "quantile", 0.02),
        Log(("price",)),
        DateParts(("when",), ("hour", "weekday")),
        Cyclic(("when_hour",), 24.0),
        TargetMean(("shop",), "bought", 5.0),
        Scale(NUMBERS),
        Codes(("brand",), min_count=20, unseen=3),
        OneHot(("brand",)),
        Hashed(("shop",), 16),
    ),
    {"features": (*NUMBERS, "price_missing", "when_hour_sin", "when_hour_cos", "brand"), "shop": "shop"},
)


def close(one: dict[str, np.ndarray], other: dict[str, np.ndarray], tolerance: float = 0.0) -> None:
    assert one.keys() == other.keys()
    for name, column in one.items():
        assert column.dtype == other[name].dtype
        assert np.allclose(column, other[name], rtol=tolerance, atol=tolerance, equal_nan=True), name


def test_what_comes_out() -> None:
    columns = table()
    fitted = RECIPE.fit(columns, TRAIN)
    out = fitted.apply(columns)
    assert fitted.reads == ("price", "when", "shop", "count", "brand")
    assert RECIPE.learns_from == ("bought",)
    assert out["features"].dtype == np.float32
    assert out["features"].shape == (N, len(fitted.features["features"]))
    assert out["shop"].tolist() == [1 + bucket_of(shop, 16) for shop in columns["shop"]]
    names = fitted.features["features"]
    assert names[6:] == (
        "brand=missing",
        "brand=unseen0",
        "brand=unseen1",
        "brand=unseen2",
        "brand=acme",
        "brand=bolt",
        "brand=cog",
    )
    price = columns["price"][TRAIN]
    filled = np.where(np.isnan(columns["price"]), np.nanmedian(price), columns["price"])
    logs = np.log1p(np.clip(filled, *np.quantile(filled[TRAIN], [0.02, 0.98])))
    assert np.allclose(out["features"][:, 0], (logs - logs[TRAIN].mean()) / logs[TRAIN].std(), atol=1e-6)
    assert fitted.codes["shop"].size == 17
    assert (fitted.rows, dict(fitted.dropped)) == (len(TRAIN), {})


def test_all_back_ends_agree() -> None:
    columns = table()
    fitted = RECIPE.fit(columns, TRAIN)
    out = fitted.apply(columns)
    frame = polars.DataFrame({name: column.tolist() for name, column in columns.items()}).lazy()
    close({name: fitted.collect(frame)[name] for name in out}, out, 1e-6)
    module = fitted.module()
    assert module.inputs == ("price", "when", "count", "shop_target", "brand", "shop")
    made = module(*fitted.feeds(columns).values())
    close({name: part.numpy() for name, part in zip(module.outputs, made, strict=True)}, out, 1e-6)
    for row in (0, 1, 8):
        one = fitted.one({name: column[row] for name, column in columns.items()})
        close(one, {name: column[row : row + 1] for name, column in out.items()})
    assert len(fitted.one({})["features"]) == 1
    assert np.isfinite(fitted.one({"price": "3.5", "count": None, "shop": 7, "brand": "new"})["features"]).sum() > 8


def test_frames_are_fitted_too() -> None:
    columns = table()
    frame = polars.DataFrame({name: column.tolist() for name, column in columns.items()}).with_row_index("row")
    import narwhals.stable.v2 as nw

    by_rows, by_expression = RECIPE.fit(frame, TRAIN), RECIPE.fit(frame.lazy(), nw.col("row") % 2 == 0)
    assert by_rows.to_json() == by_expression.to_json() == RECIPE.fit(columns, TRAIN).to_json()


def test_other_rows_change_nothing() -> None:
    columns = table()
    wanted = RECIPE.fit(columns, TRAIN).to_json()
    others = np.setdiff1d(np.arange(N), TRAIN)
    for name, column in table(seed=9).items():
        columns[name][others] = column[others]
    assert RECIPE.fit(columns, TRAIN).to_json() == wanted


def test_training_rows_are_prepared_out_of_fold() -> None:
    columns = table()
    prepared = RECIPE.prepare(columns, TRAIN)
    served = prepared.recipe.apply(columns)
    others = np.setdiff1d(np.arange(N), TRAIN)
    place = prepared.recipe.features["features"].index("shop_target")
    assert np.array_equal(prepared.columns["features"][others], served["features"][others])
    changed = prepared.columns["features"][TRAIN] != served["features"][TRAIN]
    assert changed[:, place].mean() > 0.9
    assert not np.delete(changed, place, axis=1).any()
    flipped = dict(columns) | {"bought": columns["bought"].copy()}
    flipped["bought"][TRAIN[3]] = 1 - flipped["bought"][TRAIN[3]]
    again = Recipe(RECIPE.steps[5:6], {"x": "shop_target"}).prepare(flipped, TRAIN)
    before = Recipe(RECIPE.steps[5:6], {"x": "shop_target"}).prepare(columns, TRAIN)
    assert again.columns["x"][TRAIN[3]] == before.columns["x"][TRAIN[3]]


def test_saved_and_loaded(tmp_path: Path) -> None:
    columns = table()
    fitted = RECIPE.fit(columns, TRAIN)
    fitted.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    for again in (FittedRecipe.load(tmp_path), FittedRecipe.from_json(json.loads(json.dumps(fitted.to_json())))):
        close(again.apply(columns), fitted.apply(columns))
        assert again.recipe == RECIPE
        assert again.digest == fitted.digest
    fitted.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    arrays = next(tmp_path.glob("*.safetensors"))
    save_file({name: array + 1 for name, array in load_file(arrays).items()}, arrays)
    with pytest.raises(InputError, match=r"recipe-.*\.safetensors, which recipe.json names, is missing or damaged"):
        FittedRecipe.load(tmp_path)
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(InputError, match=r"recipe.json is damaged"):
        FittedRecipe.load(tmp_path)
    with pytest.raises(InputError, match="there is no"):
        FittedRecipe.load(tmp_path / "nowhere")


def test_the_id_is_that_of_the_graph() -> None:
    again = Recipe.from_json(json.loads(json.dumps(RECIPE.to_json())))
    assert again == RECIPE
    assert again.id == RECIPE.id == Recipe(RECIPE.steps, dict(sorted(RECIPE.outputs.items(), reverse=True))).id
    assert RECIPE.id != Recipe((Affine(("price",)), *RECIPE.steps), RECIPE.outputs).id
    assert len(RECIPE.id) == 64


def test_what_is_not_known_is_refused() -> None:
    value = RECIPE.to_json()
    with pytest.raises(InputError, match="format 2 was given"):
        Recipe.from_json(value | {"format": 2})
    with pytest.raises(InputError, match="step 'magic' is not known"):
        Recipe.from_json(value | {"steps": [{"step": "magic", "version": 1}]})
    with pytest.raises(InputError, match="step 'scale' has version 7"):
        Recipe.from_json(value | {"steps": [{"step": "scale", "version": 7, "columns": ["x"]}]})
    with pytest.raises(InputError, match="step 'scale' cannot have the settings"):
        Recipe.from_json(value | {"steps": [{"step": "scale", "version": 1, "columns": ["x"], "by": 3}]})
    fitted = RECIPE.fit(table(), TRAIN).to_json()
    with pytest.raises(InputError, match="damaged"):
        FittedRecipe.from_json(fitted | {"id": "0" * 64})
    with pytest.raises(InputError, match="format None"):
        FittedRecipe.from_json({"recipe": {}})


def test_mistakes_are_named() -> None:
    columns = table()
    with pytest.raises(
        InputError, match=r"step 0 \('scale'\) reads column 'brand', which holds texts; it takes numbers"
    ):
        Recipe((Scale(("brand",)),), {"x": ("brand",)}).fit(columns)
    with pytest.raises(InputError, match=r"reads columns \['nothing'\], which the table lacks"):
        Recipe((Scale(("nothing",)),), {"x": ("nothing",)}).fit(columns)
    with pytest.raises(InputError, match="needs outputs"):
        Recipe((), {})
    with pytest.raises(InputError, match="a student reads numbers"):
        Recipe((), {"x": "brand"}).fit(columns).apply(columns)
    with pytest.raises(InputError, match="row numbers of the table, 0 to 399"):
        RECIPE.fit(columns, np.array([N]))
    with pytest.raises(InputError, match="a tuple of different column names"):
        Scale(("price", "price"))
    fitted = RECIPE.fit(columns, TRAIN)
    with pytest.raises(InputError, match=r"columns \['price'\] are missing; the student was trained on"):
        fitted.apply({name: column for name, column in columns.items() if name != "price"})
    with pytest.raises(InputError, match="column 'price', row 1: 'many' is no number"):
        fitted.apply({name: column[:2] for name, column in columns.items()} | {"price": objects(["1", "many"])})
    with pytest.raises(InputError, match="is empty in all training rows"):
        Recipe((Impute(("x",)),), {"x": ("x",)}).fit({"x": np.full(5, np.nan)})
    with pytest.raises(InputError, match="'x', row 2: 'z' is no number; 1 rows are like it"):
        Recipe((Cast(("x",)),), {"x": ("x",)}).fit({"x": objects(["1", None, "z"])}).apply(
            {"x": objects(["1", None, "z"])}
        )
    frame = polars.DataFrame({"text": ["a bc", "bc"], "bc": [1, 2]})
    words = Recipe((TfIdf(("text",)),), {"x": ("text",)}).fit(frame)
    with pytest.raises(InputError, match="step 'tf-idf' has no form on engines: collect the columns"):
        words.apply_frame(frame)
    with pytest.raises(InputError, match=r"columns \['bc'\] are to be kept, but features have the same names"):
        Recipe((), {"x": ("bc",)}).fit(frame).apply_frame(frame, keep=("bc",))
    with pytest.raises(InputError, match="expected columns or a data frame, got int"):
        RECIPE.fit(3, TRAIN)


@dataclass(frozen=True)
class Doubled:
    """A step of a user's."""

    name: ClassVar[str] = "doubled"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Any, ...]] = ("number",)
    columns: tuple[str, ...]

    @property
    def kind(self) -> Any:
        return "row-wise"

    @property
    def reads(self) -> tuple[str, ...]:
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        return self.columns

    def made(self, given: Any, state: Any) -> Any:
        return {name: given[name] for name in self.columns}

    def formula(self, xp: Any, x: Any, state: Any) -> Any:
        return x * 2

    def frame(self, frame: Any, given: Any, state: Any) -> Any:
        import narwhals.stable.v2 as nw

        return frame.with_columns(*[nw.col(name) * 2 for name in self.columns])


def test_a_step_of_a_users_own() -> None:
    from tutelage.testing import check_step

    check_step(Doubled(("price",)), table())
    fitted = Recipe((Doubled(("price",)),), {"x": ("price",)}).fit(table())
    with pytest.raises(InputError, match=r"step 'doubled' is not known.*steps=\(Mine,\)"):
        FittedRecipe.from_json(fitted.to_json())
    assert FittedRecipe.from_json(fitted.to_json(), (Doubled,)).recipe == fitted.recipe


def test_a_module_is_exported() -> None:
    columns = table()
    numbers = tuple(step for step in RECIPE.steps if not isinstance(step, DateParts | Cyclic))
    recipe = Recipe(numbers, {"features": (*NUMBERS, "price_missing", "brand")})
    fitted = recipe.fit(columns, TRAIN)
    student = torch.nn.Sequential(torch.nn.Linear(len(fitted.features["features"]), 4), torch.nn.ReLU())

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.prepare, self.student = fitted.module(), student

        def forward(self, *columns: torch.Tensor) -> torch.Tensor:
            return self.student(self.prepare(*columns))

    feeds = tuple(fitted.feeds(columns).values())
    rows = torch.export.Dim("rows", min=1, max=1 << 20)
    program = torch.export.export(
        Whole(), tuple(f[:2] for f in feeds), dynamic_shapes=(tuple({0: rows} for _ in feeds),)
    )
    wanted = student(torch.from_numpy(fitted.apply(columns)["features"]))
    assert torch.allclose(program.module()(*feeds), wanted, atol=1e-6)


def test_the_numeric_part_goes_to_onnx(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    from tutelage.compress.export import _quiet

    columns = table()
    fitted = Recipe(
        (*RECIPE.steps[:3], Scale(("price", "count"), "robust"), Codes(("brand",)), OneHot(("brand",))),
        {"features": ("price", "count", "price_missing", "brand")},
    ).fit(columns, TRAIN)
    module, feeds = fitted.module(), fitted.feeds(columns)
    rows = torch.export.Dim("rows", min=1, max=1 << 20)
    example = tuple(feed[:2] for feed in feeds.values())
    with _quiet(), torch.no_grad():
        program = torch.export.export(module, example, dynamic_shapes=(tuple({0: rows} for _ in example),))
        written = torch.onnx.export(
            program, input_names=list(feeds), output_names=["features"], dynamo=True, verbose=False
        )
        assert written is not None
        written.save(tmp_path / "prepare.onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(tmp_path / "prepare.onnx"), options, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: feed.numpy() for name, feed in feeds.items()})[0]
    assert np.allclose(found, fitted.apply(columns)["features"], rtol=1e-6, atol=1e-6)


def test_a_run_keeps_and_replays_it() -> None:
    columns = table()
    prepared = Recipe(RECIPE.steps, {"features": RECIPE.outputs["features"]}).prepare(columns, TRAIN)
    assert isinstance(prepared.recipe, Preparation)
    again = preparation_from_json(json.loads(json.dumps(prepared.recipe.to_json())))
    close(again.apply(columns), prepared.recipe.apply(columns))
    labels = np.array(["no", "yes"])[columns["bought"]]
    rest = np.setdiff1d(np.arange(N), TRAIN)
    rows = tl.rows_of(
        columns | prepared.columns,
        labels,
        inputs=["features"],
        train=prepared.train,
        validation=rest[:100],
        test=rest[100:],
    )
    assert next(rows.batches(rows.train, 32)).inputs["features"].shape == (
        32,
        len(prepared.recipe.features["features"]),
    )


CHUNKS = 10


def chunks(slow: float = 0.0) -> Iterator[dict[str, np.ndarray]]:
    for number in range(CHUNKS):
        time.sleep(slow)
        yield table(seed=number, size=50)


def test_chunks_and_partitions_give_the_same() -> None:
    parts = list(chunks())
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    wanted = RECIPE.fit(whole).apply(whole)
    close(fit_chunks(RECIPE, chunks).apply(whole), wanted, 1e-6)
    fitting, passes = Fitting.start(RECIPE, whole), 0
    while not fitting.done:
        rows = np.array_split(np.random.default_rng(passes).permutation(len(whole["price"])), 4)
        seen = [fitting.observe({name: column[part] for name, column in whole.items()}, part) for part in rows]
        fitting = fitting.learn(merge_passes(merge_passes(seen[3], seen[1]), merge_passes(seen[0], seen[2])))
        passes += 1
    assert passes == 3
    close(fitting.fitted(len(whole["price"]), {}).apply(whole), wanted, 1e-6)


def test_a_killed_fit_goes_on(tmp_path: Path) -> None:
    wanted, killed = fit_chunks(RECIPE, chunks).to_json(), 0
    for wait in (0.08, 0.15, 0.3):
        child = forked(lambda: fit_chunks(RECIPE, lambda: chunks(0.02), tmp_path))
        time.sleep(wait)
        child.kill()
        killed += (tmp_path / "fitting.json").exists()
    assert killed
    with pytest.raises(InputError, match="use another folder"):
        fit_chunks(Recipe(RECIPE.steps[:3], {"x": ("price",)}), chunks, tmp_path)
    asked: list[int] = []

    def counted() -> Iterator[dict[str, np.ndarray]]:
        asked.append(0)
        yield from chunks()

    assert fit_chunks(RECIPE, counted, tmp_path).to_json() == wanted
    assert list(tmp_path.iterdir()) == []


def test_chunks_are_not_for_everything() -> None:
    with pytest.raises(InputError, match=r"steps \['duplicates'\] need all rows at once"):
        fit_chunks(Recipe((Duplicates(("price",)),), {"x": ("price",)}), chunks)
    with pytest.raises(InputError, match="there are no chunks"):
        fit_chunks(RECIPE, lambda: iter(()))
    nothing = fit_chunks(Recipe((Fill(("brand",), "x"), Codes(("brand",))), {"b": "brand"}), chunks)
    assert nothing.rows == 50 * CHUNKS
    assert fit_chunks(Recipe((Log(("price",)),), {"x": ("price",)}), chunks).rows == 50 * CHUNKS


def test_hashes_never_change() -> None:
    found = {value: hash_of(value) for value in ("", "a", "Größe", "7", 0.5)}
    assert found == {"": 0, "a": 3320656311, "Größe": 1366032978, "7": 1155898794, 0.5: 1201518166}
    assert hash_of(7.0) == hash_of("7")
    spread = np.bincount([bucket_of(f"item{n}", 8) for n in range(8000)], minlength=8)
    assert spread.min() > 900
    assert bucket_of("a", 1000) != bucket_of("a", 1000, seed=1)


def test_large_vocabularies_are_joined_on_duckdb() -> None:
    duckdb = pytest.importorskip("duckdb")
    shops = objects([f"s{n}" for n in np.random.default_rng(0).integers(0, 5000, 20_000)])
    recipe = Recipe((Codes(("shop",)),), {"shop": "shop"})
    fitted = recipe.fit({"shop": shops}, np.arange(10_000))
    frame = polars.DataFrame({"shop": shops.tolist(), "row": np.arange(20_000)}).to_arrow()
    found = fitted.collect(duckdb.connect().from_arrow(frame), keep=("row",))
    assert np.array_equal(found["shop"][np.argsort(found["row"])], fitted.apply({"shop": shops})["shop"])
