# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sphinx configuration: ``sphinx-build -W -n -b html docs docs/_build/html``."""

import inspect
import sys
from pathlib import Path

import sklip

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from api_reference import write_api_pages  # noqa: E402
from figures import write_generated  # noqa: E402

project = "sklip"
author = "The sklip developers"
project_copyright = "2026, The sklip developers (BSD 3-Clause)"
version = release = sklip.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "bound_methods",
    "mathml",
    "measured",
    "references",
    "sessions",
]
html_math_renderer = "mathml"
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery/**/*.md5", "gallery/**/*.ipynb"]
default_role = "literal"

autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False
myst_heading_anchors = 2

SECTIONS = ["start", "tables", "regression", "selection", "torch_and_onnx", "images"]
SECTIONS += ["papers", "scaling"]
# examples/*/plot_*.py are run in the build; with -W an error or a warning fails it.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "subsection_order": [f"../examples/{name}" for name in SECTIONS],
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("sklip",),
    "reference_url": {"sklip": None},
    "backreferences_dir": "gallery/backreferences",
    "thumbnail_size": (480, 320),
    "write_computation_times": False,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 60,
    "matplotlib_animations": False,
    "plot_gallery": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklip"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["sklip.css"]
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "show_prev_next": False,
}
# The first page has no tree beside it: all of it is in the bar above.
html_sidebars = {"index": []}

write_api_pages(HERE / "api")
write_generated(HERE / "_generated")


def _true_signature(app, what, name, found, options, signature, annotation):
    """That of __init__: a ``__new__`` that hands everything on hides it."""
    if what != "class" or "__init__" not in vars(found):
        return None
    own = inspect.signature(found.__init__)
    own = own.replace(parameters=list(own.parameters.values())[1:])
    return str(own), None


def setup(app):
    """Connect what the pages need."""
    app.connect("autodoc-process-signature", _true_signature)
