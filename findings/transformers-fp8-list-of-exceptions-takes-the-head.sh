#!/usr/bin/env bash
# To name a module that FineGrainedFP8Config is to leave alone makes it quantize lm_head, which it leaves alone otherwise.
#
# Versions: transformers 5.23.0, torch 2.15.0, on the CPU (modules are replaced on the meta device; only kernels need a GPU).
# Guess: modules_to_not_convert adds to what is left alone anyway.
# Seen: it is instead of it. Without one lm_head stays bf16; with a list that does not name it, an empty one too, lm_head becomes
#   an FP8Linear of half the bytes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 accelerate==1.15.0

cat > "$folder/run.py" <<'PYTHON'
import sys
import torch
from transformers import AutoModelForCausalLM, FineGrainedFP8Config, LlamaConfig
from transformers.quantizers import AutoHfQuantizer

config = LlamaConfig(hidden_size=128, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4, vocab_size=256,
                     tie_word_embeddings=False)

def replaced(exceptions):
    """What from_pretrained() makes of the model before it loads weights into it."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        quantizer = AutoHfQuantizer.from_config(FineGrainedFP8Config(modules_to_not_convert=exceptions), pre_quantized=False)
        quantizer.preprocess_model(model=model)
    modules = {"lm_head": model.lm_head, "down_proj": model.model.layers[0].mlp.down_proj}
    return {name: f"{type(it).__name__} {str(it.weight.dtype).removeprefix('torch.')}" for name, it in modules.items()}

found = [replaced(exceptions) for exceptions in (None, [], ["model.layers.0.mlp"], ["model.layers.0.mlp", "lm_head"])]
for line in found:
    print(line)
plain, quantized = "Linear bfloat16", "FP8Linear float8_e4m3fn"
expected = [{"lm_head": head, "down_proj": down} for head, down in
            ((plain, quantized), (quantized, quantized), (quantized, plain), (plain, plain))]
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
