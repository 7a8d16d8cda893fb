"""The file in an upload."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP


def first_file(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Name and content of the first part that has a file name; two empty values where there is none."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        if part.get_filename() and isinstance(content, bytes):
            return str(part.get_filename()), content
    return "", b""
