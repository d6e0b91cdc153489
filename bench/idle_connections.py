#!/usr/bin/env python3
"""What an idle SMTP session costs sluiced, and whether a busy client feels it.

Two nodes with the same policy run side by side. Sessions that have said EHLO and then nothing are opened to the first, from
two client processes and many loopback addresses; its resident memory before and after, divided by their number, is what each
costs (the kernel's sockets are not in it). Then a busy client sends messages one after the other, in turns to the node with the
idle sessions and to the one without: the p99 of the time from the last octet of the data to the reply, as the median ratio of
paired rounds. At last the sessions are closed, and what memory came back within a while is printed too.

Usage: idle_connections.py --build FOLDER [--connections 15000] [--rounds 7] [--messages 400] [--json FILE]
Exits with 1 when a target is missed, with --strict. No process may have more than 20,000 descriptors, so neither may the node.
"""
import argparse
import json
import pathlib
import resource
import select
import socket
import statistics
import subprocess
import sys
import time

import measure

TARGET_OCTETS = 4096
TARGET_RATIO = 1.5
PER_ADDRESS = 80  # below the node's limit of sessions of one client
BATCH = 200  # that are being opened at a time


# --- the idle ones --------------------------------------------------------------------------------------------------


def source_address(index):
    number = index // PER_ADDRESS
    return f"127.{1 + number // 62500}.{1 + number // 250 % 250}.{1 + number % 250}"


def read_reply(connection):
    """All lines of one reply."""
    text = b""
    while True:
        part = connection.recv(4096)
        if not part:
            raise SystemExit(f"closed after {text!r}")
        text += part
        lines = text.split(b"\r\n")
        if lines[-1] == b"" and len(lines) > 1 and lines[-2][3:4] == b" ":
            return text


def open_idle(port, first, count):
    """Sessions behind their EHLO."""
    opened = []
    for begin in range(first, first + count, BATCH):
        batch = []
        for index in range(begin, min(begin + BATCH, first + count)):
            connection = socket.socket()
            connection.bind((source_address(index), 0))
            connection.connect(("127.0.0.1", port))
            batch.append(connection)
        for connection in batch:
            read_reply(connection)
            connection.sendall(b"EHLO idle.example\r\n")
        for connection in batch:
            if not read_reply(connection).startswith(b"250"):
                raise SystemExit("EHLO was refused")
        opened += batch
    return opened


def hold(port, first, count):
    """The child: opens them, says so, and keeps them until its input ends. Reports those that the node closed."""
    connections = open_idle(port, first, count)
    print("ready", flush=True)
    sys.stdin.read()
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    print(len(poll.poll(0)), flush=True)


def start_holders(port, connections):
    share = (connections + 1) // 2
    holders = []
    for first in (0, share):
        count = min(share, connections - first)
        holders.append(subprocess.Popen([sys.executable, __file__, "--hold", str(port), str(first), str(count)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for holder in holders:
        if holder.stdout.readline() != "ready\n":
            raise measure.MeasureError("the idle sessions could not be opened")
    return holders


def end_holders(holders):
    lost = 0
    for holder in holders:
        out, _ = holder.communicate(timeout=60)
        lost += int(out or 0)
    return lost


# --- the busy one ---------------------------------------------------------------------------------------------------


class BusyClient:
    def __init__(self, port, size):
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = b"x" * 70 + b"\r\n"
        self.message = b"From: <%s>\r\nSubject: busy\r\n\r\n" % measure.SENDER.encode() + line * (size // len(line)) + b".\r\n"
        read_reply(self.connection)
        self.say("EHLO busy.example")

    def say(self, command):
        self.connection.sendall(command.encode() + b"\r\n")
        return read_reply(self.connection)

    def send(self):
        """Seconds from the last octet to the reply."""
        self.say(f"MAIL FROM:<{measure.SENDER}>")
        self.say(f"RCPT TO:<rcpt@{measure.MANAGED}>")
        self.say("DATA")
        self.connection.sendall(self.message)
        begin = time.perf_counter()
        reply = read_reply(self.connection)
        if not reply.startswith(b"250"):
            raise measure.MeasureError(f"refused: {reply!r}")
        return time.perf_counter() - begin

    def p99(self, messages):
        times = sorted(self.send() for _ in range(messages))
        return times[min(len(times) - 1, int(len(times) * 0.99))]


# --- the measurement ------------------------------------------------------------------------------------------------


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise measure.MeasureError("no VmRSS")


def settle(pid):
    """Resident memory once it stands still for a second."""
    last = resident(pid)
    for _ in range(20):
        time.sleep(0.5)
        now = resident(pid)
        if abs(now - last) < 64 * 1024:
            return now
        last = now
    return last


def run(args):
    with measure.memory_folder() as folder, measure.Programs() as programs:
        sink = measure.next_hop(programs, args.build)
        crowded = measure.start_node(programs, args.build, folder, sink.listener, shards=2, name="crowded")
        alone = measure.start_node(programs, args.build, folder, sink.listener, shards=2, name="alone")
        clients = {"with": BusyClient(crowded.port, args.size), "without": BusyClient(alone.port, args.size)}
        for client in clients.values():
            client.p99(100)  # warm
        pid = crowded.process.pid
        before = settle(pid)
        holders = start_holders(crowded.port, args.connections)
        after = settle(pid)
        rounds = []
        for number in range(args.rounds):
            order = list(clients) if number % 2 == 0 else list(reversed(clients))
            figures = {name: clients[name].p99(args.messages) for name in order}
            rounds.append(figures)
        lost = end_holders(holders)
        time.sleep(args.settle)
        return {"machine": measure.machine(args.build), "connections": args.connections, "rss_before": before, "rss_after": after,
                "rss_end": resident(pid), "octets_per_connection": (after - before) / args.connections, "lost": lost,
                "p99_ms": {name: 1e3 * statistics.median(each[name] for each in rounds) for name in clients},
                "p99_ratio": statistics.median(each["with"] / each["without"] for each in rounds)}


def report(result, args):
    verdicts = {"memory": result["octets_per_connection"] <= TARGET_OCTETS, "p99": result["p99_ratio"] <= TARGET_RATIO,
                "lost": result["lost"] == 0}
    word = {name: "met" if met else "MISSED" for name, met in verdicts.items()}
    print(result["machine"])
    print(f"idle sessions: {result['connections']}, closed by the node: {result['lost']}")
    print(f"resident memory: {result['rss_before'] / 2**20:.1f} MiB before, {result['rss_after'] / 2**20:.1f} MiB with them, "
          f"{result['rss_end'] / 2**20:.1f} MiB {args.settle} s after they left")
    print(f"of ours per idle session: {result['octets_per_connection']:.0f} octets (target {TARGET_OCTETS}: {word['memory']})")
    print(f"busy client, p99 of the reply to the data: {result['p99_ms']['with']:.2f} ms beside them, "
          f"{result['p99_ms']['without']:.2f} ms without; median of {args.rounds} paired ratios {result['p99_ratio']:.2f} "
          f"(target {TARGET_RATIO}: {word['p99']})")
    return all(verdicts.values())


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--hold":
        hold(*(int(word) for word in sys.argv[2:]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--connections", type=int, default=15000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=400, help="of the busy client, in each round and to each node")
    parser.add_argument("--size", type=int, default=20480)
    parser.add_argument("--settle", type=int, default=15, help="seconds after the end before memory is looked at again")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # what we start has it too
    result = run(args)
    met = report(result, args)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))
    return 1 if args.strict and not met else 0


if __name__ == "__main__":
    sys.exit(main())
