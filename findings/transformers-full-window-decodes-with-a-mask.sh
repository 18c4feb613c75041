#!/usr/bin/env bash
# Once a sliding window is full, every decoding step builds a mask, and fused attention is called with it.
#
# Versions: transformers 5.23.0, torch 2.15.0.
# Guess: one new token may see every key that the cache still has, so no step of decoding without padding needs a mask.
# Seen: that holds until the cache's keys and the new one come to the window; from then on scaled_dot_product_attention
#   gets a mask in every layer with a window and in every step, although it hides nothing. FlashAttention takes no mask:
#   such a model decodes with another kernel, and only from that token on. Layers without a window never get one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0

cat > "$folder/run.py" <<'PYTHON'
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, MistralConfig

WINDOW, PROMPT, NEW = 8, 4, 8
sizes = dict(hidden_size=64, intermediate_size=128, num_attention_heads=4, num_key_value_heads=2, vocab_size=128,
             sliding_window=WINDOW)
configs = {
    "mistral, window in both layers": MistralConfig(num_hidden_layers=2, **sizes),
    "gemma3, window in the first of two": Gemma3TextConfig(
        num_hidden_layers=2, head_dim=16, layer_types=["sliding_attention", "full_attention"], **sizes),
}
calls = []
original = torch.nn.functional.scaled_dot_product_attention
def watched(query, key, value, attn_mask=None, **options):
    calls.append((key.shape[2], attn_mask))
    return original(query, key, value, attn_mask=attn_mask, **options)
torch.nn.functional.scaled_dot_product_attention = watched

for name, config in configs.items():
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    model.generation_config.eos_token_id = None
    ids = torch.randint(3, 100, (1, PROMPT))
    calls.clear()
    model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False, pad_token_id=0)
    steps = [calls[i:i + 2] for i in range(0, len(calls), 2)]
    said = []
    for number, step in enumerate(steps):
        masked = [mask is not None for _, mask in step]
        said.append((PROMPT + number, [keys for keys, _ in step], masked))
        # What there is of a mask hides nothing in a step of one token.
        assert number == 0 or all(mask is None or bool(mask.all()) for _, mask in step)
    print(name)
    for tokens, keys, masked in said:
        print(f"  {tokens} tokens: keys {keys}, mask {masked}")
    full = [tokens >= WINDOW for tokens, _, _ in said]
    second = [False] * len(said) if name.startswith("gemma3") else full
    assert [masked[0] for _, _, masked in said] == full, "masks begin elsewhere now"
    assert [masked[1] for _, _, masked in said] == second, "masks begin elsewhere now"
PYTHON
"$folder/env/bin/python" "$folder/run.py"
