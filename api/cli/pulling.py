"""``equipoise pull``: a locked dataset from a server to a folder, every byte checked against the manifest.

Invariants
1. The manifest is checked against the hash that the server names, each file against the manifest; a file that differs
   is never left in the folder.
2. The token comes from the environment and appears in no message, no address and no file.
3. A path of the manifest stays inside the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.progress import track

from trial.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, Unavailable

TOKEN_VARIABLE = "EQUIPOISE_TOKEN"  # noqa: S105 - the name of a variable
MANIFEST = "manifest.json"


class TokenMissing(NotAuthenticated):
    code = "pull.token_missing"


class PullRefused(NotAuthenticated):
    code = "pull.refused"


class ServerNotReached(Unavailable):
    code = "pull.server_not_reached"


class NothingToPull(NotFound):
    code = "pull.nothing"


class BytesDiffer(Conflict):
    code = "pull.bytes_differ"


class PathOutside(InvalidInput):
    code = "pull.path_outside"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was pulled, and where it lies."""

    folder: Path
    manifest_sha256: str
    files: int
    size: int


def pull(
    trial: Annotated[str, typer.Argument(help="The trial's code.")],
    dataset: Annotated[
        str | None, typer.Argument(help="The dataset's id.", show_default="the newest that fits")
    ] = None,
    server: Annotated[str, typer.Option(help="The address of the installation.")] = "http://127.0.0.1:8000",
    mode: Annotated[str | None, typer.Option(help="naive, dummy or unblinded.")] = None,
    stage: Annotated[str | None, typer.Option(help="A stage of the lock.")] = None,
    to: Annotated[Path | None, typer.Option(help="The folder.", show_default="TRIAL-STAGE-MODE")] = None,
) -> None:
    """Pull a locked dataset and verify every hash. The token is read from EQUIPOISE_TOKEN.

    Make a token on your account page. Exit code 0 when every byte is the one that the manifest names.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise TokenMissing(f"Put your token into the environment as {TOKEN_VARIABLE}. Make one on your account page.")
    with httpx.Client(base_url=server, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        chosen = choose(client, trial, dataset, mode, stage)
        folder = to or Path(f"{trial}-{chosen['stage']}-{chosen['mode']}")
        done = pull_dataset(client, trial, chosen, folder)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{done.files} files, {done.size:,} bytes, in {done.folder}")
    console.print(f"Manifest SHA-256 {done.manifest_sha256}")
    console.print("[bold green]Every hash agrees.[/]")


def choose(
    client: httpx.Client, trial: str, dataset: str | None, mode: str | None, stage: str | None
) -> Mapping[str, Any]:
    """The newest dataset that fits what was asked. Raises ``NothingToPull``."""
    listed: list[dict[str, Any]] = _get(client, f"/api/v1/trials/{quote(trial)}/datasets").json()
    wanted = {"id": dataset, "mode": mode, "stage": stage}
    fitting = [one for one in listed if all(value in (None, one[name]) for name, value in wanted.items())]
    if not fitting:
        known = "; ".join(f"{one['id']} ({one['stage']}, {one['mode']})" for one in listed) or "none"
        raise NothingToPull(f"No dataset fits. What your token may pull: {known}.")
    return fitting[-1]


def pull_dataset(client: httpx.Client, trial: str, dataset: Mapping[str, Any], folder: Path) -> Pulled:
    """Every file of the dataset, verified. Raises ``BytesDiffer``, ``PathOutside``, ``PullRefused``."""
    base = f"/api/v1/trials/{quote(trial)}/datasets/{dataset['id']}"
    manifest = _get(client, f"{base}/manifest").content
    check_bytes(MANIFEST, manifest, dataset["manifest_sha256"])
    files: dict[str, dict[str, Any]] = json.loads(manifest)["files"]
    places = {path: place_of(folder, path) for path in files}
    for path in track(files, description="Pulling", console=Console(stderr=True), transient=True):
        content = _get(client, f"{base}/files/{quote(path)}").content
        check_bytes(path, content, files[path]["sha256"])
        write(places[path], content)
    write(folder / MANIFEST, manifest)
    return Pulled(folder, dataset["manifest_sha256"], len(files) + 1, sum(file["bytes"] for file in files.values()))


def check_bytes(path: str, content: bytes, sha256: str) -> None:
    """Raise ``BytesDiffer``."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BytesDiffer(
            f"{path} is not what its manifest names (SHA-256 {found} instead of {sha256}). Nothing of it was kept; pull"
            " again, and tell the data manager when it happens twice."
        )


def place_of(folder: Path, path: str) -> Path:
    """Where a file of the manifest goes. Raises ``PathOutside``."""
    place = (folder / path).resolve()
    if not place.is_relative_to(folder.resolve()) or path == MANIFEST:
        raise PathOutside(f"The manifest names a path outside the folder: {path}. Do not use this dataset.")
    return place


def write(place: Path, content: bytes) -> None:
    """All or nothing: a reader never finds half a file."""
    place.parent.mkdir(parents=True, exist_ok=True)
    half = place.with_name(f".{place.name}.part")
    half.write_bytes(content)
    half.replace(place)


def _get(client: httpx.Client, path: str) -> httpx.Response:
    with _reaching(client):
        response = client.get(path)
    if response.status_code == httpx.codes.OK:
        return response
    raise PullRefused(f"The server refused: {_told(response)}")


@contextmanager
def _reaching(client: httpx.Client) -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, httpx.InvalidURL):
        raise ServerNotReached(
            f"{client.base_url} does not answer. Check the address (--server) and that the server runs."
        ) from None


def _told(response: httpx.Response) -> str:
    """The server's own sentence and code."""
    try:
        problem = response.json()
        return f"{problem['detail']} ({problem['code']})"
    except (ValueError, KeyError, TypeError):
        return f"it answered {response.status_code} at {response.url.path}. Is this an Equipoise server?"
