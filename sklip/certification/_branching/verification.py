# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a verification has found out."""

from dataclasses import dataclass

import numpy as np

from sklip._html import html_table

__all__ = ["Verification"]


@dataclass(frozen=True, eq=False)
class Verification:
    """What is known of one sample's ball, or of a specification.

    Parameters
    ----------
    status : {"verified", "falsified", "unknown"}
        No point of the ball changes the prediction; one does; or it is not settled.
    point : ndarray or DataFrame, default=None
        If falsified, such a point as a row that ``model.predict`` takes: a DataFrame of
        one row where X is a DataFrame, else an array of shape (n_features,), one row of
        an array X.
    lower : float, default=-inf
        Least margin that is proven so far: at every point of the ball the logit asked
        about exceeds each other one by at least this; -inf where it is falsified.
    n_parts : int, default=0
        Parts of the ball that were bounded.
    seconds : float, default=0.0
        From the beginning of the call until this was known.

    Examples
    --------
    >>> from sklip.certification import verify_robustness
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> verify_robustness(net, [[0.1, 0.0]], radius=0.1)[0].status
    'falsified'
    """

    status: str
    point: np.ndarray | None = None
    lower: float = -np.inf
    n_parts: int = 0
    seconds: float = 0.0

    def _repr_html_(self):
        lower = None if self.status == "falsified" else f"{self.lower:.5g}"
        fields = {"status": self.status, "least margin proven": lower}
        if self.point is not None:
            values = np.asarray(self.point, dtype=object).ravel()
            shown = ", ".join(map(str, values[:8])) + (", …" if len(values) > 8 else "")
            fields["counterexample"] = shown
        fields |= {"parts": self.n_parts, "seconds": f"{self.seconds:.3g}"}
        return html_table("Verification", fields)
