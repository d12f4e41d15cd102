# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The public interface as data; conf.py writes the API pages from it."""

__all__ = ["API_REFERENCE", "FURTHER", "further_names", "write_api_pages"]

# package -> title, one sentence, public names. tests/test_docs.py holds it against
# sklip.__all__: a public name that is missing here fails the tests.
API_REFERENCE = {
    "sklip.estimators": {
        "title": "Estimators",
        "text": "Networks that are trained to have a small Lipschitz constant.",
        "names": [
            "ADMMLipschitzMLP",
            "ADMMLipschitzMLPClassifier",
            "ADMMLipschitzMLPRegressor",
            "LipschitzBoundedMLPClassifier",
            "LipschitzBoundedMLPRegressor",
            "LipschitzRegularizedMLP",
            "LipschitzRegularizedMLPClassifier",
            "LipschitzRegularizedMLPRegressor",
            "CertifiedRejectClassifier",
            "CertifiedIntervalRegressor",
            "NoiseLipschitzClassifier",
            "NoiseLipschitzRegressor",
        ],
    },
    "sklip.bounds": {
        "title": "Bounds",
        "text": "Proven upper bounds of Lipschitz constants, with their evidence.",
        "names": [
            "lipschitz_bound",
            "lipschitz_bracket",
            "lipschitz_lower_bound",
            "local_lipschitz_bound",
            "feature_slopes",
            "expected_lipschitz",
            "jacobian_variance",
            "measured_gain",
            "jacobian_diagnostic",
            "check_certificate",
            "LipschitzCertificate",
            "LipschitzEstimate",
            "JacobianDiagnostic",
        ],
    },
    "sklip.certification": {
        "title": "Certification",
        "text": "What a bound says about single predictions, beside what attacks find.",
        "names": [
            "margins",
            "certified_radius",
            "certified_accuracy_score",
            "certification_report",
            "certified_accuracy_curve",
            "certified_interval",
            "certified_error_score",
            "adversarial_accuracy_score",
            "adversarial_interval",
            "risk_coverage_curve",
            "robustness_bracket",
            "minimum_norm_attack",
            "nearest_flip",
            "NearestFlips",
            "verify_robustness",
            "verify_specification",
            "Specification",
            "Verification",
            "noise_accuracy_curve",
        ],
    },
    "sklip.metrics": {
        "title": "Scorers",
        "text": "Callables for ``scoring=`` in model selection.",
        "names": [
            "make_certified_accuracy_scorer",
            "make_certified_error_scorer",
            "make_lipschitz_scorer",
            "make_adversarial_accuracy_scorer",
            "make_noise_accuracy_scorer",
        ],
    },
    "sklip.model_selection": {
        "title": "Model selection",
        "text": "Rules for ``refit=`` of a search, and the settings that none beats.",
        "names": ["LipschitzBudget", "OneStandardError", "pareto_front"],
    },
    "sklip.preprocessing": {
        "title": "Transformers",
        "text": "Certificates as columns, and columns in units of their tolerance.",
        "names": [
            "CertifiedRadiusTransformer",
            "LocalLipschitzTransformer",
            "LipschitzScaler",
        ],
    },
    "sklip.inspection": {
        "title": "Inspection",
        "text": "Pictures of bounds, radii and robustness, and tables of searches.",
        "names": [
            "CertifiedAccuracyDisplay",
            "CertifiedRadiusDisplay",
            "CertifiedConfusionMatrixDisplay",
            "RiskCoverageDisplay",
            "NoiseRobustnessDisplay",
            "LipschitzBoundsDisplay",
            "FeatureSlopesDisplay",
            "TrainingCurveDisplay",
            "JacobianDiagnosticDisplay",
            "sensitivity_table",
        ],
    },
    "sklip.training": {
        "title": "Training",
        "text": "Callbacks for the ``callbacks`` of the estimators.",
        "names": ["LipschitzHistory"],
    },
    "sklip.datasets": {
        "title": "Datasets",
        "text": "Data of the papers.",
        "names": ["load_mnist"],
    },
    "sklip.networks": {
        "title": "Networks",
        "text": "The network that both predicts and is certified; ONNX in and out.",
        "names": ["FeedForward", "to_onnx"],
    },
}

# What other pages speak of, and only its own package offers.
FURTHER = {
    "sklip.bounds": ["module_bound", "module_from_onnx", "register_module_bound"],
    "sklip.certification": ["is_certified", "pgd_attack"],
    "sklip.datasets": ["load_paper_toy"],
    "sklip.networks": ["network_view", "get_activation", "list_activations"],
}


def further_names(package):
    """Names on the page of a package that ``sklip`` itself does not offer."""
    return FURTHER.get(package, [])


def _underlined(text, mark):
    return f"{text}\n{mark * len(text)}\n"


def _package_page(package, section):
    text = (
        f"{_underlined(section['title'], '=')}\n{section['text']}\n\n"
        f".. currentmodule:: {package}\n\n{_summary(section['names'])}"
    )
    more = further_names(package)
    if more:
        text += f"\nFrom ``{package}`` alone:\n\n{_summary(more)}"
    return text


def _summary(names, toctree=True):
    names = "\n".join(f"   {name}" for name in names)
    where = "   :toctree: generated\n" if toctree else ""
    return f".. autosummary::\n{where}   :nosignatures:\n\n{names}\n"


def _write(path, text):
    # An unchanged page keeps its time stamp, so that a second build skips it.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_api_pages(folder):
    """Write index and one page a package into ``folder``."""
    folder.mkdir(exist_ok=True)
    stems = [package.split(".")[-1] for package in API_REFERENCE]
    for stem, (package, section) in zip(stems, API_REFERENCE.items(), strict=True):
        _write(folder / f"{stem}.rst", _package_page(package, section))
    toctree = "\n".join(f"   {stem}" for stem in stems)
    sections = "\n".join(
        f".. rubric:: {section['title']}\n\n{section['text']}\n\n"
        f".. currentmodule:: {package}\n\n{_summary(section['names'], toctree=False)}"
        for package, section in API_REFERENCE.items()
    )
    _write(
        folder / "index.rst",
        f"{_underlined('API reference', '=')}\n"
        "Every name on this page can also be imported from ``sklip`` itself.\n\n"
        f"{sections}\n.. toctree::\n   :hidden:\n\n{toctree}\n",
    )
