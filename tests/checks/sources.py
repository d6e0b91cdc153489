"""What the checks share: the list of sources, and a reader that blanks out what is not code.

Not a compiler: the checks are lexical, so that they need no build and take seconds.
"""
import os
import pathlib
import re
import subprocess
import sys

# The top-level folders that hold C++, and those whose second-level folders are targets.
CODE_FOLDERS = ["io", "dnscache", "rules", "engine", "tools", "bench", "tests"]
TARGET_FOLDERS = ["io", "dnscache", "rules", "engine"]
FIXTURES = "tests/checks/fixtures"


def project_root():
    return pathlib.Path(__file__).resolve().parent.parent.parent


def all_files(root):
    """Every file of the project by its path from the root: what git would commit, or all where there is no git."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        done = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
                              capture_output=True, check=True)
        names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    return sorted(name for name in set(names) if not name.startswith((FIXTURES, "build/")) and (root / name).is_file())


def cxx_files(root, suffixes=(".h", ".cc")):
    return [name for name in all_files(root)
            if name.endswith(tuple(suffixes)) and name.split("/")[0] in CODE_FOLDERS]


def read(root, name):
    return (pathlib.Path(root) / name).read_text(encoding="utf-8", errors="replace")


_SKIPPED = re.compile(
    r'//[^\n]*'                                         # line comment
    r'|/\*.*?\*/'                                       # block comment
    r'|(?:u8|[uUL])?R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"'  # raw string
    r'|"(?:\\.|[^"\\\n])*"'                             # string
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",            # character, not a digit separator
    re.DOTALL)


def blank(text, keep_strings=False):
    """The text with comments (and strings) replaced by blanks; positions and line numbers stay."""
    def replace(match):
        found = match.group(0)
        if not found.startswith("/"):
            if keep_strings:
                return found
            return '"' + re.sub(r"[^\n]", " ", found[1:-1]) + '"' if len(found) > 1 else found
        return re.sub(r"[^\n]", " ", found)
    return _SKIPPED.sub(replace, text)


def comments(text):
    """(line number, text) of every comment."""
    for match in _SKIPPED.finditer(text):
        if match.group(0).startswith("/"):
            first = text.count("\n", 0, match.start()) + 1
            for offset, line in enumerate(match.group(0).split("\n")):
                yield first + offset, line


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def includes(text):
    """(line number, path) of every #include "path"."""
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', blank(text, keep_strings=True), re.MULTILINE):
        yield line_of(text, match.start()), match.group(1)


def system_includes(text):
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+<([^>]+)>', blank(text), re.MULTILINE):
        yield line_of(text, match.start()), match.group(1)


def folder_of(path):
    """io/base for io/base/chunk.h; None for a file that is in no target folder."""
    parts = path.split("/")
    return "/".join(parts[:2]) if len(parts) >= 3 and parts[0] in TARGET_FOLDERS else None


def finish(name, problems, what_was_read):
    for problem in problems:
        print(problem)
    print(f"{name}: {len(problems)} problems in {what_was_read}")
    sys.exit(1 if problems else 0)
