# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Names in pages and docstrings, by any of their paths, lead to a page that exists."""

import importlib

from api_reference import API_REFERENCE, further_names
from docutils import nodes

__all__ = ["setup"]

# Where other packages document their classes and functions; members have an anchor on
# the page of their class. A name that cannot be imported is dead and stays a warning:
# that is asked of the installed package, so that no inventory has to be downloaded.
_ELSEWHERE = {
    "sklearn": "https://scikit-learn.org/stable/modules/generated/{page}.html",
    "numpy": "https://numpy.org/doc/stable/reference/generated/{page}.html",
    "scipy": "https://docs.scipy.org/doc/scipy/reference/generated/{page}.html",
    "pandas": "https://pandas.pydata.org/docs/reference/api/{page}.html",
    "torch": "https://docs.pytorch.org/docs/stable/generated/{page}.html",
    "joblib": "https://joblib.readthedocs.io/en/stable/generated/{page}.html",
    "skorch": "https://skorch.readthedocs.io/en/stable/{module}.html#{full}",
}
# Packages whose methods have pages of their own.
_METHOD_PAGES = {"numpy", "scipy", "pandas"}


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
    uri = place_elsewhere(name)
    if uri is not None:
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


def place_elsewhere(name):
    """Address of the page of another package about a dotted name; None if dead."""
    package, *rest = name.split(".")
    found = _imported(name)
    if package not in _ELSEWHERE or not rest or found is None:
        return None
    owner = name.rpartition(".")[0]
    is_member = isinstance(_imported(owner), type)
    if package == "skorch":
        top = _imported(owner) if is_member else found
        full = f"{top.__module__}.{top.__qualname__}"
        full += f".{rest[-1]}" if is_member else ""
        module = full.split(".")[1]
        return _ELSEWHERE[package].format(module=module, full=full)
    if is_member and package not in _METHOD_PAGES:
        return f"{_ELSEWHERE[package].format(page=owner)}#{name}"
    return _ELSEWHERE[package].format(page=name)


def _imported(name):
    """What a dotted name stands for; None if it cannot be imported."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        for part in parts[n:]:
            found = getattr(found, part, None)
        return found
    return None


def setup(app):
    """Register the resolver."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
