"""The page server, a process of its own so that its work counts for nobody: `python -m tests.bench.page_process`.

Prints its port, then serves until it is ended. Paths begin with the name of whoever asks, and polls are counted by
name:

- `/NAME/metrics` the whole page, `/NAME/metrics/?name[]=…` the named samples, as vLLM answers them
- `/NAME/version`
- `/mode/NAME/MODE` from now on NAME's engine is `fine`, `slow` (answers after two seconds) or `hanging`
- `/counts` whole pages sent so far, by name
- `/sink` takes anything and drops it, as a remote-write receiver
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from urllib.parse import parse_qs, urlsplit

from tests.bench.moving_page import capture
from tests.tools.page_faults import filtered

SLOW_SECONDS = 2.0
_PLAIN = "text/plain; version=0.0.4; charset=utf-8"


class Pages:
    """What each path answers."""

    def __init__(self) -> None:
        self._page = capture()
        self._started = time.monotonic()
        self._modes: dict[str, str] = {}
        self._sent: Counter[str] = Counter()
        # Held here, so that nobody who waits for it is collected as garbage.
        self._never = asyncio.Event()

    async def answer(self, target: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a request target."""
        url = urlsplit(target)
        name, _, rest = url.path.lstrip("/").partition("/")
        if name == "counts":
            return 200, "application/json", json.dumps(self._sent).encode()
        if name == "mode":
            engine, _, mode = rest.partition("/")
            self._modes[engine] = mode
        if name in ("mode", "sink"):
            return 204, "", b""
        await self._delay(name)
        if rest == "version":
            return 200, "application/json", b'{"version": "0.32.0"}'
        return 200, _PLAIN, self._metrics(name, rest, parse_qs(url.query).get("name[]", []))

    def _metrics(self, name: str, rest: str, names: list[str]) -> bytes:
        page = self._page.at(time.monotonic() - self._started)
        if rest == "metrics/" and names:
            return filtered(page.decode(), names).encode()
        self._sent[name] += 1
        return page

    async def _delay(self, name: str) -> None:
        mode = self._modes.get(name, "fine")
        if mode == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        elif mode == "hanging":
            await self._never.wait()


async def _serve(pages: Pages, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection's requests until it closes."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            fields = {key.lower(): value.strip() for key, _, value in (x.partition(":") for x in head.split("\r\n"))}
            await reader.readexactly(int(fields.get("content-length", 0)))
            status, kind, body = await pages.answer(head.split(" ", 2)[1])
            lines = [f"HTTP/1.1 {status} OK", f"content-length: {len(body)}", f"content-type: {kind}", "", ""]
            writer.write("\r\n".join(lines).encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _main() -> None:
    pages = Pages()
    server = await asyncio.start_server(lambda r, w: _serve(pages, r, w), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
