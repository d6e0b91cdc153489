#!/usr/bin/env python3
"""docs/feature_map.md and docs/protocol_map.md say where a feature is and which tests show it; this keeps them true.

A test names what it shows in a comment straight above it (`// Shows: RUL-07, W-11`, in a script `# Shows: ...`).
The test column of the feature map is written from these comments (--write). Checked: a row that is done has a test,
the column is as the comments say, every file, folder and test that either map names exists, every row that a test
names is in the feature map, and what links to files inside the project does not dangle.
"""
import argparse
import pathlib
import re

import sources

FEATURES = "docs/feature_map.md"
STANDARDS = "docs/protocol_map.md"
NOT_YET = "not yet"
SHOWN_AT_MOST = 4  # tests named in a row; more are counted

CXX_TEST = re.compile(
    r"^[ \t]*(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
PYTHON_TEST = re.compile(r"^[ \t]*(?:async )?def (test_\w+)\s*\(", re.MULTILINE)
SHOWS = re.compile(r"^\s*(?://|#) Shows: (.+)$")
ROW_ID = re.compile(r"[A-Z]+-\d+(?:\.\d+)?")


def shown_above(lines, index):
    """The row ids of the Shows comment in the comment block that ends above line `index`; None without one."""
    rows = None
    while index > 0 and re.match(r"^\s*(?://|#|@)", lines[index - 1]):
        index -= 1
        found = SHOWS.match(lines[index])
        if found:
            text = found.group(1)
            below = index + 1  # a long list goes on in the next comment line
            while text.rstrip().endswith(","):
                following = re.match(r"^\s*(?://|#) (.+)$", lines[below]) if below < len(lines) else None
                if not following:
                    break
                text += " " + following.group(1)
                below += 1
            rows = (rows or []) + ROW_ID.findall(text)
    return rows


def collect_tests(root):
    """{test name: row ids} over all tests, and the problems of Shows comments that stand above nothing."""
    tests = {}
    problems = []
    for name in sources.all_files(root):
        if not name.startswith("tests/") or not name.endswith((".cc", ".py")) or name.startswith("tests/checks/"):
            continue
        text = sources.read(root, name)
        lines = text.split("\n")
        used = 0
        for match in (CXX_TEST if name.endswith(".cc") else PYTHON_TEST).finditer(text):
            line = text.count("\n", 0, match.start())
            label = f"{match.group(1)}.{match.group(2)}" if name.endswith(".cc") else f"{name}:{match.group(1)}"
            shown = shown_above(lines, line)
            used += 0 if shown is None else 1
            tests.setdefault(label, []).extend(shown or [])
        comments = sum(1 for line in lines if SHOWS.match(line))
        if comments > used:
            problems.append(f"{name}: {comments - used} Shows comments that are not straight above a test")
    return tests, problems


def split_row(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def feature_rows(text):
    """(line index, cells) of each row of the table row | what | place | test."""
    for index, line in enumerate(text.split("\n")):
        cells = split_row(line) if line.startswith("|") else []
        if len(cells) == 4 and ROW_ID.fullmatch(cells[0]):
            yield index, cells


def test_cell(names):
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN_AT_MOST])
    return shown + (f" and {len(names) - SHOWN_AT_MOST} more" if len(names) > SHOWN_AT_MOST else "")


def check_paths(root, document, line, cell):
    problems = []
    for path in re.findall(r"`((?:[a-z_]+/)+[\w.*-]*)`", cell):
        if not list(pathlib.Path(root).glob(path.rstrip("/"))):
            problems.append(f"{document}:{line}: {path} does not exist")
    return problems


def check_features(root, tests, write):
    text = sources.read(root, FEATURES)
    lines = text.split("\n")
    of_row = {}
    for name in sorted(tests):
        for row in dict.fromkeys(tests[name]):
            of_row.setdefault(row, []).append(name)
    problems = []
    listed = set()
    for index, (row, what, place, test) in feature_rows(text):
        if row in listed:
            problems.append(f"{FEATURES}:{index + 1}: {row} is there twice")
        listed.add(row)
        problems += check_paths(root, FEATURES, index + 1, place)
        wanted = test_cell(of_row.get(row, [])) or (NOT_YET if place == NOT_YET else "")
        if not wanted:
            problems.append(f"{FEATURES}:{index + 1}: no test shows {row}")
        for name in re.findall(r"`([^`]+)`", test):
            if name not in tests:
                problems.append(f"{FEATURES}:{index + 1}: there is no test {name}")
        if write:
            lines[index] = f"| {row} | {what} | {place} | {wanted} |"
        elif wanted != test:
            problems.append(f"{FEATURES}:{index + 1}: the tests of {row} are out of date (documents.py --write)")
    for row in sorted(set(of_row) - listed):
        problems.append(f"{FEATURES}: {row} has no row, but {of_row[row][0]} says that it shows it")
    if write:
        (pathlib.Path(root) / FEATURES).write_text("\n".join(lines))
    return problems, len(listed)


def check_standards(root, tests):
    """Rows: section | what | file | test. `not done` in the file column needs no test."""
    problems = []
    count = 0
    for number, line in enumerate(sources.read(root, STANDARDS).split("\n"), 1):
        cells = split_row(line) if line.startswith("|") else []
        if len(cells) != 4 or cells[0] in ("section", "---"):
            continue
        count += 1
        if cells[2].startswith("not done"):
            continue
        problems += check_paths(root, STANDARDS, number, cells[2])
        names = [name for name in re.findall(r"`([^`]+)`", cells[3])]
        if not names:
            problems.append(f"{STANDARDS}:{number}: {cells[0]} is claimed without a test")
        for name in names:
            suites = {test.split(".")[0] for test in tests}
            known = name in tests or (name.endswith(".*") and name[:-2] in suites) or (
                "/" in name and list(pathlib.Path(root).glob(name)))
            if not known:
                problems.append(f"{STANDARDS}:{number}: there is no test {name}")
    return problems, count


def check_links(root):
    problems = []
    for name in sources.all_files(root):
        if not name.endswith(".md"):
            continue
        text = re.sub(r"```.*?```", lambda match: re.sub(r"[^\n]", " ", match.group(0)), sources.read(root, name),
                      flags=re.DOTALL)
        for match in re.finditer(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            target = match.group(1)
            if "://" in target or target.startswith("mailto:"):
                continue
            if not ((pathlib.Path(root) / name).parent / target).exists():
                problems.append(f"{name}:{sources.line_of(text, match.start())}: {target} does not exist")
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=sources.project_root(), type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    tests, problems = collect_tests(arguments.root)
    found, features = check_features(arguments.root, tests, arguments.write)
    problems += found
    found, standards = check_standards(arguments.root, tests)
    problems += found + check_links(arguments.root)
    sources.finish("documents", problems, f"{features} features, {standards} sections and {len(tests)} tests")


if __name__ == "__main__":
    main()
