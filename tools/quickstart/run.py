#!/usr/bin/env python3
"""The quick start after everything is built: a test DNS, a sink, a node, messages through it, and what became of them.

Usage: run.py --build FOLDER [--once]

All on loopback, on ports that are free, with its state in a folder of its own. Without --once the node stays up until
Ctrl-C. Exit code 0: every message did what messages.py expects.
"""
import argparse
import email.utils
import json
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
SELECTOR = "quickstart"


def policy_text(listen, dns, sink, journal):
    """The example policy with our ports and our journal."""
    text = (EXAMPLE / "policy.toml").read_text()
    for written, ours in [("127.0.0.1:2525", listen), ("127.0.0.1:1053", dns), ("127.0.0.1:2526", sink),
                          ("/var/log/sluice/journal.jsonl", str(journal))]:
        if written not in text:
            raise Failure(f"the example policy does not name {written}")
        text = text.replace(f'"{written}"', f'"{ours}"')
    return text


def signing_key(build, state):
    """A key for the domain whose mail is signed: the path of its private half, and the record of its public one."""
    path = state / "key.pem"
    made = subprocess.run([find_program(build, "sluicectl"), "dkim", "keygen", "--type", "ed25519", "--out", str(path)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if made.returncode != 0:
        raise Failure(f"no key could be made: {made.stderr.strip()}")
    return path, made.stdout.strip()


def zone_text(record):
    return (EXAMPLE / "zone.yml").read_text() + f'\n{SELECTOR}._domainkey.strict.example:\n  - TXT: "{record}"\n'


def octets_of(number, message):
    author = message.author or message.sender or f"mailer-daemon@{message.helo}"
    lines = [f"Date: {email.utils.formatdate()}", f"From: {author}", f"To: {message.recipient}",
             f"Subject: Quick start {number}: {message.title}",
             f"Message-ID: <{number}.{int(time.time())}@quickstart.example>", "", "Sent by ./quickstart.", ""]
    return "\r\n".join(lines).encode()


def write_message(build, state, number, message, key):
    """The message in a file, signed where it is to be."""
    path = state / f"message-{number}.eml"
    path.write_bytes(octets_of(number, message))
    if not message.signed_by:
        return path
    order = {"id": number, "mode": "dkim", "message_file": str(path), "out_file": str(path.with_suffix(".signed.eml")),
             "domain": message.signed_by, "selector": SELECTOR, "key_file": str(key), "algorithm": "ed25519-sha256",
             "canonicalization": "relaxed/relaxed", "now": int(time.time())}
    done = subprocess.run([find_program(build, "sluicectl"), "sign", "--batch"], input=json.dumps(order) + "\n",
                          capture_output=True, text=True, timeout=60)
    if not json.loads(done.stdout or "{}").get("ok"):
        raise Failure(f"message {number} could not be signed: {(done.stdout + done.stderr).strip()}")
    return path.with_suffix(".signed.eml")


def send(server, message, path):
    """One message by swaks; the last reply that it got."""
    command = ["swaks", "--server", server.rsplit(":", 1)[0], "--port", server.rsplit(":", 1)[1], "--timeout", "60",
               "--ehlo", message.helo, "--from", message.sender or "<>", "--to", message.recipient,
               "--xclient-addr", message.client, "--xclient-helo", message.helo, "--data", f"@{path}"]
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
    journal, taken = state / "journal.jsonl", state / "sink.jsonl"

    def start(name, *options):
        program = Program(name, [find_program(arguments.build, name), *options], state / f"{name}.log")
        programs.append(program)
        return program

    key, record = signing_key(arguments.build, state)
    zone = state / "zone.yml"
    zone.write_text(zone_text(record))
    dns = first_listener(start("sluice-dns", "--zone", str(zone), "--listen", "127.0.0.1:0")
                         .wait_until_ready())
    sink = Program("sluice-load sink", [find_program(arguments.build, "sluice-load"), "sink", "--listen",
                                        "127.0.0.1:0", "--record", str(taken)], state / "sink.log")
    programs.append(sink)
    hop = first_listener(sink.wait_until_ready())
    policy = state / "policy.toml"
    policy.write_text(policy_text("127.0.0.1:0", dns, hop, journal))
    node = first_listener(start("sluiced", "--policy", str(policy)).wait_until_ready())
    print(f"sluiced is at {node}, its DNS at {dns}, the sink behind it at {hop}; all they write is in {state}")

    for number, message in enumerate(MESSAGES, 1):
        reply = send(node, message, write_message(arguments.build, state, number, message, key))
        print(f"  {number:2} {message.title}: {reply}", flush=True)
    wait_for_rows(journal, len(MESSAGES))
    failures = report.report(MESSAGES, journal, taken)
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
