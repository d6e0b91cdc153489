#!/usr/bin/env python3
"""What one message costs: CPU microseconds of the whole process, for three receivers that get the same load in turns.

    bare      bench/bare_sink.cc, the floor: no checks, no limits
    null      `sluice-load sink`: the node's session and reactor with a handler that accepts everything
    relay     sluiced with an SPF rule (answers cached), result header and journal, relaying to a bare sink

Usage: bare_path.py --build FOLDER [--rounds 5] [--messages 20000] [--size 20480] [--bare PROGRAM]

User and system time of all threads from /proc, taken before and after each load; the load is `sluice-load send`, closed loop
on 16 connections. The measured program has the last processor for itself, all else the first: on a shared one the
receiver is woken less often, and looks cheaper than it is. Rounds are paired: every receiver is measured once in each. Prints median and spread, and the ratio to the
bare sink of the same rounds. All on loopback, in a folder that goes away. --bare measures another program as the floor, too; it
is called with its port.
"""
import argparse
import json
import os
import pathlib
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile

CONNECTIONS = 16
TICK = os.sysconf("SC_CLK_TCK")
PROCESSORS = sorted(os.sched_getaffinity(0))


def on_processor(index):
    return lambda: os.sched_setaffinity(0, {PROCESSORS[index]})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) / TICK, int(fields[12]) / TICK  # user, system


class Program:
    """One that we started, ended by its id."""

    def __init__(self, command, ready_port=None, processor=-1):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        preexec_fn=on_processor(processor))
        self.listener = None
        if ready_port is None:
            line = self.process.stdout.readline()
            self.listener = json.loads(line)["listeners"][0]
        else:
            self.listener = f"127.0.0.1:{ready_port}"
            self.wait_for_port(ready_port)

    @staticmethod
    def wait_for_port(port):
        for _ in range(2000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
        raise SystemExit(f"nobody listens on port {port}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=90)
        return out


def zone_text():
    return 'sender.example:\n  - SPF: "v=spf1 ip4:127.0.0.0/8 -all"\n'


def policy_text(folder, sink, dns):
    return f"""
[node]
hostname = "mx.bench.example"
shards = 1
[journal]
path = "{folder}/journal.jsonl"
[dns]
servers = ["{dns}"]
[[listener]]
address = "127.0.0.1:0"
direction = "inbound"
[spf]
private_peers = ["127.0.0.0/8"]
[[domain]]
name = "managed.example"
next_hops = ["{sink}"]
[[spf.rule]]
name = "bench"
domains = ["managed.example"]
enabled = true
preset = "reject"
"""


def send(build, address, messages, per_connection, size):
    """One load; its summary."""
    command = [str(build / "bin" / "sluice-load"), "send", "--connect", address, "--connections", str(CONNECTIONS),
               "--messages", str(messages), "--messages-per-connection", str(per_connection), "--size", str(size),
               "--from", "user@sender.example", "--to", "rcpt@managed.example", "--helo", "client.example", "--quiet",
               "--seconds", "120"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True, preexec_fn=on_processor(0))
    summary = json.loads(done.stdout.strip().splitlines()[-1])
    if summary["accepted"] != messages:
        raise SystemExit(f"only {summary['accepted']} of {messages} messages were accepted: {done.stdout}")
    return summary


def measure(build, program, args, per_connection, messages):
    send(build, program.listener, min(messages, 500), per_connection, args.size)  # warm
    user, system = cpu_seconds(program.process.pid)
    summary = send(build, program.listener, messages, per_connection, args.size)
    user_after, system_after = cpu_seconds(program.process.pid)
    spent = 1e6 / messages
    return {"user": (user_after - user) * spent, "system": (system_after - system) * spent,
            "total": (user_after - user + system_after - system) * spent,
            "rate": summary.get("messages_per_second", 0)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--size", type=int, default=20480)
    parser.add_argument("--bare", help="another floor, called with its port")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    args = parser.parse_args()
    build = args.build.resolve()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        (pathlib.Path(folder) / "zone.yml").write_text(zone_text())
        started = []

        def start(command, ready_port=None, processor=-1):
            started.append(Program(command, ready_port, processor))
            return started[-1]

        try:
            receivers = {}
            port = free_port()
            receivers["bare sink"] = start([str(build / "bin" / "bare-sink"), str(port)], port)
            if args.bare:
                port = free_port()
                receivers["given sink"] = start([args.bare, *(["-P"] if "usink" in args.bare else []), str(port)], port)
            receivers["null pipeline"] = start([str(build / "bin" / "sluice-load"), "sink", "--listen", "127.0.0.1:0"])
            port = free_port()
            behind = start([str(build / "bin" / "bare-sink"), str(port)], port, processor=0)
            dns = start([str(build / "bin" / "sluice-dns"), "--listen", "127.0.0.1:0", "--zone", f"{folder}/zone.yml"],
                        processor=0)
            policy = pathlib.Path(folder) / "policy.toml"
            policy.write_text(policy_text(folder, behind.listener, dns.listener))
            receivers["relay with SPF"] = start([str(build / "bin" / "sluiced"), "--policy", str(policy)])
            results = run_rounds(build, receivers, args)
        finally:
            for program in started:
                program.stop()
    report(results, args)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


def run_rounds(build, receivers, args):
    results = {}
    for round_number in range(args.rounds):
        for per_connection in (1, 100):
            for name, program in receivers.items():
                figures = measure(build, program, args, per_connection, args.messages)
                results.setdefault(str(per_connection), {}).setdefault(name, []).append(figures)
        print(f"round {round_number + 1} of {args.rounds} done", file=sys.stderr)
    return results


def report(results, args):
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"{cpu}, Linux {platform.release()}; {args.size} octets, {CONNECTIONS} connections, {args.rounds} paired rounds of "
          f"{args.messages} messages")
    print(f"{'messages per connection':24} {'receiver':16} {'CPU us/message':>16} {'min..max':>16} {'user':>7} {'system':>7} "
          f"{'kernel':>7} {'x bare':>7} {'msgs/s':>8}")
    for per_connection, receivers in results.items():
        floor = [each["total"] for each in receivers["bare sink"]]
        for name, rounds in receivers.items():
            totals = [each["total"] for each in rounds]
            ratio = statistics.median(total / bare for total, bare in zip(totals, floor))
            user = statistics.median(each["user"] for each in rounds)
            system = statistics.median(each["system"] for each in rounds)
            print(f"{per_connection:24} {name:16} {statistics.median(totals):16.1f} "
                  f"{f'{min(totals):.1f}..{max(totals):.1f}':>16} {user:7.1f} {system:7.1f} "
                  f"{100 * system / max(user + system, 1e-9):6.0f}% {ratio:7.2f} "
                  f"{statistics.median(each['rate'] for each in rounds):8.0f}")


if __name__ == "__main__":
    main()
