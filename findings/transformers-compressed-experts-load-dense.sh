#!/usr/bin/env bash
# A mixture of experts in compressed-tensors loads with its experts dense in bf16, while its attention stays compressed.
#
# Versions: transformers 5.23.0, compressed-tensors 0.20.1, torch 2.15.0, on the CPU.
# Guess: a 4-bit Qwen3-MoE takes 4 bits a weight after from_pretrained(), at least until a forward pass.
# Seen: experts are one tensor for all of a layer, which compressed-tensors knows nothing of, so that Transformers decompresses
#   them as it loads: of the 245,760 weights that the files have in 4 bits, 196,608 have 16 at once, and the others, of attention,
#   from the first forward pass on.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 compressed-tensors==0.20.1

cat > "$folder/run.py" <<'PYTHON'
import json, pathlib, sys, tempfile
import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Qwen3MoeConfig

torch.manual_seed(0)
config = Qwen3MoeConfig(hidden_size=128, intermediate_size=256, moe_intermediate_size=128, num_hidden_layers=1,
                        num_attention_heads=4, num_key_value_heads=2, head_dim=32, vocab_size=64, num_experts=4,
                        num_experts_per_tok=2)
plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)

folder = pathlib.Path(tempfile.mkdtemp())
plain.save_pretrained(folder)
scheme = preset_name_to_scheme("W4A16", ["Linear"])
compressor = BaseCompressor.get_value_from_registry("pack-quantized")
tensors = {}
for key, weight in load_file(folder / "model.safetensors").items():
    if not key.endswith("_proj.weight"):
        tensors[key] = weight
        continue
    low, high = torch.aminmax(weight.float().unflatten(1, (-1, scheme.weights.group_size)), dim=-1)
    scale = calculate_qparams(low, high, scheme.weights)[0].bfloat16()
    for name, tensor in compressor.compress({"weight": weight, "weight_scale": scale}, scheme).items():
        tensors[key.removesuffix("weight") + name] = tensor
save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
written = json.loads((folder / "config.json").read_text())
written["quantization_config"] = {
    "quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed",
    "ignore": ["lm_head", "re:.*mlp.gate$"], "config_groups": {"group_0": scheme.model_dump(mode="json")}}
(folder / "config.json").write_text(json.dumps(written))

def stands(module):
    return {name: (str(tensor.dtype).removeprefix("torch."), tensor.numel()) for name, tensor in module.named_parameters()}

model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
layer = model.model.layers[0]
stored = sorted({str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors.items() if "experts" in name})
experts, loaded = stands(layer.mlp.experts), stands(layer.self_attn.q_proj)
with torch.no_grad():
    model(input_ids=torch.ones(1, 8, dtype=torch.long))
after = stands(layer.self_attn.q_proj)
print(f"experts: {stored} stored, {experts} loaded\nq_proj: {loaded} loaded, {after} after a forward")
expected = (
    ["bfloat16", "int32", "int64"],
    {"gate_up_proj": ("bfloat16", 131072), "down_proj": ("bfloat16", 65536)},
    {"weight_scale": ("bfloat16", 128), "weight_packed": ("int32", 2048), "weight_shape": ("int64", 2)},
    {"weight_scale": ("bfloat16", 128), "weight_shape": ("int64", 2), "weight": ("bfloat16", 16384)},
)
if (stored, experts, loaded, after) != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
