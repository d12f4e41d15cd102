# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The alternating direction method of multipliers (ADMM) of paper 001."""

from sklip.training._admm.biases import fit_biases
from sklip.training._admm.consensus import ConsensusTerm
from sklip.training._admm.deploy import certified_network
from sklip.training._admm.iteration import ADMM, load_weights
from sklip.training._admm.loop import run_admm
from sklip.training._admm.refresh import Refresh, full_allowance
from sklip.training._admm.rho import FIRST_RHO
from sklip.training._admm.state import rescaled, start_state
from sklip.training._admm.update import SDP_SOLVERS, LipschitzUpdate, rounded

__all__ = [
    "ADMM",
    "FIRST_RHO",
    "ConsensusTerm",
    "LipschitzUpdate",
    "Refresh",
    "SDP_SOLVERS",
    "certified_network",
    "fit_biases",
    "full_allowance",
    "load_weights",
    "rescaled",
    "rounded",
    "run_admm",
    "start_state",
]
