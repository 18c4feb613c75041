#!/usr/bin/env bash
# The experts of an NVFP4 checkpoint of compressed-tensors load without their global scale: each is tens of thousands of times
# too large.
#
# Versions: transformers 5.23.0, compressed-tensors 0.20.1, torch 2.15.0, on the CPU.
# Guess: experts are decompressed as other layers are.
# Seen: Transformers decompresses them as it loads, by the packed weight and its scale alone; weight_global_scale, by which
#   compressed-tensors divides, is left out. Each expert comes out multiplied by its own (about 30,000 here), attention is
#   right, and nothing is said of it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 compressed-tensors==0.20.1

cat > "$folder/run.py" <<'PYTHON'
import json, logging, pathlib, sys, tempfile
import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Qwen3MoeConfig

torch.manual_seed(0)
config = Qwen3MoeConfig(hidden_size=128, intermediate_size=256, moe_intermediate_size=128, num_hidden_layers=1,
                        num_attention_heads=4, num_key_value_heads=2, head_dim=32, vocab_size=64, num_experts=4,
                        num_experts_per_tok=2)
plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)

said = []
class Keep(logging.Handler):
    def emit(self, record): said.append(record.getMessage())
logging.getLogger("transformers").addHandler(Keep())

folder = pathlib.Path(tempfile.mkdtemp())
plain.save_pretrained(folder)
scheme = preset_name_to_scheme("NVFP4A16", ["Linear"])
compressor = BaseCompressor.get_value_from_registry("nvfp4-pack-quantized")
tensors, right = {}, {}
for key, weight in load_file(folder / "model.safetensors").items():
    if not key.endswith("_proj.weight"):
        tensors[key] = weight
        continue
    whole = generate_gparam(weight.float().min(), weight.float().max())
    low, high = torch.aminmax(weight.float().unflatten(1, (-1, scheme.weights.group_size)), dim=-1)
    scale = calculate_qparams(low, high, scheme.weights, global_scale=whole)[0].bfloat16()
    parts = compressor.compress({"weight": weight, "weight_scale": scale, "weight_global_scale": whole}, scheme)
    right[key] = compressor.decompress(parts, scheme)["weight"].float()
    for name, tensor in parts.items():
        tensors[key.removesuffix("weight") + name] = tensor
save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
written = json.loads((folder / "config.json").read_text())
written["quantization_config"] = {
    "quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized", "quantization_status": "compressed",
    "ignore": ["lm_head", "re:.*mlp.gate$"], "config_groups": {"group_0": scheme.model_dump(mode="json")}}
(folder / "config.json").write_text(json.dumps(written))

said.clear()
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
with torch.no_grad():
    model(input_ids=torch.ones(1, 8, dtype=torch.long))
layer = model.model.layers[0]

def times(seen, name):
    """By what number the right weights are multiplied in those that were loaded, and how far they are from that product."""
    good, seen = right[f"model.layers.0.{name}.weight"], seen.detach().float()
    factor = (seen * good).sum() / good.square().sum()
    return factor.item(), ((seen - factor * good).norm() / seen.norm()).item()

attention = times(layer.self_attn.q_proj.weight, "self_attn.q_proj")
experts = [(*times(expert, f"mlp.experts.{i}.down_proj"),
            tensors[f"model.layers.0.mlp.experts.{i}.down_proj.weight_global_scale"].item())
           for i, expert in enumerate(layer.mlp.experts.down_proj)]
print(f"q_proj: {attention[0]:.3f} times what it should be; words of it: {said}")
for i, (factor, _, whole) in enumerate(experts):
    print(f"expert {i}: {factor:.0f} times what it should be, its global scale is {whole:.0f}")
if said or max(attention[1], *(rest for _, rest, _ in experts)) > 0.01 or abs(attention[0] - 1) > 0.01 or any(
        abs(factor / whole - 1) > 0.01 for factor, _, whole in experts):
    sys.exit("changed: expected attention as it was and each expert multiplied by its global scale")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
