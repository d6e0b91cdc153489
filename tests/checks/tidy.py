#!/usr/bin/env python3
"""clang-tidy over the sources that changed, or over all of them.

Changed are the files that differ from --base (the commit before this one; everything where there is none) and what
is not committed. A changed header stands for the source of its name, or else for the first source that includes it.
With --seconds no further file is begun after that time; how many were left out is said, and --all takes them.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.sax.saxutils

import sources


def git(root, *arguments):
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    return done.stdout.split("\n") if done.returncode == 0 else None


def changed_files(root, base):
    names = git(root, "diff", "--name-only", base or "HEAD~1")
    if names is None:
        return None
    return [name for name in names + (git(root, "ls-files", "--others", "--exclude-standard") or []) if name]


def sources_for(root, names, compiled):
    chosen = [name for name in names if name in compiled]
    including = None
    for header in names:
        if not header.endswith(".h") or not (root / header).is_file():
            continue
        own = header[:-2] + ".cc"
        if own not in compiled:
            if including is None:
                including = {name: {path for _, path in sources.includes(sources.read(root, name))} for name in compiled}
            own = next((name for name in compiled if header in including[name]), None)
        if own and own not in chosen:
            chosen.append(own)
    return chosen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=sources.project_root(), type=pathlib.Path)
    parser.add_argument("--build", default="build/dev", help="where compile_commands.json is")
    parser.add_argument("--base", default="")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--junit", type=pathlib.Path)
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    root = arguments.root.resolve()

    commands = json.loads((root / arguments.build / "compile_commands.json").read_text())
    compiled = [os.path.relpath(entry["file"], root) for entry in commands]
    compiled = [name for name in dict.fromkeys(compiled) if not name.startswith(("build/", ".."))]
    names = arguments.files or (None if arguments.all else changed_files(root, arguments.base))
    chosen = compiled if names is None else sources_for(root, names, set(compiled))
    deadline = time.monotonic() + arguments.seconds if arguments.seconds else None

    # A private copy of the commands without the precompiled headers, which need not have been built.
    folder = root / "build" / "tidy"
    folder.mkdir(parents=True, exist_ok=True)
    for entry in commands:
        entry["command"] = re.sub(r"-Winvalid-pch|-fpch-instantiate-templates|-Xclang -include-pch -Xclang \S+"
                                  r"|-Xclang -include -Xclang \S*cmake_pch\S*|-Xclang -fno-pch-timestamp", "",
                                  entry["command"])
    (folder / "compile_commands.json").write_text(json.dumps(commands))

    def tidy(name):
        if deadline and time.monotonic() > deadline:
            return name, None, ""
        done = subprocess.run(["clang-tidy-19", "-p", str(folder), "--quiet", "--warnings-as-errors=*", name], cwd=root,
                              capture_output=True, text=True)
        return name, done.returncode == 0, done.stdout + ("" if done.returncode == 0 else done.stderr)

    results = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for name, good, output in pool.map(tidy, chosen):
            results.append((name, good))
            if good is False:
                print(output)
    left_out = [name for name, good in results if good is None]
    failed = [name for name, good in results if good is False]
    if left_out:
        print(f"note: time was up; {len(left_out)} files were not looked at (./test --full looks at all)")
    print(f"tidy: {len(failed)} files with problems of {len(chosen) - len(left_out)}")
    if arguments.junit:
        rows = "".join(
            f"<testcase name={xml.sax.saxutils.quoteattr(name)} "
            f"status=\"{ {True: 'run', False: 'fail', None: 'notrun'}[good]}\"/>\n" for name, good in results)
        arguments.junit.write_text(f"<testsuite>\n{rows}</testsuite>\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
