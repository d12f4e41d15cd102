# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a method returns: a proven bound with what proves it, not sealed yet."""

from dataclasses import dataclass

__all__ = ["Evidence"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """A proven upper bound and its evidence, about a network that is not named here."""

    value: float  # the bound
    norm: float  # {1, 2, inf}: norm of both input and output
    method: str  # how it was found
    lower: float = 0.0  # the solver's dual value; 0 where there is none
    # Of ndarray, or None: d_1 ... d_l; None if the product of norms or the path norm is
    # the evidence.
    multipliers: tuple | None = None
    # Relative amount by which a solver's number was raised for the proof.
    slack: float = 0.0
    # (L, d) where a solver may begin for networks nearby, or None: no evidence.
    start: tuple | None = None

    def __post_init__(self):
        for name in ("value", "lower"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @classmethod
    def of_multipliers(cls, value, multipliers, method, *, solved, lower=0.0):
        """Of LipSDP's condition; solved is the value before it was raised."""
        slack = max(0.0, value / solved - 1.0)
        return cls(value, 2.0, method, lower, multipliers, slack)

    def __float__(self):
        return self.value
