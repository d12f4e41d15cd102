# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What notebooks show (``sklip/_html.py`` and where it is used)."""

import runpy
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

import sklip
from sklip import LipschitzEstimate, Verification, lipschitz_bound
from sklip._html import html_table
from sklip.networks import random_network


class Cells(HTMLParser):
    """Texts of the cells, and whether every tag is closed in its turn."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_names_and_values_are_escaped():
    assert Cells(html_table("a < b", {"<i>": "</table>", "none": None})).texts == [
        "a < b",
        "<i>",
        "</table>",
    ]


def test_a_certificate_says_value_method_and_network():
    network = random_network([3, 5, 2], random_state=0)
    certificate = lipschitz_bound(network)
    texts = Cells(certificate._repr_html_()).texts
    assert f"{certificate.value:.7g}" in texts and certificate.method in texts
    assert network.hash[:8] in texts and "multipliers" in texts
    product = lipschitz_bound(network, method="product", norm=np.inf)
    texts = Cells(product._repr_html_()).texts
    assert "the layers' norms" in texts and "solver's dual" not in texts
    assert texts[texts.index("norm") + 1] == "inf"


@pytest.mark.parametrize("kind, said", [("lower", "reached"), ("estimate", "no proof")])
def test_an_estimate_says_that_it_is_none(kind, said):
    html = LipschitzEstimate(1.5, kind)._repr_html_()
    assert "not a bound" in html and said in html and "method" not in html


def test_a_verification_shows_its_counterexample_and_no_margin():
    falsified = Verification("falsified", point=np.arange(12.0), n_parts=3)
    texts = Cells(falsified._repr_html_()).texts
    assert "0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, …" in texts
    assert "least margin proven" not in texts
    texts = Cells(Verification("verified", lower=0.25)._repr_html_()).texts
    assert "0.25" in texts and "counterexample" not in texts


def test_every_estimator_leads_to_its_page(repository):
    pages = runpy.run_path(str(repository / "docs" / "api_reference.py"))
    n_estimators = 0
    for package, section in pages["API_REFERENCE"].items():
        for name in section["names"]:
            found = getattr(sklip, name)
            if not (isinstance(found, type) and issubclass(found, BaseEstimator)):
                continue
            if name in ("ADMMLipschitzMLP", "LipschitzRegularizedMLP"):
                continue  # abstract
            model = found.__new__(found)
            assert model._get_doc_link().endswith(f"/generated/{package}.{name}.html")
            n_estimators += 1
    assert n_estimators == 13


def test_a_subclass_of_somebody_else_has_no_page_here():
    class Own(sklip.LipschitzBoundedMLPClassifier):
        pass

    assert Own()._get_doc_link() == ""
    assert LogisticRegression()._get_doc_link() != ""
