"""A real mail server for tests: speaks SMTP on a free port of the loopback, keeps what it is given, and can refuse.

with mailbox() as box:
    ... MailSettings(host="127.0.0.1", port=box.port) ...
    assert box.letters
"""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message


@dataclass
class Mailbox:
    """``letters`` in the order in which they came. ``refuses`` are addresses that nobody has; ``fails_after`` so many
    letters the server hangs up in the middle of the next."""

    port: int = 0
    letters: list[Message] = field(default_factory=list)
    refuses: frozenset[str] = frozenset()
    fails_after: int | None = None

    def to(self, address: str) -> list[str]:
        """What one reader got."""
        return [str(one.get_payload()) for one in self.letters if one["To"] == address]


class _Talk(socketserver.StreamRequestHandler):
    """One connection: HELO, MAIL, RCPT, DATA, RSET, QUIT."""

    def handle(self) -> None:
        box: Mailbox = self.server.box  # type: ignore[attr-defined]  # put there below
        self._say("220 loopback")
        while line := self.rfile.readline():
            verb = line.decode().strip().upper()
            if verb == "DATA":
                if not self._take(box):
                    return
            elif verb.startswith("RCPT") and any(one.upper() in verb for one in box.refuses):
                self._say("550 nobody of that name")
            else:
                self._say("221 bye" if verb == "QUIT" else "250 ok")
                if verb == "QUIT":
                    return

    def _take(self, box: Mailbox) -> bool:
        """Whether the letter was taken."""
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line)
        if box.fails_after is not None and len(box.letters) >= box.fails_after:
            return False
        box.letters.append(email.message_from_bytes(b"".join(lines)))
        self._say("250 taken")
        return True

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Listening from the first line of the block to its last."""
    box = Mailbox()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Talk) as server:
        server.daemon_threads = True
        server.box = box  # type: ignore[attr-defined]  # for the handler
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
