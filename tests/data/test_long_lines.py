"""A line of JSON that is longer than the buffer which DuckDB is given first."""

import pytest

from tutelage.data.contract import Field, Schema
from tutelage.data.engines import DuckDBEngine, PolarsEngine
from tutelage.data.sources import JsonLines


@pytest.mark.parametrize("engine", [PolarsEngine, DuckDBEngine])
def test_a_line_of_40_megabytes_is_read(engine, tmp_path):
    size = 40_000_000
    (tmp_path / "a.jsonl").write_text('{"a":1,"b":"x"}\n{"a":2,"b":"' + "y" * size + '"}\n')
    schema = Schema({"a": Field("integer"), "b": Field("text")})
    held = engine()
    found = held.collect(JsonLines("s", tmp_path / "a.jsonl", schema=schema).read(held).frame)
    assert [len(text) for text in found["b"]] == [1, size]
