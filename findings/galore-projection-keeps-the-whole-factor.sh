#!/usr/bin/env bash
# The projection of a matrix to rank r that GaLore keeps between steps holds the whole square factor of the decomposition.
#
# Versions: galore-torch 1.0, torch 2.15.0, on the CPU.
# Guess: a projector of rank r of a 256 x 1024 gradient is 256 x r numbers.
# Seen: it is a view of the first r columns of what torch.linalg.svd gave, whose storage stays: 256 x 256 numbers, whatever r
#   is. In 16-bit training a cast makes a copy of its own and the storage is what it seems.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 galore-torch==1.0 transformers==4.57.6

cat > "$folder/run.py" <<'PYTHON'
import sys
import torch
from galore_torch.galore_projector import GaLoreProjector

torch.manual_seed(0)
found = {}
for dtype in (torch.float32, torch.bfloat16):
    projector = GaLoreProjector(8, update_proj_gap=200, scale=1.0, proj_type="std")
    projector.project(torch.randn(256, 1024).to(dtype), 0)
    factor = projector.ortho_matrix
    found[str(dtype)] = (factor.numel(), factor.untyped_storage().nbytes() // factor.element_size())
print(f"(elements of the projection, elements that its storage holds): {found}")
expected = {"torch.float32": (2048, 65536), "torch.bfloat16": (2048, 2048)}
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
