"""A Rollcall server in a process of its own."""

import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TextIO

MAIN = Path(__file__).parents[3] / "dist" / "cli" / "main.js"

READY_TIMEOUT_S = 20
END_TIMEOUT_S = 10


class ServerProcess:
    """`rollcall serve` on a fresh data directory, which goes with it; it can be stopped and started again."""

    def __init__(self) -> None:
        self.data_dir = tempfile.mkdtemp(prefix="rollcall-polyglot-")
        self.address = "127.0.0.1:0"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "ServerProcess":
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def start(self) -> None:
        """Starts the server and waits until it says that it listens; at its earlier address if it had one."""
        command = ["node", MAIN, "serve", "--listen", self.address, "--data-dir", self.data_dir]
        # Idle watchers hear of the store's revision soon, so that the tests need not wait for it.
        command += ["--checkpoint-interval", "100ms", "--log-level", "warn"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_read_lines, args=(self._process.stdout, lines), daemon=True).start()
        try:
            line = lines.get(timeout=READY_TIMEOUT_S)
        except queue.Empty:
            raise AssertionError(f"the server did not listen within {READY_TIMEOUT_S} s") from None
        listening = re.match(r"rollcall listening on (\S+)", line)
        if listening is None:
            raise AssertionError(f"the server said {line!r} on stdout, not that it listens")
        self.address = listening[1]

    def terminate(self) -> None:
        """Asks the server to shut down, and does not wait."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Waits for the process to end. Its exit code."""
        return self._process.wait(timeout=END_TIMEOUT_S)


def _read_lines(stream: TextIO, lines: "queue.SimpleQueue[str]") -> None:
    """Passes on each line, and an empty one at the end."""
    for line in stream:
        lines.put(line)
    lines.put("")
