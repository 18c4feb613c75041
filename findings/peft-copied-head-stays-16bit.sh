#!/usr/bin/env bash
# Beside a classifier on a 16-bit base PEFT makes adapters fp32, and leaves the head that it copies to train it in 16 bits.
#
# Versions: peft 0.21.2, transformers 5.23.0, torch 2.15.0, on the CPU.
# Guess: what is trained is fp32 (autocast_adapter_dtype), whatever the base is.
# Seen: only adapters are; the copy of modules_to_save, which task_type="SEQ_CLS" adds, has the type of the base, and so have
#   its gradient and its optimizer states: 2 bytes an element each and not 4.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 peft==0.21.2

cat > "$folder/run.py" <<'PYTHON'
import sys
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, LlamaConfig

config = LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4)
model = AutoModelForSequenceClassification.from_config(config).to(torch.bfloat16)
model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["q_proj"]))
trained = {name.split(".")[-3] if "lora" in name else "score": str(parameter.dtype)
           for name, parameter in model.named_parameters() if parameter.requires_grad}
print(trained)
expected = {"lora_A": "torch.float32", "lora_B": "torch.float32", "score": "torch.bfloat16"}
if trained != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
