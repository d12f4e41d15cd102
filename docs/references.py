# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Names in pages and docstrings, by any of their paths, lead to a page that exists."""

import importlib

from api_reference import API_REFERENCE, further_names
from docutils import nodes
from inventories import SITES, page_of

__all__ = ["setup"]

# A package without an inventory (inventories.py): a class or function has a page of its
# own there, members an anchor on it. A name that cannot be imported is dead.
_WITHOUT_INVENTORY = {
    "torch": "https://docs.pytorch.org/docs/stable/generated/{page}.html",
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
    if package not in SITES or not rest:
        return None
    try:
        return page_of(name) or page_of(_by_module(name))
    except LookupError:
        return _by_import(name)


def _by_module(name):
    """The name that a class, or a member of one, has where it is written."""
    owner, _, last = name.rpartition(".")
    parent = _imported(owner)
    if isinstance(parent, type):
        return f"{parent.__module__}.{parent.__qualname__}.{last}"
    found = _imported(name)
    place = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    return ".".join(place) if None not in place else name


def _by_import(name):
    """The page that a name has by the rule of its package, if there is such a name."""
    package, owner = name.partition(".")[0], name.rpartition(".")[0]
    if package not in _WITHOUT_INVENTORY or _imported(name) is None:
        return None
    if isinstance(_imported(owner), type):
        return f"{_WITHOUT_INVENTORY[package].format(page=owner)}#{name}"
    return _WITHOUT_INVENTORY[package].format(page=name)


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
