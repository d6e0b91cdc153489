#!/usr/bin/env python3
"""What a question upstream costs: questions per second and core, and CPU microseconds of each, of the DNS client on one shard.

    dns_questions.py --build FOLDER [--questions 200000] [--rounds 3] [--in-flight 1 32 256] [--backend auto] [--json FILE]

dns-question-bench asks sluice-dns on loopback for names that are all new, so that each goes through cache, resolver and
sockets, and each answer is kept; so many are under way. The CPU is that of the asking process alone, the kernel's work for
it included; the server has a processor of its own where there are two. With one question under way every answer wakes the
process from sleep, with many the kernel is entered once for several. Target: 5 us with 32 under way.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

import measure

TARGET_IN_FLIGHT, TARGET = 32, 5.0
ZONE = """$ORIGIN bench.example.
$TTL 300
@ IN SOA ns.bench.example. host.bench.example. 1 3600 600 86400 300
*.names IN TXT "v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all"
"""


def measured(build, server, in_flight, args):
    command = [build / "bin" / "dns-question-bench", server, "names.bench.example", in_flight, args.questions, args.backend]
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                          check=False, preexec_fn=measure.on_processor(-1))
    if done.returncode != 0:
        raise measure.MeasureError(f"{' '.join(str(word) for word in command)}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--questions", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--backend", choices=("auto", "uring", "epoll"), default="auto")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    args = parser.parse_args()
    build = args.build.resolve()
    print(measure.machine(args.build))
    figures = []
    with measure.memory_folder() as folder, measure.Programs() as programs:
        zone = pathlib.Path(folder) / "bench.zone"
        zone.write_text(ZONE)
        dns = programs.start([build / "bin" / "sluice-dns", "--listen", "127.0.0.1:0", "--zone", zone], processor=0)
        for in_flight in args.in_flight:
            rounds = [measured(build, dns.listener, in_flight, args) for _ in range(args.rounds)]
            costs = sorted(each["cpu_us"] for each in rounds)
            median = min(rounds, key=lambda each: abs(each["cpu_us"] - statistics.median(costs)))
            figures.append({**median, "cpu_us_least": costs[0], "cpu_us_most": costs[-1]})
            verdict = ""
            if in_flight == TARGET_IN_FLIGHT:
                verdict = f"  target {TARGET}: {'met' if median['cpu_us'] <= TARGET else 'MISSED'}"
            print(f"{in_flight:4} under way, {median['reactor']}: {median['cpu_us']:6.2f} us a question "
                  f"({costs[0]:.2f} to {costs[-1]:.2f}; system {median['system_us']:.2f}), "
                  f"{median['per_second_and_core']:8.0f} a second and core, {median['per_second']:8.0f} a second, "
                  f"{median['retries']} sent again{verdict}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if all(each["cpu_us"] <= TARGET for each in figures if each["in_flight"] == TARGET_IN_FLIGHT) else 1


if __name__ == "__main__":
    sys.exit(main())
