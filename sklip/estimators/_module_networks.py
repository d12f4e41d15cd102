# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimators whose network may be any torch module: state, prediction, certificate."""

import copy
import hashlib
import warnings

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sklip._arguments import validate_data
from sklip.bounds import double_copy, lipschitz_bound, module_hash
from sklip.estimators._engine import split_validation, torch_device
from sklip.estimators._input_shape import as_rows, find_input_shape
from sklip.exceptions import CertificationWarning, UnsupportedModelError
from sklip.training import (
    LOG_LINK_LOSSES,
    FlatModule,
    build_module,
    check_built_module,
    check_module_parameter,
    forward_in_chunks,
    module_arrays,
)

__all__ = ["ModuleNetworkMixin"]

# Rows that are converted and moved to the device at a time in predict.
_ROWS = 2048


class ModuleNetworkMixin:
    """Networks of torch modules beside the multilayer perceptron of the base.

    The fitted module is kept as arrays, ``_module_state``, and a recipe to build it.
    """

    def _check_parameters(self, start=None):
        goes_on = isinstance(start, dict)
        super()._check_parameters(None if goes_on else start)
        if self.module is not None:
            check_module_parameter(self.module)
            if self.loss in LOG_LINK_LOSSES:
                raise ValueError(
                    f"loss={self.loss!r} needs the fully connected network of "
                    "module=None: predictions are not the module's own outputs."
                )
            if self.certificate not in ("auto", "best", "product", None):
                raise ValueError(
                    f"certificate={self.certificate!r} needs the fully connected "
                    "network of module=None: a module is bounded by 'product'."
                )
        if start is None:
            return
        spec = self._module_recipe["spec"] if goes_on else None
        same = spec == self.module or not isinstance(spec, str | type | None)
        if not same or (spec is None) != (self.module is None):
            raise ValueError(
                f"module is {self.module!r}, but the fitted network that warm_start or "
                f"partial_fit goes on with is of module={spec!r}. Put it back, or "
                "clone the estimator to start anew."
            )

    def _validate_samples(self, X, y, reset):
        if self.module is None:
            return super()._validate_samples(X, y, reset)
        X, shape = as_rows(X, None if reset else self._input_shape)
        # Whole numbers stay as they are: the tensor of them is the only copy.
        X, y = validate_data(
            self,
            X,
            y,
            dtype="numeric",
            multi_output=True,
            y_numeric=self._y_numeric,
            reset=reset,
        )
        if reset:
            self._input_shape = find_input_shape(
                self.module, self.input_shape, shape, X.shape[1]
            )
        return X, y, np.dtype(np.float64 if X.dtype == np.float64 else np.float32)

    def _make_module(self, generator, X, targets, network):
        if self.module is None:
            return super()._make_module(generator, X, targets, network)
        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        if network is None:
            self._forget_network()
            self._module_recipe = {
                "spec": _template(self.module, seed),
                "input_shape": self._input_shape,
                "n_outputs": targets.shape[1],
                "hidden_layer_sizes": self._hidden_layer_sizes(),
                "activation": self.activation,
            }
        module = self._build(network, seed)
        return FlatModule(module, self._input_shape, torch_device(self.device))

    def _build(self, state, seed=0):
        """The module of the recipe on the CPU, with the arrays of a state."""
        recipe = self._module_recipe
        module = build_module(seed=seed, **recipe)
        shape, n_outputs = recipe["input_shape"], recipe["n_outputs"]
        kind = "classes" if is_classifier(self) else "targets"
        check_built_module(module, shape, n_outputs, f"y of {n_outputs} {kind}")
        if state is not None:
            tensors = {name: torch.tensor(array) for name, array in state.items()}
            module.load_state_dict(tensors)
        return module

    @property
    def _start(self):
        return self._present_state() if self._has_module else super()._start

    @property
    def _has_module(self):
        return hasattr(self, "_module_state")

    def _split(self, X, targets, y, sample_weight, rng):
        if self.module is None or not self.early_stopping:
            return super()._split(X, targets, y, sample_weight, rng)
        dtype = str(self.net_.module_.flat.dtype).removeprefix("torch.")
        parts = split_validation(self, X, targets, sample_weight, y, rng, dtype)
        return [self._tensor_data(*part) for part in parts]

    def _tensor_data(self, X, targets, sample_weight, y):
        data = super()._tensor_data(X, targets, sample_weight, y)
        if self.module is not None:
            data.X = data.X.view(-1, *self._input_shape)
        return data

    def _collect_network(self, module):
        self._forget_network()
        super()._collect_network(module)

    def _network_attributes(self, module):
        if self.module is None:
            return super()._network_attributes(module)
        return {
            "_module_state": module.state(),
            "_module": None,
            "n_layers_": 1 + sum(p.ndim > 1 for p in module.module.parameters()),
            "n_outputs_": self._module_recipe["n_outputs"],
            "out_activation_": self._link,
        }

    def _forget_network(self):
        for name in ("network_", "_handed_out", "_module_state", "_module"):
            vars(self).pop(name, None)

    def _present_state(self):
        """Arrays of the module as it is now: ``module_`` may have been written to."""
        module = vars(self).get("_module")
        return self._module_state if module is None else module_arrays(module)

    def _network_hash(self):
        if not self._has_module:
            return super()._network_hash()
        digest = hashlib.sha256()
        for name, array in self._present_state().items():
            digest.update(f"{name} {array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()

    def _proof_hash(self):
        return module_hash(self.module_) if self._has_module else super()._proof_hash()

    def _certify(self):
        if not self._has_module:
            super()._certify()
        elif self.certificate is not None:
            try:
                self.certificate_ = lipschitz_bound(self, output="all")
            except UnsupportedModelError as error:
                if self.certificate != "auto":
                    raise
                warnings.warn(
                    f"The module has no proven bound, so certificate_ is None: {error}",
                    CertificationWarning,
                    stacklevel=5,
                )
            else:
                self.lipschitz_bound_ = float(self.certificate_)

    def _outputs(self, X):
        if not self._has_module:
            return super()._outputs(X)
        check_is_fitted(self)
        X, _ = as_rows(X, self._input_shape)
        X = validate_data(self, X, dtype="numeric", reset=False)
        module = self._predicting_module()
        like = next(module.parameters())
        dtype = str(like.dtype).removeprefix("torch.")
        outputs = np.empty((len(X), self.n_outputs_))
        for start in range(0, len(X), _ROWS):
            rows = slice(start, start + _ROWS)
            batch = torch.from_numpy(np.array(X[rows], dtype=dtype)).to(like.device)
            found = forward_in_chunks(module, batch.view(-1, *self._input_shape))
            outputs[rows] = found.cpu().numpy()
        return outputs

    @property
    def module_input_shape_(self):
        """Shape of the samples that ``module_`` takes."""
        if not self._has_module:
            check_is_fitted(self)
            raise AttributeError("module_input_shape_ is for fits with a module.")
        return self._module_recipe["input_shape"]

    @property
    def module_(self):
        """The fitted module in eval mode; rebuilt from arrays after unpickling."""
        if getattr(self, "_module", None) is None:
            if not self._has_module:
                check_is_fitted(self)
                raise AttributeError("module_ is for fits with a module; see network_.")
            device = self.device if torch.cuda.is_available() else "cpu"
            self._module = self._build(self._module_state).to(torch_device(device))
        return self._module

    def _fitted(self, name):
        if name == "network_" and self._has_module:
            raise AttributeError(
                f"This {type(self).__name__} holds a module: see module_ in place of "
                "network_, coefs_ and intercepts_."
            )
        return super()._fitted(name)

    def to_torch(self):
        """The network that predicts, as a torch module in eval mode.

        Returns
        -------
        module : torch.nn.Module
            A copy, independent of the estimator, on the CPU.
        """
        if not self._has_module:
            return super().to_torch()
        return copy.deepcopy(self.module_).cpu()

    def __sklip_network__(self):
        return None if self._has_module else super().__sklip_network__()

    def _predicting_module(self):
        """``module_`` as it is now, in float64 where its bound is proven."""
        double = double_copy(self.module_, self._input_shape)
        return self.module_ if double is None else double

    def __sklip_module__(self):
        """What predict evaluates: the module and the shape of one sample, or None."""
        if not self._has_module:
            return None
        return self._predicting_module(), self._input_shape

    def __sklearn_is_fitted__(self):
        return self._has_module or super().__sklearn_is_fitted__()

    def __getstate__(self):
        state = super().__getstate__()
        if state.pop("_module", None) is not None:
            state["_module_state"] = self._present_state()
        return state


def _template(spec, seed):
    """A name or class as it is; an instance as a copy of its own."""
    if isinstance(spec, str | type):
        return spec
    return build_module(spec, seed=seed)
