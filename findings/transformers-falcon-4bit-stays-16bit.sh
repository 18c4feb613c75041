#!/usr/bin/env bash
# A Falcon that is loaded with load_in_4bit=True stays in 16 bits: four times the memory that one planned for.
#
# Versions: transformers 5.23.0, bitsandbytes 0.50.2, torch 2.15.0.
# Guess: its matrices become Linear4bit like those of any other model; Transformers 4 took every kind of nn.Linear.
# Seen: bitsandbytes' integration takes modules whose type is exactly nn.Linear (or Conv1D). Falcon's linear layers are of
#   a subclass, FalconLinear, so that none of them is replaced and no weight shrinks. The only word of it is a warning that
#   speaks of another library (eetq).
# By that a Falcon-40B "in 4 bits" takes what it takes in 16. Beside it: a Llama of the same size, which is quantized.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 bitsandbytes==0.50.2 accelerate

cat > "$folder/run.py" <<'PYTHON'
import collections, logging, sys, tempfile
import torch, transformers
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, FalconConfig, LlamaConfig

said = []
class Keep(logging.Handler):
    def emit(self, record): said.append(record.getMessage())
logging.getLogger("transformers").addHandler(Keep())

sizes = dict(hidden_size=256, num_hidden_layers=2, num_attention_heads=4, vocab_size=512, tie_word_embeddings=True)
configs = {
    "llama": LlamaConfig(intermediate_size=1024, **sizes),
    "falcon": FalconConfig(ffn_hidden_size=1024, new_decoder_architecture=False, **sizes),
}
seen = {}
for name, config in configs.items():
    said.clear()
    folder = tempfile.mkdtemp()
    AutoModelForCausalLM.from_config(config).to(torch.bfloat16).save_pretrained(folder)
    four_bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    model = AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=four_bits, dtype=torch.bfloat16, device_map={"": "cpu"})
    layers = model.get_submodule("model.layers" if name == "llama" else "transformer.h")
    kinds = collections.Counter(type(m).__name__ for m in layers.modules() if isinstance(m, torch.nn.Linear))
    bits = {8 * p.element_size() for n, p in layers.named_parameters() if p.dim() == 2}
    seen[name] = (dict(kinds), sorted(bits), any("eetq" in line for line in said))
    print(f"{name}: layers of {dict(kinds)}, matrices of {sorted(bits)} bits an element, "
          f"{'a warning that speaks of eetq' if seen[name][2] else 'no warning of eetq'}")

assert set(seen["llama"][0]) == {"Linear4bit"}, "Llama is not quantized any more"
assert set(seen["falcon"][0]) == {"FalconLinear"} and seen["falcon"][1] == [16], "Falcon is quantized now"
assert seen["falcon"][2], "the warning does not speak of eetq any more"
PYTHON
"$folder/env/bin/python" "$folder/run.py"
