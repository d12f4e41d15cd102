# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""``python -m sklip check``: is a saved model what its description says?"""

from pathlib import Path

from sklip._cli._errors import JobError, one_sentence

__all__ = ["add_options", "run"]

DESCRIPTION = """\
Verify a model that --save wrote: that the file is as it was written (SHA-256 of every
part), that the network in it is the certificate's, and that the bound is proven for its
weights, by a check that knows nothing of how the bound was found. With --data also that
the table is the one of the training.

Exit code: 0 if everything holds, 1 if something does not, 2 after an error. A hash is
no signature: who means to deceive can change file and hash together, but can make no
wrong bound verify."""


def add_options(parser):
    """Options of the command."""
    add_model_options(parser)
    parser.add_argument("--data", metavar="data.csv", help="the table of the training")


def add_model_options(parser):
    """The file, and what may be in it."""
    parser.add_argument("model", metavar="MODEL", help="a file that --save wrote")
    parser.add_argument(
        "--trust",
        nargs="+",
        default=[],
        metavar="TYPE",
        help="types in the file that are neither sklip's nor scikit-learn's and may "
        "be loaded",
    )


def run(options):
    """Print what holds; the exit code."""
    from sklip._cli._bundle import read_bundle

    if options.data is not None and not Path(options.data).is_file():
        raise JobError(f"There is no file {options.data!r}.")
    bundle = read_bundle(options.model)
    fails = [name for name, holds in _checks(bundle, options) if not holds]
    if fails:
        print(f"FAILED: {', '.join(fails)}.")
        return 1
    print("Everything holds.")
    return 0


def _checks(bundle, options):
    """Names of what is checked and whether it holds, each printed."""
    altered = bundle.altered()
    detail = f"altered: {', '.join(altered[:5])}" if altered else "as it was written"
    yield _line("file", not altered, detail)
    if options.data is not None:
        from sklip._cli._description import data_hash

        same = data_hash(options.data) == bundle.about["data"]["sha256"]
        detail = f"{options.data} is {'the' if same else 'another'} table"
        yield _line("data", same, detail)
    model = bundle.load(options.trust)
    yield from _proof(model, bundle.about)


def _proof(model, about):
    from sklip._cli._threat import Threat
    from sklip.bounds import LipschitzCertificate, check_certificate, subject_of
    from sklip.networks import network_view

    eps = Threat.from_json(about["threat"]).eps
    try:
        subject = subject_of(network_view(model).with_feature_eps(eps))
        certificate = LipschitzCertificate.from_json(about["certificate"])
    except (TypeError, ValueError) as error:
        yield _line("network", False, one_sentence(error))
        return
    same = subject.hash == certificate.network_hash
    yield _line("network", same, f"hash {subject.hash[:16]}")
    proven = check_certificate(
        subject.weights, about["certificate"], subject.network.activation
    )
    bound = f"Lipschitz bound {certificate.value:.6g}, norm {certificate.norm:g}"
    yield _line("proof", proven, f"{bound}, by {certificate.method}")


def _line(name, holds, detail):
    print(f"{name:8} {'ok' if holds else 'FAILED':7} {detail}")
    return name, holds
