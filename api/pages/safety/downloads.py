"""A file of an event on its way out: as an attachment of the type that its content has, never shown in one of our pages."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from trial.safety.attachments import EventAttachment


def as_attachment(attachment: EventAttachment, content: bytes) -> Response:
    """To be kept, not shown: whatever a file holds, no page of ours runs it."""
    name = attachment.file_name
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "ETag": f'"{attachment.sha256}"',
    }
    return Response(content, media_type=attachment.media_type, headers=headers)
