#!/usr/bin/env bash
# One reshape of a residual stream makes backward allocate a new sum for every layer instead of adding in place.
#
# Version: torch 2.15.0, on the CPU; the engine is the same on a GPU.
# Guess: a reshape costs nothing, forward or backward: it is a view, and gradients of a stream are added in place either way.
# Seen: autograd adds a second gradient into the first only where nobody else holds the first one's storage. A gradient that
#   has passed through the backward of a reshape is a view, and a view keeps its base: the storage is held twice, and every
#   sum is a new tensor. Four residual layers: three of four sums in place; the same with `x.reshape(-1, width)` before the
#   layer and `.view(shape)` behind it, as OPT's decoder layer has it: none.
# For a stream of b x s x h that is one more tensor of that size at each residual of backward, which an allocator that is
# nearly full has to find in one piece.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 numpy

cat > "$folder/run.py" <<'PYTHON'
import sys
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

class Residual(nn.Module):
    def __init__(self, reshapes):
        super().__init__()
        self.reshapes, self.norm, self.linear = reshapes, nn.LayerNorm(64), nn.Linear(64, 64)

    def forward(self, x):
        shape = x.shape
        if self.reshapes:
            x = x.reshape(-1, shape[-1])
        x = x + self.linear(self.norm(x))
        return x.view(shape) if self.reshapes else x

def sums(reshapes):
    layers = nn.Sequential(*[Residual(reshapes) for _ in range(4)])
    loss = layers(torch.randn(3, 5, 64, requires_grad=True)).sum()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        loss.backward()
    counts = {event.key: event.count for event in seen.key_averages()}
    return {kind: counts.get(name, 0) for kind, name in (("new", "aten::add"), ("in place", "aten::add_"))}

seen = {"as it is": sums(False), "reshaped": sums(True)}
for name, counts in seen.items():
    print(f"{name}: {counts}")
expected = {"as it is": {"new": 1, "in place": 3}, "reshaped": {"new": 4, "in place": 0}}
if seen != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
