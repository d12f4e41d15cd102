# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C during training: it keeps the epochs done, and ends what is around a fit."""

import dis
import time

__all__ = ["is_second_signal", "was_raised"]

# Seconds within which a second Ctrl-C is meant for more than the fit that it meets.
_SOON = 60.0
_last = -float("inf")


def was_raised(error):
    """Whether Python code raised a KeyboardInterrupt, as callbacks do to stop.

    The interpreter raises one at whatever instruction it is when a signal arrives.
    """
    traceback = error.__traceback__
    if traceback is None:
        return True
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    for instruction in dis.get_instructions(traceback.tb_frame.f_code):
        if instruction.offset == traceback.tb_lasti:
            return instruction.opname.startswith("RAISE")
    return False


def is_second_signal():
    """Note a Ctrl-C that a fit answers; whether it soon follows another one."""
    global _last
    now = time.monotonic()
    soon, _last = now - _last < _SOON, now
    return soon
