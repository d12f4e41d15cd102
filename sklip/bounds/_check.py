# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Check a certificate with numpy alone, knowing nothing of how it was found."""

import hashlib
import json
from fractions import Fraction

import numpy as np

__all__ = ["certificate_seal", "check_certificate"]

_U, _SAFETY, _TINY = 2.0**-53, 1.001, 2.0**-130
_SECTORS = dict.fromkeys(("relu", "tanh", "softplus", "elu"), (0.0, 1.0))
_SECTORS |= {"logistic": (0.0, 0.25), "sigmoid": (0.0, 0.25), "identity": (1.0, 1.0)}
_SECTORS |= {"silu": (-0.099840, 1.099840), "mish": (-0.112527, 1.088499)}
_SECTORS |= {"gelu": (-0.128905, 1.128905), "gelu_tanh": (-0.128994, 1.128994)}
_SECTORS |= {"hardswish": (-0.5, 1.5), "leaky_relu": (0.01, 1.0), "abs": (-1.0, 1.0)}

_NUMBERS = ("value", "lower", "norm", "slack")
_FIELDS = {*_NUMBERS, "kind", "method", "multipliers", "network_hash", "seal"}


def check_certificate(weights, certificate, activation="relu"):
    """Prove a Lipschitz certificate again, from the weights and its multipliers.

    Parameters
    ----------
    weights : sequence of array-like of shape (n_out, n_in)
        The network's matrices, first layer first.
    certificate : LipschitzCertificate, dict or str
        The certificate, or its JSON, parsed or not.
    activation : str or sequence of str, default="relu"
        One name for all hidden layers, or one for each.

    Returns
    -------
    proven : bool
        Whether the value is proven for these weights and nothing was changed: the seal
        ties every field to the weights.

    Raises
    ------
    TypeError, ValueError
        If it is no certificate (an estimate, a number), ``weights`` are no matrices
        that chain, or an activation is unknown.

    Examples
    --------
    >>> from sklip.bounds import check_certificate, lipschitz_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([3, 8, 2], random_state=0)
    >>> check_certificate(network.weights, lipschitz_bound(network).to_json())
    True
    """
    fields = _fields_of(certificate)
    weights = _matrices(weights)
    sectors = _sectors_of(activation, len(weights) - 1)
    value, norm = (_number(fields[key]) for key in ("value", "norm"))
    sane = all(np.isfinite(a).all() for a in (value, *weights))
    seal = certificate_seal(weights, fields)
    if not (sane and norm in (1, 2, np.inf) and seal and fields["seal"] == seal):
        return False
    d = fields["multipliers"]
    with np.errstate(all="ignore"):
        if d is None:
            bound = _path_norm if fields["method"] == "path" else _product
            return bool(bound(weights, sectors, norm) <= value)
        weights, radii, sectors = _merge(weights, sectors)
        d = [np.array(x, dtype=np.float64) for x in d]
        fit = norm == 2.0 and [x.shape for x in d] == [(len(w),) for w in weights[:-1]]
        sane = all(np.all(abs(np.log2(x)) <= 450.0) for x in (value, *d))
        return fit and sane and _proof(weights, radii, sectors, value, d)


def certificate_seal(weights, fields):
    """SHA-256 that ties every field of a certificate, but the seal, to the weights.

    None for what cannot be a certificate's fields.
    """
    plain = {k: v for k, v in fields.items() if k not in ("multipliers", "seal")}
    plain |= {key: _number(plain.get(key)) for key in _NUMBERS}
    try:
        digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
        d = fields["multipliers"]
        digest.update(b"proven by norms" if d is None else b"proven by multipliers")
        for a in (np.ascontiguousarray(a, "<f8") for a in (*weights, *(d or ()))):
            digest.update(repr(a.shape).encode())
            digest.update(a)
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
    return digest.hexdigest()


def _fields_of(certificate):
    """All fields of a certificate, and no other."""
    text = certificate.to_json() if hasattr(certificate, "to_json") else certificate
    fields = text
    if isinstance(text, str):
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
    known = isinstance(fields, dict) and set(fields) == _FIELDS
    if not known or fields["kind"] != "upper":
        raise TypeError(
            "certificate: a LipschitzCertificate, its dict or its JSON is needed."
        )
    return fields


def _number(value):
    """A float, of "inf" as well; NaN for what is none, such as true or other text."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return float(value) if number or value == "inf" else np.nan
    except OverflowError:
        return np.nan


def _matrices(weights):
    """Float64 copies of matrices that chain, else TypeError or ValueError."""
    if isinstance(weights, str | dict) or not hasattr(weights, "__iter__"):
        raise TypeError("weights must be a sequence of matrices, first layer first.")
    matrices = [_matrix(w) for w in weights]
    if any(w.shape[1] != len(v) for v, w in zip(matrices, matrices[1:], strict=False)):
        raise ValueError("weights must chain: each takes what the one before it gives.")
    if not matrices:
        raise ValueError("weights is empty: at least one matrix is needed.")
    return matrices


def _matrix(weight):
    try:
        array = np.asarray(weight)
    except ValueError:
        array = np.array(None)
    masked = isinstance(weight, np.ma.MaskedArray)
    if masked or array.dtype.kind not in "iuf" or not array.size or array.ndim != 2:
        raise ValueError(
            "weights must be real matrices of shape (n_out, n_in), not masked, got one "
            f"of shape {array.shape} and dtype {array.dtype}."
        )
    return np.array(array, dtype=np.float64)


def _sectors_of(activation, n_hidden):
    """Slope sector of each hidden layer."""
    if isinstance(activation, str):
        return [_sector(activation)] * n_hidden
    names = list(activation) if hasattr(activation, "__iter__") else [activation]
    if len(names) != n_hidden or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"activation must be a name, or one for each of the {n_hidden} hidden "
            f"layers, got {activation!r}."
        )
    return [_sector(name) for name in names]


def _sector(name):
    family, _, slope = name.rstrip(")").partition("(")
    if family not in _SECTORS or (slope and family not in ("leaky_relu", "elu")):
        raise ValueError(f"Unknown activation {name!r}; known: {', '.join(_SECTORS)}.")
    if not slope:
        return _SECTORS[family]
    return (0.0 if family == "elu" else min(float(slope), 1.0)), max(float(slope), 1.0)


def _product(weights, sectors, norm):
    """Product of proven norms and slopes, exactly; infinity if one has no proof."""
    product = Fraction(1)
    for w, (low, high) in zip(weights, [(1.0, 1.0), *sectors], strict=True):
        if not w.any():
            return 0
        scale, tall = int(np.frexp(abs(w).max())[1]), len(w) > w.shape[1]
        w = np.ldexp(w.T if norm == 1.0 or (norm == 2.0 and tall) else w, -scale)
        bound = abs(w).sum(axis=1).max() * (1.0 + (w.shape[1] + 4) * _U)
        if norm == 2.0:
            bound = _spectral_norm(w)
        product *= Fraction(bound) * Fraction(2) ** scale * Fraction(max(-low, high))
    return product


def _spectral_norm(w):
    """Proven norm of a matrix no taller than wide; infinity if there is no proof."""
    guesses = [_lanczos, lambda w: np.linalg.norm(w, 2)]
    # A guess may be wrong, since only its proof counts; of small matrices an SVD is as
    # quick.
    for guess in guesses[len(w) <= 200 :]:
        norm = guess(w)
        norm *= 1.0 + 1.25 * _condition([w], [0.0], [], norm, [])[-1]
        if _proof([w], [0.0], [], norm, []):
            return norm
    return np.inf


def _lanczos(w):
    """Largest singular value as Lanczos's method finds it: a guess."""
    gram, basis, diagonal, off = w @ w.T, np.zeros((160, len(w))), [], []
    basis[0] = np.random.default_rng(0).normal(size=len(w))
    basis[0] /= np.linalg.norm(basis[0])
    for k in range(len(basis)):
        image = gram @ basis[k]
        diagonal.append(image @ basis[k])
        # Once more than in exact arithmetic: the first leaves rounding behind.
        for _ in range(2):
            image -= (basis[: k + 1] @ image) @ basis[: k + 1]
        off.append(np.linalg.norm(image))
        if k + 1 == len(basis) or off[k] <= 1e-12 * max(diagonal):
            break
        basis[k + 1] = image / off[k]
    tridiagonal = np.diag(diagonal) + np.diag(off[:-1], 1) + np.diag(off[:-1], -1)
    return np.sqrt(np.linalg.eigvalsh(tridiagonal)[-1])


def _path_norm(weights, sectors, norm):
    """Norm of a matrix that no Jacobian exceeds in any entry, from above, exactly."""
    scale, runs, total = 0, [], np.eye(weights[0].shape[1])
    plain, gamma = total, 4 * _U * sum(w.shape[1] + len(weights) + 8 for w in weights)
    # The inputs come out of a cut: slope 0 + 1 c.
    for w, (low, high) in zip(weights, [(-1.0, 1.0), *sectors], strict=True):
        exponent = int(np.frexp(abs(w).max())[1]) + max(w.shape).bit_length()
        # Powers of two are exact: nothing overflows, and the scale returns as a
        # fraction.
        w, scale = np.ldexp(w, -exponent), scale + exponent
        runs = [((low + high) / 2 * (w @ a), f) for a, f in runs]
        runs.append((w, (high - low) / 2 * total))
        total = sum(abs(a) @ f for a, f in runs)
        plain = max(-low, high) * (abs(w) @ plain)
    total = total + gamma * plain
    columns, rows = total.sum(axis=0).max(), total.sum(axis=1).max()
    bound = {1.0: columns, 2.0: np.sqrt(columns * rows), np.inf: rows}[norm]
    return Fraction(float(bound * (1.0 + gamma) + 2.0**-600)) * Fraction(2) ** scale


def _merge(weights, sectors):
    """Matrices, radii and sectors with the identity layers multiplied out."""
    merged = [(weights[0], 0.0 * weights[0])]
    for w, sector in zip(weights[1:], sectors, strict=True):
        merged.append((w, 0.0 * w))
        if sector == (1.0, 1.0):
            last, radius = merged.pop(-2)
            # The product is rounded: the exact matrix is within this of the stored one.
            radius = abs(w) @ ((w.shape[1] + 1) * _U * abs(last) + radius)
            merged[-1] = w @ last, _SAFETY**2 * radius + 2.0**-1050
    return *zip(*merged, strict=True), [s for s in sectors if s != (1.0, 1.0)]


def _condition(weights, radii, sectors, value, d):
    """Blocks of M on and below its diagonal, flatness, gammas, error, and room."""
    scales = zip([*(x[:, None] for x in d), 1.0], [value, *d], strict=True)
    sectors = [((a + b) / 2, a * b) for a, b in sectors] + [(1.0, 0.0)]
    blocks, lowers, error = [], [], 0.0
    for w, radius, (r, c), (a, p) in zip(weights, radii, scales, sectors, strict=True):
        size = np.linalg.norm(v := r * w / c)
        spread = np.linalg.norm(r * radius / c) + 3 * _U * size
        error += 2 * abs(a) * (spread + 3 * _U * (size + spread)) + 4 * _U
        error += abs(p) * (2 * spread * size + spread**2 + (len(v) + 8) * _U * size**2)
        blocks.append(np.eye(w.shape[1]) + (p * (v.T @ v) if p else 0.0))
        lowers.append(-a * v)
    blocks, lowers = [*blocks, np.eye(len(v))], [*lowers, np.zeros((0, len(v)))]
    flat = not sectors[0][1]  # the first block is a multiple of I: its root is exact
    gamma = [_SAFETY * (len(block) + 8) * _U for block in blocks]
    error += flat * 1.01 * gamma[0] * np.linalg.norm(lowers[0]) ** 2
    room = 1.1 * (max(gamma[flat:]) * sum(map(np.trace, blocks[flat:])) + error) + 2e-15
    return blocks, lowers, flat, gamma, error, room


def _proof(weights, radii, sectors, value, d):
    """Whether M >= 0 by M - room I = R R^T + E, any R, ||E||_F <= room."""
    condition = _condition(weights, radii, sectors, value, d)
    blocks, lowers, flat, gamma, error, room = condition
    residual = total = left = 0.0
    for k, block in enumerate(blocks):
        # What is taken off the diagonal first pays for all that the factors miss.
        block = block - room * np.eye(len(block)) - (left @ left.T if k else 0.0)
        if k == 0 and flat:
            left = lowers[0] / np.sqrt(1.0 - room)
            continue
        try:
            factor = np.linalg.cholesky(block)
        except np.linalg.LinAlgError:
            return False
        residual += np.linalg.norm(block - factor @ factor.T) ** 2
        total += gamma[k] * np.linalg.norm(factor) ** 2
        if k + 1 < len(blocks):
            left = _substituted(factor, lowers[k].T).T
            # Below the diagonal and, transposed, above it.
            residual += 2.0 * np.linalg.norm(lowers[k] - left @ factor.T) ** 2
            total += gamma[k] * np.linalg.norm(left) ** 2
    # A Frobenius norm is no smaller than the spectral one that has to fit.
    return bool(_SAFETY * (residual**0.5 + total + error) + _TINY <= room)


def _substituted(lower, right):
    """``lower^-1 right`` for a triangle, by halves; how it rounds does not matter."""
    half = len(lower) // 2
    if half < 64:  # numpy's solver takes no notice of triangles
        return np.linalg.solve(lower, right)
    top = _substituted(lower[:half, :half], right[:half])
    rest = right[half:] - lower[half:, :half] @ top
    return np.vstack([top, _substituted(lower[half:, half:], rest)])
