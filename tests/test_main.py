# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""``python -m sklip``: its table, its files, and one sentence for each error.

Also tests of ``_cli/_baselines.py``, ``_cli/_card.py``, ``_cli/_cells.py``,
``_cli/_columns.py``, ``_cli/_description.py``, ``_cli/_job.py``, ``_cli/_measure.py``,
``_cli/_models.py``, ``_cli/_report.py`` and ``_cli/_run.py``.
"""

import ast
import functools
import re
import subprocess
import sys
import tomllib
import types

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import train_test_split

import sklip.certification
from sklip import (
    adversarial_accuracy_score,
    certified_accuracy_score,
    certified_interval,
    certified_radius,
)
from sklip.__main__ import main
from sklip._cli._data import load_csv
from sklip._cli._report import round_up
from sklip._cli._selection import Selection

QUICK = ("--max-iter", "5", "--hidden-layer-sizes", "8", "--no-baselines")


def make_table(n=60):
    """Two numeric columns, one category, a text label, two numeric targets."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": 100 * rng.normal(size=n)})
    frame["kind"] = rng.choice(["u", "v", "w"], n)
    frame["label"] = np.where(frame.a + frame.b / 100 > 0, "yes", "no")
    frame["score"] = 50 + 10 * frame.a + frame.b / 20
    frame["count"] = rng.integers(0, 4, n)
    return frame


@pytest.fixture
def as_shipped():
    """For tests of the radii and attacks themselves: measured as users see them."""


@pytest.fixture(autouse=True)
def cheap_measures(request, monkeypatch):
    """Elsewhere a cheap bound and a short attack: what is read and said is tested."""
    if "as_shipped" not in request.fixturenames:
        for place, name, cheaper in (
            ("measure", "certified_accuracy_curve", {"method": "sequential"}),
            ("holding", "is_certified", {"method": "sequential"}),
            ("holding", "pgd_attack", {"n_steps": 3, "n_restarts": 1}),
        ):
            function = functools.partial(getattr(sklip.certification, name), **cheaper)
            monkeypatch.setattr(f"sklip._cli._{place}.{name}", function)


@pytest.fixture
def run(tmp_path, capsys):
    """Run main on a table (written to a file first) or on the bundled data."""

    def run(frame, *options):
        arguments = [str(option) for option in options]
        if frame is not None:
            frame.to_csv(tmp_path / "t.csv", index=False)
            arguments.insert(0, str(tmp_path / "t.csv"))
        code = main(arguments)
        out, err = capsys.readouterr()
        text = " ".join(out.split())
        return types.SimpleNamespace(
            code=code, out=out, text=text, err=err, rows=parse(out)
        )

    return run


@pytest.fixture
def fails(run):
    """The sentence on stderr of a run that must fail."""

    def fails(frame, *options):
        outcome = run(frame, *options)
        *progress, said = outcome.err.splitlines()
        assert outcome.code == 2
        assert outcome.out == ""
        assert all(re.match("Reading|Training|Certifying|  ", p) for p in progress)
        assert re.fullmatch(r"sklip: .+[^.]\.", said)
        assert ". " not in said
        return said

    return fails


def parse(out):
    """Label -> numbers of the printed table; the radius is part of the label."""
    rows, radius = {}, ""
    for line in out.splitlines():
        found = re.fullmatch(r"(.*?\S)((?:   +\S+(?: s)?)+)", line)
        if found is None or not re.search(r"\d", found[2]):
            continue
        label = found[1].strip()
        if label.startswith("radius"):
            radius, label = label.split(": ")
        key = (radius, label) if label in ("adversarial", "certified") else label
        rows[key] = [float(text) for text in re.findall(r"[-+.\de]+", found[2])]
    return rows


def assert_ordered(rows, radii):
    """Certified <= adversarial <= clean at each radius, falling with the radius."""
    clean = rows.get("on 1000 test rows", rows["test accuracy"])
    clean = previous = clean[: len(rows[f"radius {radii[0]}", "certified"])]
    for radius in radii:
        adversarial = rows[f"radius {radius}", "adversarial"]
        certified = rows[f"radius {radius}", "certified"]
        assert len(certified) == len(adversarial) == len(clean)
        assert np.all(np.less_equal(certified, adversarial))
        assert np.all(np.less_equal(adversarial, clean))
        assert np.all(np.less_equal(certified, previous))
        previous = certified


def test_bundled_data_show_what_robust_training_is_for(as_shipped, run):
    outcome = run(None, "--random-state", "1", "--radius", 0.25, 0.5, 1, 2)
    rows = outcome.rows
    assert outcome.code == 0
    assert_ordered(rows, ("0.25", "0.5", "1", "2"))
    robust, plain, linear, boosting = rows["test accuracy"]
    assert min(linear, boosting) > 0.9
    assert robust > 0.94
    assert robust > plain - 0.03
    for radius, gain in (("1", 0.3), ("2", 0.5)):
        certified = rows[f"radius {radius}", "certified"]
        assert certified[0] > certified[1] + gain
    bound = rows["Lipschitz bound (lipsdp)"]
    assert bound[0] < bound[1] / 5
    assert "standard deviation" in outcome.out
    assert "Training" in outcome.err


def test_classification_of_text(as_shipped, run):
    outcome = run(
        make_table(), "--target", "label", "--radius", 0.1, 0.6, "--max-iter", 60
    )
    assert outcome.code == 0
    assert_ordered(outcome.rows, ("0.1", "0.6"))
    assert "Classification of 'label' (2 classes)" in outcome.out
    assert "4 numeric features, 1 categorical (one-hot; no pert" in outcome.text


def test_regression(run):
    frame = make_table(200).drop(columns=["label", "count"])
    outcome = run(frame, "--target", "score", "--radius", 0.1, 0.2, "--max-iter", 150)
    rows = outcome.rows
    assert outcome.code == 0
    assert min(rows["test R2"]) > 0.8
    bound = np.array(rows["Lipschitz bound (lipsdp)"])
    narrow = np.array(rows["interval width, radius 0.1"])
    wide = np.array(rows["interval width, radius 0.2"])
    # At most twice the radius times the bound, up to what the printing rounds.
    assert np.all(narrow <= 0.2 * bound * 1.02)
    assert np.all(wide <= 0.4 * bound * 1.02)
    assert np.all(wide >= 1.9 * narrow)
    # score = 10 a + 5 (b / 100): no bound below that slope fits the data well.
    assert bound.min() > 0.8 * np.hypot(10.0, 5.0)
    assert "in the units of 'score'" in outcome.text


def test_the_unit_is_the_standard_deviation_of_the_features(run):
    frame = make_table().drop(columns=["label", "count", "kind"])
    bounds = []
    for factor in (1.0, 1e4):
        scaled = frame.assign(b=factor * frame.b)
        outcome = run(scaled, "--target", "score", "--penalty", "none", *QUICK)
        bounds.append(outcome.rows["Lipschitz bound (lipsdp)"])
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-2)


@pytest.mark.parametrize(
    "target, options, task",
    [
        ("label", (), "Classification"),
        ("count", (), "Classification"),
        ("score", (), "Regression"),
        ("count", ("--task", "regression"), "Regression"),
        ("flag", (), "Classification"),
        ("two", (), "Classification"),
        ("large", (), "Regression"),
    ],
)
def test_the_task_is_found_from_the_target(run, target, options, task):
    frame = make_table()
    frame["flag"] = frame.a > 0
    frame["two"] = np.where(frame.a > 0, 0.5, 1.25)
    frame["large"] = np.arange(len(frame)) % 20
    outcome = run(frame, "--target", target, *options, *QUICK)
    assert outcome.code == 0
    assert outcome.out.startswith(f"{task} of '{target}'")
    usual = "bounded with radius" if task == "Classification" else "spectral penalty w"
    assert usual in outcome.err


@pytest.mark.parametrize(
    "penalty, columns", [("jacobian", 2), ("lipsdp", 2), ("none", 1)]
)
def test_penalty(run, penalty, columns):
    options = ("--target", "label", "--penalty", penalty, "--lipschitz-weight", "0.2")
    outcome = run(make_table(), *options, *QUICK)
    assert len(outcome.rows["test accuracy"]) == columns
    assert "no penalty" in outcome.out
    assert f"{'no' if penalty == 'none' else penalty} penalty" in outcome.err


def test_no_weight_is_no_penalty(run):
    options = ("--target", "label", "--lipschitz-weight", "0")
    rows = run(make_table(), *options, *QUICK).rows
    first, second = rows["Lipschitz bound (lipsdp)"]
    assert first == second


@pytest.mark.parametrize("target", ["label", "score"])
@pytest.mark.parametrize(
    "options, heading",
    [
        (("--estimator", "bounded"), "bounded no penalty"),
        (("--estimator", "admm"), "ADMM no penalty"),
        (("--estimator", "admm", "--lipschitz-bound", "0.5"), "ADMM no penalty"),
        (("--estimator", "noise", "--noise-std", "0.5"), "noise training no penalty"),
    ],
)
def test_estimators(run, target, options, heading):
    outcome = run(make_table(), "--target", target, *options, *QUICK)
    assert outcome.code == 0
    assert heading in outcome.text
    assert all(len(row) == 2 for row in outcome.rows.values())
    assert f"{heading.removesuffix(' no penalty')} with" in outcome.err
    if target == "label":
        assert_ordered(outcome.rows, ("0.25", "0.5", "1"))
    if target == "label" and "--lipschitz-bound" in options:
        # Only numbers can be perturbed: the bound of the report is no larger.
        assert outcome.rows["Lipschitz bound (lipsdp)"][0] <= 0.5


@pytest.mark.parametrize(
    "options, said",
    [
        (("--lipschitz-bound", "2"), "needs --estimator admm or bounded"),
        (
            ("--estimator", "bounded", "--lipschitz-weight", "1"),
            "needs --estimator regularized or admm or noise",
        ),
        (
            ("--estimator", "bounded", "--lipschitz-bound", "1"),
            "is for regression: a classifier's last layer is free",
        ),
        (("--noise-std", "1", "--estimator", "admm"), "needs --estimator noise"),
        (("--penalty", "none", "--estimator", "noise"), "needs --estimator regul"),
        (("--estimator", "admm", "--lipschitz-bound", "0"), "not between 0 and inf"),
        (("--estimator", "sdp"), "invalid choice: 'sdp'"),
        (
            "--estimator admm --lipschitz-bound 1 --lipschitz-weight 1".split(),
            "one of the two",
        ),
    ],
)
def test_options_belong_to_their_estimator(fails, options, said):
    assert said in fails(None, *options)


def test_admm_without_a_weight_is_refused(fails):
    options = ("--estimator", "admm", "--lipschitz-weight", "0", *QUICK)
    assert "lipschitz_weight" in fails(None, *options)


def test_random_state_fixes_everything_but_the_time(run):
    options = ("--target", "label", *QUICK, "--random-state")
    outcomes = [run(make_table(), *options, seed).rows for seed in (3, 3, 4)]
    for rows in outcomes:
        del rows["fit time"]
    assert outcomes[0] == outcomes[1] != outcomes[2]


def test_columns_that_teach_nothing_are_left_out_and_named(run):
    frame = make_table()
    n = len(frame)
    frame["empty"] = np.nan
    frame["constant"] = 7
    frame["rownumber"] = np.arange(n)
    frame["customer_id"] = np.random.default_rng(1).permutation(10 * n)[:n]
    frame["name"] = [f"person {i}" for i in range(n)]
    frame["enormous"] = 1e200 * frame.a
    outcome = run(frame, "--target", "label", *QUICK)
    assert outcome.code == 0
    assert "4 numeric features" in outcome.text
    assert "Left out (no values): 'empty'." in outcome.text
    assert "Left out (constant): 'constant'." in outcome.text
    assert "Left out (numbers the rows): 'rownumber', 'customer_id'." in outcome.text
    assert "Left out (text that differs in most rows): 'name'." in outcome.text
    assert "too much for float64): 'enormous'." in outcome.text


def test_gaps_infinity_and_true_false(run):
    frame = make_table()
    frame.loc[::7, "a"] = np.nan
    frame.loc[::5, "kind"] = np.nan
    frame["b"] = frame.b.round(2).astype(object)
    frame.loc[3, "b"] = "?"
    frame["infinite"] = np.where(np.arange(len(frame)) == 4, np.inf, frame.score)
    frame["flag"] = frame.score > 50
    frame["holey_flag"] = (frame.score > 45).astype(object)
    frame.loc[::9, "holey_flag"] = None
    outcome = run(frame.drop(columns="score"), "--target", "label", *QUICK)
    assert outcome.code == 0
    assert "4 numeric features, 3 categorical" in outcome.text
    assert "Infinite values count as missing: 'infinite'." in outcome.text
    filled = "'a', 'b', 'infinite', 'kind', 'holey_flag'"
    assert f"most frequent): {filled}." in outcome.text


def test_classes_are_split_in_proportion(tmp_path):
    frame = make_table()
    frame.loc[:7, "label"] = "rare"
    frame.to_csv(tmp_path / "t.csv", index=False)
    for seed in range(5):
        table = load_csv(tmp_path / "t.csv", "label", None, 0.25, seed, Selection())
        assert np.count_nonzero(table.y_test == "rare") == 2


def test_a_class_without_training_rows_is_not_tested(run):
    frame = make_table()
    frame.loc[:1, "label"] = "rare"
    options = ("--target", "label", "--test-size", "0.9", *QUICK)
    outcome = run(frame, *options)
    assert outcome.code == 0
    assert "2 test rows left out: no training row has their class." in outcome.text
    assert "(2 classes)" in outcome.text
    assert_ordered(outcome.rows, ("0.25", "0.5", "1"))


def test_one_class_in_training(fails):
    label = np.where(np.arange(60) < 58, "often", "rare")
    options = ("--target", "label", "--test-size", "0.9")
    assert "--test-size" in fails(make_table().assign(label=label), *options)


def test_radii_are_sorted(run):
    options = ("--target", "label", "--radius", "1", "0.25", "1", *QUICK)
    found = re.findall(r"radius (\S+):", run(make_table(), *options).out)
    assert found == ["0.25", "1"]


def test_a_class_with_one_row_is_left_out(run):
    frame = make_table()
    frame.loc[0, "label"] = "perhaps"
    outcome = run(frame, "--target", "label", *QUICK)
    assert "(2 classes)" in outcome.text
    assert "1 row left out: no other row has its class." in outcome.text


def test_many_rows_are_attacked_in_part_and_the_table_says_so(run):
    frame = make_table(1500)[["a", "b", "label"]]
    outcome = run(frame, "--target", "label", "--test-size", "0.8", *QUICK)
    assert_ordered(outcome.rows, ("0.25", "0.5", "1"))
    assert "1200 test rows" in outcome.text
    assert "measured on 1000 test rows" in outcome.text


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators(tmp_path, capsys, separator):
    make_table().to_csv(tmp_path / "t.csv", sep=separator, index=False)
    assert main([str(tmp_path / "t.csv"), "--target", "label", *QUICK]) == 0
    assert "4 numeric features" in capsys.readouterr().out


def test_progress_is_said_on_stderr(run, monkeypatch):
    monkeypatch.setattr("sklip._progress._SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr("sklip._cli._holding._BLOCK_ROWS", 200)
    outcome = run(make_table(900), "--target", "label", *QUICK)
    assert re.search("  4 of 5 epochs at most, about [0-9]+ s left.", outcome.err)
    assert re.search("  200 of 225 rows certified, about [0-9]+ s", outcome.err)
    assert "epochs at most" not in outcome.out


@pytest.mark.parametrize("target", ["label", "score"])
def test_plot(run, tmp_path, target):
    path = tmp_path / "picture.png"
    frame = make_table().rename(columns={target: "$x_$"})
    outcome = run(frame, "--target", "$x_$", "--plot", path, *QUICK)
    assert outcome.code == 0
    assert str(path) in outcome.out
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def loaded(outcome):
    """The saved model, loaded by the very lines that were printed."""
    call = re.search(r"skops\.io\.load\((.*?)\n    \]\)", outcome.out, re.DOTALL)
    tree = ast.parse(f"load({call[1]}])", mode="eval").body
    skops_io = pytest.importorskip("skops.io")
    (trusted,) = (ast.literal_eval(keyword.value) for keyword in tree.keywords)
    return skops_io.load(ast.literal_eval(tree.args[0]), trusted=trusted)


def test_saved_classifier_is_the_one_of_the_table(run, tmp_path):
    frame = make_table()
    options = ("--target", "label", "--save", tmp_path / "m.skops", *QUICK)
    outcome = run(frame, *options, "--penalty", "product")
    model = loaded(outcome)
    again = pd.read_csv(tmp_path / "t.csv", na_values="?")
    assert set(model.predict(again)) <= {"yes", "no"}
    assert model[-1].penalty == "product"
    assert not model[-1].verbose
    assert (certified_radius(model, again, method="pairwise") > 0).any()
    with pytest.raises(ValueError, match="immutable"):
        certified_radius(model, again, feature_eps={"kind": 1.0})


@pytest.mark.full_effort
def test_table_of_a_classifier_is_what_the_functions_say(as_shipped, run, tmp_path):
    frame = make_table(120)[["a", "b", "label"]]
    options = ("--target", "label", "--save", tmp_path / "m.skops", *QUICK)
    # As many epochs as make a model that an attack can harm.
    outcome = run(frame, *options, "--max-iter", "300", "--radius", "0.4")
    model = loaded(outcome)
    frame = pd.read_csv(tmp_path / "t.csv")
    train, test = train_test_split(
        frame, test_size=0.25, random_state=0, stratify=frame.label
    )
    eps = train[["a", "b"]].std().to_dict()
    setting = {"radius": 0.4, "feature_eps": eps}
    X, y = test[["a", "b"]], test.label
    certified = certified_accuracy_score(model, X, y, **setting)
    attacked = adversarial_accuracy_score(model, X, y, random_state=0, **setting)
    rows = outcome.rows
    assert rows["test accuracy"][0] == pytest.approx(model.score(X, y), abs=6e-4)
    assert rows["radius 0.4", "certified"][0] == pytest.approx(certified, abs=6e-4)
    assert rows["radius 0.4", "adversarial"][0] == pytest.approx(attacked, abs=6e-4)
    assert 0 < certified <= attacked < model.score(X, y)


def test_saved_regressor_speaks_in_units_of_y(run, tmp_path):
    frame = make_table()[["a", "b", "score"]]
    options = ("--target", "score", "--save", tmp_path / "m.skops", "--max-iter", 60)
    model = loaded(run(frame, *options))
    assert isinstance(model, TransformedTargetRegressor)
    assert np.abs(model.predict(frame) - frame.score).mean() < frame.score.std()
    lower, upper = certified_interval(model, frame, radius=0.0)
    assert np.all((lower <= model.predict(frame)) & (model.predict(frame) <= upper))


@pytest.mark.parametrize(
    "content, said",
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b,y\n", "has no rows"),
        ("a,b,y\n1,2,3\n1,2,3,4,5\n", "Expected 3 fields in line 3, saw 5"),
        ("a,b,y\n" + "1,2,3,4\n" * 9, "more fields than its first line has names"),
        (b"a,y\n\xe9\x81,1\n", "no text in utf-8-sig or cp1252"),
        (bytes(range(256)), "cannot be read as a CSV file"),
    ],
)
def test_unreadable_files(tmp_path, capsys, content, said):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main([str(path), "--target", "y"]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("name, said", [("no.csv", "no file"), ("", "is not a file")])
def test_no_such_file(tmp_path, capsys, name, said):
    assert main([str(tmp_path / name), "--target", "y"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "change, options, said",
    [
        ({}, ("--target", "labels"), "did you mean 'label'"),
        ({}, ("--target", "zzz"), "it has 'a', 'b', 'kind'"),
        ({}, (), "--target COLUMN"),
        ({"label": "yes"}, ("--target", "label"), "constant"),
        ({"label": None}, ("--target", "label"), "no value in any row"),
        ({"score": [np.inf, 1.5, 2.5] * 20}, ("--target", "score"), "infinite"),
        ({"label": [f"k{i}" for i in range(60)]}, ("--target", "label"), "60 classes"),
        ({}, ("--target", "label", "--task", "regression"), "not numeric"),
        ({}, ("--target", "score", "--task", "classification"), "60 classes"),
        ({"score": 1e200 * np.arange(60.0)}, ("--target", "score"), "rescale"),
        ({"score": 1e9 + 1e-6 * np.arange(60)}, ("--target", "score"), "rescale"),
        ({"a": "u", "b": 1}, ("--target", "count"), "no numeric column"),
    ],
)
def test_unusable_tables(fails, change, options, said):
    frame = make_table().assign(**change)
    if "a" in change:
        frame = frame[["a", "b", "kind", "count"]]
    assert said in fails(frame, *options)


@pytest.mark.parametrize(
    "n, options",
    [(6, ()), (60, ("--test-size", "0.02")), (60, ("--test-size", "0.98"))],
)
def test_too_few_rows(fails, n, options):
    assert "rows are too few" in fails(make_table(n), "--target", "count", *options)


@pytest.mark.parametrize(
    "options, said",
    [
        (("--penalty", "l2"), "invalid choice: 'l2'"),
        (("--lipschitz-weight", "-1"), "'-1' is not between 0 and inf"),
        (("--lipschitz-weight", "much"), "'much'"),
        (("--radius", "0"), "--radius"),
        (("--radius", "0.1", "nan"), "--radius"),
        (("--test-size", "1"), "not between 0 and 1"),
        (("--random-state", "-1"), "at least 0"),
        (("--max-iter", "0"), "at least 1"),
        (("--hidden-layer-sizes", "64", "0"), "at least 1"),
        (("--device", "abacus"), "--device"),
        (("--target", "y"), "needs a CSV file"),
        (("--unknown",), "--unknown"),
        (("--plot", "picture.nothing"), ".png"),
        (("--plot", "nowhere/picture.png"), "no directory 'nowhere'"),
        (("--save", "."), "is a directory"),
    ],
)
def test_bad_options(fails, options, said):
    assert said in fails(None, *options)


def test_no_gpu(fails, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "no GPU" in fails(None, "--device", "cuda")


@pytest.mark.parametrize(
    "option, package, extra",
    [("--plot", "matplotlib", "plot"), ("--save", "skops", "skops")],
)
def test_missing_extras_are_named(
    fails, monkeypatch, tmp_path, repository, option, package, extra
):
    monkeypatch.setitem(sys.modules, package, None)
    said = fails(None, option, tmp_path / "file.png")
    # By its own name: on PyPI that of sklip is another project's.
    assert f"pip install {package}." in said
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert any(package in line for line in project["optional-dependencies"][extra])


def test_training_that_diverges_is_one_sentence(fails, monkeypatch):
    from sklip.exceptions import DivergedTrainingError
    from sklip.training import MLPNet

    def diverge(self, *arguments):
        raise DivergedTrainingError("Training diverged in epoch 1: inf. Lower it.")

    monkeypatch.setattr(MLPNet, "check_finite", diverge)
    monkeypatch.setattr("sklip._cli._run.warm_up", lambda: None)
    assert "Training diverged in epoch 1: inf." in fails(None)


def test_help_and_version(capsys):
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as exit_info:
            main([option])
        assert exit_info.value.code == 0
    out = capsys.readouterr().out
    for word in (
        "--target",
        "--penalty",
        "--estimator",
        "at most 10 values",
        "Exit code",
    ):
        assert word in out


def test_module_runs_from_the_shell(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sklip", "none.csv", "--target", "y"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "Reading none.csv.\nsklip: There is no file 'none.csv'.\n"


@pytest.mark.parametrize(
    "value, text",
    [
        (1.2301, "1.24"),
        (0.9991, "1"),
        (0.01, "0.01"),
        (8.0, "8"),
        (123456.0, "1.24e+05"),
    ],
)
def test_printed_bounds_are_rounded_up(value, text):
    assert round_up(value) == text
    assert float(round_up(value)) >= value


def test_bounds_that_are_zero_or_infinite_are_printed():
    assert [round_up(0.0), round_up(np.inf)] == ["0", "inf"]


def test_tolerances_norm_and_groups(as_shipped, run, tmp_path):
    frame = make_table(120)
    frame["label"] = np.where(np.arange(120) % 8 == 0, "rare", frame.label)
    save = ("--save", tmp_path / "m.skops", "--drop", "score", "count")
    options = ("--target", "label", "--tolerance", "a=0.3", "b=20", *save)
    outcome = run(frame, *options, "--group", "kind", "--radius", "1", *QUICK)
    model = loaded(outcome)
    assert outcome.code == 0
    assert "nothing else changes" in outcome.text
    assert "|delta_j| <= r * tolerance_j" in outcome.text
    _, test = train_test_split(
        frame, test_size=0.25, random_state=0, stratify=frame.label
    )
    eps = {"a": 0.3, "b": 20.0}
    setting = {"radius": 1.0, "norm": np.inf, "feature_eps": eps}
    certified = certified_accuracy_score(model, test, test.label, **setting)
    assert outcome.rows["radius 1", "certified"][0] == pytest.approx(
        certified, abs=6e-4
    )
    balanced = [model.score(g, g.label) for _, g in test.groupby("label")]
    assert outcome.rows["balanced accuracy"][0] == pytest.approx(
        np.mean(balanced), abs=6e-4
    )
    for column in ("label", "kind"):
        for value, part in test.groupby(column):
            n, accuracy, attacked, sure = outcome.rows[value]
            assert n == len(part)
            assert accuracy == pytest.approx(model.score(part, part.label), abs=6e-4)
            assert accuracy >= attacked >= sure
