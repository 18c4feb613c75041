#!/usr/bin/env bash
# No gradient passes a layer of compressed-tensors that quantizes its input: adapters before it do not learn, or do not train.
#
# Versions: compressed-tensors 0.20.1, transformers 5.23.0, peft 0.21.2, torch 2.15.0, on the CPU.
# Guess: a frozen layer passes the gradient of its output on to its input, in whatever scheme its weight is kept.
# Seen: activations are quantized under no_grad, so that the output of such a layer (W8A8, FP8, FP8_DYNAMIC, NVFP4) does not
#   require grad though its input does. Adapters on q_proj and v_proj are behind o_proj, and the loss has no gradient at all:
#   backward() raises. Adapters on all layers train in silence with what comes past the frozen layers: at the first step only
#   those of o_proj and down_proj, which residuals reach, have a gradient. W4A16 and NVFP4A16 are as they should be.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 compressed-tensors==0.20.1 peft==0.21.2

cat > "$folder/run.py" <<'PYTHON'
import sys, tempfile
import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config, preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

config = LlamaConfig(hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4, vocab_size=64)
ids = torch.arange(8).unsqueeze(0)
bound = torch.tensor(8.0)  # of the inputs of all layers, for the schemes whose scale of them is static

def calibrate(linear):
    args, weight = linear.quantization_scheme.weights, linear.weight.detach().float()
    size = weight.numel() if args.strategy == "tensor" else args.group_size or weight.shape[1]
    low, high = torch.aminmax(weight.reshape(-1, size), dim=1)
    whole = None
    if hasattr(linear, "weight_global_scale"):
        whole = generate_gparam(weight.min(), weight.max())
        linear.weight_global_scale.data.copy_(whole)
    scale = calculate_qparams(low, high, args, global_scale=whole)[0]
    linear.weight_scale.data.copy_(scale.reshape(linear.weight_scale.shape))
    if hasattr(linear, "input_global_scale"):
        linear.input_global_scale.data.copy_(generate_gparam(-bound, bound))
    if hasattr(linear, "input_scale"):
        linear.input_scale.data.fill_(bound.item() / 448)

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

def loaded(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    with torch.no_grad():
        model(input_ids=ids)  # decompresses: PEFT reads `weight`, which a packed layer has from then on
    return model

def adapted(folder, targets):
    torch.manual_seed(0)
    return get_peft_model(loaded(folder), LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=targets))

def backward(model):
    try:
        model(input_ids=ids, labels=ids).loss.backward()
        return "ran"
    except RuntimeError as error:
        return str(error)

found = {}
for scheme in ("W4A16", "NVFP4A16", "W8A8", "FP8", "FP8_DYNAMIC", "NVFP4"):
    folder = checkpoint(scheme)
    inputs = torch.randn(1, 8, 256, dtype=torch.bfloat16, requires_grad=True)
    output = loaded(folder).model.layers[0].mlp.down_proj(inputs).requires_grad
    two = backward(adapted(folder, ["q_proj", "v_proj"]))
    model = adapted(folder, "all-linear")
    every = backward(model)
    learn = {name.split(".")[-4] for name, parameter in model.named_parameters()
             if "lora_B" in name and parameter.grad is not None and parameter.grad.any()}
    found[scheme] = (output, two, every, len(learn), sorted(learn)[:2])
    print(f"{scheme}: output requires grad {output}; q_proj, v_proj: {two}; all: {every}, with a gradient: {sorted(learn)}")
cut = (False, "element 0 of tensors does not require grad and does not have a grad_fn", "ran", 2, ["down_proj", "o_proj"])
whole = (True, "ran", "ran", 7, ["down_proj", "gate_proj"])
expected = {scheme: whole for scheme in ("W4A16", "NVFP4A16")}
expected.update({scheme: cut for scheme in ("W8A8", "FP8", "FP8_DYNAMIC", "NVFP4")})
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
