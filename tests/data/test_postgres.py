"""PostgreSQL, read from a real server that this test starts on the loopback address and stops again."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from data.shop import ENGINES
from tutelage.core import InputError
from tutelage.data.contract import Field, Schema
from tutelage.data.quarantine import TooManyRejectedError
from tutelage.data.sources import PostgreSQL
from tutelage.testing.source import check_source

pytestmark = [pytest.mark.slow, pytest.mark.system("postgresql", "postgres", "pg_ctlcluster")]

TABLE = """
CREATE TABLE orders (
    id bigint PRIMARY KEY, item integer, price numeric(10, 2), sold boolean, note text, at timestamptz, day date,
    sizes integer[], ref uuid);
INSERT INTO orders
SELECT i, i % 7, CASE WHEN i % 5 = 0 THEN NULL ELSE i * 0.25 END, i % 2 = 0, 'note ' || i,
       timestamptz '2025-01-01 00:00:00+02' + i * interval '1 hour', date '2025-01-01' + i, ARRAY[i, i + 1],
       '00000000-0000-0000-0000-000000000001'::uuid
FROM generate_series(1, 5000) AS i;
CREATE TABLE nothing (id integer);
"""


def _program(name: str) -> str:
    found = shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)
    assert found is not None, name
    return found


@dataclass
class Server:
    """A server of our own; the programs of PostgreSQL refuse to run as root."""

    folder: Path
    user: str | None
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"postgresql://tester:secret@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _started(folder: Path) -> Server:
    user = None
    if os.getuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
        shutil.chown(folder, user)
    data, password = folder / "data", folder / "password"
    password.write_text("secret")
    password.chmod(0o644)
    common = ["--username=tester", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"]
    subprocess.run([_program("initdb"), "-D", data, *common], user=user, check=True, capture_output=True, cwd=folder)
    port = _free_port()
    flags = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    with open(folder / "log", "wb") as log:
        command = [_program("postgres"), "-D", str(data), *flags]
        process = subprocess.Popen(command, user=user, stdout=log, stderr=log, cwd=folder)
    return Server(folder, user, port, process)


def _until(ready: Callable[[], object]) -> None:
    for _ in range(300):
        try:
            ready()
            return
        except Exception:
            time.sleep(0.1)
    ready()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    import adbc_driver_postgresql.dbapi as driver

    folder = Path(tempfile.mkdtemp(prefix="tutelage-pg-"))
    found = _started(folder)
    try:

        def fill() -> None:
            with driver.connect(found.url) as connection, connection.cursor() as cursor:
                cursor.adbc_statement.set_sql_query(TABLE)
                cursor.adbc_statement.execute_update()
                connection.commit()

        _until(fill)
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)


def orders(server: Server) -> PostgreSQL:
    return PostgreSQL("orders", server.url, "orders", key=("id",), time="at")


def test_contract(server: Server) -> None:
    other = replace(orders(server), select="SELECT * FROM orders WHERE id > 1")
    check_source(orders(server), [make() for make in ENGINES.values()], changed=other)


@pytest.mark.parametrize("engine", ENGINES)
def test_types(server: Server, engine: str) -> None:
    used = ENGINES[engine]()
    loaded = orders(server).read(used)
    found = used.collect(loaded.frame.sort("id"))
    assert list(loaded.schema.types.values()) == [
        *("integer", "integer", "number", "boolean", "text", "time", "time", "integers", "text")
    ]
    assert found["id"].tolist() == list(range(1, 5001))
    assert found["price"][:4].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert np.isnan(found["price"][4])
    assert str(found["at"][0]) == "2024-12-31T23:00:00.000000"
    assert str(found["day"][0]) == "2025-01-02T00:00:00.000000"
    assert list(found["sizes"][1]) == [2, 3]
    assert loaded.counts.kept == 5000


def test_rules_and_quarantine(server: Server) -> None:
    schema = Schema({"id": Field("integer"), "price": Field("number", low=1, unit="kg")})
    source = PostgreSQL("orders", server.url, "SELECT id, price FROM orders;", schema=schema, most=0.01)
    loaded = source.read(ENGINES["polars"]())
    assert loaded.counts.rejected == 3
    assert {record.raw for record in loaded.rejected} == {f'{{"id": {i}, "price": {i / 4}}}' for i in (1, 2, 3)}
    with pytest.raises(TooManyRejectedError, match=r"3 of 5000 records are bad.*must not be less than 1 kg"):
        replace(source, most=0.0).read(ENGINES["polars"]())


def test_what_is_not_there(server: Server) -> None:
    engine = ENGINES["polars"]()
    with pytest.raises(InputError, match="source 'x' is empty"):
        PostgreSQL("x", server.url, "nothing").read(engine)
    with pytest.raises(InputError, match=r"127\.0\.0\.1/postgres: absent cannot be read.*does not exist"):
        PostgreSQL("x", server.url, "absent").read(engine)
    wrong = server.url.replace("secret", "guess")
    with pytest.raises(InputError, match="password authentication failed") as caught:
        PostgreSQL("x", wrong, "orders").read(engine)
    assert "guess" not in str(caught.value)
    assert "secret" not in repr(orders(server))


def test_a_server_that_goes_away(server: Server) -> None:
    """Last: the server is stopped."""
    source = orders(server)
    source.read(ENGINES["polars"]())
    server.stop()
    with pytest.raises(InputError, match=r"source 'orders': 127\.0\.0\.1/postgres: orders cannot be read") as caught:
        source.read(ENGINES["polars"]())
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match="see that the server runs"):
        source.fingerprint()
