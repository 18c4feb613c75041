#!/usr/bin/env bash
# A checkpoint of compressed-tensors stays compressed until its first forward pass, and is more than the plain model after it.
#
# Versions: transformers 5.23.0, compressed-tensors 0.20.1, torch 2.15.0, on the CPU.
# Guess: a model of 4-bit weights holds 4-bit weights, and a layer widens its own while it is used.
# Seen: a hook before the first forward of the model makes every linear layer dense bf16, all of them and for good; its scales
#   (and shapes) stay beside it. What loaded in 809,952 bytes holds 2,776,032, where the plain model is 2,755,328. NVFP4's
#   scales of 8 bits become bf16 too, so that they are twice what the checkpoint has: 871,224, then 2,919,224.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 compressed-tensors==0.20.1

cat > "$folder/run.py" <<'PYTHON'
import sys, tempfile
import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config, preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
from transformers import AutoModelForCausalLM, LlamaConfig

config = LlamaConfig(hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4, vocab_size=128,
                     tie_word_embeddings=False)

def calibrate(linear):
    args, weight = linear.quantization_scheme.weights, linear.weight.detach().float()
    low, high = torch.aminmax(weight.unflatten(1, (-1, args.group_size)), dim=-1)
    whole = None
    if hasattr(linear, "weight_global_scale"):
        whole = generate_gparam(weight.min(), weight.max())
        linear.weight_global_scale.data.copy_(whole)
    linear.weight_scale.data.copy_(calculate_qparams(low, high, args, global_scale=whole)[0])

def checkpoint(scheme):
    torch.manual_seed(0)
    folder = tempfile.mkdtemp()
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    apply_quantization_config(model, QuantizationConfig(
        config_groups={"group_0": preset_name_to_scheme(scheme, ["Linear"])}, ignore=["lm_head"], quantization_status="frozen"))
    for module in model.modules():
        if hasattr(module, "quantization_scheme"):
            calibrate(module)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(folder)
    compressor.update_config(folder)
    return folder

def held(model):
    return sum(tensor.numel() * tensor.element_size() for tensor in [*model.parameters(), *model.buffers()])

def types(linear):
    return {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in sorted(linear.named_parameters())}

plain = held(AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16))
print(f"plain: {plain} bytes")
found = {}
for scheme in ("W4A16", "NVFP4A16"):
    model = AutoModelForCausalLM.from_pretrained(checkpoint(scheme), dtype=torch.bfloat16)
    linear = model.model.layers[0].mlp.down_proj
    sizes, kinds = [held(model)], [types(linear)]
    for _ in range(2):
        with torch.no_grad():
            model(input_ids=torch.ones(1, 8, dtype=torch.long))
        sizes.append(held(model))
    kinds.append(types(linear))
    found[scheme] = (sizes, kinds)
    print(f"{scheme}: {sizes} bytes as loaded, after one forward, after two; down_proj {kinds[0]}, then {kinds[1]}")
expected = {
    "W4A16": ([809952, 2776032, 2776032], [
        {"weight_packed": "int32", "weight_scale": "bfloat16", "weight_shape": "int64"},
        {"weight": "bfloat16", "weight_scale": "bfloat16", "weight_shape": "int64"}]),
    "NVFP4A16": ([871224, 2919224, 2919224], [
        {"weight_global_scale": "float32", "weight_packed": "uint8", "weight_scale": "float8_e4m3fn"},
        {"weight": "bfloat16", "weight_global_scale": "float32", "weight_scale": "bfloat16"}]),
}
if (plain, found) != (2755328, expected):
    sys.exit(f"changed: expected 2755328 and {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
