# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Names in pages and docstrings, by any of their paths, lead to a page that exists."""

import importlib

from api_reference import API_REFERENCE, further_names
from docutils import nodes

__all__ = ["setup"]

# Where other packages document their names. A name that cannot be imported is dead and
# stays a warning, without any network.
_ELSEWHERE = {
    "sklearn": "https://scikit-learn.org/stable/modules/generated/{}.html",
    "numpy": "https://numpy.org/doc/stable/reference/generated/{}.html",
    "pandas": "https://pandas.pydata.org/docs/reference/api/{}.html",
    "torch": "https://docs.pytorch.org/docs/stable/generated/{}.html",
}


def _places():
    """Short and full public names to the full name that has a page."""
    found = {}
    for package, section in API_REFERENCE.items():
        for name in [*section["names"], *further_names(package)]:
            full = f"{package}.{name}"
            found |= dict.fromkeys([name, f"sklip.{name}", full], full)
    return found


def _resolve(app, env, node, contnode):
    """A reference that Sphinx did not find by itself."""
    if node.get("refdomain") != "py":
        return None
    name = node.get("reftarget", "").removesuffix("()")
    places = _places()
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        full = places.get(".".join(parts[:n]))
        if full is not None:
            whole = ".".join([full, *parts[n:]])
            return _inside(app, env, node, contnode, whole)
    package = parts[0]
    if package == "sklip" and parts[-1] in places:  # by the path of another package
        return _inside(app, env, node, contnode, places[parts[-1]])
    if package in _ELSEWHERE and _exists(name):
        uri = _ELSEWHERE[package].format(name)
        return nodes.reference("", "", contnode, internal=False, refuri=uri)
    return None


def _inside(app, env, node, contnode, full):
    domain = env.get_domain("py")
    entry = domain.objects.get(full)
    if entry is None:
        return None
    builder, page = app.builder, node.get("refdoc", env.docname)
    uri = builder.get_relative_uri(page, entry.docname) + "#" + entry.node_id
    return nodes.reference("", "", contnode, internal=True, refuri=uri, reftitle=full)


def _exists(name):
    """Whether a dotted name can be imported."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        for part in parts[n:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def setup(app):
    """Register the resolver."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
