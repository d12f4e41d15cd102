# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random models of every kind, what sklip claims of them, and attacks on the claims."""
