# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A fitted model as one network of the user's own columns: what gets certified."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit

from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import FoldRounding, InputEncoder
from sklip.networks._named_tolerances import measured_in, named_tolerances, shares_of

__all__ = ["NetworkView"]


@dataclass(frozen=True, eq=False)
class NetworkView:
    """One network for a whole fitted model, and the map from X to its inputs.

    The inputs of the network are *coordinates*: numeric columns of the user's X in
    their own units, then the outputs of encoders. What a scaler or PCA does is part of
    the first layer, what a target scaler undoes is part of the last.
    """

    # Logits or predictions, in the units of y, as a function of the coordinates.
    network: FeedForward
    # Of shape (n_coordinates,): coordinates that a perturbation may change: all but the
    # outputs of encoders and the columns that an encoder consumes.
    mutable: np.ndarray
    # Of shape (n_coordinates,): column of X that a coordinate stands for; -1 for the
    # output of an encoder.
    feature_index: np.ndarray
    feature_names: list[str] | None  # names of the columns of X
    n_features: int  # number of columns of X
    classes: np.ndarray | None  # ndarray or None: class labels; None for a regressor
    # Whether the network has a single output, the logit of ``classes[1]`` against
    # ``classes[0]``.
    is_binary_logit: bool
    # What :meth:`encode` does before it divides by ``units``.
    encoder: InputEncoder = field(repr=False)
    # How far the network may be from the fitted steps it was folded from.
    rounding: FoldRounding = field(repr=False)
    # Of shape (n_coordinates,): what :meth:`encode` divides by.
    units: np.ndarray = field(repr=False)
    # Of shape (n_coordinates,): the same for tolerances of one: 1 for a column of X
    # that is used as it is, the largest slope of a curved map in front of the network;
    # times the number of coordinates that move with the same column.
    base_units: np.ndarray = field(repr=False)
    # Of shape (n_coordinates,): coordinates that take every value that their column of
    # X takes, and move as far: those that an attack may move. A curved map is only
    # known not to move farther.
    faithful: np.ndarray = field(repr=False)
    # Of CategoryGroup: coordinates that change together with a category, and all their
    # values.
    groups: tuple = field(default=(), repr=False)
    # Of two classes: gives the network whose single output is ``decision_function``,
    # and its rounding; None if that is not known to be another than the network. It is
    # the difference of two logits, a score without the threshold that is applied to it,
    # or of a bag the mean of its members' scores.
    score: Callable | None = field(default=None, repr=False)
    # {"first", "last", "softmax"}: which class predict gives where logits are equal:
    # the first of them, the last, or the first of those whose softmax, or sigmoid, is
    # equal in floating point.
    ties: str = "first"
    # TargetMap or None: monotone maps from the network's outputs to the units of y;
    # :func:`network_view` gives no view with one.
    target: object = field(default=None, repr=False)
    # Whether ``classes`` are labels of a set, each decided by the sign of its own
    # output: :meth:`of_label` is what is certified.
    is_multilabel: bool = False
    # Of shape (n_coordinates,): shares of a unit, from 0 to 1 and the larger of both 1,
    # that a coordinate moves down and up. A perturbation is as long as it is with each
    # entry divided by its own direction's share.
    shares: tuple | None = field(default=None, repr=False)

    def __post_init__(self):
        shares = (np.ones(len(self.units)),) * 2 if self.shares is None else self.shares
        object.__setattr__(self, "shares", shares)
        arrays = ("mutable", "feature_index", "units", "base_units", "faithful")
        for name in arrays:
            array = np.array(getattr(self, name))
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def encode(self, X):
        """Coordinates of samples.

        Missing values are imputed and categories encoded as the fitted model does it;
        everything else is left to the network.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Samples, as the model's ``predict`` takes them.

        Returns
        -------
        U : ndarray of shape (n_samples, n_coordinates)
            Float64; ``network.forward(U)`` are the model's logits or predictions.

        Raises
        ------
        ValueError
            If the number or the names of the columns are not those of fit, or a value
            is infinite, not a number, or missing where the model does not impute.
        """
        U = self.encoder.transform(X)
        U /= self.units
        return U

    def missing(self, X):
        """Whether each coordinate stands for an entry of X that is missing.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        missing : ndarray of bool of shape (n_samples, n_coordinates)
            Never for the output of an encoder of categories.
        """
        return self.encoder.missing(X, self.feature_index)

    def frozen(self, coordinates):
        """The same with fewer coordinates that may move.

        Parameters
        ----------
        coordinates : ndarray of bool of shape (n_coordinates,)
            Those that do not.

        Returns
        -------
        view : NetworkView
            In the same units.
        """
        return replace(self, mutable=self.mutable & ~coordinates)

    def decision_network(self):
        """The network with one output for each class.

        Returns
        -------
        network : FeedForward
            For a binary logit f its outputs are -f/2 and f/2, whose difference is f;
            otherwise :attr:`network` itself.
        """
        if self.is_binary_logit:
            return self.network.with_output_map([[-0.5], [0.5]])
        return self.network

    def of_label(self, k):
        """The view of the classifier that says whether a sample has one label.

        Parameters
        ----------
        k : int
            Position of the label.

        Returns
        -------
        view : NetworkView
            Of the classes 0 and 1, in the same units.
        """
        row = np.eye(1, self.network.n_outputs, k)
        return replace(
            self,
            network=self.network.with_output_map(row),
            rounding=self.rounding.mixed(row),
            classes=np.arange(2),
            is_binary_logit=True,
            is_multilabel=False,
        )

    def predicting(self):
        """What predict itself computes by.

        Returns
        -------
        network : FeedForward
            The decision network; a view of another kind of model may have another one.
        """
        return self.decision_network()

    def as_score(self):
        """The view of what ``decision_function`` or a regressor's ``predict`` gives.

        Returns
        -------
        view : NetworkView
            Of two classes that of their single score, where it is known; else the view
            itself. The rows of two logits are subtracted, which rounds once.
        """
        if self.score is None:
            return self
        network, rounding = self.score()
        return replace(
            self, network=network, rounding=rounding, is_binary_logit=True, score=None
        )

    def decided(self, logits):
        """Positions in ``classes`` of what predict gives for some logits.

        Parameters
        ----------
        logits : ndarray of shape (n_samples, n_classes)
            Outputs of :meth:`decision_network`.

        Returns
        -------
        codes : ndarray of int of shape (n_samples,)
            By the largest logit, and by the model's own rule at a tie.
        """
        if self.ties == "last":
            return logits.shape[1] - 1 - logits[:, ::-1].argmax(axis=1)
        if self.ties == "softmax":
            with np.errstate(over="ignore", invalid="ignore"):
                if self.is_binary_logit:
                    return (expit(2.0 * logits[:, 1]) > 0.5).astype(np.intp)
                powers = np.exp(logits - logits.max(axis=1, keepdims=True))
                logits = powers / powers.sum(axis=1, keepdims=True)
        return logits.argmax(axis=1)

    def mutable_network(self):
        """The decision network as a function of the mutable coordinates only.

        Returns
        -------
        network : FeedForward
            It has the Lipschitz constant that counts; its values mean nothing, as the
            other coordinates are left out. Without any mutable coordinate it has one
            input of weight zero.
        """
        network = self.decision_network()
        if self.mutable.all() and len(self.mutable):
            return network
        first = network.weights[0][:, self.mutable]
        if not first.shape[1]:
            first = np.zeros((len(first), 1))
        return FeedForward(
            (first, *network.weights[1:]), network.biases, network.activation
        )

    @property
    def attackable(self):
        """Coordinates in which a move is also a move of X."""
        return self.mutable & self.faithful

    def with_feature_eps(self, feature_eps):
        """Measure each coordinate in units of its own tolerance.

        Parameters
        ----------
        feature_eps : dict or Series of {str, int} to float or (float, float)
            Tolerance of each column of X that may change, in units of that column; by
            name or by index. A pair is how far it may move down and up; one of them may
            be 0. All other columns become immutable. A column that the model drops may
            be named and has no effect.

        Returns
        -------
        view : NetworkView
            A ball of radius s in its coordinates allows a change of s times the
            tolerance in each column. With pairs the unit is the larger of both; of the
            ball only what :attr:`shares` leaves is meant.

        Raises
        ------
        ValueError
            If a column is unknown, named twice or immutable, or a tolerance is not a
            positive finite number.
        """
        units, mutable = self.units.copy(), np.zeros(len(self.units), dtype=bool)
        shares = np.ones((2, len(units)))
        raw = np.arange(len(units)) < len(self.encoder.raw)
        known = named_tolerances(feature_eps, self.feature_names, self.n_features)
        for key, j, ends in known:
            coordinates = self._mutable_coordinates(key, j)
            units[coordinates] = max(ends) * self.base_units[coordinates]
            mutable[coordinates] = True
            # A curved map may turn a move up into one down.
            own = coordinates[raw[coordinates]]
            shares[:, own] = shares_of(ends)[:, None]
        ratio = units / self.units
        network, rounding = measured_in(self.network, self.rounding, ratio)
        score = self.score
        return replace(
            self,
            network=network,
            rounding=rounding,
            mutable=mutable,
            units=units,
            shares=tuple(shares),
            score=None if score is None else lambda: measured_in(*score(), ratio),
        )

    def _mutable_coordinates(self, key, j):
        coordinates = np.flatnonzero(self.feature_index == j)
        moving = coordinates[self.mutable[coordinates]]
        if j in self.encoder.immutable or (len(coordinates) and not len(moving)):
            raise ValueError(
                f"feature_eps names column {key!r}, which is immutable: an encoder "
                "consumes it, or an earlier feature_eps left it out."
            )
        return moving
