"""A headless Chromium, driven through its own pipe: no driver and no package is needed."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_QUIET = (
    "--headless=new --no-sandbox --no-first-run --disable-gpu --disable-dev-shm-usage "
    "--disable-background-networking --disable-component-update --disable-sync --mute-audio "
    "--disable-default-apps --remote-debugging-pipe --use-fake-ui-for-media-stream "
    "--use-fake-device-for-media-stream --autoplay-policy=no-user-gesture-required "
    "--force-prefers-reduced-motion --hide-scrollbars"
).split()


CARDS = "document.querySelectorAll('#results article')"
DONE = "document.querySelectorAll('#results [role=slider], #results .refused')"
NAMES = "[...document.querySelectorAll('#results h2')].map(e => e.textContent)"
ROWS = (
    "[...document.querySelectorAll('#table tbody tr')]"
    ".map(row => [...row.cells].map(cell => cell.textContent))"
)


class Browser:
    """One page in a Chromium of its own; `requests`, `errors` are what it did besides.

    Args:
        profile: Folder for what Chromium writes.
        page: HTML file to open.
        microphone: WAV that the microphone plays again and again; None for a beep.
    """

    def __init__(self, profile: Path, page: Path, microphone: Path | None = None):
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        fake = [f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
        command = [CHROMIUM, *_QUIET, *fake, f"--user-data-dir={profile}", "about:blank"]

        # Chromium reads file 3 and writes file 4
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._numbers, self._rest, self._session = itertools.count(1), b"", None
        self.requests: list[str] = []
        self.errors: list[str] = []
        (target,) = (
            info["targetId"]
            for info in self._call("Target.getTargets")["targetInfos"]
            if info["type"] == "page"
        )
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self._call(f"{domain}.enable")
        self._call(
            "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True
        )
        self.page = page
        self.open(page)

    def open(self, page: Path, until: str = "document.body && document.body.dataset.ready") -> None:
        """Open a page, and wait until an expression is true, for one that it can be used."""
        self._call("Page.navigate", url=page.as_uri())
        self.wait(until)

    def evaluate(self, expression: str):
        """Return the value of a JavaScript expression, awaited where it is a promise."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 60):
        """Return the value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.evaluate(expression)
            if value or value == {}:  # an element comes as {}
                return value
            time.sleep(0.05)
        raise AssertionError(f"{expression} never came true: {self.text()[:2000]}")

    def choose(self, selector: str, *paths: Path) -> None:
        """Put files into a field, as the file dialog does."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", files=[str(path) for path in paths], nodeId=node)

    def add(self, *paths: Path) -> None:
        """Choose recordings, and wait until each is labelled or refused."""
        before = self.evaluate(f"{DONE}.length")
        self.choose("#files", *paths)
        self.wait(f"{DONE}.length == {before + len(paths)}")

    def drop(self, selector: str, *paths: Path) -> None:
        """Drag files over an element and drop them, as from a file manager."""
        x, y = self._place(selector)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def click(self, selector: str, across: float = 0.5) -> None:
        """Click with the mouse into the first such element, at a share of its width."""
        x, y = self._place(selector, across)
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press a key: Tab, Enter, ArrowRight and the like, or a space."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "End": 35, "Home": 36, "ArrowRight": 39}
        text = {"Enter": "\r", " ": " "}.get(key)
        more = {"key": key, "windowsVirtualKeyCode": codes[key]} | ({"text": text} if text else {})
        self._call("Input.dispatchKeyEvent", type="keyDown", **more)
        self._call("Input.dispatchKeyEvent", type="keyUp", **more)

    def accessible(self) -> list[tuple[str, str]]:
        """Return role and name of all that a screen reader is given."""
        nodes = self._call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"]
        ]

    def allow(self, *permissions: str, downloads: Path | None = None) -> None:
        """Allow what a person would be asked for, and say where downloads go."""
        self._call("Browser.grantPermissions", permissions=list(permissions))
        if downloads:
            self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))

    def size(self, width: int, height: int = 900, dark: bool = False) -> None:
        """Give the window a size in pixels, and light or dark colours."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self.evaluate("new Promise(resolve => setTimeout(resolve, 100))")

    def _place(self, selector: str, across: float = 0.5) -> tuple[float, float]:
        """Return a point in an element, after scrolling it into view."""
        return tuple(
            self.evaluate(
                f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
                "e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); "
                f"return [r.left + {across} * r.width, r.top + r.height / 2]; }})()"
            )
        )

    def text(self) -> str:
        """Return what the page shows."""
        return self.evaluate("document.body.innerText")

    def screenshot(self, path: Path, width: int = 1200, height: int = 900, dark=False) -> None:
        """Write a picture of the whole page at a size in pixels."""
        self.size(width, height, dark)
        shot = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def usage(self) -> tuple[int, float]:
        """Return bytes of memory and seconds of computing of all processes that show pages."""
        stats = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it may have ended
                stats[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
        size, seconds = 0, 0.0
        for process, fields in stats.items():
            above = process
            while above in stats and above != self._process.pid:
                above = int(stats[above][1])  # its parent
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{process}/cmdline").read_bytes()
                if above == self._process.pid and b"--type=renderer" in command:
                    size += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
                    seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return size, seconds

    def close(self) -> None:
        """End the browser."""
        self._send("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        os.close(self._in)
        os.close(self._out)

    def _send(self, method: str, session: str | None = None, **parameters) -> int:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        elif self._session and not method.startswith(("Target.get", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        return number

    def _call(self, method: str, **parameters) -> dict:
        number = self._send(method, **parameters)
        while True:
            message = self._receive()
            if message.get("id") == number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message)

    def _note(self, message: dict) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Target.attachedToTarget":  # a worker, which is listened to as well
            for domain in ("Runtime", "Network"):
                self._send(f"{domain}.enable", session=parameters["sessionId"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.errors.append(str(parameters["args"]))

    def _receive(self) -> dict:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], 120)
            part = os.read(self._in, 1 << 20) if ready else b""
            if not part:
                raise AssertionError("Chromium ended or does not answer")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        return json.loads(line)
