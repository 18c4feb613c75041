#!/usr/bin/env bash
# PiSSA and OLoRA decompose a 16-bit matrix in fp32, and the fp32 adapters that come of it hold 16-bit numbers.
#
# Versions: peft 0.21.2, transformers 5.23.0, torch 2.15.0, on the CPU.
# Guess: what is computed in fp32 for adapters that are trained in fp32 (autocast_adapter_dtype) stays as it was computed.
# Seen: it is moved to the type of the base first, and widened again when all adapters are made: every number of A and B
#   beside a bf16 matrix is one of bf16. Beside an fp32 matrix none is rounded.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 peft==0.21.2

cat > "$folder/run.py" <<'PYTHON'
import sys
import torch
from peft import LoraConfig, get_peft_model

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj = torch.nn.Linear(64, 64, bias=False)

    def forward(self, x):
        return self.q_proj(x)

def begun(start, dtype):
    """The type of A and B, and whether 16 bits hold all of their numbers."""
    torch.manual_seed(0)
    config = LoraConfig(r=8, lora_alpha=8, target_modules=["q_proj"], init_lora_weights=start)
    layer = get_peft_model(Model().to(dtype), config).base_model.model.q_proj
    pair = [module["default"].weight.detach() for module in (layer.lora_A, layer.lora_B)]
    return str(pair[0].dtype), all(torch.equal(it, it.bfloat16().to(it.dtype)) for it in pair)

found = {f"{start} beside {dtype}": begun(start, dtype)
         for start in ("pissa", "olora") for dtype in (torch.bfloat16, torch.float32)}
print(found)
expected = {f"{start} beside torch.{dtype}": ("torch.float32", dtype == "bfloat16")
            for start in ("pissa", "olora") for dtype in ("bfloat16", "float32")}
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
