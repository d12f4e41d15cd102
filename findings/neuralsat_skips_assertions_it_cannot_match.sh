#!/usr/bin/env bash
# neuralsat's reader leaves out assertions that do not look as it expects.
#
# Expected: (or (<= Y_0 Y_1) (<= Y_0 Y_2)) is the same property as
#   (or (and (<= Y_0 Y_1)) (and (<= Y_0 Y_2))), as in VNN-LIB 1.0; or it is refused.
# Instead: disjunctions without "and" match no pattern and are left out, which is said in a
#   log line that is not shown by default. The unsafe set has no constraint left, so that
#   every output is in it. (The package installs its modules as `src`, and imports them as
#   if that folder were on the path.)
# Seen with neuralsat 0.2.17, numpy 2.4.6, Python 3.11, on 2026-11-28.
# sklip: Specification.from_vnnlib reads nested and / or of any depth, refuses what it does
#   not know with its line, and writes one assertion a bound.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install numpy==2.4.6 tqdm==4.67.1 beartype==0.22.9
"$folder/venv/bin/pip" -q install --no-deps neuralsat==0.2.17
cd "$folder"
for form in with without; do
  {
    echo "(declare-const X_0 Real)"
    for output in 0 1 2; do echo "(declare-const Y_$output Real)"; done
    echo "(assert (>= X_0 0.0))"
    echo "(assert (<= X_0 1.0))"
    if [ "$form" = with ]; then
      echo "(assert (or (and (<= Y_0 Y_1)) (and (<= Y_0 Y_2))))"
    else
      echo "(assert (or (<= Y_0 Y_1) (<= Y_0 Y_2)))"
    fi
  } > "$form.vnnlib"
done
"$folder/venv/bin/python" - <<'PY'
import importlib.util
import sys

sys.path.insert(0, importlib.util.find_spec("src").submodule_search_locations[0])
from helper.spec.read_vnnlib import read_vnnlib

constraints = {}
for form in ("with", "without"):
    ((box, unsafe),) = read_vnnlib(f"{form}.vnnlib")
    constraints[form] = [len(rows) for rows, _ in unsafe]
    print(f"{form} and: box {box}, constraints of each unsafe polyhedron {constraints[form]}")
sys.exit(0 if constraints == {"with": [1, 1], "without": [0]} else 1)
PY
