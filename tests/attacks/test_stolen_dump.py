"""An administrator who has everything but the key: the whole database, its backup, the log and the settings.

They read what the database's owner reads, sealed tables too. Looked for: a word that tells an arm, a key, and a ciphertext whose
length, nonce or repetition tells something. That another key opens nothing stands in ``test_strongroom_firewall``.
"""

import io
import re
from collections import defaultdict
from typing import Any

import psycopg

from tests.support.house import House
from tests.support.participants import order, ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize, true_arms
from tests.support.script.logs import captured_log
from trial.settings import Settings

TOLD_BY_THE_PROTOCOL = {"trial.protocol_version"}
"""The protocol names its arms, and the audit keeps what was written there."""
SIZED_IN_STEPS = {"sealed.list_matter"}
"""A design is as long as its parameters, in steps of 64 KiB."""
SECRET = b"s" * 32
"""The sealing key of the tests' installations."""


def _dump(owner_url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as the owner sees it."""
    tables = (
        "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema', 'queue')"
    )
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.row_factory = psycopg.rows.dict_row
        names = [next(iter(row.values())) for row in connection.execute(tables)]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def test_dump_log_and_settings_name_no_arm_hold_no_key_and_no_ciphertext_tells_by_its_length(
    house: House, owner_url: str
):
    with captured_log(io.StringIO()) as logged:
        open_for_randomization(house)
        while len(set(true_arms(house).values())) < 2:
            one = ready_to_randomize(house)
            randomize(house, one)
        order(house, one, 1)
    dump = _dump(owner_url)
    _check_words(dump, logged.getvalue())
    _check_key(dump, logged.getvalue())
    _check_ciphertexts(dump)


def _check_words(dump: dict[str, list[dict[str, Any]]], logged: str) -> None:
    told = re.compile(r"\b(KET|PBO|LOT-KET|LOT-PBO)\b")
    named = {
        row["table_name"] if table == "audit.entry" else table
        for table, rows in dump.items()
        for row in rows
        if told.search(" ".join(str(value) for value in row.values() if not isinstance(value, bytes)))
    }
    assert named == TOLD_BY_THE_PROTOCOL
    assert not told.search(logged)


def _check_key(dump: dict[str, list[dict[str, Any]]], logged: str) -> None:
    values = (value for rows in dump.values() for row in rows for value in row.values())
    everything = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
    for place in (everything, logged.encode(), repr(Settings()).encode()):
        assert SECRET not in place
        assert SECRET.hex().encode() not in place


def _check_ciphertexts(dump: dict[str, list[dict[str, Any]]]) -> None:
    sealed: dict[str, list[bytes]] = defaultdict(list)
    for table, rows in dump.items():
        for column, value in (cell for row in rows for cell in row.items()):
            if table.startswith("sealed.") and isinstance(value, bytes):
                sealed[f"{table}.{column}"].append(value)
    assert {"sealed.slot.content", "sealed.kit_content.content", "sealed.data_key.token"} <= set(sealed)
    for name, found in sealed.items():
        assert len(set(found)) == len(found), name
        if name.rpartition(".")[0] not in SIZED_IN_STEPS:
            assert len(set(map(len, found))) == 1, name
    nonces = [token[1:13] for name in ("sealed.slot.content", "sealed.kit_content.content") for token in sealed[name]]
    assert len(set(nonces)) == len(nonces)
