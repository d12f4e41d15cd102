# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""VNN-LIB files: what they say, and what is refused with its line.

Also tests of ``certification/_specification/formula.py``,
``certification/_specification/monotone.py`` and
``certification/_specification/syntax.py``.
"""

import gzip
from fractions import Fraction

import numpy as np
import pytest

from sklip import Specification

HEAD = "\n".join(
    [f"(declare-const X_{i} Real)" for i in range(2)]
    + [f"(declare-const Y_{j} Real)" for j in range(3)]
)
BOX = """
(assert (>= X_0 -1)) (assert (<= X_0 1.5))
(assert (and (<= X_1 2) (>= X_1 0.25)))
"""
HEAD_2 = """
(vnnlib-version <2.0>)
(declare-network acc
  (declare-input X float32 [1, 2] "in")  ; a comment
  (declare-output Y float32 [3])
)
"""


def read(tmp_path, text):
    path = tmp_path / "p.vnnlib"
    path.write_text(text)
    return Specification.from_vnnlib(path)


def as_sets(specification):
    """What it says, whatever the order of its parts."""
    return {
        (
            tuple(case.lower),
            tuple(case.upper),
            frozenset(
                frozenset(zip(map(tuple, a.tolist()), b.tolist(), strict=True))
                for a, b in case.clauses
            ),
        )
        for case in specification.cases
    }


def test_and_or_and_arithmetic(tmp_path):
    text = (
        HEAD
        + BOX
        + "(assert (or (and (<= Y_0 Y_1) (>= (+ Y_2 1) (* 2 Y_0))) (>= Y_1 4)))"
    )
    found = read(tmp_path, text)
    np.testing.assert_array_equal(found.lower, [-1.0, 0.25])
    np.testing.assert_array_equal(found.upper, [1.5, 2.0])
    both = frozenset({((1.0, -1.0, 0.0), 0.0), ((2.0, 0.0, -1.0), 1.0)})
    single = frozenset({((0.0, -1.0, 0.0), -4.0)})
    assert as_sets(found) == {((-1.0, 0.25), (1.5, 2.0), frozenset({both, single}))}


def test_several_asserts_are_joined_by_and(tmp_path):
    text = HEAD + BOX + "(assert (>= Y_0 1)) (assert (or (>= Y_1 1) (>= Y_2 1)))"
    (case,) = read(tmp_path, text).cases
    assert sorted(len(b) for _, b in case.clauses) == [2, 2]


def test_alternatives_of_inputs_are_boxes(tmp_path):
    boxes = "(assert (or (and (<= X_0 1) (>= X_0 0)) (and (<= X_0 3) (>= X_0 2))))"
    rest = "(assert (<= X_1 1)) (assert (>= X_1 0)) (assert (>= Y_0 1))"
    found = read(tmp_path, f"{HEAD}{boxes}{rest}")
    assert [(c.lower[0], c.upper[0]) for c in found.cases] == [(0, 1), (2, 3)]
    assert "2 boxes" in repr(found)


def test_alternatives_that_are_empty_do_not_count(tmp_path):
    either = "(assert (or (<= X_0 0) (>= X_0 1)))"
    found = read(tmp_path, HEAD + BOX + f"{either}{either}(assert (>= Y_0 1))")
    # Of four combinations two are boxes, and each was read twice.
    assert sorted((c.lower[0], c.upper[0]) for c in found.cases) == [(-1, 0), (1, 1.5)]
    declared = "(declare-fun X_0 () Real) (declare-fun Y_0 () Real)"
    text = declared + "(assert (<= X_0 1)) (assert (>= X_0 .5)) (assert (<= Y_0 +1.E0))"
    assert read(tmp_path, text).clauses[0][1] == [1.0]


def test_the_second_version_says_the_same(tmp_path):
    bounds = "".join(
        f"(assert (<= X[0,{i}] 1)) (assert (>= X [0, {i}] -1))" for i in range(2)
    )
    second = read(tmp_path, HEAD_2 + bounds + "(assert (>= (- Y[2] Y[0]) 1.5))")
    bounds = "".join(f"(assert (<= X_{i} 1)) (assert (>= X_{i} -1))" for i in range(2))
    first = read(tmp_path, HEAD + bounds + "(assert (>= Y_2 (+ Y_0 1.5)))")
    assert as_sets(first) == as_sets(second)


def test_the_box_holds_the_same_floats(tmp_path):
    text = HEAD + (
        "(assert (<= X_0 0.1)) (assert (>= X_0 -0.1)) (assert (<= X_1 0.3))"
        "(assert (>= X_1 -0.3)) (assert (<= Y_0 0.1))"
    )
    found = read(tmp_path, text)
    for value, exact in zip(found.upper, ("0.1", "0.3"), strict=True):
        # No float64 lies between the exact end and the one that was read.
        assert (Fraction(value) <= Fraction(exact)) or (
            Fraction(np.nextafter(value, 0.0)) < Fraction(exact)
        )
        assert Fraction(np.nextafter(value, 1.0)) > Fraction(exact)
    np.testing.assert_array_equal(found.lower, -found.upper)


@pytest.mark.parametrize("n_boxes", [1, 3])
def test_what_is_written_is_read_again(tmp_path, n_boxes):
    rng = np.random.default_rng(n_boxes)

    def one():
        lower = rng.normal(size=2) * [1e-9, 1e9]
        clauses = [(rng.normal(size=(k, 3)), rng.normal(size=k)) for k in (1, 2)]
        return Specification(lower, lower + rng.uniform(size=2), clauses)

    first, *others = (one() for _ in range(n_boxes))
    written = Specification(first.lower, first.upper, first.clauses, others)
    path = tmp_path / "p.vnnlib"
    written.to_vnnlib(path)
    assert as_sets(Specification.from_vnnlib(path)) == as_sets(written)
    digits = path.read_text().replace("declare", "").replace("Real", "")
    assert "e-" not in digits and "e+" not in digits


def test_rows_that_other_readers_know_are_written_as_they_know_them(tmp_path):
    above, below = ([[0.0, -1.0, 0.0]], [-4.0]), ([[0.0, 0.0, 1.0]], [-0.5])
    first = ([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]], [0.0, 0.0])
    path = tmp_path / "p.vnnlib"
    for clauses, last in (
        ([first], ["(assert (<= Y_0 Y_1))", "(assert (<= Y_0 Y_2))"]),
        ([above, below], ["(assert (or (and (>= Y_1 4)) (and (<= Y_2 -0.5))))"]),
        ([([[0.0, 2.0, 0.0]], [1.0])], ["(assert (<= (* 2 Y_1) 1))"]),
    ):
        written = Specification([0.0], [1.0], clauses)
        written.to_vnnlib(path)
        assert path.read_text().splitlines()[-len(last) :] == last
        read_again = Specification.from_vnnlib(path)
        for (a, b), (c, d) in zip(written.clauses, read_again.clauses, strict=True):
            np.testing.assert_array_equal(
                np.column_stack([a, b]), np.column_stack([c, d])
            )
    # A row that says nothing is true of all outputs.
    Specification([0.0], [1.0], [([[0.0] * 3], [1.0])]).to_vnnlib(path)
    ((matrix, _),) = Specification.from_vnnlib(path).clauses
    assert len(matrix) == 0


SAFE = BOX + "(assert (>= Y_0 1))"


@pytest.mark.parametrize(
    "text, said",
    [
        (HEAD + "\n(assert (>= Y_0 1)", "line 6: this bracket is never closed"),
        (HEAD + "\n(assert (>= Y_0 1)))", "line 6: a closing bracket"),
        (HEAD + SAFE + "\nX_0", "'X_0' stands outside"),
        (HEAD + SAFE + "(assert (>= Y_9 1))", "'Y_9' is not declared"),
        (HEAD + SAFE + "(assert (>= Z 1))", "'Z' is not declared"),
        (HEAD + "(assert (<= X_0 1))" + "(assert (>= Y_0 1))", "no lower bound"),
        (HEAD + SAFE + "(assert (>= X_0 9))", "the box is empty: input 0"),
        (HEAD + SAFE + "(assert (>= (+ X_0 Y_0) 1))", "inputs and outputs in one"),
        (HEAD + SAFE + "(assert (>= (+ X_0 X_1) 1))", "bounded one by one"),
        (HEAD + SAFE + "(assert (>= (* Y_0 Y_1) 1))", "product of two variables"),
        (HEAD + SAFE + "(assert (>= (sin Y_0) 1))", "'sin' is no linear"),
        (HEAD + SAFE + "(assert (not (>= Y_0 1)))", "'not' is no constraint"),
        (HEAD + SAFE + "(assert (!= Y_0 1))", "'!=' is no constraint"),
        (HEAD + SAFE + "(assert Y_0)", "'Y_0' is no constraint"),
        (HEAD + SAFE + "(assert (>= Y_0 1 2))", "compares two"),
        (HEAD + SAFE + "(assert (or))", "empty 'or'"),
        (HEAD + SAFE + "(assert (<= 2 1))", "nothing satisfies"),
        (HEAD + SAFE + "(push 1)", "'push' is not supported"),
        (HEAD + "(declare-const X_0 Real)" + SAFE, "'X_0' is declared twice"),
        ("(declare-const X_0 Real) (assert (<= X_0 1))", "no output is declared"),
        (HEAD + "(declare-const X_5 Real)" + SAFE, "X_4 is not declared"),
        (HEAD + "(declare-const a Real)" + SAFE, "called X_0"),
        (HEAD_2.replace("Y float32", "Y float64") + SAFE, "line 5.*mixed"),
        (HEAD_2 + "(assert (<= X[0,7] 1))", r"shape \[1, 2\] has no entry \[0, 7\]"),
        (HEAD_2 + "(assert (<= X 1))", "shape.*no entry.*its 2 dimensions"),
        (HEAD_2 + HEAD_2 + "(assert (<= X[0,0] 1))", "only one network"),
        (HEAD_2.replace("[3]", "[a]"), "shape"),
        (HEAD + SAFE + "\n\n(assert (>= X_0 9))", "line 10: the box is empty"),
        (HEAD + "\n(assert (<= X_0 1))", "line 1: input 0 has no lower bound"),
        (HEAD.replace("X_1 Real", "X_1 Int"), "line 2: the scalar type 'Int'"),
        (HEAD.replace("Y_0 Real", "Y_0 float32"), "line 3.*float32, real are mixed"),
        (HEAD.replace("X_1 Real", "X_1"), "line 2: 'X_1' takes one scalar type"),
        (HEAD.replace("X_1 Real", "X_1 Real 2"), "line 2: 'X_1' takes one"),
        (HEAD.replace("X_0", "(X_0)"), "line 1: variables are called"),
        (HEAD + "\n(declare-const X_01 Real)" + SAFE, "line 6: variables are called"),
        (HEAD_2.replace("float32", "int8"), "line 4: the scalar type 'int8'"),
        (HEAD_2.replace("[3]", "[9999999, 9999999]"), "line 5: more than"),
        (HEAD_2.replace("float32 [3]", "(float32) [3]"), "line 5: a name, a scalar"),
        (HEAD + SAFE + "(assert (<= 1e400 Y_0))", "larger than any float64"),
        (HEAD + SAFE + "(assert (<= X_0 1e99999999999))", "1e99999999999 is out"),
        (HEAD + SAFE + "(assert (<= 1/2 Y_0))", "'1/2' is not declared"),
        (HEAD + SAFE + "(assert (<= 0x1p0 Y_0))", "'0x1p0' is not declared"),
        (HEAD + "\n(assert " + "(and " * 999 + ")" * 1000, "line 6: more than 200"),
        (HEAD + SAFE + "(assert)", "assert takes one"),
        ("", "line 1: no input is declared"),
        (HEAD_2.replace("[3])", "[3]) nan"), "line 5: 'nan' declares no"),
        (HEAD_2.replace("network acc", "network"), "a network has a name"),
    ],
)
def test_faults_are_named_with_their_line(tmp_path, text, said):
    with pytest.raises(ValueError, match=f"VNN-LIB, line .*{said}|VNN-LIB, {said}"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"; one\n; \xff", "line 2: the file is no text in UTF-8"),
        (gzip.compress(b"; one", mtime=0), "line 1: the file is packed"),
    ],
    ids=["no text", "packed"],
)
def test_files_of_no_text_are_refused(tmp_path, content, said):
    (tmp_path / "p.vnnlib").write_bytes(content)
    with pytest.raises(ValueError, match=f"VNN-LIB, {said}"):
        Specification.from_vnnlib(tmp_path / "p.vnnlib")


def test_a_byte_order_mark_is_no_token(tmp_path):
    (tmp_path / "p.vnnlib").write_text(HEAD + SAFE, encoding="utf-8-sig")
    assert Specification.from_vnnlib(tmp_path / "p.vnnlib").n_inputs == 2
    with pytest.raises(TypeError, match="text must be a str"):
        Specification.from_text(b"; one")


def test_too_many_cases_are_refused(tmp_path):
    either = "(or " + " ".join(f"(>= Y_0 {k})" for k in range(30)) + ")"
    with pytest.raises(ValueError, match="combinations"):
        read(tmp_path, HEAD + BOX + f"(assert (and {either} {either} {either}))")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (([0.0], [1.0, 2.0], [([[1.0]], [0.0])]), "lower has 1"),
        (([2.0], [1.0], [([[1.0]], [0.0])]), "empty: input 0"),
        (([0.0], [np.inf], [([[1.0]], [0.0])]), "upper must"),
        (([0.0], [1.0], []), "at least one"),
        (([0.0], [1.0], [([1.0], [0.0])]), r"clauses\[0\]"),
        (([0.0], [1.0], [([[np.nan]], [0.0])]), r"clauses\[0\]"),
        (([0.0], [1.0], [([[1.0]], [0.0]), ([[1.0, 2.0]], [0.0])]), "same inputs"),
        (([0.0], [1.0], ["ab"]), r"clauses\[0\]"),
    ],
)
def test_a_specification_is_checked(arguments, said):
    with pytest.raises(ValueError, match=said):
        Specification(*arguments)
