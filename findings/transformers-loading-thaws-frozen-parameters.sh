#!/usr/bin/env bash
# What a class freezes as it is made comes back trainable from from_pretrained: Whisper's sines of positions are fine-tuned.
#
# Versions: transformers 5.23.0, torch 2.15.0, on the CPU.
# Guess: Whisper's encoder freezes its table of sines in __init__, so a loaded checkpoint has it frozen too, as in Transformers 4.
# Seen: loading makes every parameter anew with requires_grad, whatever the class said. Whisper's table then gets a gradient and
#   moments, and a step of AdamW changes it: 1,920,000 more trained parameters in large-v3. Marian's comes back trainable as well,
#   is looked up without a gradient, and stays as it was. In 4.57.6 both stay frozen.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 numpy

cat > "$folder/run.py" <<'PYTHON'
import json
import sys
import tempfile
import torch
import transformers

transformers.logging.set_verbosity_error()
torch.manual_seed(0)
WIDTHS = dict(vocab_size=64, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
              decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, pad_token_id=1, bos_token_id=1,
              eos_token_id=2, decoder_start_token_id=2)
NAME = "model.encoder.embed_positions.weight"

def trained(config, kind, inputs):
    made = kind(config)
    with tempfile.TemporaryDirectory() as saved:
        made.save_pretrained(saved)
        loaded = kind.from_pretrained(saved).train()
    table = dict(loaded.named_parameters())[NAME]
    before = table.detach().clone()
    optimizer = torch.optim.AdamW(loaded.parameters(), lr=0.1, weight_decay=0.0)
    loaded(**inputs, labels=torch.full((1, 4), 5)).loss.backward()
    optimizer.step()
    return [dict(made.named_parameters())[NAME].requires_grad, table.requires_grad, not torch.equal(before, table)]

whisper = transformers.WhisperConfig(**WIDTHS, num_mel_bins=8, max_source_positions=8, max_target_positions=8)
marian = transformers.MarianConfig(**WIDTHS, max_position_embeddings=8)
found = {
    "whisper": trained(whisper, transformers.WhisperForConditionalGeneration, {"input_features": torch.rand(1, 8, 16)}),
    "marian": trained(marian, transformers.MarianMTModel, {"input_ids": torch.full((1, 4), 3)}),
}
print(transformers.__version__, "trainable as made, trainable as loaded, changed by a step:", found)
expected = json.loads(sys.argv[1])
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON

check() {
    "$folder/env/bin/pip" install --quiet "transformers==$1"
    "$folder/env/bin/python" "$folder/run.py" "$2" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
}
check 4.57.6 '{"whisper": [false, false, false], "marian": [false, false, false]}'
check 5.23.0 '{"whisper": [false, true, true], "marian": [false, true, false]}'
