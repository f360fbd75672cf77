"""GET from the engine over one kept connection: the hot path of polling.

A small HTTP/1.1 client, because a general one costs several times the parsing of the page. It asks for plain
text, bounds size and time of the whole exchange, and never returns a page that may be cut off.
"""

from __future__ import annotations

import math
import re
import socket
import ssl
import struct
import time
import zlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from forewarn import http_head
from forewarn.errors import FetchError
from forewarn.http_head import OK, Head

_RECEIVE = 1 << 16
_MAX_HEAD = 1 << 16
_SLACK = 1.1
"""What is left of the time may be overrun by so much, which spares a call to the kernel for each answer."""
_REDIRECTS = frozenset({301, 302, 307, 308})
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LENGTH = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer with status 200. `content_type` is lower case, with its parameters."""

    body: bytes
    content_type: str


class _StaleConnection(Exception):  # noqa: N818  a signal inside this module, not an error
    """The kept connection was closed by the other side before it answered anything."""


class Fetcher:
    """Fetches paths of one server, one at a time. Not thread-safe."""

    def __init__(self, url: str, timeout: float, max_bytes: int) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._base = parts.path.rstrip("/")
        self._authority = parts.netloc
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._socket: socket.socket | None = None
        self._deadline = 0.0
        self._allowed = 0.0
        self._buffer = b""
        self._request = "", b""
        self._moved: dict[str, str] = {}

    def get(self, path: str) -> Response:
        """The answer to a GET of `path` (with its query).

        One redirect within the server is followed and remembered. Raises FetchError.
        """
        self._deadline = time.monotonic() + self._timeout
        target = self._moved.get(path, self._base + path)
        head, body = self._exchange(target)
        if head.status in _REDIRECTS:
            target = self._redirect(head)
            head, body = self._exchange(target)
            if head.status == OK:
                self._moved[path] = target
        if head.status != OK:
            self._moved.pop(path, None)
            raise FetchError("http_status", f"HTTP status {head.status} from {path.partition('?')[0]}, expected 200")
        content_type = head.fields.get(b"content-type", b"").decode("latin-1").lower()
        return Response(self._decoded(head, body), content_type)

    def close(self) -> None:
        """Drop the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _redirect(self, head: Head) -> str:
        try:
            location = urlsplit(head.fields.get(b"location", b"").decode("ascii"))
        except ValueError:
            raise FetchError("http_status", "redirected without a usable location, expected a page") from None
        if location.netloc and location.netloc != self._authority:
            raise FetchError("http_status", f"redirected to another server ({location.netloc:.80}), expected a page")
        if not location.path.startswith("/"):
            raise FetchError("http_status", "redirected without a usable location, expected a page")
        return location.path + (f"?{location.query}" if location.query else "")

    def _exchange(self, target: str) -> tuple[Head, bytes]:
        reused = self._socket is not None
        try:
            try:
                return self._attempt(target)
            except _StaleConnection:
                if not reused:
                    raise FetchError("network", "connection closed before any answer") from None
                return self._attempt(target)
        except _StaleConnection:
            self.close()
            raise FetchError("network", "connection closed before any answer") from None
        except FetchError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise _fetch_error(error, self._timeout) from None
        except UnicodeError:
            self.close()
            raise FetchError("network", f"{self._host:.80} is no usable host name") from None

    def _attempt(self, target: str) -> tuple[Head, bytes]:
        connection = self._connect()
        if self._request[0] != target:
            self._request = target, self._spelled(target)
        self._buffer = b""
        try:
            connection.sendall(self._request[1])
            head = self._read_head()
        except (BrokenPipeError, ConnectionResetError, ConnectionAbortedError):
            self.close()
            raise _StaleConnection from None
        body = self._read_body(head) if head.status == OK else b""
        # What may still come (the body of an error, bytes past the announced end) is not the next answer.
        if head.status != OK or self._buffer or head.fields.get(b"connection", b"").lower() == b"close":
            self.close()
        return head, body

    def _spelled(self, target: str) -> bytes:
        """The request for a target."""
        return (
            f"GET {target} HTTP/1.1\r\nHost: {self._authority}\r\nAccept: text/plain;version=0.0.4\r\n"
            "Accept-Encoding: identity\r\nUser-Agent: forewarn\r\n\r\n"
        ).encode("ascii")

    def _connect(self) -> socket.socket:
        if self._socket is None:
            raw = socket.create_connection((self._host, self._port), timeout=self._remaining())
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = raw
            if self._tls is not None:
                self._socket = self._tls.wrap_socket(raw, server_hostname=self._host)
            else:
                # The kernel keeps the time of a plain connection: Python's way takes two calls for each that waits.
                raw.settimeout(None)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(self._timeout))
                self._allowed = 0.0
        return self._socket

    def _remaining(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _receive(self) -> bytes:
        """The next bytes, b"" when the other side closed."""
        if self._socket is None:
            return b""
        left = self._remaining()
        if self._tls is not None:
            self._socket.settimeout(left)
        elif not left <= self._allowed <= _SLACK * left:
            self._allowed = 0.5 * (1.0 + _SLACK) * left
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(self._allowed))
        return self._socket.recv(_RECEIVE)

    def _more(self) -> None:
        chunk = self._receive()
        if not chunk:
            raise FetchError("truncated", "connection closed in the middle of the answer")
        self._buffer += chunk

    def _read_head(self) -> Head:
        data = self._receive()
        if not data:
            self.close()
            raise _StaleConnection
        while (found := http_head.parse(data)) is None:
            if len(data) > _MAX_HEAD:
                raise FetchError("protocol", "answer is not HTTP: no end of headers")
            chunk = self._receive()
            if not chunk:
                raise FetchError("truncated", "connection closed in the middle of the headers")
            data += chunk
        head, self._buffer = found
        return head

    def _read_body(self, head: Head) -> bytes:
        transfer = head.fields.get(b"transfer-encoding", b"").lower()
        if transfer == b"chunked":
            return self._read_chunks()
        if transfer:
            raise FetchError("protocol", "answer has a Transfer-Encoding that was not asked for")
        length = head.fields.get(b"content-length")
        if length is None:
            return self._read_to_end()
        if not _LENGTH.fullmatch(length):
            raise FetchError("protocol", "answer has an unreadable Content-Length")
        return self._read_exactly(int(length))

    def _read_to_end(self) -> bytes:
        """A body that ends with the connection: only a last line that is whole tells it from a cut-off one."""
        parts, have = [self._buffer], len(self._buffer)
        while chunk := self._receive():
            parts.append(chunk)
            have += len(chunk)
            self._check_size(have)
        self.close()
        self._buffer = b""
        if not parts[-1].endswith(b"\n"):
            raise FetchError("truncated", "answer without a length does not end with a whole line")
        return b"".join(parts)

    def _read_exactly(self, size: int) -> bytes:
        self._check_size(size)
        if len(self._buffer) < size:
            parts, have = [self._buffer], len(self._buffer)
            while have < size:
                chunk = self._receive()
                if not chunk:
                    raise FetchError("truncated", f"page cut off after {have} of {size} bytes")
                parts.append(chunk)
                have += len(chunk)
            self._buffer = b"".join(parts)
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return body

    def _read_chunks(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            while b"\r\n" not in self._buffer:
                if len(self._buffer) > _MAX_HEAD:
                    raise FetchError("protocol", "unreadable chunk size")
                self._more()
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            digits = line.partition(b";")[0].strip()
            if not _CHUNK_SIZE.fullmatch(digits):
                raise FetchError("protocol", "unreadable chunk size")
            size = int(digits, 16)
            total += size
            self._check_size(total)
            part = self._read_exactly(size + 2)
            if size == 0:
                if part != b"\r\n":
                    self.close()  # trailers follow; nobody reads them
                return b"".join(parts)
            if not part.endswith(b"\r\n"):
                raise FetchError("protocol", "chunk does not end where it says")
            parts.append(part[:-2])

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise FetchError("too_large", f"page is larger than {self._max_bytes} bytes")

    def _decoded(self, head: Head, body: bytes) -> bytes:
        """The body as text; gzip is undone although it was not asked for, within the size limit."""
        if head.fields.get(b"content-encoding", b"identity").lower() in (b"identity", b""):
            return body
        if head.fields[b"content-encoding"].lower() != b"gzip":
            raise FetchError("not_text", "page has an encoding that was not asked for")
        try:
            inflate = zlib.decompressobj(wbits=31)
            text = inflate.decompress(body, self._max_bytes + 1)
        except zlib.error:
            raise FetchError("not_text", "page is not the gzip it claims to be") from None
        self._check_size(len(text))
        if not inflate.eof or inflate.unused_data:
            raise FetchError("truncated", "gzip page is not one whole stream")
        return text


def _timeval(seconds: float) -> bytes:
    """A struct timeval; never the zero that stands for no limit."""
    whole, part = divmod(max(1, math.ceil(1e6 * seconds)), 1_000_000)
    return struct.pack("@ll", whole, part)


def _fetch_error(error: OSError, timeout: float) -> FetchError:
    """The bounded kind and a line for what the socket layer raised."""
    if isinstance(error, TimeoutError | BlockingIOError):
        return FetchError("timeout", f"no whole answer within {timeout:g} s")
    if isinstance(error, ConnectionRefusedError):
        return FetchError("refused", "connection refused")
    return FetchError("network", (error.strerror or str(error) or type(error).__name__)[:120])
