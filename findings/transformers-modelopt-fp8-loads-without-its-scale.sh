#!/usr/bin/env bash
# An FP8 checkpoint of NVIDIA's ModelOpt loads as a plain bf16 model whose weights were never multiplied by their scales.
#
# Versions: transformers 5.23.0, torch 2.15.0, on the CPU.
# Guess: a quantization that Transformers does not know is an error.
# Seen: it is a warning ("Unknown quantization type, got modelopt ... we will skip the quantization"), and a report that calls
#   the scales UNEXPECTED, which "can be ignored when loading from different task/architecture". The 8-bit codes themselves
#   become bf16 weights, up to 448 where the weight was 0.08; the model runs, in two bytes a weight.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0

cat > "$folder/run.py" <<'PYTHON'
import json, logging, pathlib, sys, tempfile
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig

said = []
class Keep(logging.Handler):
    def emit(self, record): said.append(record.getMessage())
logging.getLogger("transformers").addHandler(Keep())

torch.manual_seed(0)
config = LlamaConfig(hidden_size=128, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4, vocab_size=64)
folder = pathlib.Path(tempfile.mkdtemp())
plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
plain.save_pretrained(folder)
tensors = {}
for name, weight in load_file(folder / "model.safetensors").items():
    if not name.endswith("_proj.weight"):
        tensors[name] = weight
        continue
    scale = weight.float().abs().max() / 448
    tensors[name] = (weight.float() / scale).to(torch.float8_e4m3fn)
    tensors[name.removesuffix("weight") + "weight_scale"] = scale
    tensors[name.removesuffix("weight") + "input_scale"] = torch.tensor(8 / 448)
save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
numbers = {"dynamic": False, "num_bits": 8, "type": "float"}
written = json.loads((folder / "config.json").read_text())
written["quantization_config"] = {
    "quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head"], "producer": {"name": "modelopt", "version": "0.33.0"},
    "config_groups": {"group_0": {"input_activations": numbers, "weights": numbers, "targets": ["Linear"]}}}
(folder / "config.json").write_text(json.dumps(written))

said.clear()
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
with torch.no_grad():
    finite = model(input_ids=torch.ones(1, 8, dtype=torch.long)).logits.isfinite().all().item()
name = "model.layers.0.mlp.down_proj.weight"
weight, before = model.get_parameter(name), plain.get_parameter(name)
found = {
    "type": str(weight.dtype), "codes as they are stored": torch.equal(weight, tensors[name].bfloat16()),
    "largest": weight.abs().max().item(), "a forward pass runs": finite,
    "unknown type": sum("Unknown quantization type, got modelopt" in line for line in said),
    "reports of unexpected tensors": sum("down_proj.weight_scale" in line and "UNEXPECTED" in line for line in said),
    "messages": len(said),
}
print(f"{found}; before quantization the largest was {before.abs().max().item():.3f}")
expected = {"type": "torch.bfloat16", "codes as they are stored": True, "largest": 448.0, "a forward pass runs": True,
            "unknown type": 1, "reports of unexpected tensors": 1, "messages": 2}
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
