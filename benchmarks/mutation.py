# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Mutation testing: do the tests fail where the code is changed?

    python benchmarks/mutation.py --mutants 400       # goes on where the CSV ends
    python benchmarks/mutation.py --again survived    # after tests were written
    python benchmarks/mutation.py --summary

Draws places in sklip/bounds, sklip/certification and sklip/networks by a fixed seed and
changes one operator, number, comparison, condition or call at a time. Which tests run
which line is recorded once (tests/bounds, tests/certification, tests/networks and two
files more, without the slow tests; 10 to 20 minutes, kept in ``--map``); each mutant
then meets the tests that run its line, until one fails or ``--cap`` CPU seconds are
used up. Nothing is written into the tree.

A mutant is *killed* by a test that fails on it twice, the second time in a process of
its own, and passes on the unchanged code in the same way; *timeout* where that test did
not end in ten times its time; *survived* where no test failed, *survived (cap)* where
the seconds ended before the tests, *survived (no test)* where no test runs the line.
benchmarks/mutation_reasons.csv says of survivors why they do, as read off the code:
*equivalent*, where no input whatever can tell them apart, which ``--summary`` counts
apart; a tie, where two ways meet that end alike; rounding that other allowances cover,
speed, sharpness, the effort of a search, an estimate's accuracy, or a message only;
*open* where a test may be missing, or was not reached within the seconds.

Start it in a tree that nobody edits: ``git worktree add --detach FOLDER``.
``--seconds`` limits one call, ``--only TEXT`` takes the drawn mutants of files whose
path contains it, ``--part 0/2`` every second one, ``--tests TEXT`` the tests of such
files (survivors then need ``--again``); calls beside each other share the CSV. Needs
the test extra, coverage, and a system with fork.
"""

import os
import subprocess
import tempfile
import time
from collections import Counter

from _harness import Table, parse
from _mutation.lines import Lines, test_files
from _mutation.mutants import PACKAGES, ROOT, drawn
from _mutation.processes import Collected, preload, run_imported

COLUMNS = ["file", "line", "column", "change", "outcome", "test", "seconds", "commit"]
KEY = COLUMNS[:4]


class Judge:
    """Finds the test that kills a mutant."""

    def __init__(self, collected, lines, cap):
        self.collected, self.lines, self.cap = collected, lines, cap
        self.alone = {}

    def outcome(self, mutant):
        """(outcome, test, CPU seconds)."""
        tests = self.lines.of(mutant)
        spent = 0.0
        while tests and spent < self.cap:
            run = self._runner(mutant)
            kind, test, seconds = self._tried(run, mutant, tests, self.cap - spent)
            spent += seconds
            if kind in ("survived", "survived (cap)"):
                return kind, "", spent
            # A file that could not be collected has no "::".
            alone = [test] if "::" in test else [t for t in tests if test in t][:1]
            again, _, seconds = self._tried(run, mutant, alone, self.cap)
            spent += seconds
            if again in ("killed", "timeout") and self._passes(test):
                return again, test, spent
            tests = tests[tests.index(test) + 1 :] if test in tests else []
        return ("survived (cap)" if spent else "survived (no test)"), "", spent

    def _runner(self, mutant):
        """Exchange the code in a fork; import the mutant where that is not enough."""
        if mutant.changed_codes():
            messages, _, _ = self.collected.run(mutant, [], {}, self.cap)
            if not messages:
                return self.collected.run
        return run_imported

    def _tried(self, run, mutant, tests, most):
        """How the first failure came, in which test, and after how many seconds."""
        if run is run_imported:
            tests = self._affordable(tests, most)
        messages, seconds, signal = run(mutant, tests, self.lines.cost, most)
        started = [m[1] for m in messages if m[0] == "start"]
        last = messages[-1] if messages else ("end", "", False)
        if last[0] == "collection":
            return "killed", last[1], seconds
        if signal or last[0] in ("start", "error"):
            name = started[-1] if started else tests[0].split("::")[0]
            stopped = signal in (14, 27)  # SIGALRM, SIGPROF
            return ("timeout" if stopped else "killed"), name, seconds
        if last[0] == "end" and last[2]:
            return "killed", last[1], seconds
        return ("survived (cap)" if last[0] == "cap" else "survived"), "", seconds

    def _affordable(self, tests, most):
        """The first tests that fit, of at most a dozen files: each is imported anew."""
        chosen, files, total = [], set(), 0.0
        for test in tests:
            file = test.split("::")[0]
            if (file in files or len(files) < 12) and total < most:
                files.add(file)
                chosen.append(test)
                total += self.lines.cost[test]
        return chosen

    def _passes(self, test):
        """Whether a test passes on the unchanged code, alone; a file was collected."""
        if "::" not in test:
            return True
        if test not in self.alone:
            messages, _, signal = self.collected.run(None, [test], {}, 600.0)
            ended = messages and messages[-1][0] == "end" and not messages[-1][2]
            self.alone[test] = bool(ended and not signal)
        return self.alone[test]


def commit():
    """The last one of sklip, with a mark where the tests are newer than committed."""

    def git(*words):
        command = ["git", "-C", str(ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    found = git("log", "-1", "--format=%h", "--", "sklip")
    return found + "+" * bool(git("status", "--porcelain", "--", "sklip", "tests"))


def prepared(options):
    """The process that runs tests, after the lines of every test are known."""
    preload()
    files = [file for file in test_files() if options.tests in file]
    collected = Collected(files)
    lines = Lines(options.map)
    lines.record(collected, files)
    print(f"{len(lines.cost)} tests, {len(lines.failing)} of them fail unchanged:")
    print("\n".join(sorted(lines.failing)), flush=True)
    return collected, Judge(collected, lines, options.cap)


def campaign(options):
    """Run mutants until the time is over; with --again, those of an outcome anew."""
    end = time.monotonic() + options.seconds
    mutants = drawn(options.mutants, options.seed)
    first, step = map(int, options.part.split("/"))
    mutants = [m for m in mutants if options.only in m.path][first::step]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
        collected, judge = prepared(options)
        here = commit()
        for mutant in mutants:
            if time.monotonic() > end:
                break
            known = outcomes(options.output).get(mutant.key, "")
            wanted = known.startswith(options.again) if options.again else not known
            if not wanted:
                continue
            outcome, test, seconds = judge.outcome(mutant)
            if options.again:
                replace(options.output, mutant, outcome, test, f"{seconds:.1f}", here)
            else:
                row = [*mutant.key, outcome, test, f"{seconds:.1f}", here]
                Table(options.output, COLUMNS, echo=False).add(row)
                print("\t".join(row), flush=True)
        collected.close()


def outcomes(path):
    """What is known of each mutant by now."""
    rows = Table(path, COLUMNS, echo=False).rows
    return {_key(row): row["outcome"] for row in rows}


def _key(row):
    return tuple(row[c] for c in KEY)


def replace(path, mutant, *values):
    """Write a mutant's new row in place of its old one, unless it survives again."""
    print("\t".join([*mutant.key, *values]), flush=True)
    old = Table(path, COLUMNS, echo=False).rows
    new = Table(path + ".new", COLUMNS, echo=False)
    for row in old:
        same = _key(row) == mutant.key
        new.add([*mutant.key, *values] if same else [row[c] for c in COLUMNS])
    os.replace(path + ".new", path)


def summary(options):
    """Shares killed, and the survivors with their reasons."""
    rows = Table(options.output, COLUMNS, echo=False).rows
    path = options.output.replace(".csv", "_reasons.csv")
    reasons = Table(path, [*KEY, "kind", "reason"], echo=False).rows
    known = {_key(row): (row["kind"], row["reason"]) for row in reasons}
    for package in (*PACKAGES, ""):
        some = [row for row in rows if row["file"].startswith(f"sklip/{package}")]
        live = [row for row in some if row["outcome"].startswith("survived")]
        same = [row for row in live if known.get(_key(row), " ")[0] == "equivalent"]
        killed = len(some) - len(live)
        shares = [100.0 * killed / max(len(some) - n, 1) for n in (0, len(same))]
        print(
            f"{package or 'all':14} {killed:4} of {len(some):4} = {shares[0]:.1f} %; "
            f"without {len(same)} equivalent ones {shares[1]:.1f} %"
        )
    print(dict(Counter(row["outcome"] for row in rows)))
    left = [row for row in rows if row["outcome"].startswith("survived")]
    why = [known.get(_key(row), ("unexplained", "")) for row in left]
    print(dict(Counter(kind for kind, _ in why)))
    for row, (kind, reason) in zip(left, why, strict=True):
        place = f"{row['file']}:{row['line']}:{row['column']}"
        print(f"{place} {row['change']}\n    {row['outcome']}; {kind}: {reason}")


def main():
    options = parse(
        __doc__,
        str(ROOT / "benchmarks" / "mutation.csv"),
        mutants=400,
        seed=0,
        seconds=float("inf"),
        only="",
        part="0/1",
        tests="",
        cap=40.0,
        map=os.path.join(tempfile.gettempdir(), "sklip_mutation"),
        again="",
        summary={"action": "store_true"},
    )
    summary(options) if options.summary else campaign(options)


if __name__ == "__main__":
    main()
