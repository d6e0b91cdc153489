#!/usr/bin/env python3
"""Takes the guards of the node away, one by one, and expects the simulated faults to notice.

Each guard is a few lines of the product. In a copy of the sources (never in the sources themselves) one of them is
changed, faults_run is built and runs seed after seed until something is violated. Prints a table: the guard, the seed
that found it gone, and what was then found. Ends with 1 when a guard was not missed, or when a change no longer fits
the sources: then the guard has moved, and its entry here must follow.

Usage: tests/faults/guards.py [--fit] [--only NAME]... [--scratch FOLDER] [--runs N] [--jobs N]

With --fit nothing is built: it is only looked whether each change still fits.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name, what is guarded, and the changes that take it away: (file, what stands there once, what stands there then)
GUARDS = [
    ("generation check", "a completion of a socket that has gone does not reach the next user of its slot",
     [("io/base/slab.h", "return slot.generation == id.generation && slot.value ? &*slot.value : nullptr;",
       "return slot.value ? &*slot.value : nullptr;")]),
    ("reply only after commit", "250 for a deleted message follows the sync of its row",
     [("engine/pipeline/smtp_pipeline_end_of_data.cc",
       "const Appended appended = co_await batch.commit(shard, Durability::Synced);",
       "const Appended appended = co_await batch.commit(shard, Durability::Written);")]),
    ("dot across a chunk edge", "the end of a message is found wherever the network cuts it",
     [("io/smtp/data_reader.cc", "return edge_ == Edge::Text ? read_text(piece) : read_edge(piece);",
       "edge_ = Edge::Text;\n  return read_text(piece);")]),
    ("gate on stop", "the node takes nothing down before its last session has ended",
     [("engine/node/node_shard.cc", "const Wake drained = co_await closing_.wait_empty(shard, kNever);",
       "const Wake drained = Wake::Notified;")]),
    ("RCPT replay", "an envelope that the next hop has forgotten is repeated whole (W-2)",
     [("io/serve/hop_transaction.cc", "plan.repeated = accepted_.size();", "plan.repeated = 0;")]),
    ("budget release", "what a body had booked is given back with it",
     [("engine/message/body.cc", "store_.budget().give_memory(std::exchange(held_octets_, 0));",
       "held_octets_ = 0;")]),
    ("cancelled operation keeps its buffer", "the octets of a message stay until a send that is broken off is reported",
     [("io/serve/smtp_client.cc",
       "if (!result || stream_->unsent() != 0 || cut_) co_await stream_->close(shard, net::CloseMode::Abort);", "")]),
    ("one reply per transaction", "a message that was refused on the way is not decided again at its end",
     [("io/serve/server_connection.cc", "if (!in_transaction_ || broken_off_) co_return;\n  in_transaction_ = false;",
       "in_transaction_ = false;")]),
    ("journal before 250", "250 for a relayed message follows its row",
     [("engine/pipeline/smtp_pipeline_end_of_data.cc",
       "(void)co_await batch.commit(shard, Durability::Written);\n  tx.hop.reset();",
       "batch.commit_later(shard);\n  tx.hop.reset();")]),
    ("deadline on the next hop", "a next hop that is silent behind the final dot is given up (W-7)",
     [("io/serve/hop_transaction.cc", "client.send_chunk(shard, octets, answer_deadline)",
       "client.send_chunk(shard, octets, std::max(answer_deadline, kNever))"),
      ("io/serve/hop_transaction.cc", "client.send_body(shard, octets, answer_deadline)",
       "client.send_body(shard, octets, std::max(answer_deadline, kNever))")]),
]


def copy_sources(scratch):
    """What git knows, as it is in the working tree; files that did not change keep their time, for the build."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, capture_output=True, text=True).stdout
    names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for name in sorted(names):
        source, target = ROOT / name, scratch / name
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def change(scratch, changes):
    """Applies them; a text that is not there exactly once is an error."""
    for name, old, new in changes:
        path = scratch / name
        text = path.read_text()
        if text.count(old) != 1:
            raise SystemExit(f"guards: {name} holds this {text.count(old)} times, not once; the guard has moved:\n{old}")
        path.write_text(text.replace(old, new))


def check_fit(root):
    """Of all guards: the alarm is loud before anything is built."""
    for name, _, changes in GUARDS:
        for file, old, _ in changes:
            count = (root / file).read_text().count(old)
            if count != 1:
                raise SystemExit(f"guards: {name}: {file} holds its text {count} times, not once; it has moved:\n{old}")


def build(scratch, jobs):
    done = subprocess.run(["cmake", "--build", scratch / "build/release", "-j", str(jobs), "--target", "faults_run"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit("guards: cannot build\n" + done.stdout[-4000:])


def hunt(scratch, runs, jobs):
    """(seed, what was found), or None after so many runs."""
    command = [scratch / "build/release/bin/faults_run", "--seed", "1", "--runs", str(runs), "--jobs", str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^seed (\d+): (.*)$", done.stdout, re.MULTILINE)
    if done.returncode == 0 or not found:
        return None
    what = found.group(2)
    broken = re.search(r"invariant broken: .*", done.stderr)
    return int(found.group(1)), what + (f" [{broken.group(0)}]" if broken and "died" in what else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fit", action="store_true", help="build nothing, only look whether each change fits")
    parser.add_argument("--only", action="append", default=[], help="the name of a guard")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "build/guards")
    parser.add_argument("--runs", type=int, default=10000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    chosen = [guard for guard in GUARDS if not options.only or guard[0] in options.only]
    if not chosen:
        raise SystemExit("guards: the names are " + ", ".join(guard[0] for guard in GUARDS))

    check_fit(ROOT)
    if options.fit:
        return 0
    scratch = options.scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    copy_sources(scratch)
    subprocess.run(["cmake", "--preset", "release", "-S", scratch, "-B", scratch / "build/release"], cwd=scratch,
                   check=True, capture_output=True)
    missed = 0
    print(f"{'guard':38} {'seed':>6} {'seconds':>8}  found", flush=True)
    for name, _, changes in chosen:
        change(scratch, changes)
        try:
            build(scratch, options.jobs)
            began = time.monotonic()
            found = hunt(scratch, options.runs, options.jobs)
        finally:
            copy_sources(scratch)
        seconds = time.monotonic() - began
        if found is None:
            missed += 1
            print(f"{name:38} {'-':>6} {seconds:8.1f}  NOT MISSED in {options.runs} runs", flush=True)
        else:
            print(f"{name:38} {found[0]:>6} {seconds:8.1f}  {found[1]}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} guards were missed when they were taken away")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
