# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tolerances and norms: what radii are measured in."""

import json

import numpy as np
import pytest

from sklip.__main__ import _parse
from sklip._cli import JobError
from sklip._cli._threat import Threat, threat_of

NUMERIC, SPREAD = ["age", "fare"], {"age": 9.0, "fare": 30.0}


def parsed(*options):
    return _parse(["t.csv", "--target", "y", *options])


@pytest.mark.parametrize(
    "options, eps, norm",
    [
        ((), SPREAD, 2),
        (("--norm", "1"), SPREAD, 1),
        (("--tolerance", "age=1.5"), {"age": 1.5}, np.inf),
        (("--tolerance", "age=0:5", "fare=2"), {"age": (0.0, 5.0), "fare": 2}, np.inf),
        (("--tolerance", "age=1e1", "--norm", "2"), {"age": 10.0}, 2),
    ],
)
def test_what_is_asked_is_what_may_change(options, eps, norm):
    job = parsed(*options)
    threat = threat_of(job.tolerance, job.norm, NUMERIC, SPREAD)
    assert threat == Threat(eps, norm, stated="--tolerance" in options)
    assert Threat.from_json(json.loads(json.dumps(threat.as_json()))) == threat
    for name, tolerance in eps.items() if threat.stated else ():
        pair = tolerance if isinstance(tolerance, tuple) else (tolerance,)
        assert repr(name) in threat.describe()
        assert all(f"{t:g}" in threat.describe() for t in pair)


def test_a_name_may_hold_the_sign():
    assert parsed("--tolerance", "a=b=3").tolerance == [("a=b", 3.0)]


@pytest.mark.parametrize(
    "text", ["age", "=1", "age=", "age=x", "age=-1", "age=0", "age=0:0", "age=1:2:3"]
)
def test_what_is_no_tolerance(text):
    with pytest.raises(JobError, match="is not like age=1.5"):
        parsed("--tolerance", text)


@pytest.mark.parametrize(
    "tolerance, said",
    [
        ([("agee", 1.0)], "did you mean 'age'"),
        ([("zzz", 1.0)], "it has 'age', 'fare'"),
        ([("age", 1.0), ("age", 2.0)], "'age' twice"),
    ],
)
def test_what_is_no_column(tolerance, said):
    with pytest.raises(JobError, match=said):
        threat_of(tolerance, None, NUMERIC, SPREAD)


@pytest.mark.parametrize("norm", ["3", "two", "0", "nan"])
def test_what_is_no_norm(norm):
    with pytest.raises(JobError, match="none of 1, 2, inf"):
        parsed("--norm", norm)
