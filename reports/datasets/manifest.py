"""The manifest of a pack: what each file is, what it was made from, and the hash that proves it arrived
whole.

Invariants
1. Canonical JSON: keys sorted, no spaces, UTF-8, one newline at the end; equal packs give equal manifests.
2. Every file of the pack but the manifest itself is listed with its SHA-256, so nothing can be added,
   lost or changed unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from reports.context import ReportContext
from trial.errors import InvalidInput

MANIFEST: Final = "manifest.json"


class PackDoesNotMatch(InvalidInput):
    code: ClassVar[str] = "pack.does_not_match_manifest"


@dataclass(frozen=True)
class FileEntry:
    """One file of a pack."""

    path: str
    content: bytes
    dataset: str
    rows: int
    columns: tuple[tuple[str, str, str], ...]  # name, type, label
    cut: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "bytes": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "dataset": self.dataset,
            "rows": self.rows,
            "columns": [{"name": name, "type": kind, "label": label} for name, kind, label in self.columns],
        }
        return entry | ({"cut_to_200_bytes": list(self.cut)} if self.cut else {})


def canonical_json(value: Any) -> bytes:
    """The one spelling of ``value`` that is hashed and signed."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def iso_instant(at: datetime) -> str:
    """UTC to the second, with Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def manifest_bytes(
    files: Iterable[FileEntry], context: ReportContext, treatment_mode: str, withheld: Iterable[str] = ()
) -> bytes:
    """The manifest of a pack, as canonical JSON."""
    return canonical_json(
        {
            "format": "equipoise-pack/1",
            "trial": context.trial,
            "title": context.title,
            "kind": context.kind,
            "treatments": treatment_mode,
            "treatments_note": TREATMENT_NOTES[treatment_mode],
            "withheld": list(withheld),
            "protocol_versions": list(context.protocol_versions),
            "cut_off_at": iso_instant(context.cut_off_at),
            "built_at": iso_instant(context.built_at),
            "snapshot_hash": context.snapshot_hash,
            "code_version": context.code_version,
            "anchor": context.anchor,
            "files": {entry.path: entry.described() for entry in files},
        }
    )


TREATMENT_NOTES: Final[Mapping[str, str]] = {
    "naive": "No treatment variables.",
    "dummy": "DUMMY arms: invented, marked DUMMY in every value, unrelated to any allocation.",
    "unblinded": "Arms as given by the strongroom for this pack.",
}


def check_pack(pack: Mapping[str, bytes]) -> None:
    """Raise unless the pack holds exactly the files of its manifest, each with its hash."""
    listed = json.loads(pack[MANIFEST])["files"] if MANIFEST in pack else {}
    present = set(pack) - {MANIFEST}
    wrong = sorted(set(listed) ^ present)
    wrong += [p for p in sorted(present & set(listed)) if hashlib.sha256(pack[p]).hexdigest() != listed[p]["sha256"]]
    if wrong or not listed:
        raise PackDoesNotMatch(
            f"The pack does not match its manifest: {', '.join(wrong) or 'no manifest'}."
            " Pull it again, and do not use it."
        )
