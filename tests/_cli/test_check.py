# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A saved model is verified without trust in the file."""

import json
import shutil
import zipfile

import pytest

skops_io = pytest.importorskip("skops.io")


def rewritten(source, path, change):
    """A copy of the archive; ``change(name, content)`` gives each member."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return path


def test_what_was_saved_holds(call, folder):
    for name in ("label", "score"):
        options = (folder / f"{name}.skops", "--data", folder / "t.csv")
        outcome = call("check", *options)
        assert outcome.code == 0
        assert outcome.text.count(" ok ") == 4
        assert outcome.out.endswith("Everything holds.\n")
        # The list comes before anything is loaded.
        assert "sklip.networks._feedforward.FeedForward" in outcome.err


def test_another_table_is_not_the_one_of_the_training(call, folder, tmp_path):
    (tmp_path / "t.csv").write_bytes((folder / "t.csv").read_bytes() + b"\n")
    outcome = call("check", folder / "label.skops", "--data", tmp_path / "t.csv")
    assert outcome.code == 1
    assert "FAILED: data." in outcome.out


def smaller(name, content):
    """A certificate of half the value."""
    if name != "sklip.json":
        return content
    about = json.loads(content)
    certificate = json.loads(about["certificate"])
    certificate |= {"value": certificate["value"] / 2, "lower": 0.0}
    return json.dumps(about | {"certificate": json.dumps(certificate)})


def wider(name, content):
    """Units that the certificate was not made for."""
    if name != "sklip.json":
        return content
    about = json.loads(content)
    about["threat"]["eps"]["b"] *= 2.0
    return json.dumps(about)


def changed_array(name, content):
    large = name.endswith(".npy") and len(content) > 1000
    return content[:-1] + b"\x40" if large else content


@pytest.mark.parametrize(
    "change, fails",
    [
        (smaller, {"file", "proof"}),
        (wider, {"file", "network", "proof"}),
        (changed_array, {"file", "network", "proof"}),
        (lambda name, content: None if name == "README.md" else content, {"file"}),
        (lambda name, content: None if name == "sha256.json" else content, {"file"}),
    ],
)
def test_what_was_changed_fails(call, folder, tmp_path, change, fails):
    path = rewritten(folder / "label.skops", tmp_path / "m.skops", change)
    outcome = call("check", path)
    assert outcome.code == 1
    assert set(outcome.out.split("FAILED: ")[1].rstrip(".\n").split(", ")) == fails


class Foreign:
    """Nothing that sklip would save."""


def test_foreign_types_are_shown_and_not_loaded(call, folder, tmp_path, monkeypatch):
    path = tmp_path / "m.skops"
    skops_io.dump({"model": Foreign()}, path)
    with zipfile.ZipFile(folder / "label.skops") as archive:
        description = archive.read("sklip.json")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("sklip.json", description)
    monkeypatch.setattr(
        skops_io, "load", lambda *args, **kwargs: pytest.fail("it was loaded")
    )
    outcome = call("check", path)
    assert outcome.code == 2
    assert f"{__name__}.Foreign" in outcome.err
    assert "neither sklip's nor scikit-learn's" in outcome.err


def test_plain_skops_files_hold_no_description(call, tmp_path):
    skops_io.dump({"a": 1}, tmp_path / "m.skops")
    outcome = call("check", tmp_path / "m.skops")
    assert outcome.code == 2
    assert "holds a model but no description" in outcome.err


def test_the_file_is_still_one_of_skops_with_a_card(folder, tmp_path):
    path = shutil.copy(folder / "label.skops", tmp_path)
    trusted = skops_io.get_untrusted_types(file=path)
    assert hasattr(skops_io.load(path, trusted=trusted), "predict")
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("sklip.json"))
        card = archive.read("README.md").decode()
    assert about["versions"]["sklip"] in card
    assert "| b | number |" in card
    assert f"{about['metrics'][0]['test_accuracy']:.4g}" in card
    assert set(about["versions"]) > {"python", "numpy", "torch", "scikit-learn"}
