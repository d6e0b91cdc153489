#!/usr/bin/env python3
"""The quick start after everything is built: a test DNS, a sink, a node, messages through it, and what became of them.

Usage: run.py --build FOLDER [--once]

All on loopback, on ports that are free, with its state in a folder of its own. Without --once the node stays up until
Ctrl-C. Exit code 0: every message did what messages.py expects.
"""
import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import report
from messages import MESSAGES
from programs import Failure, Program, find_program, first_listener

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "quickstart"


def policy_text(listen, dns, sink, journal):
    """The example policy with our ports and our journal."""
    text = (EXAMPLE / "policy.toml").read_text()
    for written, ours in [("127.0.0.1:2525", listen), ("127.0.0.1:1053", dns), ("127.0.0.1:2526", sink),
                          ("/var/log/sluice/journal.jsonl", str(journal))]:
        if written not in text:
            raise Failure(f"the example policy does not name {written}")
        text = text.replace(f'"{written}"', f'"{ours}"')
    return text


def send(server, number, message):
    """One message by swaks; the last reply that it got."""
    command = ["swaks", "--server", server.rsplit(":", 1)[0], "--port", server.rsplit(":", 1)[1], "--timeout", "60",
               "--ehlo", message.helo, "--from", message.sender or "<>", "--to", message.recipient,
               "--xclient-addr", message.client, "--xclient-helo", message.helo,
               "--header", f"Subject: Quick start {number}: {message.title}",
               "--header", f"Message-ID: <{number}.{int(time.time())}@quickstart.example>",
               "--body", "Sent by ./quickstart."]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          timeout=120)
    replies = [line[4:] for line in done.stdout.splitlines() if line.startswith(("<-  ", "<** "))]
    if not replies:
        raise Failure(f"swaks could not speak to {server}:\n{(done.stdout + done.stderr).strip()}")
    # The last reply is that to QUIT; the one before says what became of the message.
    return next((reply for reply in reversed(replies) if not reply.startswith("221")), replies[-1])


def wait_for_rows(journal, count):
    """The node writes a row before it replies, so this only bridges the moment between two processes."""
    deadline = time.monotonic() + 5
    while len(report.tracking_rows(journal)) < count and time.monotonic() < deadline:
        time.sleep(0.05)


def stay_up(server, programs):
    host, port = server.rsplit(":", 1)
    print(f"""
The node is up at {server}. Send it a message of your own, from any address you like:

  swaks --server {host} --port {port} --ehlo mail.sender.example --xclient-addr 203.0.113.66 \\
        --from you@strict.example --to joe@corp.example

Ctrl-C ends it.""", flush=True)
    try:
        while all(program.running() for program in programs):
            time.sleep(0.5)
        for program in programs:
            if not program.running():
                raise Failure(f"{program.name} ended by itself; see {program.log}")
    except KeyboardInterrupt:
        print()


def run(arguments, programs):
    state = arguments.build / "run"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    journal, record = state / "journal.jsonl", state / "sink.jsonl"

    def start(name, *options):
        program = Program(name, [find_program(arguments.build, name), *options], state / f"{name}.log")
        programs.append(program)
        return program

    dns = first_listener(start("sluice-dns", "--zone", str(EXAMPLE / "zone.yml"), "--listen", "127.0.0.1:0")
                         .wait_until_ready())
    sink = Program("sluice-load sink", [find_program(arguments.build, "sluice-load"), "sink", "--listen",
                                        "127.0.0.1:0", "--record", str(record)], state / "sink.log")
    programs.append(sink)
    hop = first_listener(sink.wait_until_ready())
    policy = state / "policy.toml"
    policy.write_text(policy_text("127.0.0.1:0", dns, hop, journal))
    node = first_listener(start("sluiced", "--policy", str(policy)).wait_until_ready())
    print(f"sluiced is at {node}, its DNS at {dns}, the sink behind it at {hop}; all they write is in {state}")

    for number, message in enumerate(MESSAGES, 1):
        reply = send(node, number, message)
        print(f"  {number:2} {message.title}: {reply}", flush=True)
    wait_for_rows(journal, len(MESSAGES))
    failures = report.report(MESSAGES, journal, record)
    if not arguments.once:
        stay_up(node, programs)
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()
    programs = []
    failures = 1
    # However it is told to end, what it started ends with it. A shell may have started it with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        failures = run(arguments, programs)
    except Failure as failure:
        print(f"quickstart: {failure}", file=sys.stderr)
    except KeyboardInterrupt:
        print()
    finally:
        for program in reversed(programs):
            if not program.stop():
                print(f"quickstart: {program.name} did not end well; see {program.log}", file=sys.stderr)
                failures = failures or 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
