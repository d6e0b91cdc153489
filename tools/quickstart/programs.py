"""Starts the programs of the quick start, waits until they say that they are ready, and stops them again."""
import json
import os
import pathlib
import queue
import signal
import subprocess
import threading
import time

READY_WITHIN = 20.0  # seconds
STOP_WITHIN = 10.0


class Failure(Exception):
    """What went wrong, in words for whoever runs the quick start."""


class Program:
    """One child. It says on standard output, in a line of JSON, when it is ready and where it listens."""

    def __init__(self, name, command, log):
        self.name = name
        self.log = pathlib.Path(log)
        self._lines = queue.Queue()
        try:
            # A process group of its own: Ctrl-C reaches this script alone, which then stops them in order.
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=self.log.open("wb"), start_new_session=True, text=True,
                                            errors="replace")
        except OSError as error:
            raise Failure(f"{name} cannot be started: {error}") from error
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self.log.with_suffix(".out").open("w") as copy:
            for line in self.process.stdout:
                copy.write(line)
                copy.flush()
                self._lines.put(line)
        self._lines.put(None)

    def wait_until_ready(self):
        """The ready line as a dictionary."""
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                line = self._lines.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                raise Failure(f"{self.name} was not ready within {READY_WITHIN:.0f} s; see {self.log}") from None
            if line is None:
                code = self.process.wait()
                tail = self.log.read_text(errors="replace").strip().splitlines()[-5:]
                raise Failure("\n  ".join([f"{self.name} ended with code {code}:"] + tail))
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and event.get("event") == "ready":
                return event

    def running(self):
        return self.process.poll() is None

    def stop(self):
        """Asks the program to end; True if it did so by itself and well."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_WITHIN) == 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False


def first_listener(ready):
    """The first "address:port" of a ready line."""
    listeners = ready.get("listeners") or []
    if not listeners:
        raise Failure(f"a program is ready but names no listener: {ready}")
    first = listeners[0]
    return first["address"] if isinstance(first, dict) else first


def find_program(build, name):
    for folder in (build / "bin", build / "tools"):
        path = folder / name
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise Failure(f"{name} was not built in {build}")
