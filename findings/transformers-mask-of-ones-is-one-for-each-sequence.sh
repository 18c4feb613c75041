#!/usr/bin/env bash
# A sliding-window mask is one for all sequences of a batch; with an attention_mask that hides nothing it is one for each.
#
# Versions: transformers 5.23.0, torch 2.15.0, on the CPU.
# Guess: a padding mask of ones changes nothing, as it does for full attention, whose mask is left out in both cases.
# Seen: without it the mask is expanded over the batch, s*s bytes; with it s*s bytes for each sequence are made, in every step.
#   Collators pass one always: at 8 sequences of 8,192 tokens that is 448 MiB more.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0

cat > "$folder/run.py" <<'PYTHON'
import sys
import torch
from transformers import MistralConfig
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask

BATCH, TOKENS = 4, 32
config = MistralConfig(hidden_size=64, num_attention_heads=4, num_key_value_heads=4, sliding_window=8)
config._attn_implementation = "sdpa"

def stored(make, ones):
    mask = make(config=config, inputs_embeds=torch.zeros(BATCH, TOKENS, 64), past_key_values=None,
                attention_mask=torch.ones(BATCH, TOKENS, dtype=torch.long) if ones else None)
    return None if mask is None else mask.untyped_storage().nbytes()

found = {f"{name}, {ones}": stored(make, ones == "ones")
         for name, make in (("full", create_causal_mask), ("window", create_sliding_window_causal_mask))
         for ones in ("no mask", "ones")}
print(found)
expected = {"full, no mask": None, "full, ones": None, "window, no mask": 1024, "window, ones": 4096}
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
