#!/usr/bin/env bash
# mlx-lm quantizes a Granite model to two widths, whatever is asked for: attention outputs, down projections and the head come
# out in 8 bits.
#
# Versions: mlx-lm 0.32.2, mlx 0.32.4 on the CPU.
# Guess: `quantize_model(bits=4)` makes every Linear and Embedding 4 bits, as of a Llama of the same sizes; routers alone are an
#   exception, where there are any.
# Seen: three of a layer's seven matrices and the head are affine with 8 bits in groups of 64, so that "4 bits" are 6.00 bits a
#   weight where Llama's are 4.51. Under nvfp4 they are affine too: two modes stand in one model.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "mlx[cpu]==0.32.4" "mlx-lm==0.32.2"
"$work/venv/bin/python" - <<'PYTHON'
import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.models import granite, llama
from mlx_lm.utils import quantize_model

sizes = dict(hidden_size=256, num_hidden_layers=2, intermediate_size=832, num_attention_heads=4, num_key_value_heads=2,
             rms_norm_eps=1e-5, vocab_size=1024, max_position_embeddings=512, rope_theta=10000.0, tie_word_embeddings=False)
own = dict(attention_bias=False, mlp_bias=False, logits_scaling=1.0, attention_multiplier=1.0, embedding_multiplier=1.0,
           residual_multiplier=1.0)


def quantized(module, kind, mode, group, **more):
    model = module.Model(module.ModelArgs(model_type=kind, **sizes, **more))
    model.set_dtype(mx.bfloat16)
    count = sum(value.size for _, value in tree_flatten(model.parameters()))
    model, _ = quantize_model(model, {}, group_size=group, bits=4, mode=mode)
    stored = sum(value.nbytes for _, value in tree_flatten(model.parameters()))
    layer = model.model.layers[0]
    modules = {"q": layer.self_attn.q_proj, "o": layer.self_attn.o_proj, "gate": layer.mlp.gate_proj,
               "down": layer.mlp.down_proj, "head": model.lm_head}
    return {name: (module.mode, module.bits) for name, module in modules.items()}, 8 * stored / count


for mode, group in (("affine", 64), ("nvfp4", 16)):
    of_llama, bits_llama = quantized(llama, "llama", mode, group)
    of_granite, bits_granite = quantized(granite, "granite", mode, group, **own)
    print(mode, "llama", of_llama, f"{bits_llama:.2f} bits a weight")
    print(mode, "granite", of_granite, f"{bits_granite:.2f} bits a weight")
    assert set(of_llama.values()) == {(mode, 4)}, of_llama
    for name, found in of_granite.items():
        assert found == (("affine", 8) if name in ("o", "down", "head") else (mode, 4)), (name, found)
    assert bits_granite > bits_llama + 1.3, (bits_granite, bits_llama)
print("as described")
PYTHON
