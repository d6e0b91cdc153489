#!/usr/bin/env python3
"""The checks find each planted fault by its line, and nothing in the look-alikes beside them."""
import pathlib
import re
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import count_results  # noqa: E402
import coroutine_traps  # noqa: E402
import sources  # noqa: E402


def run(script, case):
    done = subprocess.run([sys.executable, str(HERE / f"{script}.py"), "--root", str(HERE / "fixtures" / case)],
                          capture_output=True, text=True)
    return done.returncode, done.stdout


class CoroutineTraps(unittest.TestCase):
    def test_names_every_trap_and_only_those(self):
        text = (HERE / "fixtures/traps/io/base/traps.cc").read_text()
        expected = {number for number, line in enumerate(text.splitlines(), 1) if line.endswith("// trap")}
        found = {int(problem.split(":")[1]) for problem in coroutine_traps.check_text("traps.cc", text)}
        self.assertEqual(found, expected)
        self.assertEqual(run("coroutine_traps", "traps")[0], 1)

    def test_lets_the_right_shapes_pass(self):
        self.assertEqual(run("coroutine_traps", "traps_good"), (0, "coroutine traps: 0 problems in 1 files\n"))


class Style(unittest.TestCase):
    def test_names_every_fault(self):
        code, output = run("style", "style")
        self.assertEqual(code, 1)
        for expected in [r"string_utils.h:2: FIXME", r"string_utils.h:3: a TODO has the form", r"string_utils.h:4: .*home",
                         r"string_utils.h:6: nowhere.h is not a path", r"string_utils.h:7: using namespace",
                         r"string_utils.h:8: std::mutex outside", r"string_utils.h:1: a file is named after",
                         r"string_utils.h:1: a header starts with", r"late.cc:1: the first include",
                         r"late.cc:5: the size that resize_and_overwrite",
                         r"io/base: no README.md"]:
            self.assertRegex(output, re.compile(expected))
        self.assertNotIn("late.cc:6:", output)


class Documents(unittest.TestCase):
    def test_names_every_fault(self):
        code, output = run("documents", "documents")
        self.assertEqual(code, 1)
        for expected in ["feature_map.md:3: the tests of SPF-01 are out of date", "feature_map.md:4: no test shows SPF-02",
                         "feature_map.md:5: there is no test Gone.Away", "feature_map.md:6: rules/gone does not exist",
                         "X-99 has no row", "spf_test.cc: 1 Shows comments that are not straight above",
                         "protocol_map.md:5: RFC 1 is claimed without a test",
                         "protocol_map.md:6: there is no test Spf.IsGone", "protocol_map.md:1: nowhere.md does not exist"]:
            self.assertIn(expected, output)
        for fine in ["SPF-05", "RFC 3", "RFC 4"]:
            self.assertNotIn(fine, output)


class Reader(unittest.TestCase):
    def test_blanks_comments_and_strings_but_keeps_lines(self):
        text = 'int a = 1\'000; // "x"\nauto b = R"(\n// )"; /* c\n */ char d = \'"\';\n'
        blanked = sources.blank(text)
        self.assertEqual(blanked.count("\n"), text.count("\n"))
        self.assertIn("1'000;", blanked)
        self.assertNotIn("//", blanked)
        self.assertIn("char d", blanked)


class Totals(unittest.TestCase):
    def test_counts_cases_where_a_program_names_them(self):
        self.assertEqual(count_results.cases_of("[  PASSED  ] 12 tests.\n"), (12, 0, 0))
        output = "[  PASSED  ] 3 tests.\n[  SKIPPED ] 1 test, listed below:\n[  FAILED  ] 2 tests, listed below:\n"
        self.assertEqual(count_results.cases_of(output), (3, 2, 1))
        self.assertIsNone(count_results.cases_of("all well\n"))


if __name__ == "__main__":
    unittest.main()
