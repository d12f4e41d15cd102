# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random numbers of a net of its own, also where torch draws from global generators."""

import threading
import zlib
from contextlib import contextmanager

import torch

__all__ = ["Stream", "borrowed_generators"]

# One at a time: torch's global generators belong to the whole process.
_lock = threading.RLock()


class Stream:
    """Random numbers that many short runs draw as one long run would.

    Parameters
    ----------
    device : torch.device
        Where they are drawn.
    salt : int, default=0
        Tells streams apart that are seeded alike.
    """

    def __init__(self, device, salt=0):
        self.generator = torch.Generator(device)
        self._salt = salt
        self._seed = None
        self._fresh = True

    def restart(self, generator, fresh=True):
        """Start a run; the first one is seeded by the state of a generator.

        That generator does not advance: batches come in the same order with and
        without these draws. Later runs go on where the last one ended.
        ``fresh=False`` draws the same numbers in each step, as a deterministic solver
        needs.
        """
        if self._seed is None:
            state = generator.get_state().numpy()
            self._seed = (zlib.crc32(state) + self._salt) % 2**32
            self.generator.manual_seed(self._seed)
        self._fresh = fresh

    def begin_step(self):
        """Draw what the last step drew, if the solver is deterministic."""
        if not self._fresh:
            self.generator.manual_seed(self._seed)

    @contextmanager
    def one_step(self):
        """What is drawn inside counts as one step, however many batches it has."""
        self.begin_step()
        fresh, self._fresh = self._fresh, True
        try:
            yield
        finally:
            self._fresh = fresh

    def export(self):
        """Seed and state as plain values; None before the first run."""
        if self._seed is None:
            return None
        return {"seed": self._seed, "state": self.generator.get_state().numpy()}

    def restore(self, exported):
        """Go on with an exported stream; another kind of device begins a new one."""
        if exported is None:
            return
        state = torch.tensor(exported["state"])
        if len(state) == len(self.generator.get_state()):
            self._seed = exported["seed"]
            self.generator.set_state(state)


@contextmanager
def borrowed_generators(*generators):
    """Let torch's global generators go on from the states of others, then swap back.

    Dropout and initialisers take no generator of their own. Inside the block their
    draws come from the given generators, which advance; the global ones are as before
    afterwards. Threads that fit at the same time wait for each other here, so that
    each draws what it would draw alone.

    Parameters
    ----------
    *generators : torch.Generator
        At most one for each device.

    Yields
    ------
    None
        Nothing; the draws are borrowed inside the block.
    """
    with _lock:
        pairs = [(_global_generator(own.device), own) for own in generators]
        saved = [shared.get_state() for shared, _ in pairs]
        for shared, own in pairs:
            shared.set_state(own.get_state())
        try:
            yield
        finally:
            for (shared, own), state in zip(pairs, saved, strict=True):
                own.set_state(shared.get_state())
                shared.set_state(state)


def _global_generator(device):
    if device.type != "cuda":
        return torch.default_generator
    index = torch.cuda.current_device() if device.index is None else device.index
    return torch.cuda.default_generators[index]
