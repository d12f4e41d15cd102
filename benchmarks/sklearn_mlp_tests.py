# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's own tests of its multilayer perceptrons, run on sklip's estimators.

    python benchmarks/sklearn_mlp_tests.py [pytest options]

The installed test file is read, MLPClassifier and MLPRegressor in it are replaced by
sklip's with ``penalty="none"``, and every failure that is not by design is an error.
"""

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

# Test (without its parameters) -> why it cannot pass.
BY_DESIGN = {
    "test_fit": "fills private attributes of an estimator that was never fitted",
    "test_gradient": "calls private methods; tests/training/passes does the same",
    "test_learning_rate_warmstart": "reads the private optimizer",
    "test_adaptive_learning_rate": "reads the private optimizer",
    "test_n_iter_no_change": "reads a private counter",
    "test_n_iter_no_change_inf": "reads a private counter",
    "test_warm_start": "some of the fitted labels go on; unknown ones are an error",
    "test_nonfinite_params": "divergence raises DivergedTrainingError",
    "test_predict_proba_multilabel": "log_proba tells apart what rounds to a 1",
    "test_early_stopping_stratified": "another sentence, after another check",
    "test_mlp_param_dtypes": "predict and coefs_ are float64, as certified",
    "test_mlp_diverging_loss": "divergence raises DivergedTrainingError",
    "test_minimum_input_sample_size": "another sentence for the same refusal",
    "test_preserve_feature_names": "one class is an error",
}

HEADER = """
import functools
from sklip import LipschitzRegularizedMLPClassifier, LipschitzRegularizedMLPRegressor

class MLPClassifier(LipschitzRegularizedMLPClassifier):
    @functools.wraps(LipschitzRegularizedMLPClassifier.__init__)
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{"penalty": "none", "certificate": None, **kwargs})

class MLPRegressor(LipschitzRegularizedMLPRegressor):
    @functools.wraps(LipschitzRegularizedMLPRegressor.__init__)
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{"penalty": "none", "certificate": None, **kwargs})
"""
IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"


class Outcomes:
    """Names of the tests that passed and failed."""

    def __init__(self):
        self.passed, self.failed = set(), set()

    def pytest_runtest_logreport(self, report):
        """Note a test that was called."""
        name = report.nodeid.partition("::")[2]
        if report.failed:
            self.failed.add(name)
        elif report.when == "call" and report.passed:
            self.passed.add(name)


def main(options):
    """Run the tests; 1 if one fails that should not."""
    source = Path(find_spec("sklearn.neural_network").origin).parent
    text = (source / "tests" / "test_mlp.py").read_text(encoding="utf-8")
    if text.count(IMPORT) != 1:
        raise SystemExit("scikit-learn's test file imports its estimators otherwise.")
    outcomes = Outcomes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test_mlp.py"
        path.write_text(text.replace(IMPORT, HEADER), encoding="utf-8")
        fixtures = (
            "import pytest\n@pytest.fixture\ndef global_random_seed(): return 42\n"
        )
        (Path(folder) / "conftest.py").write_text(fixtures, encoding="utf-8")
        arguments = ["-q", "-p", "no:cacheprovider", "--rootdir", folder, "-n", "0"]
        pytest.main([*arguments, *options, str(path)], plugins=[outcomes])
    expected = {n for n in outcomes.failed if n.partition("[")[0] in BY_DESIGN}
    others = sorted(outcomes.failed - expected)
    print(f"{len(outcomes.passed)} passed, {len(expected)} fail by design")
    for name in sorted(expected):
        print(f"  {name}: {BY_DESIGN[name.partition('[')[0]]}")
    for name in others:
        print(f"  NOT BY DESIGN: {name}")
    return int(bool(others))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
