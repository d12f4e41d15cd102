# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parameters and errors that functions about Lipschitz bounds share."""

from sklip._documentation import entries

__all__ = ["BOUNDS"]

BOUNDS = entries(
    """
    norm : {1, 2, inf}, default=2
        Norm of both the input and the output.
    tol : float, default=1e-6
        Relative gap at which an iterative method stops.
    time_limit : float, default=None
        Seconds after which an iterative method returns its best proven bound.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where an iterative method computes.
    NotFittedError
        If the model is not fitted.
    UnsupportedModelError
        If no bound is known for the model or a transformer in it.
    ValueError
        If an argument is not one of the allowed values.
    """
)
