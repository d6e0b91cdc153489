#!/usr/bin/env python3
"""What an SPF verdict costs when nothing is cached: CPU microseconds, and verdicts per second and core, of one shard.

    spf_upstream.py --build FOLDER [--json FILE]

spf-bench asks sluice-dns on loopback about its whole corpus, 32 evaluations under way, with the cache emptied before each of
five rounds; first as configured by default, then asking ahead (spf.prefetch). The CPU is that of the asking process alone, the
kernel's work for it included. Names that several domains include are asked once a round.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import measure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    args = parser.parse_args()
    programs_folder = args.build.resolve() / "bin"
    print(measure.machine(args.build))
    with measure.memory_folder() as folder, measure.Programs() as programs:
        zone = pathlib.Path(folder) / "corpus.zone"
        subprocess.run([programs_folder / "spf-bench", "--write-zone", zone], check=True, timeout=60)
        dns = programs.start([programs_folder / "sluice-dns", "--listen", "127.0.0.1:0", "--format", "master", "--zone", zone],
                             processor=0)
        done = subprocess.run([programs_folder / "spf-bench", "--upstream", dns.listener], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300, check=False, preexec_fn=measure.on_processor(-1))
    if done.returncode != 0:
        raise measure.MeasureError(done.stdout + done.stderr)
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    for each in figures:
        print(f"{'asking ahead' if each['ahead'] else 'by default':12}: {each['cpu_us_per_verdict']:6.2f} us a verdict, "
              f"{each['verdicts_per_second_per_core']:7.0f} a second and core, {each['questions_per_verdict']:.2f} questions a "
              f"verdict, {each['temperrors']} without an answer")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 1 if any(each["temperrors"] for each in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
