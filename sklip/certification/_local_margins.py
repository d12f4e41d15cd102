# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Margins that hold over a whole ball, by bounds of the network inside that ball."""

import numpy as np
import torch

from sklip._threads import limit_threads
from sklip.bounds import (
    Propagation,
    falls_from_centers,
    hidden_bounds,
    outputs_lower,
)
from sklip.certification._pairs import norm_ratio

__all__ = ["LocalMargins"]

# Steps of slope optimisation, for rows that nearly succeed without it.
_N_STEPS = 12
_NEARLY = 0.3


class LocalMargins:
    """Proven lower bounds of the computed logit differences over balls.

    Parameters
    ----------
    decisions : Decisions
        Of the samples around which the balls lie.
    norm : {1, 2, numpy.inf}
        Norm of the balls.
    """

    _kind: type = Propagation

    def __init__(self, decisions, norm):
        self.decisions, self.norm = decisions, norm
        self.propagation = self._propagate()
        self.error, growth = decisions.rounding()
        self.growth = growth * norm_ratio(2, norm, decisions.n_mutable)
        self.gaps = decisions.gaps()
        last = self.propagation.tensor(np.eye(decisions.network.n_outputs))
        self._identity = last

    def _propagate(self):
        decided = self.decisions
        return self._kind(
            decided.network,
            self.norm,
            decided.view.mutable,
            decided.device,
            decided.view.shares,
        )

    def _hidden_bounds(self, balls, method):
        return hidden_bounds(self.propagation, balls, method)

    def _outputs_lower(self, bounds, rows, **options):
        return outputs_lower(self.propagation, bounds, rows, **options)

    def _rates(self, bounds, rows):
        return falls_from_centers(self.propagation, bounds, rows)

    def _optimistic_rates(self, bounds, rows):
        """Below what is proven, for a fraction of the work; None if there is none."""
        return falls_from_centers(self.propagation, bounds, rows, optimistic=True)

    @property
    def possible(self):
        """Samples whose class is sure, rounding considered, at least at the center."""
        return (self.gaps > 3.0 * self.error[:, None]).all(axis=1)

    def lower(
        self,
        rows,
        radii,
        method,
        passed=None,
        *,
        refine=True,
        together=True,
        by_lines=None,
        given_up=None,
        likely=None,
    ):
        """Bounds of target's logit minus each other's at every point of the balls.

        Parameters
        ----------
        rows : ndarray of int of shape (n,)
            Samples.
        radii : ndarray of shape (n,)
            A radius for each.
        method : {"ibp", "crown", "local", "best"}
            Which bounds; "best" takes "local" for the rows that "crown" leaves open.
        passed : ndarray of bool of shape (n, n_classes), default=None
            Pairs that need no bound.
        refine : bool, default=True
            Whether to optimise slopes.
        together : bool, default=True
            Whether a row only counts if all its pairs are proven: rates are then left
            out where one pair cannot be.
        by_lines : ndarray of bool of shape (n, n_classes), default=None
            Filled, if given, with what lines prove by themselves.
        given_up : ndarray of bool of shape (n, n_classes), default=None
            Pairs for which no slopes are optimised: they did not help at a smaller
            radius. If given, others are optimised to the last step, and what is below
            zero is no bound but where a search goes by.
        likely : ndarray of bool of shape (n,), default=None
            Samples that rates may well prove: these are bounded without a look at
            them from below.

        Returns
        -------
        lower : ndarray of shape (n, n_classes)
            Inf, or the largest number, for the target and for what was passed.
        """
        lower = np.full((len(rows), self.gaps.shape[1]), np.inf)
        likely = np.zeros(len(rows), bool) if likely is None else likely
        work = self.propagation.work
        with torch.no_grad(), limit_threads(work):
            step = self.propagation.block_rows(lower.shape[1])
            for start in range(0, len(rows), step):
                block = slice(start, start + step)
                part = None if passed is None else passed[block]
                told = None if by_lines is None else by_lines[block]
                useless = None if given_up is None else given_up[block]
                asked = rows[block], radii[block], method, part, refine, together
                lower[block] = self._block(*asked, told, useless, likely[block])
        return lower

    def _block(
        self, rows, radii, method, passed, refine, together, by_lines, given_up, likely
    ):
        propagation = self.propagation
        target = propagation.tensor(self.decisions.target[rows], torch.int64)
        balls = propagation.balls(self.decisions.inputs[rows], radii)
        inside = "ibp" if method == "ibp" else "crown"
        bounds = self._hidden_bounds(balls, inside)
        differences = self._identity[target][:, None] - self._identity
        # Two logits err by at most sqrt(2) times the l2 error, at the point itself.
        lost = 1.5 * (self.error[rows] + self.growth * radii)
        lost = propagation.tensor(lost)[:, None]
        done = torch.arange(len(self._identity), device=lost.device) == target[:, None]
        if passed is not None:
            done |= propagation.tensor(passed, torch.bool)
        useless = torch.zeros_like(done)
        if method == "best" and given_up is not None:
            useless = propagation.tensor(given_up, torch.bool)
        likely = propagation.tensor(likely, torch.bool)
        asked = bounds, rows, differences, lost, done, likely
        if method == "local":
            lower = self._by_rates(*asked, together, given_up is not None)
        else:
            lower = self._by_lines(bounds, differences, lost, done, useless)
        lower[done] = torch.inf
        if refine and method in ("crown", "best") and propagation.n_hidden:
            gaps = propagation.tensor(self.gaps[rows])
            self._improve(bounds, differences, lower, gaps, lost, given_up)
        # NaN (an overflow on the way) proves nothing.
        lower = torch.nan_to_num(lower, nan=-torch.inf, posinf=torch.inf)
        if by_lines is not None:
            by_lines[:] = (lower > 0.0).cpu().numpy()
        if method == "best":
            some = torch.nonzero((lower <= 0.0).any(dim=1))[:, 0]
            if len(some):
                left = _some(asked, some)
                left = (*left[:4], left[4] | (lower[some] > 0.0), left[5])
                found = self._by_rates(*left, together, given_up is not None)
                lower[some] = torch.fmax(lower[some], found)
        return torch.nan_to_num(lower, nan=-torch.inf).cpu().numpy()

    def _by_lines(self, bounds, differences, lost, done, useless):
        """What lines prove with slopes as they are; -inf where they are of no use."""
        lower = torch.full_like(differences[..., 0], -torch.inf)
        some = torch.nonzero((~useless & ~done).any(dim=1))[:, 0]
        if len(some):
            found = self._outputs_lower(bounds[some], differences[some])
            lower[some] = found - lost[some]
        return lower.masked_fill(useless, -torch.inf)

    def _by_rates(self, bounds, rows, differences, lost, done, likely, together, guess):
        """Gaps at the centers less what the rates of change may take off.

        -inf for samples that rates from below cannot settle, ``likely`` ones apart;
        with ``guess`` what these rates leave, which is below zero and says how far a
        search may be off.
        """
        gaps = self.propagation.tensor(self.gaps[rows] - 3.0 * self.error[rows, None])
        gaps, radii = gaps - lost, bounds.balls.radii[:, None] * (1.0 + 1e-12)
        left = torch.full_like(gaps, torch.inf)
        some = torch.nonzero(~likely)[:, 0]
        if len(some):
            rates = self._optimistic_rates(bounds[some], differences[some])
            if rates is None:
                return gaps - radii * self._rates(bounds, differences)
            left[some] = gaps[some] - radii[some] * rates
        # NaN is left to what proves.
        hopeless = left <= 0.0
        open_rows = ~(hopeless & ~done).any(dim=1)
        if not together:
            open_rows = (~hopeless & ~done).any(dim=1)
        lower = torch.full_like(gaps, -torch.inf)
        if guess:
            lower = torch.where(hopeless & ~done, left, lower)
        some = torch.nonzero(open_rows)[:, 0]
        if len(some):
            found = self._rates(bounds[some], differences[some])
            lower[some] = gaps[some] - radii[some] * found
        return lower

    def _improve(self, bounds, differences, lower, gaps, lost, given_up):
        """Optimise the slopes where all that is missing may be gained by them."""
        missing, useful = lower <= 0.0, True
        if given_up is not None:
            useful = ~self.propagation.tensor(given_up, torch.bool)
        hopeful = (lower > -_NEARLY * gaps) | ~missing
        open_pairs = missing & hopeful.all(dim=1, keepdim=True) & useful
        samples, others = torch.nonzero(open_pairs, as_tuple=True)
        if len(samples):
            lost = lost[samples]
            improved = self._outputs_lower(
                bounds[samples],
                differences[samples, others][:, None],
                n_steps=_N_STEPS,
                # A search goes by values, not by their signs alone.
                enough=lost if given_up is None else torch.inf,
            )
            lower[samples, others] = (improved - lost)[:, 0]


def _some(asked, places):
    """Bounds, rows, and tensors of some samples."""
    bounds, rows, *tensors = asked
    chosen = (tensor[places] for tensor in tensors)
    return bounds[places], rows[places.cpu().numpy()], *chosen
