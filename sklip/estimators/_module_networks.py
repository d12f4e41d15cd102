# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimators whose neural network may be any torch module."""

from sklearn.base import is_classifier

from sklip.estimators._parts import ModulePart, check_module_choice

__all__ = ["ModuleNetworkMixin"]


class ModuleNetworkMixin:
    """The parameters ``module`` and ``input_shape`` beside the base's own network."""

    def _check_parameters(self):
        super()._check_parameters()
        if self.module is not None:
            check_module_choice(self)

    def _new_part(self):
        if self.module is None:
            return super()._new_part()
        return ModulePart(
            self.module,
            self.input_shape,
            self._hidden_layer_sizes(),
            self.activation,
            classify=is_classifier(self),
            device=self.device,
        )

    @property
    def module_(self):
        """The fitted module in eval mode; rebuilt from arrays after unpickling."""
        return self._fitted("_part").module

    @property
    def module_input_shape_(self):
        """Shape of the samples that ``module_`` takes."""
        return self._fitted("_part").input_shape

    def __sklip_module__(self):
        """What predict evaluates: the module and the shape of one sample, or None."""
        return self._part.stated_module() if self.__sklearn_is_fitted__() else None
