#!/usr/bin/env bash
# Training three rows of an embedding makes the whole table anew in forward and its whole gradient in backward.
#
# Versions: peft 0.21.2, transformers 5.23.0, torch 2.15.0, on the CPU.
# Guess: trainable_token_indices trains n rows, so it costs n rows, and their gradient.
# Seen: the parameter has n rows; each use copies them into a copy of the table (index_copy), and the gradient of the lookup is
#   one of the table (embedding_dense_backward): 2 tables of V*h, each step, for a 128k vocabulary of 4,096 in fp32 4 GiB.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 peft==0.21.2

cat > "$folder/run.py" <<'PYTHON'
import sys
import torch
from peft import LoraConfig, get_peft_model
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM, LlamaConfig

V, H = 1000, 32
config = LlamaConfig(vocab_size=V, hidden_size=H, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4)
model = AutoModelForCausalLM.from_config(config)
lora = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], trainable_token_indices=[1, 2, 3])
model = get_peft_model(model, lora)
rows = [tuple(p.shape) for name, p in model.named_parameters() if p.requires_grad and "token" in name]

class Tables(TorchDispatchMode):
    made = []
    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        known = {t.untyped_storage().data_ptr() for t in args if isinstance(t, torch.Tensor)}
        if isinstance(out, torch.Tensor) and tuple(out.shape) == (V, H) and out.untyped_storage().data_ptr() not in known:
            self.made.append(str(operation))
        return out

ids = torch.ones(1, 8, dtype=torch.long)
with Tables():
    model(input_ids=ids, labels=ids).loss.backward()
print(f"trained: {rows}, tables made: {Tables.made}")
expected = ([(3, 32)], ["aten.index_copy.default", "aten.embedding_dense_backward.default"])
if (rows, Tables.made) != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
