"""``equipoise keys``: the strongroom's key wrapped again, both keys in escrow with a second holder, and the drill.

Invariants
1. No command prints a key, a passphrase or anything that a key opens.
2. A key file or an escrow that exists is never replaced.
3. What was done is anchored: rotation, escrow and drill stand, with the keys' ids, outside the database.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import DataOption, settings_from
from api.installation import open_installation
from randomization.ledger.rehearsal import Rehearsal, rehearse_restore
from randomization.ledger.rotation import rotate_key
from trial.access.actors import system_actor
from trial.errors import Conflict
from trial.escrow import EscrowedKeys, open_escrow, seal_escrow
from trial.ids import SystemEntropy
from trial.keys import MasterKey, create_key_file, encode_key, key_provider_from
from trial.settings import Settings

app = typer.Typer(help="Rotate the strongroom's key; escrow the keys; rehearse their restoring.", no_args_is_help=True)

SEALING, CREDENTIALS = "sealing", "credentials"
EscrowArgument = Annotated[Path, typer.Argument(help="The escrow file.", exists=True, dir_okay=False)]
PassphraseOption = Annotated[
    Path | None, typer.Option(help="A file with the passphrase; asked for without it.", exists=True, dir_okay=False)
]


class FileExistsAlready(Conflict):
    code = "keys.file_exists"


@app.command()
def rotate(
    new: Annotated[
        str, typer.Argument(help="Where the new key is: file:PATH (made if missing), env:NAME, command:LINE.")
    ],
    data: DataOption = None,
) -> None:
    """Wrap every data key again under a new key of the strongroom. No slot, seed or document is opened or written.

    Stop the server first. All or nothing: until it is done the old key is the right one, afterwards the new one.
    """
    settings = settings_from(data)
    kind, _, place = new.partition(":")
    if kind == "file" and place and not Path(place).exists():
        create_key_file(Path(place), SystemEntropy(), settings.data)
    provider = key_provider_from(new, settings.data)
    with open_installation(settings) as installation:
        with installation.database.transaction() as session:
            done = rotate_key(session, system_actor("keyholder"), provider)
        told = {"from": done.old_id, "to": done.new_id, "data_keys": done.data_keys}
        installation.anchor({"reason": "key rotated", **told})
    print(f"{done.data_keys} data keys are wrapped under {done.new_id}; nothing that they seal was opened.")
    print(f"Now set EQUIPOISE_SEALING_KEY={new} and start the server.")
    print(
        f"Keep {done.old_id} as long as backups from before today, and put the new key into escrow: equipoise keys escrow."
    )


@app.command()
def escrow(
    holder: Annotated[str, typer.Argument(help="Who keeps it: a person who does not run this installation.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("equipoise-keys.escrow"),
    passphrase: PassphraseOption = None,
    data: DataOption = None,
) -> None:
    """Seal both master keys for a second holder, who types a passphrase that nobody else knows."""
    if out.exists():
        raise FileExistsAlready(f"{out} is there already. Keep it, or name another file.")
    settings = settings_from(data)
    with open_installation(settings) as installation:
        keys = {name: key_provider_from(source, settings.data).master_key() for name, source in _sources(settings)}
        sealed = seal_escrow(keys, holder, _passphrase(passphrase, confirm=True), installation.database.entropy)
        _write_private(out, sealed)
        ids = {name: key.key_id for name, key in keys.items()}
        installation.anchor({"reason": "keys in escrow", "holder": holder, "keys": ids})
    print(f"{out} holds {', '.join(f'{name} {key_id}' for name, key_id in ids.items())}, sealed for {holder}.")
    print("Give it to that person; the passphrase stays with them alone. Then rehearse: equipoise keys drill.")


@app.command()
def drill(escrowed: EscrowArgument, passphrase: PassphraseOption = None, data: DataOption = None) -> None:
    """Prove that the escrow opens this database, without this machine's own keys and without showing anything.

    Best with a restored backup on another machine. Exit code 0 when every data key, and of every list the seed, the design
    and the next slot of each stratum, opened and agreed with what was committed to.
    """
    found = open_escrow(escrowed.read_text(encoding="utf-8"), _passphrase(passphrase))
    with tempfile.TemporaryDirectory() as scratch:
        settings = _with_keys(settings_from(data), found, Path(scratch))
        with open_installation(settings) as installation:
            with installation.database.reading() as session:
                seen = rehearse_restore(session)
            installation.anchor({"reason": "restore drill", "holder": found.holder, "opened": _opened(seen)})
    print(f"The keys of {found.holder} open everything: {_opened(seen)}. Nothing was shown or changed.")


@app.command()
def restore(
    escrowed: EscrowArgument,
    to: Annotated[Path, typer.Option(help="The directory of the key files; it must hold none.")],
    passphrase: PassphraseOption = None,
    data: DataOption = None,
) -> None:
    """Write the key files again from an escrow, readable by you only."""
    found = open_escrow(escrowed.read_text(encoding="utf-8"), _passphrase(passphrase))
    _with_keys(settings_from(data), found, to)
    print(f"{to} holds {', '.join(f'{name}.key ({key.key_id})' for name, key in found.keys.items())}.")


def _sources(settings: Settings) -> tuple[tuple[str, str], ...]:
    return ((SEALING, settings.sealing_key_source), (CREDENTIALS, settings.credentials_key_source))


def _with_keys(settings: Settings, found: EscrowedKeys, directory: Path) -> Settings:
    """The settings with the escrowed keys' files in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    places = {name: _write_key(directory / f"{name}.key", key) for name, key in found.keys.items()}
    return settings.model_copy(
        update={"sealing_key": f"file:{places[SEALING]}", "credentials_key": f"file:{places[CREDENTIALS]}"}
    )


def _write_key(path: Path, key: MasterKey) -> Path:
    _write_private(path, encode_key(key) + "\n")
    return path


def _write_private(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise FileExistsAlready(f"{path} is there already. Keep it, or name another place.") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)


def _passphrase(file: Path | None, *, confirm: bool = False) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    asked: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
    return asked


def _opened(seen: Rehearsal) -> str:
    return f"{seen.data_keys} data keys, {seen.lists} lists, {seen.slots} slots"
