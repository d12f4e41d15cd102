# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Any torch module as an estimator's network: a recipe, its state as arrays."""

import copy
import hashlib
import warnings

import numpy as np
import torch
from scipy import sparse

from sklip.bounds import (
    NetworkSubject,
    auto_method,
    double_copy,
    lipschitz_bound,
    module_hash,
    subject_of,
)
from sklip.estimators._engine import torch_device
from sklip.estimators._input_shape import as_rows, find_input_shape
from sklip.estimators._parts.base import NetworkPart
from sklip.estimators._parts.choice import check_same_module
from sklip.exceptions import CertificationWarning, UnsupportedModelError
from sklip.training import (
    FlatModule,
    build_module,
    check_built_module,
    forward_in_chunks,
    module_arrays,
)

__all__ = ["ModulePart"]

# Rows that are converted and moved to the device at a time in predict.
_ROWS = 2048


class ModulePart(NetworkPart):
    """A module that is kept as arrays beside a recipe to build it.

    Parameters
    ----------
    spec : str, type or torch.nn.Module
        The estimator's ``module``.
    input_shape : sequence of int or None
        The estimator's ``input_shape``.
    hidden_layer_sizes, activation
        What a class of the user may ask for.
    classify : bool
        Whether the outputs are logits of classes.
    device : str, default="cpu"
        Where the module is trained and predicts.
    """

    # Whole numbers stay as they are: the tensor of them is the only copy.
    accepted = "numeric"

    def __init__(
        self,
        spec,
        input_shape,
        hidden_layer_sizes,
        activation,
        *,
        classify,
        device="cpu",
    ):
        self.spec = spec
        self._asked_shape = input_shape
        self._layers = {
            "hidden_layer_sizes": hidden_layer_sizes,
            "activation": activation,
        }
        self.device = device
        self._kind = "classes" if classify else "targets"
        self.input_shape = self._recipe = self._state = self._module = None

    @property
    def network(self):
        """Refused: the layers are the module's own."""
        raise AttributeError(
            "This estimator holds a module: see module_ in place of network_, coefs_ "
            "and intercepts_."
        )

    @network.setter
    def network(self, network):
        self.network  # noqa: B018 - refuses

    arrays = network

    def _take(self, fitted):
        present = {**fitted._recipe, "module": fitted.spec}
        asked = {**self._layers, "module": self.spec, "input_shape": self._asked_shape}
        check_same_module(asked, present)
        self.spec, self._recipe = fitted.spec, fitted._recipe
        self.input_shape, self._state = fitted.input_shape, fitted._present_state()

    def rows(self, X):
        """Images as rows; their shape must be that of the fit."""
        return as_rows(X, self.input_shape)

    def begin(self, X, shape):
        """The shape of one sample."""
        self.input_shape = find_input_shape(
            self.spec, self._asked_shape, shape, X.shape[1]
        )

    def target_dtype(self, X):
        """float64 beside float64, else float32."""
        return np.dtype(np.float64 if X.dtype == np.float64 else np.float32)

    def build(self, generator, X=None, n_outputs=None):
        """A FlatModule."""
        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        if self._state is None:
            self.spec = _template(self.spec, seed)
            self._recipe = {
                "spec": self.spec,
                "input_shape": self.input_shape,
                "n_outputs": n_outputs,
                **self._layers,
            }
        module = self._built(seed)
        return FlatModule(module, self.input_shape, torch_device(self.device))

    def _built(self, seed=0):
        """The module of the recipe on the CPU, with the arrays kept."""
        module = build_module(seed=seed, **self._recipe)
        n_outputs = self._recipe["n_outputs"]
        wanted = f"y of {n_outputs} {self._kind}"
        check_built_module(module, self.input_shape, n_outputs, wanted)
        if self._state is not None:
            tensors = {name: torch.tensor(a) for name, a in self._state.items()}
            module.load_state_dict(tensors)
        return module

    def split_dtype(self, module):
        """That of the training, without a copy in between."""
        return str(module.flat.dtype).removeprefix("torch.")

    def batch(self, X):
        """Samples in their shape."""
        return X.view(-1, *self.input_shape)

    def collect(self, module):
        """The module's state as arrays."""
        collected = copy.copy(self)
        collected._state, collected._module = module.state(), None
        collected._n_layers = 1 + sum(p.ndim > 1 for p in module.module.parameters())
        return collected

    def kept(self):
        """The state as it was written to last."""
        kept = copy.copy(self)
        kept._state, kept._module = self._present_state(), None
        return kept

    def _present_state(self):
        """Arrays of the module as it is now: ``module_`` may have been written to."""
        return self._state if self._module is None else module_arrays(self._module)

    @property
    def n_layers(self):
        """Parameters that are no vectors, and the inputs."""
        return self._n_layers

    @property
    def n_outputs(self):
        """Outputs of the module."""
        return self._recipe["n_outputs"]

    @property
    def hash(self):
        """Hash of names, types and values of the state."""
        digest = hashlib.sha256()
        for name, array in self._present_state().items():
            digest.update(f"{name} {array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()

    @property
    def proof_hash(self):
        """Hash of the module in eval mode."""
        return module_hash(self.module)

    @property
    def module(self):
        """The fitted module in eval mode; rebuilt from arrays after unpickling."""
        if self._module is None:
            device = self.device if torch.cuda.is_available() else "cpu"
            self._module = self._built().to(torch_device(device))
        return self._module

    def certificate(self, model, method):
        """Certificate of the module; a warning and None where "auto" has none."""
        try:
            subject = subject_of(model, output="all")
            if isinstance(subject, NetworkSubject):
                # The same rule as for module=None.
                chosen = auto_method(subject.network, often=True)
                return lipschitz_bound(model, output="all", method=chosen)
            return lipschitz_bound(model, output="all")
        except UnsupportedModelError as error:
            if method != "auto":
                raise
            warnings.warn(
                f"The module has no proven bound, so certificate_ is None: {error}",
                CertificationWarning,
                stacklevel=6,
            )
            return None

    def outputs(self, X):
        """Outputs in chunks, in float64 where the bound is proven."""
        module = self._predicting()
        like = next(module.parameters())
        dtype = str(like.dtype).removeprefix("torch.")
        outputs = np.empty((X.shape[0], self.n_outputs))
        for start in range(0, len(outputs), _ROWS):
            rows = slice(start, start + _ROWS)
            block = X[rows].toarray() if sparse.issparse(X) else X[rows]
            batch = torch.from_numpy(np.array(block, dtype=dtype)).to(like.device)
            outputs[rows] = _evaluated(module, self.batch(batch)).cpu().numpy()
        return outputs

    def _predicting(self):
        """The module as it is now, in float64 where its bound is proven."""
        double = double_copy(self.module, self.input_shape)
        return self.module if double is None else double

    def to_torch(self):
        """A copy of the module."""
        return copy.deepcopy(self.module).cpu()

    def stated_network(self):
        """None."""
        return None

    def stated_module(self):
        """What predict evaluates, and the shape of one sample."""
        return self._predicting(), self.input_shape


def _evaluated(module, batch):
    """The outputs; a forward that was set after fit may not take such samples."""
    try:
        return forward_in_chunks(module, batch)
    except RuntimeError as error:
        if not any("forward" in vars(inner) for inner in module.modules()):
            raise
        raise ValueError(
            "A forward was set on module_ after fit, which has no proven bound, and it "
            f"fails on {batch.dtype} of shape {tuple(batch.shape)}: {error}. "
            "Let it take them, or delete it (del model.module_.forward)."
        ) from error


def _template(spec, seed):
    """A name or class as it is; an instance as a copy of its own."""
    if isinstance(spec, str | type):
        return spec
    return build_module(spec, seed=seed)
