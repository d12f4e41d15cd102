# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The version of the installed package, which a build takes from the tag."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("sklip")
except PackageNotFoundError:  # a checkout on the path, never built
    __version__ = "0.0+uninstalled"
