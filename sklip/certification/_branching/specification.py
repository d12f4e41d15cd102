# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Deciding specifications: by halving boxes, or by the signs of neurons."""

import time
from dataclasses import replace

import numpy as np

from sklip._arguments import check_time_limit
from sklip._threads import limit_threads
from sklip.bounds import ModuleView, forward_error, is_bare
from sklip.certification._branching.branches import unsplittable
from sklip.certification._branching.clause_network import excess_network
from sklip.certification._branching.exact import verify_coordinates
from sklip.certification._branching.input_splits import InputSplits
from sklip.certification._branching.module_splits import ModuleSplits
from sklip.certification._branching.monotone import MonotoneSplits
from sklip.certification._branching.verification import Verification
from sklip.certification._decisions import decide, model_view
from sklip.certification._specification import Monotone, Specification
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, network_view

__all__ = ["verify_specification"]

# Moving inputs up to which boxes are halved; above, signs are split where they can be.
_FEW_INPUTS = 12
# So are the signs of fewer neurons for each moving input.
_FEW_NEURONS = 8
# Of the slopes of a module's bounds in a box that is not halved.
_SLOPE_STEPS = 20


def verify_specification(model, specification, *, time_limit=10.0):
    """Decide whether any input of a box has an unsafe output.

    Parameters
    ----------
    model : FeedForward, torch module, ONNX model, fitted estimator or Pipeline
        Of numeric columns; outputs are logits or predictions. Inputs of a module, or of
        a graph with convolutions, are the entries of a sample in order; convolutions
        must be of float64.
    specification : Specification
        Box and unsafe set, in the units of X and of the outputs; or what
        :meth:`Specification.monotone` asks.
    time_limit : float, default=10.0
        Seconds, after which the status is "unknown".

    Returns
    -------
    result : Verification
        "verified": no input of the box has an unsafe output, proven with the rounding
        of the model's own forward pass on float64; "falsified": ``point`` has one,
        computed in float64; "unknown" otherwise. ``lower`` is the least margin proven
        so far, in the units of the outputs: each unsafe polyhedron has a row that is
        exceeded by this at least.

        Of :meth:`Specification.monotone` "verified" is said of the exact values of the
        fitted model, which ``predict`` rounds; "falsified": the two rows of ``point``
        contradict by more than that. ``lower`` is the least slope proven, in the
        direction asked.

    Raises
    ------
    UnsupportedModelError
        If the model's columns are encoded, scaled by a curve or filled in.
    ValueError
        If sizes do not match, or an argument is out of range.

    See Also
    --------
    verify_robustness : The same for "the class does not change in a ball".

    Notes
    -----
    Up to 12 moving inputs the box is halved, along the input with the largest product
    of width and root of its slope in the bound; every half is bounded by linear
    propagation. With more inputs, or at most 8 neurons for each, networks with ReLU,
    leaky ReLU or abs are split by the signs of neurons (as in beta-CROWN), others by
    ranges of their pre-activations, each polyhedron by the largest excess of its rows;
    torch modules of other layers are bounded over the whole box alone. A property
    whose unsafe set touches the reachable set is never "verified".

    For :meth:`Specification.monotone` the slope is bounded over each box, with every
    activation's range of slopes there, and the box halved along the input that has most
    to do with what these ranges cost.

    Examples
    --------
    >>> from sklip.certification import Specification, verify_specification
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.0], [-1.0]], [[1.0, 1.0]]])  # |x|
    >>> safe = Specification.output_between([-1.0], [2.0], -0.5, 2.5)
    >>> verify_specification(net, safe).status
    'verified'
    >>> reached = Specification([-1.0], [2.0], [([[-1.0]], [-2.0])])  # unsafe: y >= 2
    >>> found = verify_specification(net, reached)
    >>> found.status, found.point
    ('falsified', array([2.]))
    """
    if not isinstance(specification, Specification | Monotone):
        raise TypeError(
            "specification must be a Specification (Specification.from_vnnlib reads "
            "one from a file) or what Specification.monotone gives, got "
            f"{type(specification).__name__}."
        )
    time_limit = check_time_limit(time_limit, none=False)
    view = _plain_view(model, specification)
    start = time.monotonic()
    deadline = start + time_limit
    if isinstance(specification, Monotone):
        found = _monotone(view, specification, deadline)
        return replace(found, seconds=time.monotonic() - start)
    found = _together(_decided(view, case, deadline) for case in specification.cases)
    return replace(found, seconds=time.monotonic() - start)


def _plain_view(model, specification):
    """View whose coordinates are the columns of X as they are."""
    if isinstance(model, FeedForward):
        view = network_view(model)
    else:
        # Of a bare module the box says the shape of a sample.
        view = model_view(
            model, X=specification.lower[None] if is_bare(model) else None
        )
    n = view.n_features
    plain = (
        view.network.n_inputs == n
        and np.array_equal(view.feature_index, np.arange(n))
        and np.all(view.units == 1.0)
        and np.all(view.faithful)
        and not view.groups
    )
    if not plain:
        raise UnsupportedModelError(
            f"verify_specification takes models of numeric columns; {type(model)} "
            "encodes, bends or fills in some. Put its box in the coordinates of "
            "network_view(model).network and verify that."
        )
    for name, found, needed in (
        ("inputs", specification.n_inputs, n),
        ("outputs", specification.n_outputs, view.network.n_outputs),
    ):
        if found != needed:
            raise ValueError(
                f"The specification has {found} {name}, the model {needed}."
            )
    return view


def _monotone(view, question, deadline):
    if isinstance(view, ModuleView):
        raise UnsupportedModelError(
            "That a model is monotone is shown for fully connected networks alone, "
            f"which {type(view.network.module)} is not."
        )
    if view.rounding.more is not None:
        raise UnsupportedModelError(
            "That a model is monotone cannot be shown for parts of it that are rounded "
            "as a whole (an ensemble, or single precision). Ask about its members."
        )
    splits = MonotoneSplits(view, question)
    with limit_threads(splits.propagation.work):
        splits.run(deadline)
    return splits.result()


def _together(answers):
    """One answer from those about several unsafe sets, up to the first that counts."""
    lower, n_parts, status = np.inf, 0, "verified"
    for found in answers:
        lower, n_parts = min(lower, found.lower), n_parts + found.n_parts
        if found.status == "falsified":
            return replace(found, n_parts=n_parts)
        if found.status == "unknown":
            status = "unknown"
    return Verification(status, None, lower, n_parts)


def _decided(view, case, deadline):
    center = (0.5 * case.lower + 0.5 * case.upper)[None]
    if case.is_violated(center, view.network.forward(center))[0]:
        return Verification("falsified", center[0])
    n_moving = np.count_nonzero(case.upper > case.lower)
    if isinstance(view, ModuleView):
        return _through_layers(view, case, deadline, n_moving)
    if n_moving > _FEW_INPUTS:
        return _by_signs(view, case, deadline)
    if not _has_few_signs(view.network, n_moving):
        return _by_halves(view, case, deadline)
    found = _by_signs(view, case, deadline)
    if found.status == "unknown":  # an unsafe set may just touch a corner: one look
        at_corner = _by_halves(view, case, -np.inf)
        return found if at_corner.point is None else at_corner
    return found


def _by_halves(view, case, deadline):
    """Boxes are halved until the time is over, or looked at once."""
    splits = InputSplits(view.network, case, view.rounding)
    with limit_threads(splits.propagation.work):
        splits.run(deadline)
    return splits.result()


def _has_few_signs(network, n_moving):
    """Whether signs of neurons are split at less cost than so many inputs."""
    n_neurons = sum(network.layer_sizes[1:-1])
    few = n_neurons <= _FEW_NEURONS * n_moving
    return n_moving > 0 and few and not unsplittable(network)


def _through_layers(view, case, deadline, n_moving):
    """A module by halving; of many inputs by its bounds in the whole box alone."""
    is_few = n_moving <= _FEW_INPUTS
    splits = ModuleSplits(view, case, 0 if is_few else _SLOPE_STEPS)
    splits.run(deadline if is_few else -np.inf)
    return splits.result()


def _by_signs(view, case, deadline):
    """Unsafe polyhedra as rivals of a logit that is always zero: minus their excess."""
    center = 0.5 * case.lower + 0.5 * case.upper
    half = np.maximum(case.upper - center, center - case.lower)
    # Upward, so that the ball of radius one around the center contains the box.
    eps = {int(i): np.nextafter(half[i], np.inf).item() for i in np.flatnonzero(half)}
    clauses = _with_room(view, case, center, half)
    network = excess_network(view.network, clauses, center, half)
    if network is None:
        return Verification("unknown")
    decisions = decide(network, center[None], [0], eps)
    left = max(deadline - time.monotonic(), 1e-3)
    (found,) = verify_coordinates(decisions, np.inf, 1.0, left)
    if found.status != "falsified":
        return found
    # Its coordinates count tolerances.
    moved = (found.point - decisions.inputs[0])[half > 0.0]
    point = center.copy()
    point[half > 0.0] += moved * half[half > 0.0]
    point = np.clip(point, case.lower, case.upper)
    if case.is_violated(point[None], view.network.forward(point[None]))[0]:
        return Verification("falsified", point, n_parts=found.n_parts)
    # Within the model's own rounding of the boundary of one; the others are left.
    alone = [Specification(case.lower, case.upper, [c]) for c in case.clauses]
    if len(alone) == 1:
        return Verification("unknown", None, -np.inf, found.n_parts)
    return _together(_by_signs(view, one, deadline) for one in alone)


def _with_room(view, case, center, half):
    """The polyhedra, each larger by what the model's own outputs may be off."""
    error, growth = forward_error(view.network, center[None], view.rounding)
    off = 1.01 * (error[0] + growth * np.linalg.norm(half))
    return [
        (a, np.nextafter(b + off * np.linalg.norm(a, axis=1), np.inf))
        for a, b in case.clauses
    ]
