"""What stands on a PDF."""

from __future__ import annotations

import io

import pypdf


def text_of(content: bytes) -> str:
    """Every page's words, one space between them."""
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)
