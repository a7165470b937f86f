"""A file on its way in and out.

Invariants
1. A body that is too long is refused by its announced length, or while it arrives (``api.middleware.limits``); no more
   than a file's limit is ever taken out of a form.
2. A file goes out as an attachment with the type that its content has, and is never shown in one of our pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from api.pages.forms import posted_values
from trial.safety.attachments import MAX_BYTES, EventAttachment

FIELD = "file"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """``content`` has at most one byte more than a file may have: enough to be refused."""

    name: str
    content: bytes = field(repr=False)


async def _uploaded(request: Request) -> tuple[dict[str, Any], UploadedFile]:
    """The fields of the form, and its file; an empty one where none was chosen."""
    async with request.form(max_files=1, max_fields=20) as form:
        given = form.get(FIELD)
        file = UploadedFile("file", b"")
        if isinstance(given, UploadFile):
            file = UploadedFile((given.filename or "file")[:255], await given.read(MAX_BYTES + 1))
        return posted_values(form), file


UploadedForm: TypeAlias = tuple[dict[str, Any], UploadedFile]
Uploaded = Annotated[UploadedForm, Depends(_uploaded)]
"""A form with one file."""


def as_attachment(attachment: EventAttachment, content: bytes) -> Response:
    """To be kept, not shown: whatever a file holds, no page of ours runs it."""
    name = attachment.file_name
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "ETag": f'"{attachment.sha256}"',
    }
    return Response(content, media_type=attachment.media_type, headers=headers)
