#!/usr/bin/env bash
# Under Transformers' own tensor parallelism a fused projection divides its weights and not its activations: every rank holds
# the whole output, as on one GPU.
#
# Version: transformers 5.23.0, torch 2.15.0, on the CPU; the plans are data of the configuration classes.
# Guess: queries, keys, values, gate and up are divided by heads and channels, so that what a layer keeps for backward is
#   divided too, as in Megatron-LM; a fused matrix is divided like its parts.
# Seen: Llama's plan is that. Phi-3's fused matrices, GLM-4's fused gate and up, MiniMax-M2's attention and the gated DeltaNet
#   layers of Qwen3-Next and Qwen3.5 are `colwise_gather_output`, a linear layer with columns on each rank whose output is
#   replicated; what follows is `rowwise_split_input`, or another gather. Two families of the same size and the same degree
#   so need quite different memory for activations.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet transformers==5.23.0 torch==2.15.0

cat > "$folder/run.py" <<'PYTHON'
import sys
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

def gathered(family):
    plan = CONFIG_MAPPING[family].base_model_tp_plan
    return sorted(name.removeprefix("layers.*.") for name, style in plan.items() if style == "colwise_gather_output")

seen = {family: gathered(family) for family in ("llama", "phi3", "glm4", "minimax_m2", "qwen3_next", "qwen3_5_text")}
for family, names in seen.items():
    print(f"{family}: {', '.join(names) or 'none'}")
linear = "linear_attn."
expected = {
    "llama": [],
    "phi3": ["mlp.gate_up_proj", "self_attn.qkv_proj"],
    "glm4": ["mlp.gate_up_proj"],
    "minimax_m2": ["self_attn.k_proj", "self_attn.q_proj", "self_attn.v_proj"],
    "qwen3_next": [linear + name for name in ("in_proj_ba", "in_proj_qkvz", "out_proj")],
    "qwen3_5_text": [linear + name for name in ("in_proj_a", "in_proj_b", "in_proj_qkv", "in_proj_z", "out_proj")],
}
if seen != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
