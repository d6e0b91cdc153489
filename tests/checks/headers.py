#!/usr/bin/env python3
"""Every header compiles alone.

A header that a source of the same name includes first is shown to do so by every build (style.py sees to the
order). The others, and with --all every one, are compiled here by themselves. Several go to one run of the compiler,
each as a translation unit of its own.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess

import sources

GROUP = 4  # files for one run of the compiler: saves its start, keeps both cores busy


def compile_alone(compiler, root, scratch, names):
    """Complaints about the headers in names."""
    units = []
    for name in names:
        unit = scratch / (name.replace("/", "_") + ".cc")
        unit.write_text(f'#include "{name}"\n')
        units.append(str(unit))
    command = [compiler, "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{root}"]
    done = subprocess.run(command + units, capture_output=True, text=True)
    if done.returncode == 0:
        return []
    if len(names) > 1:
        return [problem for name in names for problem in compile_alone(compiler, root, scratch, [name])]
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    return [f"{names[0]}: does not compile alone: {errors[0] if errors else done.stderr.strip()[:200]}"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=sources.project_root(), type=pathlib.Path)
    parser.add_argument("--compiler", default="clang++-19")
    parser.add_argument("--scratch", default="build/headers", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    headers = sources.cxx_files(arguments.root, (".h",))
    if not arguments.all:
        headers = [name for name in headers if not (arguments.root / (name[:-2] + ".cc")).is_file()]
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    groups = [headers[at:at + GROUP] for at in range(0, len(headers), GROUP)]
    problems = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for found in pool.map(lambda group: compile_alone(arguments.compiler, arguments.root, arguments.scratch, group),
                              groups):
            problems += found
    sources.finish("headers", problems, f"{len(headers)} headers")


if __name__ == "__main__":
    main()
