"""Take the pictures of the docs, from the generated sample: docs/img/*.png.

Needs Debian's `chromium`. Nothing of a real transcript gets into a picture: the sample is made in a
temporary directory, and so is the account of it.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from playwright.sync_api import sync_playwright

IMG = Path(__file__).parent / "img"
#: What a picture may weigh, bytes.
MOST = 200_000
_WIDTH = 1_100


def main() -> None:
    """Make the sample, account for it, and take the pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("There is no Chromium here: apt install chromium")
    IMG.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, "sample", "sample", "--until", "2026-10-31")
        run(folder, "audit", "sample", "--data-root", "account", "--quiet")
        report = folder / "account" / "report" / "index.html"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--hide-scrollbars"]
            )
            page = browser.new_page(viewport={"width": _WIDTH, "height": 900}, color_scheme="light")
            page.goto(report.as_uri())
            # From the headline to the end of the trend: what is understood in a minute.
            trend = page.locator("#trend .legend").bounding_box()
            assert trend is not None
            picture = IMG / "report.png"
            height = trend["y"] + trend["height"] + 20
            page.screenshot(
                path=picture,
                full_page=True,
                clip={"x": 0, "y": 0, "width": _WIDTH, "height": height},
            )
            browser.close()
    picture.write_bytes(smaller(picture.read_bytes()))
    size = picture.stat().st_size
    print(f"{picture}: {size:,} bytes")
    if size > MOST:
        sys.exit(f"More than {MOST:,} bytes: too much for a README.")


def smaller(png: bytes) -> bytes:
    """The same picture, packed as well as flat colours can be: without filters.

    Of 8 bits a channel without alpha, as Chromium makes them.
    """
    chunks, place = [], 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        chunks.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += 12 + length
    head = next(data for kind, data in chunks if kind == b"IHDR")
    width, height, depth, colours = struct.unpack(">IIBB", head[:10])
    assert (depth, colours) == (8, 2)
    raw = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    size, above, lines = 3 * width, bytearray(3 * width), []
    for start in range(0, height * (size + 1), size + 1):
        line = unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + size]), above)
        lines.append(b"\0" + line)
        above = line
    packed = zlib.compress(b"".join(lines), 9)
    told = [(b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")]
    return png[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in told
    )


def unfiltered(kind: int, line: bytearray, above: bytearray) -> bytearray:
    """A line of a PNG as its pixels are."""
    for i in range(len(line)):
        left = line[i - 3] if i >= 3 else 0
        corner = above[i - 3] if i >= 3 else 0
        if kind == 1:
            line[i] = (line[i] + left) & 255
        elif kind == 2:
            line[i] = (line[i] + above[i]) & 255
        elif kind == 3:
            line[i] = (line[i] + (left + above[i]) // 2) & 255
        elif kind == 4:
            guess = left + above[i] - corner
            nearest = min((left, above[i], corner), key=lambda one: abs(guess - one))
            line[i] = (line[i] + nearest) & 255
    return line


def run(folder: Path, *arguments: str) -> None:
    """Run the program in a home without transcripts and settings."""
    known = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WASTE_ASSETS", "CLAUDE", "DAGSTER", "ANTHROPIC"))
    }
    program = Path(sys.executable).with_name("waste-assets")
    subprocess.run(
        [program, *arguments], cwd=folder, env={**known, "HOME": str(folder)}, check=True
    )


if __name__ == "__main__":
    main()
