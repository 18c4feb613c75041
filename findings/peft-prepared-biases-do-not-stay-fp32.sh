#!/usr/bin/env bash
# prepare_model_for_kbit_training() makes what is not quantized fp32; one forward pass later every bias of a 4-bit layer
# is bfloat16, for good.
#
# Versions: transformers 5.23.0, peft 0.21.2, bitsandbytes 0.50.2, torch 2.15.0, on the CPU.
# Guess: a parameter keeps its type over a forward pass; a kernel that wants another one casts a copy.
# Seen: Linear4bit.forward() assigns the cast to `bias.data`. The parameter itself changes its type at its first use, also
#   without gradients, so that norms stay fp32 and biases do not. A model that is saved after a step has other types than
#   one that is saved before it, and its memory is less by two bytes a bias.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 peft==0.21.2 bitsandbytes==0.50.2 accelerate

cat > "$folder/run.py" <<'PYTHON'
import collections, sys, tempfile
import torch
from peft import prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, OPTConfig

config = OPTConfig(hidden_size=64, ffn_dim=128, num_hidden_layers=2, num_attention_heads=4, vocab_size=128,
                   word_embed_proj_dim=64, max_position_embeddings=64)
folder = tempfile.mkdtemp()
AutoModelForCausalLM.from_config(config).to(torch.bfloat16).save_pretrained(folder)
four_bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
model = AutoModelForCausalLM.from_pretrained(
    folder, quantization_config=four_bits, dtype=torch.bfloat16, device_map={"": "cpu"})
model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)

def types():
    counts = collections.Counter()
    for name, parameter in model.named_parameters():
        if name.endswith(".bias"):
            kind = "norm" if "norm" in name else "linear"
            counts[f"{kind} {str(parameter.dtype).removeprefix('torch.')}"] += 1
    return dict(sorted(counts.items()))

before = types()
with torch.no_grad():
    model(input_ids=torch.ones(1, 8, dtype=torch.long))
after = types()
print(f"before: {before}\nafter:  {after}")
expected = ({"linear float32": 12, "norm float32": 5}, {"linear bfloat16": 12, "norm float32": 5})
if (before, after) != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
