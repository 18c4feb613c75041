#!/usr/bin/env bash
# An asymmetric 4-bit checkpoint (W4A16_ASYM) that compressed-tensors wrote loads in Transformers only as a dense model.
#
# Versions: transformers 5.23.0, compressed-tensors 0.20.1, torch 2.15.0, on the CPU.
# Guess: what compressed-tensors compresses and saves, from_pretrained() loads, as it does the symmetric W4A16.
# Seen: it raises. Zero points are stored 8 in an int32 (a matrix of 256 rows has 32 rows of them), and the empty model that
#   is to receive them was compressed on the meta device, where compress() packs the weight and leaves the zero points as
#   they were: "ckpt: torch.Size([32, 2]) vs model:torch.Size([256, 2])". With CompressedTensorsConfig(dequantize=True) the
#   same files load, to the bits that the library itself decompresses them to.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 compressed-tensors==0.20.1

cat > "$folder/run.py" <<'PYTHON'
import logging, re, sys, tempfile
import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config, preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams
from transformers import AutoModelForCausalLM, CompressedTensorsConfig, LlamaConfig

said = []
class Keep(logging.Handler):
    def emit(self, record): said.append(record.getMessage())
logging.getLogger("transformers").addHandler(Keep())

config = LlamaConfig(hidden_size=256, intermediate_size=512, num_hidden_layers=1, num_attention_heads=4, vocab_size=128)

def checkpoint(scheme):
    """A folder, and the model in memory after it was decompressed again."""
    torch.manual_seed(0)
    folder = tempfile.mkdtemp()
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    apply_quantization_config(model, QuantizationConfig(
        config_groups={"group_0": preset_name_to_scheme(scheme, ["Linear"])}, ignore=["lm_head"], quantization_status="frozen"))
    for linear in model.modules():
        if hasattr(linear, "quantization_scheme"):
            args = linear.quantization_scheme.weights
            low, high = torch.aminmax(linear.weight.detach().float().unflatten(1, (-1, args.group_size)), dim=-1)
            scale, zero_point = calculate_qparams(low, high, args)
            linear.weight_scale.data.copy_(scale)
            linear.weight_zero_point.data.copy_(zero_point)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(folder)
    compressor.update_config(folder)
    compressor.decompress_model(model)
    return folder, model.model.layers[0].self_attn.q_proj.weight

found = {}
for scheme in ("W4A16", "W4A16_ASYM"):
    folder, right = checkpoint(scheme)
    for dequantize in (False, True):
        said.clear()
        options = {"quantization_config": CompressedTensorsConfig(dequantize=True)} if dequantize else {}
        try:
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, **options)
            with torch.no_grad():
                model(input_ids=torch.ones(1, 8, dtype=torch.long))
            result = "right" if torch.equal(model.model.layers[0].self_attn.q_proj.weight, right) else "other weights"
        except RuntimeError as error:
            sizes = re.search(r"q_proj\.weight_zero_point.*?(ckpt.*?\])\) vs (model.*?\])\)", "\n".join(said))
            result = f"{error} {sizes[1]}) {sizes[2]})" if sizes else str(error)
        found[f"{scheme}{' dequantized' if dequantize else ''}"] = result
for name, result in found.items():
    print(f"{name}: {result}")
expected = {
    "W4A16": "right", "W4A16 dequantized": "right",
    "W4A16_ASYM": "You set `ignore_mismatched_sizes` to `False`, thus raising an error. For details look at the above report! "
                  "ckpt: torch.Size([32, 2]) model:torch.Size([256, 2])",
    "W4A16_ASYM dequantized": "right",
}
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
