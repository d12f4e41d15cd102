# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a network must never do: a box of inputs and a set of unsafe outputs."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sklip._arguments import check_count, is_integer, is_number
from sklip._files import replacing
from sklip.certification._specification.box import checked_box
from sklip.certification._specification.monotone import Monotone
from sklip.certification._specification.vnnlib import (
    decoded,
    read_cases,
    write_text,
)

__all__ = ["Specification"]


@dataclass(frozen=True, eq=False, repr=False)
class Specification:
    """A box of inputs and the outputs that none of them may have.

    Parameters
    ----------
    lower, upper : array-like of shape (n_inputs,)
        Ends of the box, in the units of X.
    clauses : sequence of (array-like of shape (n_rows, n_outputs), (n_rows,))
        Matrix A and limits b of each unsafe polyhedron ``{y : A y <= b}``; the unsafe
        set is their union.
    others : sequence of Specification, default=()
        Further boxes with unsafe sets of their own.

    Raises
    ------
    ValueError
        If shapes do not match, a number is not finite, or the box is empty.

    See Also
    --------
    verify_specification : Decides it.

    Notes
    -----
    The form of VNN-LIB: a specification is violated by an input of the box whose output
    lies in the unsafe set. Boundaries belong to both.

    Examples
    --------
    >>> from sklip.certification import Specification
    >>> below_two = Specification([-1.0], [1.0], [([[-1.0]], [-2.0])])  # unsafe: y >= 2
    >>> below_two
    Specification(1 input, 1 output, 1 unsafe polyhedron)
    """

    lower: np.ndarray
    upper: np.ndarray
    clauses: tuple
    others: tuple = ()

    def __post_init__(self):
        lower, upper = checked_box(self.lower, self.upper)
        clauses = tuple(_clause(k, clause) for k, clause in enumerate(self.clauses))
        if not clauses:
            raise ValueError("clauses must name at least one unsafe polyhedron.")
        others = tuple(self.others)
        sizes = {a.shape[1] for a, _ in clauses} | {o.n_outputs for o in others}
        if len(sizes) > 1 or any(o.n_inputs != len(lower) for o in others):
            raise ValueError(
                "All clauses and boxes must be about the same inputs and outputs."
            )
        for name, value in (
            ("lower", lower),
            ("upper", upper),
            ("clauses", clauses),
            ("others", others),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self):
        n_clauses = sum(len(case.clauses) for case in self.cases)
        parts = [
            _count(self.n_inputs, "input"),
            _count(self.n_outputs, "output"),
            _count(n_clauses, "unsafe polyhedron", "unsafe polyhedra"),
        ]
        if self.others:
            parts.append(_count(len(self.cases), "box", "boxes"))
        return f"Specification({', '.join(parts)})"

    @property
    def n_inputs(self):
        """Number of inputs."""
        return len(self.lower)

    @property
    def n_outputs(self):
        """Number of outputs."""
        return self.clauses[0][0].shape[1]

    @property
    def cases(self):
        """Specifications of one box each; this one is violated if one of them is."""
        first = Specification(self.lower, self.upper, self.clauses)
        return (first, *(case for other in self.others for case in other.cases))

    def is_violated(self, inputs, outputs):
        """Which inputs, with their outputs, violate the specification.

        Parameters
        ----------
        inputs : array-like of shape (n_samples, n_inputs)
            Inputs.
        outputs : array-like of shape (n_samples, n_outputs)
            What the network gives there.

        Returns
        -------
        violated : ndarray of bool of shape (n_samples,)
            As float64 computes it.
        """
        inputs, outputs = np.asarray(inputs), np.asarray(outputs)
        found = np.zeros(len(inputs), dtype=bool)
        for case in self.cases:
            inside = ((inputs >= case.lower) & (inputs <= case.upper)).all(axis=1)
            unsafe = [(outputs @ a.T <= b).all(axis=1) for a, b in case.clauses]
            found |= inside & np.any(unsafe, axis=0)
        return found

    @classmethod
    def output_between(cls, lower, upper, low, high, *, output=0, n_outputs=1):
        """That an output stays within limits on a box.

        Parameters
        ----------
        lower, upper : array-like of shape (n_inputs,)
            Ends of the box.
        low, high : float
            The output must lie strictly between them; infinite ones do not count.
        output : int, default=0
            Which output.
        n_outputs : int, default=1
            How many the network has.

        Returns
        -------
        specification : Specification
            Unsafe is an output of low and less, or of high and more.

        See Also
        --------
        monotone : That an output only rises, or falls, with an input.

        Examples
        --------
        >>> from sklip.certification import Specification
        >>> Specification.output_between([0.0], [1.0], -2.0, 2.0)
        Specification(1 input, 1 output, 2 unsafe polyhedra)
        """
        check_count(n_outputs, "n_outputs")
        if not is_integer(output) or not 0 <= output < n_outputs:
            raise ValueError(
                f"output must be an integer from 0 to {n_outputs - 1}, got {output!r}."
            )
        low, high = _limit(low, "low"), _limit(high, "high")
        if not low < high or np.isinf([low, high]).all():
            raise ValueError(
                f"low must be below high, and one of them finite, got {low}, {high}."
            )
        row = np.zeros((1, n_outputs))
        row[0, output] = 1.0
        # Closed, as all that is unsafe: y <= low, and -y <= -high.
        ends = [(row, low), (-row, -high)]
        clauses = [(a, [b]) for a, b in ends if np.isfinite(b)]
        return cls(lower, upper, clauses)

    @classmethod
    def monotone(cls, lower, upper, feature, *, increasing=True, output=0, n_outputs=1):
        """That an output only rises, or only falls, with one input on a box.

        Parameters
        ----------
        lower, upper : array-like of shape (n_inputs,)
            Ends of the box.
        feature : int or str
            Index or name of the input.
        increasing : bool, default=True
            Whether the output must never fall as the input rises, the other inputs
            held; else it must never rise.
        output : int, default=0
            Which output.
        n_outputs : int, default=1
            How many the network has.

        Returns
        -------
        question : Monotone
            For :func:`verify_specification`. It is about pairs of inputs, so no VNN-LIB
            file says it.

        See Also
        --------
        output_between : That an output stays within limits.

        Examples
        --------
        >>> from sklip.certification import Specification, verify_specification
        >>> from sklip.networks import FeedForward
        >>> net = FeedForward([[[1.0], [-1.0]], [[1.0, 1.0]]])  # |x|
        >>> rises = Specification.monotone([0.5], [2.0], 0)
        >>> verify_specification(net, rises).status
        'verified'
        >>> rises = Specification.monotone([-1.0], [2.0], 0)
        >>> verify_specification(net, rises).status
        'falsified'
        """
        return Monotone(lower, upper, feature, increasing, output, n_outputs)

    @classmethod
    def from_vnnlib(cls, path):
        """Read a VNN-LIB file.

        Parameters
        ----------
        path : str or path-like
            A file of version 1.0, as the VNN competition ships them, or of 2.0 where it
            says the same: one network, bounds on inputs, linear constraints on outputs,
            and, or.

        Returns
        -------
        specification : Specification
            Numbers to the nearest float64, so that the box holds the same float64
            inputs; strict inequalities are read as closed ones.

        Raises
        ------
        ValueError
            With the line, if something cannot be read.
        """
        return cls.from_text(decoded(Path(os.fspath(path)).read_bytes()))

    @classmethod
    def from_text(cls, text):
        """Read the text of a VNN-LIB file.

        Parameters
        ----------
        text : str
            As :meth:`from_vnnlib` finds it in a file.

        Returns
        -------
        specification : Specification
            What it says.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, got {type(text).__name__}.")
        cases = read_cases(text)
        first, *others = (cls(*case) for case in cases)
        return cls(first.lower, first.upper, first.clauses, others)

    def to_vnnlib(self, path):
        """Write a VNN-LIB file of version 1.0.

        Parameters
        ----------
        path : str or path-like
            Where; every number with all its digits, so that reading gives it back.
        """
        cases = [(case.lower, case.upper, case.clauses) for case in self.cases]
        with replacing(os.fspath(path)) as beside:
            beside.write_text(write_text(cases), encoding="utf-8")


def _limit(value, name):
    if not is_number(value) or np.isnan(value):
        raise ValueError(f"{name} must be a number, got {value!r}.")
    return float(value)


def _count(n, one, many=None):
    return f"{n} {one if n == 1 else many or one + 's'}"


def _clause(k, clause):
    try:
        matrix, limits = clause
        matrix = np.array(matrix, dtype=np.float64)
        limits = np.array(limits, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"clauses[{k}] must be a pair (A, b) of arrays.") from None
    if matrix.ndim != 2 or limits.shape != (len(matrix),) or not matrix.shape[1]:
        raise ValueError(
            f"clauses[{k}] must be a matrix (n_rows, n_outputs) and a vector "
            f"(n_rows,), got the shapes {matrix.shape} and {limits.shape}."
        )
    if not (np.all(np.isfinite(matrix)) and np.all(np.isfinite(limits))):
        raise ValueError(f"clauses[{k}] contains NaN or infinity.")
    # What was verified once must not become another question.
    matrix.flags.writeable = limits.flags.writeable = False
    return matrix, limits
