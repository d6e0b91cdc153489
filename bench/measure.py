"""What the measuring scripts have in common: programs that they start and end, processor time of a process or of a tree
of them, the machine in words, and the configuration of a measured node."""
import json
import os
import pathlib
import platform
import re
import signal
import socket
import subprocess
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
PROCESSORS = sorted(os.sched_getaffinity(0))
MANAGED = "managed.example"
SENDER = "user@sender.example"
# What a policy says beside the SPF rule for DKIM, ARC and DMARC to be looked at and their results written.
AUTHENTICATION = f"""
[result_header]
authentication_results = true
[dkim]
verify = true
[arc]
verify = true
[[dmarc.rule]]
name = "bench"
domains = ["{MANAGED}"]
enabled = true
"""


class MeasureError(SystemExit):
    """What ends a measurement, in words."""


def on_processor(index):
    """For preexec_fn; None: any."""
    return None if index is None else lambda: os.sched_setaffinity(0, {PROCESSORS[index]})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory_folder():
    """A folder in memory that goes away: journals and logs cost no disk."""
    return tempfile.TemporaryDirectory(prefix="sluice_bench_", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def machine(build):
    """The processor, the kernel, and what the programs were built by, in words."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
    load = os.getloadavg()[0]
    return f"{model}, {len(PROCESSORS)} processors, Linux {platform.release()}, {_built_by(build)}, load {load:.1f}"


def _built_by(build):
    try:
        cache = dict(re.findall(r"^(\w+):\w+=(.*)$", (pathlib.Path(build) / "CMakeCache.txt").read_text(), re.MULTILINE))
        kind = cache["CMAKE_BUILD_TYPE"]
        return f"{pathlib.Path(cache['CMAKE_CXX_COMPILER']).name} {cache['CMAKE_CXX_FLAGS_' + kind.upper()]}"
    except (OSError, KeyError):
        return "unknown build"


# --- processor time -------------------------------------------------------------------------------------------------


def _stat(pid):
    """(parent, user, system, user and system of children that ended), times in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[1]), int(fields[11]) / TICK, int(fields[12]) / TICK, int(fields[13]) / TICK, int(fields[14]) / TICK


class Cpu:
    """Processor time in microseconds. The total is the scheduler's own sum, in nanoseconds; how it divides into user and
    system time comes from the clock's ticks, so that a share needs a second or so of work to be exact."""

    def __init__(self, user, system, total):
        self.user, self.system, self.total = user, system, total

    def since(self, before, messages):
        user, system = self.user - before.user, self.system - before.system
        total = (self.total - before.total) / messages
        share = user / (user + system) if user + system > 0 else 0.0
        return {"user": total * share, "system": total * (1 - share), "total": total}


def cpu_of_process(pid):
    """All threads that live. Those that ended count only in ticks, so a measured program should not end threads."""
    _, user, system, _, _ = _stat(pid)
    try:
        exact = sum(int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
                    for task in os.listdir(f"/proc/{pid}/task")) / 1e3
    except (OSError, IndexError):
        exact = 0.0
    ticks = (user + system) * 1e6
    if exact < ticks - 2e6 / TICK:  # no such file here, or threads have ended
        exact = ticks
    return Cpu(user, system, exact)


def cpu_of_tree(root):
    """The process, its descendants, and those of them that ended; in ticks."""
    rows = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                rows[int(name)] = _stat(name)
            except OSError:
                pass
    family = {root}
    while True:
        more = {pid for pid, row in rows.items() if row[0] in family} - family
        if not more:
            break
        family |= more
    found = [rows[pid] for pid in family if pid in rows]
    user, system = sum(row[1] + row[3] for row in found), sum(row[2] + row[4] for row in found)
    return Cpu(user, system, (user + system) * 1e6)


def openssl_us(octets):
    """SHA-256 of so many octets and one RSA-2048 verification, by `openssl speed` on the last processor."""
    def figure(field, *what):
        try:
            done = subprocess.run(["openssl", "speed", "-seconds", "1", "-mr", *what], capture_output=True, text=True,
                                  check=True, preexec_fn=on_processor(-1))
        except (OSError, subprocess.CalledProcessError) as error:
            raise MeasureError(f"the cryptography alone is measured by `openssl speed`: {error}") from error
        return float(done.stdout.split("+F", 1)[1].splitlines()[0].split(":")[field])
    hashed = figure(3, "-bytes", str(octets), "-evp", "sha256")  # octets per second
    verified = figure(4, "rsa2048")  # per second, or seconds each
    return 1e6 * (octets / hashed + (verified if verified < 1 else 1 / verified))


# --- programs -------------------------------------------------------------------------------------------------------


class Program:
    """One that we started, ended by its id. `ready_port`: for those that do not say where they listen."""

    cpu_of = staticmethod(cpu_of_process)

    def __init__(self, command, ready_port=None, processor=-1):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True,
                                        preexec_fn=on_processor(processor))
        try:
            if ready_port is None:
                line = self.process.stdout.readline()
                if not line:
                    raise MeasureError(f"{command[0]} ended with {self.process.wait()} before it was ready")
                self.listener = json.loads(line)["listeners"][0]
            else:
                self.listener = f"127.0.0.1:{ready_port}"
                self.wait_for_port(ready_port)
        except BaseException:
            self.stop()
            raise

    def wait_for_port(self, port):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise MeasureError(f"{self.process.args[0]} ended with {self.process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise MeasureError(f"nobody listens on port {port}")

    @property
    def port(self):
        return int(self.listener.rsplit(":", 1)[1])

    def cpu(self):
        return self.cpu_of(self.process.pid)

    def stop(self):
        """What it printed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            out, _ = self.process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, _ = self.process.communicate()
        return out


class Programs:
    """Those of one measurement; the last one started ends first."""

    def __init__(self):
        self._started = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in reversed(self._started):
            program.stop()

    def add(self, program):
        self._started.append(program)
        return program

    def start(self, command, ready_port=None, processor=-1):
        return self.add(Program([str(word) for word in command], ready_port, processor))


def bare_sink(programs, build, processor=0, chunking=False):
    port = free_port()
    return programs.start([build / "bin" / "bare-sink", port, *(["chunking"] if chunking else [])], port, processor)


def next_hop(programs, build, processor=0, chunking=True):
    """What stands behind a measured system. Unless said otherwise it offers CHUNKING, as Postfix, Exim and Exchange do."""
    return bare_sink(programs, build, processor, chunking)


# --- a node ---------------------------------------------------------------------------------------------------------


def policy_text(folder, next_hop, dns, shards=1, address="127.0.0.1:0", extra=""):
    """A relay with an SPF rule: every message is judged, gets its header field and its rows in the journal."""
    return f"""
[node]
hostname = "mx.bench.example"
shards = {shards}
[journal]
path = "{folder}/journal.jsonl"
[dns]
servers = ["{dns}"]
[[listener]]
address = "{address}"
direction = "inbound"
[spf]
private_peers = ["127.0.0.0/8"]
[[domain]]
name = "{MANAGED}"
next_hops = ["{next_hop}"]
[[spf.rule]]
name = "bench"
domains = ["{MANAGED}"]
enabled = true
preset = "reject"
{extra}"""


def start_node(programs, build, folder, next_hop, *, zone=None, shards=1, name="node", processor=-1,
               dns_processor=0):
    """sluiced with its own sluice-dns; `zone`: more text for its zone file."""
    folder = pathlib.Path(folder) / name
    folder.mkdir()
    zone_file = folder / "zone.yml"
    zone_file.write_text('sender.example:\n  - SPF: "v=spf1 ip4:127.0.0.0/8 -all"\n' + (zone or ""))
    dns = programs.start([build / "bin" / "sluice-dns", "--listen", "127.0.0.1:0", "--zone", zone_file],
                         processor=dns_processor)
    policy = folder / "policy.toml"
    address = f"127.0.0.1:{free_port() if shards > 1 else 0}"
    policy.write_text(policy_text(folder, next_hop, dns.listener, shards, address))
    return programs.start([build / "bin" / "sluiced", "--policy", policy], processor=processor)


# --- loads ----------------------------------------------------------------------------------------------------------


def bare_load(build, port, messages, *, per_connection=1, size=20480, corpus=None, connections=16, seconds=120,
              as_itself=False):
    """A closed loop of the cheap source; its summary. Every message must be taken. `as_itself`: without XCLIENT, from
    where it is, whatever clients the corpus names."""
    command = [build / "bin" / "bare-source", "--port", port, "--connections", connections, "--messages", messages,
               "--messages-per-connection", per_connection, "--size", size, "--from", SENDER, "--to", f"rcpt@{MANAGED}",
               "--seconds", seconds]
    if corpus:
        command += ["--corpus", corpus]
    if as_itself:
        command += ["--as-itself"]
    return _run_load(command, messages, seconds)


def sending_us(build, port, messages, **load):
    """CPU microseconds of the cheap source for each message on open connections: what relaying costs beside receiving."""
    return 1e6 * bare_load(build, port, messages, per_connection=100, as_itself=True, **load)["cpu_seconds"] / messages


def generator_load(build, port, messages, *, per_connection=1, size=20480, connections=16, seconds=120, extra=(),
                   all_accepted=True, processor=0):
    """`sluice-load send`; its summary."""
    command = [build / "bin" / "sluice-load", "send", "--connect", f"127.0.0.1:{port}", "--connections", connections,
               "--messages", messages, "--messages-per-connection", per_connection, "--size", size, "--from", SENDER, "--to",
               f"rcpt@{MANAGED}", "--helo", "client.example", "--quiet", "--seconds", seconds, *extra]
    return _run_load(command, messages if all_accepted else None, seconds, processor)


def _run_load(command, messages, seconds, processor=0):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds + 60, check=False, preexec_fn=on_processor(processor))
    if not done.stdout.strip():
        raise MeasureError(f"{command[0]} ended with {done.returncode}: {done.stderr}")
    summary = json.loads(done.stdout.strip().splitlines()[-1])
    if messages is not None and summary["accepted"] != messages:
        raise MeasureError(f"only {summary['accepted']} of {messages} messages were accepted: {done.stdout}{done.stderr}")
    return summary
