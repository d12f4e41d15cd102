#!/usr/bin/env bash
# The reachability form of the vnnlib package keeps one half of an equality.
#
# Expected: vnnlib.compat.transform turns (== Y[0] 1.0) into Y[0] <= 1 and -Y[0] <= -1, as
#   it turns the two inequalities written out, and (== X[0] 0.5) into the box [0.5, 0.5].
# Instead: only "<=" survives. The unsafe set becomes a half-space and the input box has no
#   lower end, without a warning; a verifier fed with it can answer sat with a point that
#   the property excludes.
# Seen with vnnlib 1.0.2, Python 3.11, on 2026-11-28.
# sklip: Specification.from_vnnlib reads an equality as both inequalities.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install vnnlib==1.0.2
"$folder/venv/bin/python" - <<'PY'
import sys

import vnnlib
import vnnlib.compat

HEAD = """(vnnlib-version <2.0>)
(declare-network N
    (declare-input X float64 [1])
    (declare-output Y float64 [1]))
"""
BOX = "(assert (>= X[0] 0.0))(assert (<= X[0] 1.0))"


def case(text):
    (only,) = vnnlib.compat.transform(vnnlib.parse_query_string(HEAD + text))
    (polytope,) = only.output_constraints
    return only.input_box, polytope.coeff_matrix, polytope.rhs


written_out = case(BOX + "(assert (and (<= Y[0] 1.0) (>= Y[0] 1.0)))")
equality = case(BOX + "(assert (== Y[0] 1.0))")
of_input = case("(assert (== X[0] 0.5))(assert (<= Y[0] 1.0))")
print("two inequalities:", written_out[1:])
print("one equality:    ", equality[1:])
print("box of X[0] == .5:", of_input[0])
seen = (
    written_out[1:] == ([[1.0], [-1.0]], [1.0, -1.0])
    and equality[1:] == ([[1.0]], [1.0])
    and of_input[0] == [(-float("inf"), 0.5)]
)
sys.exit(0 if seen else 1)
PY
