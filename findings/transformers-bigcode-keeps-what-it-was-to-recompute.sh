#!/usr/bin/env bash
# gradient_checkpointing_enable() on a GPT-BigCode model says nothing and checkpoints nothing.
#
# Versions: transformers 4.57.6, torch 2.15.0, on the CPU.
# Guess: a model that supports_gradient_checkpointing recomputes its layers once it is told to; Llama does.
# Seen: since layers became checkpoints by inheriting from GradientCheckpointingLayer, a block that does not inherit from it
#   is none. The model reports is_gradient_checkpointing, and keeps the activations of every layer.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==4.57.6

cat > "$folder/run.py" <<'PYTHON'
import sys
import torch
from transformers import AutoModelForCausalLM, GPTBigCodeConfig, LlamaConfig

def kept(config, checkpoints):
    """Bytes that autograd keeps in a forward pass."""
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").train()
    if checkpoints:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    own, seen = {p.untyped_storage().data_ptr() for p in model.parameters()}, {}
    def pack(tensor):
        if tensor.untyped_storage().data_ptr() not in own:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor
    ids = torch.zeros(2, 64, dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model(input_ids=ids, use_cache=False).logits.sum()
    return sum(seen.values()), model.is_gradient_checkpointing

llama = LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4)
bigcode = GPTBigCodeConfig(vocab_size=64, n_embd=64, n_inner=128, n_layer=4, n_head=4, n_positions=64,
                           attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)
found = {}
for name, config in (("llama", llama), ("gpt_bigcode", bigcode)):
    (all_of_it, _), (rest, says) = kept(config, False), kept(config, True)
    found[name] = (rest < all_of_it / 2, says)
print(f"(keeps less than half, says that it checkpoints): {found}")
expected = {"llama": (True, True), "gpt_bigcode": (False, True)}
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
