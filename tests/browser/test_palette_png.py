"""The shrinker of screenshots."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from .palette_png import SIGNATURE, shrink

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_shrunk_picture_shows_the_same_pixels(browser: Browser) -> None:
    """A picture of few colours comes out smaller and pixel for pixel the same, as the browser decodes it."""
    page = browser.new_page(viewport={"width": 64, "height": 48})
    page.set_content("<body style='background:#246; margin:8px'><div style='background:#fc8; height:20px'>")
    picture = page.screenshot()
    small = shrink(picture)
    page.set_content("<body style='margin:0'><img style='display:block'>")
    page.evaluate(
        "async (bytes) => { const img = document.querySelector('img');"
        " img.src = URL.createObjectURL(new Blob([new Uint8Array(bytes)])); await img.decode(); }",
        list(small),
    )
    assert page.screenshot() == picture
    assert b"PLTE" in small
    page.close()


def test_other_kinds_of_png_are_refused() -> None:
    """A picture with an alpha channel is refused by name instead of being misread."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    with pytest.raises(ValueError, match="colour type 6"):
        shrink(SIGNATURE + chunk)
