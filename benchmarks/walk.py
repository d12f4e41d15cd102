# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How many functions are handed the model while ``lipschitz_bound(model)`` runs.

    python benchmarks/walk.py

Who reads the code follows the model through these calls. A *stop* is a call of a
function or method of sklip, made by sklip, with an argument (self included) that is the
model, an estimator or list of steps inside it, or an object that holds it: what
``unwrap`` and ``subject_of`` made of it. Comprehensions and lambdas belong to the
function around them; what scikit-learn calls is not counted. Nor is what was read from
the model: a network knows nothing of where it came from. A row has the stops, the
functions among them, and their files.
"""

import os
import sys
import warnings

from _harness import Table, commit, parse
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklip

COLUMNS = ["commit", "model", "stops", "functions", "files"]
HOLDERS = ("ModuleSubject", "NetworkSubject", "Unwrapped")


def models():
    """A fitted estimator, and one behind a scaler."""
    X, y = load_iris(return_X_y=True)

    def classifier():
        return sklip.LipschitzRegularizedMLPClassifier(
            (16,), max_iter=3, random_state=0
        )

    yield "estimator", classifier().fit(X, y)
    yield "pipeline", make_pipeline(StandardScaler(), classifier()).fit(X, y)


def stops(model):
    """Files and names of the functions that are handed the model, in order."""
    root = os.path.dirname(sklip.__file__)
    steps = getattr(model, "steps", [])
    parts = [id(part) for part in (model, steps, *(step for _, step in steps))]
    found = []

    def note(frame, event, argument):
        code, caller = frame.f_code, frame.f_back
        if event != "call" or not code.co_filename.startswith(root):
            return
        is_nameless = code.co_name.startswith("<")
        if is_nameless or not caller.f_code.co_filename.startswith((root, __file__)):
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = [frame.f_locals.get(name) for name in names]
        if any(id(g) in parts or type(g).__name__ in HOLDERS for g in given):
            found.append((os.path.relpath(code.co_filename, root), code.co_qualname))

    sys.setprofile(note)
    try:
        sklip.lipschitz_bound(model)
    finally:
        sys.setprofile(None)
    return found


def main():
    options = parse(
        __doc__,
        "benchmarks/walk.csv",
        show={"action": "store_true", "help": "print every stop"},
    )
    warnings.simplefilter("ignore")
    table = Table(options.output, COLUMNS)
    for name, model in models():
        sklip.lipschitz_bound(model)  # what is imported when first needed is here
        found = stops(model)
        counts = [len(found), len(set(found)), len({file for file, _ in found})]
        table.fill((commit(), name), lambda counts=counts: counts)
        if options.show:
            print(*(f"  {file} {function}" for file, function in found), sep="\n")


if __name__ == "__main__":
    main()
