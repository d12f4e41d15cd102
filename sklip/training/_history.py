# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The bound and the certified accuracy after each epoch, written into the history."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from skorch.callbacks import Callback

from sklip._arguments import check_count, check_labels, check_radius, refuse_masked
from sklip.bounds import lipschitz_bound
from sklip.certification import certified_accuracy_score
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward

__all__ = ["LipschitzHistory"]

# Arguments are checked by scoring a network of one weight.
_PROBE = FeedForward([[[1.0], [-1.0]]])
_RADIUS = 0.1
_OF_CLASSIFIERS = ("X", "y", "certification", "classes")


class LipschitzHistory(Callback):
    """Callback that records bound, accuracy and certified accuracy of every epoch.

    Give it to an estimator as ``callbacks=[LipschitzHistory(...)]``; afterwards each
    record of ``history_`` has ``lipschitz_bound`` and, for classifiers of one label a
    sample, ``accuracy`` and ``certified_accuracy``.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), default=None
        Samples to score; None takes the held-out part of ``early_stopping``, or else
        the training samples. Of a regressor only the bound is recorded, so that it is
        refused, as all other arguments but ``method`` and ``every`` are.
    y : array-like of shape (n_samples,), default=None
        Their labels; needed with X for a classifier.
    radius : float, default=0.1
        Radius, in l2 and the units of X, of the certified accuracy.
    method : str, default="sequential"
        How the bound is found: a ``method`` of :func:`lipschitz_bound`.
    certification : str, default=None
        A ``method`` of :func:`certified_accuracy_score`; None uses the recorded bound,
        which costs nothing more (Proposition 2 of paper 000).
    every : int, default=1
        Score each this many epochs; the records between them lack the entries.
    classes : array-like of shape (n_classes,), default=None
        The labels in the order of the logits, sorted; needed only if y lacks some.

    See Also
    --------
    TrainingCurveDisplay : Draws what was recorded.

    Notes
    -----
    Fig. 4 of paper 000 (A26).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklip import LipschitzRegularizedMLPClassifier
    >>> from sklip.training import LipschitzHistory
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LipschitzRegularizedMLPClassifier(
    ...     (16,), tol=0.1, callbacks=[LipschitzHistory(X, y)], random_state=0
    ... ).fit(X, y)
    >>> model.history_[-1]["lipschitz_bound"] > 0
    True
    """

    def __init__(
        self,
        X=None,
        y=None,
        *,
        radius=_RADIUS,
        method="sequential",
        certification=None,
        every=1,
        classes=None,
    ):
        self.X = X
        self.y = y
        self.radius = radius
        self.method = method
        self.certification = certification
        self.every = every
        self.classes = classes

    def initialize(self):
        """Check the arguments, before the first epoch.

        Returns
        -------
        self : LipschitzHistory
            The same callback.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range.
        """
        check_count(self.every, "every")
        check_radius(self.radius)
        lipschitz_bound(_PROBE, method=self.method)
        if self.certification is not None:
            self._check_certification()
        self._check_samples()
        return self

    def _check_certification(self):
        options = {"radius": self.radius, "method": self.certification}
        try:
            certified_accuracy_score(_PROBE, [[1.0]], [0], **options)
        except (TypeError, ValueError) as error:
            raise ValueError(f"certification is no method: {error}") from error

    def _check_samples(self):
        """What can be said of X, y and classes before there is a network."""
        if self.X is None:
            for name in ("y", "classes"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is given without X: it would be ignored.")
            return
        refuse_masked(self.X, "X")
        check_array(self.X, input_name="X")
        if self.y is None:
            return
        check_consistent_length(self.X, y := check_labels(self.y))
        if self.classes is None:
            return
        classes = check_labels(self.classes, "classes")
        if not np.array_equal(classes, np.unique(classes)):
            raise ValueError(f"classes must be sorted labels, got {classes!r}.")
        if not np.isin(y, classes).all():
            raise ValueError("classes must hold every label of y.")

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Refuse what would be ignored, before the first epoch.

        Parameters
        ----------
        net : MLPNet
            The net in training.
        X, y : tensor
            Not used.
        **kwargs : dict
            Not used.

        Raises
        ------
        UnsupportedModelError
            If the net is a torch module of the user.
        ValueError
            If the net is a regressor and an argument about labels was given.
        """
        if not hasattr(net.module_, "to_feedforward"):
            raise UnsupportedModelError(
                "LipschitzHistory follows fully connected networks, not an estimator "
                "with module=: call lipschitz_bound on the fitted estimator instead."
            )
        given = {name: getattr(self, name) for name in _OF_CLASSIFIERS}
        unused = [name for name, value in given.items() if value is not None]
        unused += ["radius"] * (self.radius != _RADIUS)
        if unused and not net.is_classifier:
            raise ValueError(
                "LipschitzHistory records the bound alone of a regressor and would "
                f"ignore {', '.join(unused)}: leave it out."
            )

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Score the network as it is now.

        Parameters
        ----------
        net : MLPNet
            The net in training.
        dataset_train, dataset_valid : TensorData
            What it is trained on, and the held-out samples or None.
        **kwargs : dict
            Not used.

        Raises
        ------
        ValueError
            If X comes without y, or the labels do not tell which logit is whose.
        """
        if len(net.history) % self.every:
            return
        network = net.module_.to_feedforward()
        certificate = lipschitz_bound(network, method=self.method)
        net.history.record("lipschitz_bound", float(certificate))
        if not net.is_classifier or net.is_multilabel:
            return
        held_out = dataset_train if dataset_valid is None else dataset_valid
        X, codes = self._samples(held_out, network.n_outputs)
        method = certificate if self.certification is None else self.certification
        accuracy = np.mean(network.forward(X).argmax(axis=1) == codes)
        certified = certified_accuracy_score(
            network, X, codes, radius=self.radius, method=method
        )
        net.history.record("accuracy", float(accuracy))
        net.history.record("certified_accuracy", float(certified))

    def _samples(self, data, n_classes):
        """Samples and the position of their class among the logits."""
        if self.X is None:
            codes = data.targets.argmax(1).cpu().numpy()
            return data.inputs(), codes
        if self.y is None:
            raise ValueError("LipschitzHistory needs y together with X.")
        y = np.asarray(self.y)
        classes = np.unique(y) if self.classes is None else np.asarray(self.classes)
        if len(classes) != n_classes or not np.isin(y, classes).all():
            raise ValueError(
                f"LipschitzHistory knows {len(classes)} classes, the network has "
                f"{n_classes}: give classes=, all labels in sorted order."
            )
        return np.asarray(self.X, dtype=np.float64), np.searchsorted(classes, y)
