# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A number about a Lipschitz constant that proves no upper bound."""

from dataclasses import dataclass

from sklip._arguments import check_number
from sklip._html import html_table
from sklip.exceptions import InvalidArgumentError

__all__ = ["LipschitzEstimate"]


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
        object.__setattr__(self, "value", check_number(self.value, "value"))
        if not isinstance(self.method, str):
            raise InvalidArgumentError(f"method must be a string, got {self.method!r}.")

    def __float__(self):
        return self.value

    def _repr_html_(self):
        proof = "reached by a pair" if self.kind == "lower" else "no proof either way"
        fields = {"value": f"{self.value:.7g}", "kind": f"{self.kind}: {proof}"}
        fields["method"] = self.method or None
        return html_table("Lipschitz estimate, not a bound", fields)
