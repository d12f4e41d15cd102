# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The columns between two steps, as tensors of an ONNX graph."""

from dataclasses import dataclass, replace

from sklip.exceptions import UnsupportedModelError

__all__ = ["Part", "Table", "hstack"]


@dataclass(frozen=True)
class Part:
    """Neighbouring columns that are one tensor of shape (n_samples, width)."""

    tensor: str
    width: int = 1
    is_text: bool = False


@dataclass(frozen=True)
class Table:
    """Columns, and how they were reached."""

    parts: tuple  # of Part: side by side
    # Fitted transformers and selections that lead from X to these columns.
    path: tuple = ()

    def __len__(self):
        return sum(part.width for part in self.parts)

    def matrix(self, graph, who):
        """Name of one tensor of all columns, which have to be numbers."""
        if any(part.is_text for part in self.parts):
            raise UnsupportedModelError(
                f"{who} is given columns of text: only OneHotEncoder, OrdinalEncoder "
                "and SimpleImputer are exported on them."
            )
        if len(self.parts) == 1:
            return self.parts[0].tensor
        return graph.add("Concat", *(part.tensor for part in self.parts), axis=1)

    def column(self, graph, position):
        """One column, as a part of width 1."""
        (part,) = self.take(graph, [position]).parts
        return part

    def take(self, graph, positions):
        """Some of the columns, in this order."""
        owners = [(part, k) for part in self.parts for k in range(part.width)]
        runs = []
        for position in positions:
            part, k = owners[position]
            if runs and runs[-1][0] is part:
                runs[-1][1].append(k)
            else:
                runs.append((part, [k]))
        return replace(self, parts=tuple(_taken(graph, *run) for run in runs))

    def behind(self, transformer, *parts):
        """What a transformer makes of the columns."""
        return Table(parts, (*self.path, transformer))

    def numbers(self, transformer, tensor, width):
        """The same where all is one tensor of numbers."""
        return self.behind(transformer, Part(tensor, width))


def _taken(graph, part, columns):
    if columns == list(range(part.width)):
        return part
    tensor = graph.add("Gather", part.tensor, graph.indices(columns), axis=1)
    return replace(part, tensor=tensor, width=len(columns))


def hstack(tables, path):
    """The columns of all tables, side by side."""
    return Table(tuple(part for table in tables for part in table.parts), path)
