# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a bound is handed out as: a value with its evidence, or an estimate without."""

import json
from dataclasses import dataclass, field

import numpy as np

from sklip._arguments import check_norm
from sklip.bounds._check import certificate_seal, check_certificate
from sklip.bounds._modules import (
    bound_module,
    hash_module,
    is_any_module,
    unwrap_any_module,
)
from sklip.bounds._product import product_bound
from sklip.bounds._resolve import resolve_network

__all__ = [
    "LipschitzCertificate",
    "LipschitzEstimate",
    "as_proven_bound",
    "lmi_certificate",
    "module_certificate",
    "product_certificate",
]


@dataclass(frozen=True, eq=False, repr=False)
class LipschitzCertificate:
    """A proven upper bound of a network's Lipschitz constant, with its evidence.

    Parameters
    ----------
    value : float
        The bound: ``||f(x) - f(y)|| <= value * ||x - y||`` for all x, y.
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
        ``FeedForward.hash`` of the network that the bound is about.
    seal : str
        SHA-256 of weights, norm, value and multipliers: finds accidental changes.

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
        if self.kind != "upper":
            raise ValueError(f"kind must be 'upper', got {self.kind!r}.")
        value, lower = float(self.value), float(self.lower)
        if not (0.0 <= lower <= value < np.inf):
            raise ValueError(
                f"0 <= lower <= value must hold, got lower={lower}, value={value}."
            )
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "norm", check_norm(self.norm))
        if self.multipliers is not None:
            frozen = tuple(_frozen_vector(d) for d in self.multipliers)
            object.__setattr__(self, "multipliers", frozen)

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

    def verify(self, network, *, output=None, feature=None):
        """Prove the bound again for a network.

        Parameters
        ----------
        network : FeedForward or fitted model
            What :func:`lipschitz_bound` was called with.
        output : int, default=None
            Single output of the network, if the bound was asked for that.
        feature : int or str, default=None
            Single column of X, if the bound was asked for that.

        Returns
        -------
        proven : bool
            Whether the network is the certificate's (by its hash), nothing in the
            certificate was changed, and its value is proven to be a bound.
        """
        network = unwrap_any_module(network)
        if is_any_module(network):
            return self._verify_module(network)
        network = resolve_network(network, output=output, feature=feature)
        if network.hash != self.network_hash:
            return False
        return check_certificate(network.weights, self, network.activation)

    def _verify_module(self, module):
        if hash_module(module) != self.network_hash:
            return False
        if self.seal != certificate_seal((), self.norm, self.value, None):
            return False
        return bound_module(module, self.norm) <= self.value

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
        """
        fields = json.loads(text)
        fields["norm"] = float(fields["norm"])
        try:
            return cls(**fields)
        except TypeError:
            raise ValueError(
                "The JSON is not that of a LipschitzCertificate."
            ) from None


@dataclass(frozen=True)
class LipschitzEstimate:
    """A number about a Lipschitz constant that bounds it from below, or not at all.

    Parameters
    ----------
    value : float
        The number.
    kind : {"estimate", "lower"}
        ``"lower"``: some pair of inputs reaches it; ``"estimate"``: no proof.
    method : str
        How it was found.

    Examples
    --------
    >>> from sklip.bounds import LipschitzEstimate
    >>> float(LipschitzEstimate(1.5, "estimate", "guess"))
    1.5
    """

    value: float
    kind: str = "estimate"
    method: str = ""

    def __post_init__(self):
        if self.kind not in ("estimate", "lower"):
            raise ValueError(
                f"kind must be 'estimate' or 'lower', got {self.kind!r}; a proven "
                "upper bound is a LipschitzCertificate."
            )
        object.__setattr__(self, "value", float(self.value))

    def __float__(self):
        return self.value


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


def product_certificate(network, norm, *, method="product"):
    """Certificate whose evidence is the product of norms."""
    value = product_bound(network, norm)
    return LipschitzCertificate(
        value=value,
        lower=0.0,
        norm=norm,
        method=method,
        network_hash=network.hash,
        seal=certificate_seal(network.weights, norm, value, None),
    )


def module_certificate(module, norm):
    """Certificate of a torch module that is no plain stack: the product of norms."""
    # Raised a little, since another machine may round the norms differently.
    value = bound_module(module, norm) * (1.0 + 1e-9)
    return LipschitzCertificate(
        value=value,
        lower=0.0,
        norm=norm,
        method="product",
        network_hash=hash_module(module),
        seal=certificate_seal((), norm, value, None),
    )


def lmi_certificate(network, value, multipliers, method, *, solved, lower=0.0):
    """Certificate of proven multipliers; solved is the value before inflation."""
    return LipschitzCertificate(
        value=value,
        lower=lower,
        norm=2,
        method=method,
        multipliers=multipliers,
        slack=max(0.0, value / solved - 1.0),
        network_hash=network.hash,
        seal=certificate_seal(network.weights, 2, value, multipliers),
    )


def _frozen_vector(d):
    d = np.array(d, dtype=np.float64, ndmin=1)
    d.flags.writeable = False
    return d
