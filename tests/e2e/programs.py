"""Child programs of the end-to-end tests: started on loopback, watched with time-outs, ended by their own id."""
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import threading
import time

READY_WITHIN = 20.0  # seconds; a busy machine, not a slow program
STOP_WITHIN = 20.0
LOOPBACK = {4: "127.0.0.1", 6: "::1"}


class ProgramError(AssertionError):
    """A program did not do what it was started for."""


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def split_endpoint(text):
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def free_port(address="127.0.0.1"):
    """A port that nobody has now. For programs that cannot take port 0 and tell which they got."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=20.0):
    """For what happens in another process a moment later. Gives what the condition gave."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise ProgramError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.01)


class Program:
    """One child in a process group of its own, its output in files of the test's folder."""

    def __init__(self, folder, name, command, before_exec=None, environment=None):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.events = []  # lines of JSON that it printed
        self._fresh = queue.Queue()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            start_new_session=True, preexec_fn=before_exec, text=True, env=environment,
                                            errors="replace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                self.events.append(event)
                self._fresh.put(event)
        self._fresh.put(None)

    def wait_ready(self):
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                event = self._fresh.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                raise ProgramError(f"{self.name} was not ready in time: {self.log_text()}") from None
            if event is None:
                raise ProgramError(f"{self.name} ended with {self.process.wait()}: {self.log_text()}")
            if event.get("event") == "ready":
                return event

    def wait_accepting(self, address, port):
        """For programs that do not say when they are ready."""
        def accepts():
            if self.process.poll() is not None:
                raise ProgramError(f"{self.name} ended with {self.process.returncode}: {self.log_text()}")
            try:
                socket.create_connection((address, port), timeout=1).close()
                return True
            except OSError:
                return False
        wait_until(accepts, f"{self.name} accepts connections")

    def log_text(self):
        return self.log.read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=STOP_WITHIN):
        """The exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"{self.name} did not end within {seconds:.0f} s: {self.log_text()}") from None
        self._reader.join(5)
        return code

    def terminate(self, seconds=STOP_WITHIN):
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.running():
            self.signal(signal.SIGKILL)
        return self.wait()

    def clean_up(self):
        """Whatever became of the test: nothing of this program's own process group is left behind."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()


class Sink:
    """Postfix's smtp-sink: accepts what comes, and keeps each message in a file of its own."""

    def __init__(self, folder, name="sink", version=4, options=()):
        self.folder = pathlib.Path(folder) / f"{name}_messages"
        self.folder.mkdir()
        address = LOOPBACK[version]
        port = free_port(address)
        self.address = endpoint(address, port)
        command = ["/usr/sbin/smtp-sink", "-d", str(self.folder / "m."), *options]
        if os.geteuid() == 0:
            self.folder.chmod(0o777)
            command += ["-u", "nobody"]
        self.program = Program(folder, name, [*command, self.address, "128"])
        self.program.wait_accepting(address, port)

    def messages(self):
        """(recipients, text) of every message that was ended and kept."""
        found = []
        for path in self.folder.iterdir():
            try:
                text = path.read_text(errors="surrogateescape")
            except FileNotFoundError:
                continue  # a message whose client went away: the sink removes it
            recipients = [line.split("<", 1)[1].rstrip(">") for line in text.split("\n")
                          if line.startswith("X-Rcpt-Args:")]
            found.append((recipients, text))
        return found
