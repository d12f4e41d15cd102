# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A proven bound as it is handed out: sealed, and checked again on request."""

import json
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields

import numpy as np

from sklip._arguments import (
    check_norm,
    check_numbers,
    check_option,
    check_radius,
)
from sklip._html import html_table
from sklip.bounds._check import certificate_seal
from sklip.bounds._estimate import LipschitzEstimate
from sklip.bounds._subject import subject_of
from sklip.exceptions import InvalidArgumentError

__all__ = [
    "LipschitzCertificate",
    "as_proven_bound",
    "sealed",
]


@dataclass(frozen=True, eq=False, repr=False)
class LipschitzCertificate:
    """A proven upper bound of a network's Lipschitz constant, with its evidence.

    Parameters
    ----------
    value : float
        The bound: ``||f(x) - f(y)|| <= value * ||x - y||`` for all x, y, where f is the
        network of ``network_hash``.
    lower : float
        What the method could have reached at best: the solver's dual value, which holds
        to the solver's accuracy and is not proven; 0 where it gives none.
    norm : {1, 2, inf}
        Norm of both the input and the output.
    method : str
        How the bound was found.
    kind : str
        Always ``"upper"``.
    multipliers : tuple of ndarray, or None
        For each hidden layer (identity layers left out) the vector ``d = sqrt(2 T)``
        of LipSDP's multipliers T; None if the product of norms is the evidence.
    slack : float
        Relative amount by which the solver's number was increased for the proof.
    network_hash : str
        ``FeedForward.hash`` of the network that the bound is about. Of a classifier of
        two classes with two logits that is the network of their difference, which
        ``decision_function`` gives, if the bound comes from ``lipschitz_bound(model)``;
        the ``certificate_`` of a fit is about ``network_``, both logits together.
    seal : str
        SHA-256 of the weights and of all the other fields: finds changes. It is no
        signature: who means to deceive can seal again, but not make a wrong value
        verify, since that is proven anew.

    See Also
    --------
    lipschitz_bound : Makes certificates.
    check_certificate : The same check without sklip.

    Notes
    -----
    The multipliers are a point of LipSDP (Theorem 1 of paper 001, P7); the proof
    accounts for every rounding error.

    Examples
    --------
    >>> from sklip.bounds import LipschitzCertificate, lipschitz_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([4, 16, 1], random_state=0)
    >>> certificate = lipschitz_bound(network)
    >>> certificate.verify(network)
    True
    >>> LipschitzCertificate.from_json(certificate.to_json()) == certificate
    True
    """

    value: float
    lower: float
    norm: float
    method: str
    kind: str = field(default="upper")
    multipliers: tuple | None = None
    slack: float = 0.0
    network_hash: str = ""
    seal: str = ""

    def __post_init__(self):
        check_option(self.kind, "kind", ("upper",))
        checked = {
            name: check_radius(getattr(self, name), name)
            for name in ("value", "lower", "slack")
        }
        if checked["lower"] > checked["value"]:
            raise ValueError(
                f"lower must be at most value, got lower={self.lower}, "
                f"value={self.value}."
            )
        for name in ("method", "network_hash", "seal"):
            if not isinstance(getattr(self, name), str):
                raise InvalidArgumentError(
                    f"{name} must be a string, got {getattr(self, name)!r}."
                )
        checked["norm"] = check_norm(self.norm)
        if self.multipliers is not None:
            checked["multipliers"] = _frozen_vectors(self.multipliers)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __setstate__(self, state):
        # Arrays come back from a pickle writeable: the constructor freezes them again.
        self.__init__(**state)

    def __float__(self):
        return self.value

    def __eq__(self, other):
        if not isinstance(other, LipschitzCertificate):
            return NotImplemented
        return self.to_json() == other.to_json()

    def __hash__(self):
        return hash((self.value, self.norm, self.method, self.network_hash))

    def __repr__(self):
        gap = f", gap={1.0 - self.lower / self.value:.1e}" if self.lower else ""
        evidence = "norms" if self.multipliers is None else "multipliers"
        return (
            f"LipschitzCertificate(value={self.value:.7g}, norm={self.norm:g}, "
            f"method={self.method!r}, proven by {evidence}{gap}, "
            f"network {self.network_hash[:8]})"
        )

    def _repr_html_(self):
        proof = "the layers' norms" if self.multipliers is None else "multipliers"
        return html_table(
            "Proven Lipschitz bound",
            {
                "value": f"{self.value:.7g}",
                "solver's dual": f"{self.lower:.7g}" if self.lower else None,
                "norm": f"{self.norm:g}",
                "method": self.method,
                "proven by": proof,
                "network": self.network_hash[:8],
            },
        )

    def verify(self, network, *, output=None, feature=None):
        """Prove the bound again for a network.

        Parameters
        ----------
        network : FeedForward or fitted model
            What :func:`lipschitz_bound` was called with.
        output : int or "all", default=None
            Output that the bound was asked for. None takes a bound of what
            :func:`lipschitz_bound` means by None, and also one of all outputs.
        feature : int or str, default=None
            Single column of X, if the bound was asked for that.

        Returns
        -------
        proven : bool
            Whether the network is the certificate's (by its hash), nothing in the
            certificate was changed, and its value is proven to be a bound.
        """
        outputs = (None, "all") if output is None else (output,)
        subjects = [subject_of(network, output=o, feature=feature) for o in outputs]
        try:
            read = LipschitzCertificate(**vars(self))
        except (TypeError, ValueError):
            return False  # a field was given what no certificate has
        return any(
            subject.hash == read.network_hash and subject.proves(read)
            for subject in subjects
        )

    def to_json(self):
        """Write the certificate as JSON, every float exactly.

        Returns
        -------
        text : str
            A JSON object with the attributes' names as keys; an infinite norm is the
            string ``"inf"``.
        """
        fields = dict(vars(self))
        fields["norm"] = "inf" if self.norm == np.inf else int(self.norm)
        if self.multipliers is not None:
            fields["multipliers"] = [d.tolist() for d in self.multipliers]
        return json.dumps(fields, sort_keys=True)

    @classmethod
    def from_json(cls, text):
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON of a certificate.

        Returns
        -------
        certificate : LipschitzCertificate
            Not verified yet.

        Raises
        ------
        TypeError, ValueError
            If ``text`` is no string, or not the JSON of a certificate.
        """
        if not isinstance(text, str):
            raise TypeError(
                f"text must be the JSON of a certificate, got {type(text).__name__}."
            )
        names = {field.name for field in dataclass_fields(cls)}
        try:
            fields = json.loads(text)
            if not isinstance(fields, dict) or set(fields) != names:
                raise ValueError(f"it must have the fields {', '.join(sorted(names))}")
            return cls(**fields)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"text is not that of a LipschitzCertificate: {error}"
            ) from error


def as_proven_bound(bound):
    """Let only proven upper bounds pass.

    Parameters
    ----------
    bound : LipschitzCertificate
        What a proof is to be built on.

    Returns
    -------
    certificate : LipschitzCertificate
        The same object.

    Raises
    ------
    TypeError
        For a LipschitzEstimate, a bare number, or anything else.

    Examples
    --------
    >>> from sklip.bounds import as_proven_bound
    >>> as_proven_bound(2.0)
    Traceback (most recent call last):
        ...
    TypeError: A LipschitzCertificate is needed, got the number 2.0, which ...
    """
    if isinstance(bound, LipschitzCertificate):
        return bound
    if isinstance(bound, LipschitzEstimate):
        what = f"an estimate of kind {bound.kind!r}"
    elif isinstance(bound, int | float | np.number):
        what = f"the number {bound!r}"
    else:
        what = f"a {type(bound).__name__}"
    raise TypeError(
        f"A LipschitzCertificate is needed, got {what}, which proves no upper bound. "
        "Get one by lipschitz_bound(model)."
    )


def sealed(subject, evidence):
    """Certificate of a subject, with the seal that ties all its fields together."""
    fields = {name: v for name, v in vars(evidence).items() if name != "start"}
    certificate = LipschitzCertificate(**fields, network_hash=subject.hash)
    # The fields are sealed as the certificate keeps them.
    seal = certificate_seal(subject.weights, vars(certificate))
    return replace(certificate, seal=seal)


def _frozen_vectors(multipliers):
    """Float64 vectors whose memory cannot be made writeable again."""
    if isinstance(multipliers, str | dict) or not hasattr(multipliers, "__iter__"):
        raise InvalidArgumentError(
            "multipliers must be None or a vector for each hidden layer, got "
            f"{type(multipliers).__name__}."
        )
    vectors = [np.atleast_1d(check_numbers(d, "multipliers")) for d in multipliers]
    return tuple(np.frombuffer(d.tobytes()).reshape(d.shape) for d in vectors)
