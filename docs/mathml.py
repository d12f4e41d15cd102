# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Formulas as MathML, which browsers draw by themselves: no script, no network."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

__all__ = ["mathml", "setup"]

# What docutils does not know, and how it is said there.
_OTHERWISE = [
    (r"\\[Bb]igg?[lr]?(?![a-z])", ""),
    (r"\\dots(?![a-z])", r"\\ldots"),
    (r"\\tag\{([^}]*)\}", r"\\qquad (\1)"),
    (r"(\\[td]?frac) *(\d)(\d)", r"\1{\2}{\3}"),
    ("½", r"\\frac{1}{2}"),
]


def mathml(tex, *, as_block=False):
    """MathML of a formula; MathError names what is not understood."""
    for pattern, other in _OTHERWISE:
        tex = re.sub(pattern, other, tex)
    return tex2mathml(tex, as_block=as_block)


def _written(node, as_block):
    try:
        return mathml(node.astext(), as_block=as_block)
    except MathError as error:
        logger = logging.getLogger(__name__)
        logger.warning("formula %r: %s", node.astext(), error, location=node)
        return node.astext()


def _inline(writer, node):
    writer.body.append(_written(node, as_block=False))
    raise nodes.SkipNode


def _display(writer, node):
    # A wide formula scrolls in its own box.
    writer.body.append(f'<div class="math">{_written(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app):
    """Register the renderer; conf.py chooses it."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
