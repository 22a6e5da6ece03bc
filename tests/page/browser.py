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
    "--use-fake-device-for-media-stream --autoplay-policy=no-user-gesture-required"
).split()


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
        self._call("Page.navigate", url=page.as_uri())
        self.wait("document.body && document.body.dataset.ready")

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
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"{expression} never came true: {self.text()[:2000]}")

    def choose(self, selector: str, *paths: Path) -> None:
        """Put files into a field, as the file dialog does."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", files=[str(path) for path in paths], nodeId=node)

    def text(self) -> str:
        """Return what the page shows."""
        return self.evaluate("document.body.innerText")

    def screenshot(self, path: Path, width: int = 1200, height: int = 900, dark=False) -> None:
        """Write a picture of the page at a size in pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self.evaluate("dispatchEvent(new Event('resize'))")
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

    def _send(self, method: str, **parameters) -> int:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target.get", "Browser.")):
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
        if method == "Network.requestWillBeSent":
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
