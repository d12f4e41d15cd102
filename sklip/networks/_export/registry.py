# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which transformers are exported, and how."""

from sklearn.utils.validation import check_is_fitted

from sklip.exceptions import UnsupportedModelError
from sklip.networks._export.elsewhere import convert_elsewhere
from sklip.networks._folding import (
    acting,
    is_selector,
    need_columns,
    pipeline_steps,
)
from sklip.networks._reading import support_sizes
from sklip.networks._trust import full_name, makes_statement, need_unaltered

__all__ = ["CONVERTERS", "Exporter", "converts"]

# Exact type -> function (exporter, transformer, table) -> table.
CONVERTERS: dict = {}


def converts(*kinds):
    """Register a function as the converter of these types."""

    def register(function):
        CONVERTERS.update(dict.fromkeys(kinds, function))
        return function

    return register


class Exporter:
    """Follows columns through a fitted model and writes down what it does.

    Parameters
    ----------
    graph : Graph
        Gets the nodes.

    Attributes
    ----------
    checkpoints : list of (object, Table)
        Transformers with what they give, in the order of computation.
    cancellation : float
        How much larger the terms are that a model itself adds up than what is left.
    logit_size : float
        Size of the terms that scores are the sum of, for units of size one.
    """

    def __init__(self, graph):
        self.graph = graph
        self.checkpoints = []
        self.cancellation, self.logit_size = 1.0, 0.0

    def convert(self, transformer, table):
        """Columns behind a fitted transformer."""
        transformer = acting(transformer)
        if transformer is None:
            return table
        need_unaltered(transformer)
        steps = pipeline_steps(transformer)
        if steps is not None:
            return self.through(steps, table)
        converter = _converter_of(transformer)
        check_is_fitted(transformer)
        need_columns(transformer, len(table))
        given = converter(self, transformer, table)
        self.checkpoints.append((transformer, given))
        return given

    def through(self, steps, table):
        """Columns behind named steps, one after the other."""
        for _, step in steps:
            table = self.convert(step, table)
        return table

    def note_cancellation(self, machine):
        """A kernel machine adds up a term for each support vector."""
        size, kept = support_sizes(machine)
        if kept > 0.0:
            self.cancellation = max(self.cancellation, size / kept)


def _converter_of(transformer):
    converter = CONVERTERS.get(type(transformer))
    if converter is None and is_selector(transformer):
        return _selected
    if converter is None and makes_statement(transformer, "__sklip_affine__"):
        return CONVERTERS["__sklip_affine__"]
    return _elsewhere if converter is None else converter


def _elsewhere(exporter, transformer, table):
    given = convert_elsewhere(exporter, transformer, table)
    if given is None:
        known = (kind.__name__ for kind in CONVERTERS if isinstance(kind, type))
        raise UnsupportedModelError(
            f"{full_name(transformer)} is not exported to ONNX. Transformers that are: "
            f"{', '.join(sorted(known))}, selectors of columns and 'passthrough'; with "
            "the package skl2onnx those that it converts to the same."
        )
    return given


def _selected(exporter, transformer, table):
    taken = table.take(exporter.graph, transformer.get_support(indices=True))
    return table.behind(transformer, *taken.parts)
