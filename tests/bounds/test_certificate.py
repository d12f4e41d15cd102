# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certificates: what verifies, what was tampered with, what is refused.

Also tests of ``bounds/_check.py``.
"""

import ast
import copy
import inspect
import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from sklip.bounds import (
    BOUND_METHODS,
    LipschitzCertificate,
    LipschitzEstimate,
    _check,
    as_proven_bound,
    check_certificate,
    lipschitz_bound,
    lipschitz_lower_bound,
)
from sklip.bounds._check import _path_norm
from sklip.networks import (
    FeedForward,
    get_activation,
    list_activations,
    random_network,
)

KINDS = ["sequential", "product", "product-1", "product-inf"]


@pytest.fixture(params=["relu", "gelu", "leaky_relu(0.3)"])
def network(request):
    return random_network([4, 9, 7, 3], activation=request.param, random_state=0)


@pytest.fixture(params=KINDS)
def certificate(request, network):
    method, _, norm = request.param.partition("-")
    return lipschitz_bound(network, method=method, norm=float(norm or 2))


def reseal(weights, certificate):
    """A forger's certificate: every hash is right, only the proof can fail."""
    network = FeedForward(weights, None, "relu")
    forged = replace(certificate, network_hash=network.hash)
    return replace(forged, seal=_check.certificate_seal(weights, vars(forged)))


def test_a_certificate_verifies_in_every_form(network, certificate):
    text = certificate.to_json()
    assert certificate.verify(network)
    for form in (certificate, text, json.loads(text)):
        assert check_certificate(network.weights, form, network.activation)
    assert check_certificate(network.weights, text, network.activation[0])


def test_round_trips(network, certificate):
    for twin in (
        LipschitzCertificate.from_json(certificate.to_json()),
        pickle.loads(pickle.dumps(certificate)),
        copy.deepcopy(certificate),
    ):
        assert twin == certificate and hash(twin) == hash(certificate)
        assert twin.verify(network)
        assert float(twin) == certificate.value
    assert certificate != replace(certificate, value=2 * certificate.value)
    assert certificate != 1.0


def test_changed_weights_fail(network, certificate):
    rng = np.random.default_rng(0)
    for k in range(3):
        weights = [w.copy() for w in network.weights]
        i, j = rng.integers(weights[k].shape[0]), rng.integers(weights[k].shape[1])
        weights[k][i, j] = np.nextafter(weights[k][i, j], 9.0)
        changed = FeedForward(weights, network.biases, network.activation)
        assert not certificate.verify(changed)
        assert not check_certificate(weights, certificate, network.activation)


def test_changed_values_fail(network, certificate):
    for value in (np.nextafter(certificate.value, 0.0), 1.5 * certificate.value):
        changed = replace(certificate, value=value)
        assert not changed.verify(network)
        assert not check_certificate(network.weights, changed, network.activation)


EDITS = {
    "value": [1.0, 9.0, "2", True, None],
    "lower": [1e-3, -1.0, "x", False],
    "norm": [1, np.inf, "l1", 3, True, None],
    "method": ["path", "product", "", "lipsdp-layer", None, 3],
    "kind": ["lower", "estimate", None],
    "multipliers": [None, (), "abc", ((1.0, 2.0),), [[1.0] * 9, [1.0] * 7], 3],
    "slack": [0.5, 1e-300, -1.0, np.nan, "0", None],
    "network_hash": ["", "0" * 64, None],
    "seal": ["", "0" * 64, None, True],
}


def is_the_same(edit, field):
    """Another spelling of a norm is no edit; true for 1 is one."""
    if isinstance(edit, bool) or edit is None or isinstance(field, tuple):
        return edit is field
    return edit == field or (edit, field) == ("l1", 1.0)


def test_every_field_has_edits(certificate):
    assert set(EDITS) == set(vars(certificate))


@pytest.mark.parametrize("name", EDITS)
def test_any_field_that_is_changed_in_place_is_found(network, certificate, name):
    """Whatever Python allows to write into a frozen object: verify says no."""
    for edit in EDITS[name]:
        if is_the_same(edit, getattr(certificate, name)):
            continue
        changed = copy.deepcopy(certificate)
        object.__setattr__(changed, name, edit)
        assert changed.verify(network) is False, edit


@pytest.mark.parametrize("name", EDITS)
def test_any_edit_of_the_json_is_found(network, certificate, name):
    fields = json.loads(certificate.to_json())
    for edit in EDITS[name]:
        edit = list(edit) if isinstance(edit, tuple) else edit
        if is_the_same(edit, getattr(certificate, name)):
            continue
        text = json.dumps(fields | {name: edit})
        for check in (
            lambda text=text: LipschitzCertificate.from_json(text).verify(network),
            lambda text=text: check_certificate(
                network.weights, text, network.activation
            ),
        ):
            try:
                assert check() is False, edit
            except (TypeError, ValueError) as error:
                assert "ertificate" in str(error)
    for text in (
        json.dumps({k: v for k, v in fields.items() if k != name}),
        json.dumps(fields | {"comment": "x"}),
    ):
        with pytest.raises(ValueError, match="text is not that of"):
            LipschitzCertificate.from_json(text)
        with pytest.raises(TypeError, match="is needed"):
            check_certificate(network.weights, text, network.activation)


def test_a_certificate_of_a_module_is_sealed_too():
    module = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.ReLU()).eval()
    certificate = lipschitz_bound(module)
    assert certificate.verify(module)
    for name, edits in EDITS.items():
        for edit in edits:
            if is_the_same(edit, getattr(certificate, name)):
                continue
            changed = copy.deepcopy(certificate)
            object.__setattr__(changed, name, edit)
            assert changed.verify(module) is False, (name, edit)


def test_changed_multipliers_fail(network):
    certificate = lipschitz_bound(network, method="sequential")
    for k in range(2):
        for factor in (1.0 + 1e-12, 0.9, -1.0, 0.0, np.nan):
            multipliers = [d.copy() for d in certificate.multipliers]
            multipliers[k][2] *= factor
            changed = replace(certificate, multipliers=tuple(multipliers))
            assert not changed.verify(network)
            assert not check_certificate(network.weights, changed, network.activation)
    for wrong in ((), certificate.multipliers[:1], certificate.multipliers[::-1], None):
        changed = replace(certificate, multipliers=wrong)
        assert not check_certificate(network.weights, changed, network.activation)
        # Sealed again: of the wrong number or length they prove nothing either.
        if wrong is not None:
            seal = _check.certificate_seal(network.weights, vars(changed))
            changed = replace(changed, seal=seal)
            assert not check_certificate(network.weights, changed, network.activation)


@pytest.mark.parametrize(
    "method, norm",
    [("sequential", 2), ("product", 1), ("product", 2), ("product", np.inf)],
)
def test_forgeries_with_right_hashes_fail_by_mathematics(method, norm):
    network = random_network([4, 9, 7, 3], random_state=1)
    true = lipschitz_bound(network, method=method, norm=norm)
    assert reseal(network.weights, true).verify(network)
    forged = reseal(network.weights, replace(true, value=true.value * (1 - 1e-9)))
    assert not forged.verify(network)
    for k in range(3):
        # Larger layers: the old bound is none any more.
        weights = list(network.weights)
        weights[k] = weights[k] * (1 + 1e-9)
        assert not check_certificate(weights, reseal(weights, true))
    if true.multipliers is not None:
        d_1, d_2 = true.multipliers
        for wrong in ((3 * d_1, d_2), (d_1 / 3, d_2), (d_1, 3 * d_2), (d_1, d_2 / 3)):
            forged = reseal(network.weights, replace(true, multipliers=wrong))
            assert not forged.verify(network)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_path_norms_of_the_checker_are_rounded_up(sign):
    rng = np.random.default_rng(0)
    for n in range(2, 60):
        weight = sign * rng.uniform(0.1, 1.0, size=(3, n))
        exact = max(sum(abs(Fraction(w)) for w in row) for row in weight)
        bound = _path_norm([weight], [], np.inf)
        assert (
            exact * (1 + Fraction(1, 2**52)) < bound < exact * (1 + Fraction(1, 10**12))
        )


def test_a_forged_activation_fails():
    """relu's multipliers prove nothing for steeper activations."""
    network = random_network([4, 9, 7, 3], random_state=1)
    for method in ("product", "sequential"):
        certificate = lipschitz_bound(network, method=method)
        for steeper in ("elu(1.01)", "hardswish", "gelu", "leaky_relu(-1.5)"):
            assert not check_certificate(
                network.weights, certificate, ["relu", steeper]
            )


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_scaled_networks_verify(scale):
    base = random_network([4, 9, 3], random_state=1)
    network = FeedForward([scale * w for w in base.weights])
    for norm in (1, 2, np.inf):
        assert lipschitz_bound(network, norm=norm).verify(network)


@pytest.mark.parametrize("shape", [(200, 3), (3, 200), (1, 1), (60, 60)])
def test_product_certificates_of_odd_shapes_verify(shape):
    rng = np.random.default_rng(0)
    network = FeedForward([rng.normal(size=shape), rng.normal(size=(2, shape[0]))])
    for norm in (1, 2, np.inf):
        certificate = lipschitz_bound(network, method="product", norm=norm)
        assert certificate.verify(network)


def test_checker_reads_the_same_sectors_as_the_registry():
    names = [*list_activations(), "sigmoid", "leaky_relu(0.2)", "leaky_relu(-2.0)"]
    for name in [
        *names,
        "leaky_relu(3.0)",
        "elu(0.5)",
        "elu(2.0)",
        "leaky_relu(1e-05)",
    ]:
        assert _check._sector(name) == get_activation(name).sector
    for unknown in ("swish", "relu(2)", "leaky", ""):
        with pytest.raises(ValueError, match="Unknown activation"):
            _check._sector(unknown)


def test_checker_imports_numpy_alone():
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
        for node in ast.walk(ast.parse(inspect.getsource(_check)))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported - set(sys.stdlib_module_names) == {"numpy"}


_ELSEWHERE = """
import importlib.util, json, pathlib, sys
sys.modules["sklip"] = sys.modules["scipy"] = sys.modules["torch"] = None
import numpy as np
spec = importlib.util.spec_from_file_location("checker", "checker.py")
checker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(checker)
w = list(np.load("w.npz").values())
for text in json.loads(pathlib.Path("certificates.json").read_text()):
    assert checker.check_certificate(w, text, "gelu"), text
    assert not checker.check_certificate([1.001 * x for x in w], text, "gelu"), text
"""


def test_the_one_file_of_the_checker_works_without_sklip(tmp_path):
    """Copied elsewhere and run isolated, it proves every kind of evidence."""
    network = random_network([4, 9, 3], activation="gelu", random_state=0)
    texts = [lipschitz_bound(network, method=m).to_json() for m in BOUND_METHODS]
    texts += [lipschitz_bound(network, norm=norm).to_json() for norm in (1, np.inf)]
    shutil.copy(_check.__file__, tmp_path / "checker.py")
    (tmp_path / "certificates.json").write_text(json.dumps(texts))
    np.savez(tmp_path / "w.npz", *network.weights)
    subprocess.run([sys.executable, "-I", "-c", _ELSEWHERE], cwd=tmp_path, check=True)


def test_verify_names_another_network(network, certificate):
    other = FeedForward(network.weights, [b + 1.0 for b in network.biases])
    assert not certificate.verify(other)
    # The bound itself does not depend on biases: the weights' check still holds.
    assert check_certificate(network.weights, certificate, network.activation)


def test_repr_informs(certificate):
    text = repr(certificate)
    assert certificate.method in text and f"{certificate.value:.7g}" in text
    assert "gap=5.0e-01" in repr(replace(certificate, lower=0.5 * certificate.value))


def test_certificates_are_frozen(network):
    certificate = lipschitz_bound(network)
    with pytest.raises(FrozenInstanceError):
        certificate.value = 0.0
    for twin in (certificate, pickle.loads(pickle.dumps(certificate))):
        for copied in (twin, copy.deepcopy(twin)):
            with pytest.raises(ValueError, match="read-only"):
                copied.multipliers[0][0] = 1.0
            with pytest.raises(ValueError, match="WRITEABLE"):
                copied.multipliers[0].flags.writeable = True


@pytest.mark.parametrize(
    "change",
    [
        {"value": np.nan},
        {"value": np.inf},
        {"value": -1.0},
        {"lower": 1e9},
        {"norm": 3},
    ],
)
def test_nonsense_cannot_be_built(certificate, change):
    with pytest.raises(ValueError):
        replace(certificate, **change)
    with pytest.raises(ValueError, match="kind"):
        replace(certificate, kind="estimate")


def test_json_that_is_no_certificate():
    for text in ('{"norm": 2, "price": 3}', "", "no", "[1, 2]", "3", "null", "NaN"):
        with pytest.raises(ValueError, match="text is not that of"):
            LipschitzCertificate.from_json(text)
    for text in (None, 3, {"norm": 2}, b"{}"):
        with pytest.raises(TypeError, match="text must be the JSON"):
            LipschitzCertificate.from_json(text)
    network = random_network([2, 2])
    for nothing in (3.0, "[1, 2]", {"kind": "lower"}, None):
        with pytest.raises(TypeError, match="LipschitzCertificate"):
            check_certificate(network.weights, nothing)


def test_what_a_certificate_holds_if_nothing_is_said():
    made = LipschitzCertificate(3.0, 2.0, 2.0, "product")
    assert (made.kind, made.slack, made.network_hash, made.seal) == (
        "upper",
        0.0,
        "",
        "",
    )
    assert made.multipliers is None


def test_estimates_are_refused():
    network = random_network([3, 5, 1], random_state=0)
    lower = lipschitz_lower_bound(network, random_state=0)
    assert lower.kind == "lower" and float(lower) == lower.value
    for bound in (lower, LipschitzEstimate(1.0), 2.0, np.float64(2.0), None, "2"):
        with pytest.raises(TypeError, match="LipschitzCertificate is needed"):
            as_proven_bound(bound)
        with pytest.raises(TypeError):
            check_certificate(network.weights, bound if bound != "2" else 2)
    certificate = lipschitz_bound(network)
    assert as_proven_bound(certificate) is certificate
    with pytest.raises(ValueError, match="kind"):
        LipschitzEstimate(1.0, kind="upper")


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_checks_take_weights_whose_squares_are_no_floats(norm):
    """The largest entry is negative, and the largest number tiny."""
    network = FeedForward([[[-1e250, 1e-250]], [[1e-250]]])
    certificate = lipschitz_bound(network, method="path", norm=norm)
    assert certificate.value == pytest.approx(1.0)
    assert check_certificate(network.weights, certificate.to_json())
