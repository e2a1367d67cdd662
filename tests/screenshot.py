"""``python tests/screenshot.py``: README's picture, docs/page.png, of the page under the demo (needs Chromium)."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "page.png"
SIZE = {"width": 1280, "height": 1120}
WATCHED_S = 25
"""Long enough for the chart to have a shape."""
START_S = 60
MOST_BYTES = 400_000


def main() -> None:
    """Starts the demo, watches its page for a while and takes the picture."""
    executable = shutil.which("chromium")
    if executable is None:
        sys.exit("chromium is missing (Debian: apt-get install chromium)")
    port = free_port()
    command = [sys.executable, "-m", "streams", "demo", "--rate", "300", "--port", str(port)]
    print(f"watching the demo for {WATCHED_S} s", flush=True)
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        if not any(line.startswith("page") for line in demo.stdout):
            sys.exit(f"the demo ended with {demo.wait()}")
        take(executable, f"http://127.0.0.1:{port}/")
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate()
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"more than {MOST_BYTES:,} bytes")


def take(executable: str, url: str) -> None:
    """The first screen of the page, in English and light."""
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=executable) as browser:
        page = browser.new_page(viewport=SIZE, locale="en-GB", color_scheme="light")  # type: ignore[arg-type]
        page.goto(url)
        expect(page.locator("#trust")).to_have_attribute("data-level", "ok", timeout=START_S * 1000)
        page.wait_for_timeout(WATCHED_S * 1000)
        expect(page.locator("#trust")).to_have_attribute("data-level", "ok", timeout=START_S * 1000)
        page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
