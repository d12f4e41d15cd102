# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's check_estimator, whole, for every family with its default arguments.

    python benchmarks/estimator_checks.py

Each estimator is checked by processes of its own with one BLAS and torch thread and
with two: sums of another order must not turn a check. One row for each: the checks that
passed, those that scikit-learn skips, those that fail as tests/test_common.py says, and
the names of those that fail otherwise. Rows that are there are not measured again.
"""

import json
import os
import subprocess
import sys
import warnings
from functools import partial

from _harness import Table, parse

NAMES = [
    f"{family}{kind}"
    for family in ("LipschitzRegularizedMLP", "ADMMLipschitzMLP", "NoiseLipschitz")
    for kind in ("Classifier", "Regressor")
]
NAMES += ["LipschitzBoundedMLPClassifier", "LipschitzBoundedMLPRegressor"]
# Repeated rows draw other noise than weighted rows.
EXPECTED = {
    name: {
        f"check_sample_weight_equivalence_on_{kind}_data": "noise"
        for kind in ("dense", "sparse")
    }
    for name in ("NoiseLipschitzClassifier", "NoiseLipschitzRegressor")
}
STATUSES = ("passed", "skipped", "xfail", "failed")


def check(name):
    """Run all checks of one estimator in this process; statuses and failures."""
    os.environ.setdefault("SCIPY_ARRAY_API", "1")
    from sklearn.utils.estimator_checks import check_estimator

    import sklip

    warnings.simplefilter("ignore")
    results = check_estimator(
        getattr(sklip, name)(),
        expected_failed_checks=EXPECTED.get(name, {}),
        on_skip=None,
        on_fail=None,
    )
    counts = {status: 0 for status in STATUSES}
    for result in results:
        counts[result["status"]] += 1
    failures = [
        f"{result['check_name']}: {result['exception']}"
        for result in results
        if result["status"] == "failed"
    ]
    return [*counts.values(), " | ".join(" ".join(f.split())[:300] for f in failures)]


def checked(name, threads):
    """The same in a process with so many threads."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    command = [sys.executable, __file__, "--one", name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    options = parse(__doc__, "benchmarks/estimator_checks.csv", one="", only="")
    if options.one:
        print(json.dumps(check(options.one)))
        return
    table = Table(options.output, ["estimator", "threads", *STATUSES, "failures"])
    for threads in (1, 2):
        for name in NAMES:
            if options.only in name:
                table.fill([name, threads], partial(checked, name, threads))


if __name__ == "__main__":
    main()
