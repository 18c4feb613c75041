#!/usr/bin/env bash
# The Trainer turns a model's cache off, but not that of a vision-language model: it caches keys and values in every step.
#
# Versions: transformers 5.23.0, accelerate 1.15.0, torch 2.15.0, on the CPU.
# Guess: TrainingArguments.use_cache is False unless asked for, the Trainer writes it to model.config, and no model caches then.
# Seen: the decoder of a composite class reads its own text_config, where it stands on. Gemma 3, LLaVA, InternVL and Qwen2.5-VL
#   hold keys and values of every token of every layer until the step's outputs go; Llama holds none. Recomputation turns it off.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 accelerate==1.15.0

cat > "$folder/run.py" <<'PYTHON'
import sys
import tempfile
import torch
import transformers as t

t.logging.set_verbosity_error()
TEXT = dict(vocab_size=96, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=2, pad_token_id=0)
VISION = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
QWEN = dict(depth=1, hidden_size=16, num_heads=2, intermediate_size=16, out_hidden_size=32)
MODELS = {
    "llama": (t.LlamaForCausalLM, t.LlamaConfig(**TEXT)),
    "gemma3": (t.Gemma3ForConditionalGeneration, t.Gemma3Config(text_config=dict(TEXT, head_dim=16), vision_config=VISION)),
    "llava": (t.LlavaForConditionalGeneration, t.LlavaConfig(
        text_config=t.LlamaConfig(**TEXT), vision_config=t.CLIPVisionConfig(**VISION), image_token_index=95)),
    "internvl": (t.InternVLForConditionalGeneration, t.InternVLConfig(
        text_config=t.Qwen2Config(**TEXT), vision_config=dict(VISION, image_size=[28, 28], patch_size=[14, 14]),
        image_token_id=95)),
    "qwen2_5_vl": (t.Qwen2_5_VLForConditionalGeneration, t.Qwen2_5_VLConfig(
        text_config=dict(TEXT, rope_scaling={"type": "default", "mrope_section": [2, 3, 3]}), vision_config=QWEN)),
}

def cached(kind, config, recomputes):
    model = kind(config)
    with tempfile.TemporaryDirectory() as folder:
        arguments = t.TrainingArguments(folder, use_cpu=True, report_to=[])
        assert not arguments.use_cache
        t.Trainer(model, arguments)
    assert not model.config.use_cache
    if recomputes:
        model.gradient_checkpointing_enable()
    outputs = model.train()(input_ids=torch.full((1, 8), 5), labels=torch.full((1, 8), 5))
    cache = outputs.get("past_key_values")
    return 0 if cache is None else cache.get_seq_length()

found = {name: [cached(*model, recomputes) for recomputes in (False, True)] for name, model in MODELS.items()}
print("tokens in the cache after a training step, without and with recomputation:", found)
expected = {"llama": [0, 0], "gemma3": [8, 0], "llava": [8, 0], "internvl": [8, 0], "qwen2_5_vl": [8, 0]}
if found != expected:
    sys.exit(f"changed: expected {expected}")
PYTHON
"$folder/env/bin/python" "$folder/run.py" 2> "$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
