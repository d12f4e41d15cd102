# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Residual networks for small images, after and before activation, of any depth."""

from torch import nn

from sklip.bounds import Residual

__all__ = ["resnet"]

_CHANNELS = (16, 32, 64)


def resnet(depth, n_channels, n_outputs, *, preactivation=False):
    """Residual network of 16-16-32-64 channels (U11 of paper 002).

    Parameters
    ----------
    depth : int
        Layers with weights on the longest path: 6 n + 2 with n blocks in each stage.
    n_channels : int
        Channels of the images.
    n_outputs : int
        Outputs of the last layer.
    preactivation : bool, default=False
        Normalise and activate before each convolution (PreResNet) instead of after it.

    Returns
    -------
    network : torch.nn.Sequential
        Takes images of any size from 4 x 4 on; ``lipschitz_bound`` reads it.

    Raises
    ------
    ValueError
        If the depth is not 6 n + 2.

    Notes
    -----
    Where channels or size change the shortcut is a convolution of size 1. ResNet-20
    has 0.27 million parameters, PreResNet-32 has 0.47.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image
       recognition", CVPR 2016.
    .. [2] The same, "Identity mappings in deep residual networks", ECCV 2016.

    Examples
    --------
    >>> from sklip.training import resnet
    >>> network = resnet(20, 3, 10, preactivation=True)
    >>> sum(p.numel() for p in network.parameters())
    272282
    """
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth must be 6 n + 2 with n >= 1, got {depth!r}.")
    block = _preactivation_block if preactivation else _block
    layers = [_convolution(n_channels, _CHANNELS[0])]
    if not preactivation:
        layers += [nn.BatchNorm2d(_CHANNELS[0]), nn.ReLU(inplace=True)]
    n_in = _CHANNELS[0]
    for n_out in _CHANNELS:
        for _ in range((depth - 2) // 6):
            layers.append(block(n_in, n_out))
            n_in = n_out
    if preactivation:
        layers += [nn.BatchNorm2d(n_in), nn.ReLU(inplace=True)]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, n_outputs)]
    network = nn.Sequential(*layers)
    _initialize(network)
    return network


def _convolution(n_in, n_out, stride=1, size=3):
    padding = size // 2
    return nn.Conv2d(n_in, n_out, size, stride=stride, padding=padding, bias=False)


def _block(n_in, n_out):
    stride = 1 if n_in == n_out else 2
    branch = nn.Sequential(
        _convolution(n_in, n_out, stride),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
        _convolution(n_out, n_out),
        nn.BatchNorm2d(n_out),
    )
    shortcut = None
    if n_in != n_out:
        shortcut = nn.Sequential(
            _convolution(n_in, n_out, stride, size=1), nn.BatchNorm2d(n_out)
        )
    return nn.Sequential(Residual(branch, shortcut), nn.ReLU(inplace=True))


def _preactivation_block(n_in, n_out):
    stride = 1 if n_in == n_out else 2
    branch = nn.Sequential(
        nn.BatchNorm2d(n_in),
        nn.ReLU(inplace=True),
        _convolution(n_in, n_out, stride),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
        _convolution(n_out, n_out),
    )
    shortcut = None if n_in == n_out else _convolution(n_in, n_out, stride, size=1)
    return Residual(branch, shortcut)


def _initialize(network):
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
