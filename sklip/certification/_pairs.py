# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Proven constants of logit differences, from the cheapest rule to the tightest."""

from dataclasses import replace

import numpy as np

from sklip._arguments import check_option
from sklip._floats import UNIT, rounded_up
from sklip.bounds import (
    BALL_METHODS,
    METHODS,
    PAIR_METHODS,
    as_proven_bound,
    output_difference_bounds,
)

__all__ = [
    "LOCAL_METHODS",
    "certificate_constant",
    "check_method",
    "norm_ratio",
    "rules",
]

LOCAL_METHODS = BALL_METHODS
_ALLOWED = (*PAIR_METHODS, *BALL_METHODS, "best", "auto")


def check_method(method, *, certificate=True):
    """The name of a method or a LipschitzCertificate, else ValueError or TypeError.

    "auto" is another word for "best".
    """
    if not isinstance(method, str) and certificate:
        try:
            return as_proven_bound(method)
        except TypeError as error:
            names = ", ".join(map(repr, _ALLOWED))
            raise TypeError(f"method must be one of {names}, or: {error}") from None
    check_option(method, "method", _ALLOWED)
    return "best" if method == "auto" else method


def norm_ratio(p, q, n):
    """Largest ``||d||_p`` over ``||d||_q <= 1`` in n dimensions, rounded up."""
    exponent = 1.0 / p - 1.0 / q
    if exponent <= 0.0 or n <= 1:
        return 1.0
    return float(n) ** exponent * (1.0 + 8.0 * UNIT)


def rules(method, norm, network):
    """Functions ``(network, pairs) -> constants in norm``, cheapest first.

    In two lists: those that cost little, and those that solve for each pair.
    """
    names = (method,)
    if method == "best":
        names = [m for m in PAIR_METHODS if METHODS[m].fits_pairs(network)]
    # In other norms a method's own constant, and the l2 one times the ratio of the
    # norms.
    own = [(m, norm) for m in names if norm != 2 and norm in METHODS[m].norms]
    euclidean = [(m, 2) for m in names if m != "lipsdp"]
    dear = [(m, 2) for m in names if m == "lipsdp"]
    return tuple(
        [_rule(name, p, norm) for name, p in chosen]
        for chosen in (own + euclidean, dear)
    )


def _rule(name, p, norm):
    def constants(network, pairs):
        values = output_difference_bounds(network, pairs, method=name, norm=p)
        ratio = norm_ratio(p, norm, network.n_inputs)
        if ratio == 1.0:
            return values
        return rounded_up(values * ratio)

    return constants


def certificate_constant(certificate, view, norm):
    """Constant in norm of every logit difference, from one certificate.

    ``||e_t - e_j||`` in the dual norm is 2^((p-1)/p) (Theorem 2 of paper 000, A8).
    """
    p = certificate.norm
    factor = 2.0 ** (1.0 - 1.0 / p) * (1.0 + 8.0 * UNIT)
    logit = replace(view, is_binary_logit=False)
    # A binary model's single logit is itself the difference of its two classes.
    single = 1.0 if view.is_binary_logit else factor
    candidates = [
        (logit.network, single),
        (logit.mutable_network(), single),
        (view.decision_network(), factor),
        (view.mutable_network(), factor),
    ]
    score = replace(view.as_score(), is_binary_logit=False)
    if _is_gap(score.network, view.decision_network()):
        candidates += [(score.network, 1.0), (score.mutable_network(), 1.0)]
    # The certificate says by its hash which of the networks of this model it is about.
    for network, scale in candidates:
        if network.hash == certificate.network_hash:
            if not certificate.verify(network):
                raise ValueError("The certificate does not verify: it proves no bound.")
            ratio = norm_ratio(p, norm, int(np.count_nonzero(view.mutable)))
            return rounded_up(certificate.value * scale * ratio)
    raise ValueError(
        "The certificate is of another network than the model's (its preprocessing and "
        "feature_eps included). Get one by lipschitz_bound(model, output='all')."
    )


def _is_gap(score, logits):
    """Whether a score is, but for a constant, the difference of two logits."""
    if logits.n_outputs != 2 or score.n_outputs != 1:
        return False
    difference = logits.with_output_map([[-1.0, 1.0]])
    pairs = zip(score.weights, difference.weights, strict=False)
    return len(score.weights) == len(difference.weights) and all(
        np.array_equal(a, b) for a, b in pairs
    )
