#!/usr/bin/env python3
"""Small files with weights in their real formats, as the public packages write them: gguf 0.19.0, safetensors 0.8.0, numpy.

    python3 files.py files ../../fuzz/corpus

The second folder gets what fuzzing begins with: of GGUF files their headers alone. All weights are zeros. Names of tensors and keys of metadata are those of the package gguf; which of them an architecture
has, and what they hold, is what llama.cpp's converter writes of a model of that kind.
"""

import json
import sys
from pathlib import Path

import numpy as np
import safetensors
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type, GGUFEndian, GGUFReader, GGUFValueType, GGUFWriter
from safetensors.numpy import save_file

F32, F16, Q4_K, Q6_K, Q8_0 = Type.F32, Type.F16, Type.Q4_K, Type.Q6_K, Type.Q8_0


def add(writer, name, shape, kind):
    """A tensor of zeros; rows of a quantized one are whole blocks."""
    elements, size = GGML_QUANT_SIZES[kind]
    if kind in (F32, F16):
        writer.add_tensor(name, np.zeros(shape, np.float32 if kind == F32 else np.float16))
        return
    rows = [*shape[:-1], shape[-1] // elements * size]
    writer.add_tensor(name, np.zeros(rows, np.uint8), raw_dtype=kind)


def model(path, arch, keys, tensors, general=None, words=0, name=None, **options):
    """A file of an architecture with these keys and tensors."""
    writer = GGUFWriter(str(path), arch, **options)
    writer.add_type("model")
    writer.add_name(name or path.stem)
    for key, value in (general or {}).items():
        writer.add_uint32(f"general.{key}", value)
    for key, value in keys.items():
        full = f"{arch}.{key}"
        if isinstance(value, bool):
            writer.add_bool(full, value)
        elif isinstance(value, int):
            writer.add_uint32(full, value)
        elif isinstance(value, float):
            writer.add_float32(full, value)
        elif isinstance(value, list):
            writer.add_array(full, value)
        else:
            writer.add_string(full, value)
    if words:
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list([f"word {index}" for index in range(words)])
        writer.add_token_types([1] * words)
        writer.add_token_merges([f"a {index}" for index in range(8)])
    for name, shape, kind in tensors:
        add(writer, name, shape, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama(path, kinds, width=256, **options):
    """A Llama of one layer, untied: 2 heads of 16 that share one of keys and values, 32 in its network."""
    table, query, value, output, gate, down, head = kinds
    tensors = [
        ("token_embd.weight", (16, width), table),
        ("blk.0.attn_norm.weight", (width,), F32),
        ("blk.0.attn_q.weight", (32, width), query),
        ("blk.0.attn_k.weight", (16, width), query),
        ("blk.0.attn_v.weight", (16, width), value),
        ("blk.0.attn_output.weight", (width, 32), output),
        ("blk.0.ffn_norm.weight", (width,), F32),
        ("blk.0.ffn_gate.weight", (32, width), gate),
        ("blk.0.ffn_up.weight", (32, width), gate),
        ("blk.0.ffn_down.weight", (width, 32), down),
        ("rope_freqs.weight", (8,), F32),
        ("output_norm.weight", (width,), F32),
        ("output.weight", (16, width), head),
    ]
    keys = {
        "block_count": 1,
        "context_length": 2048,
        "embedding_length": width,
        "feed_forward_length": 32,
        "attention.head_count": 2,
        "attention.head_count_kv": 1,
        "attention.key_length": 16,
        "attention.value_length": 16,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": 16,
        "rope.freq_base": 500000.0,
        "vocab_size": 16,
    }
    model(path, "llama", keys, tensors, words=16, **options)


def qwen3(path, **options):
    """A tied Qwen3 of two layers, in parts."""
    tensors = [("token_embd.weight", (24, 32), F16)]
    for layer in range(2):
        tensors += [
            (f"blk.{layer}.attn_norm.weight", (32,), F32),
            (f"blk.{layer}.attn_q.weight", (32, 32), F16),
            (f"blk.{layer}.attn_k.weight", (16, 32), F16),
            (f"blk.{layer}.attn_v.weight", (16, 32), F16),
            (f"blk.{layer}.attn_output.weight", (32, 32), F16),
            (f"blk.{layer}.attn_q_norm.weight", (8,), F32),
            (f"blk.{layer}.attn_k_norm.weight", (8,), F32),
            (f"blk.{layer}.ffn_norm.weight", (32,), F32),
            (f"blk.{layer}.ffn_gate.weight", (16, 32), F16),
            (f"blk.{layer}.ffn_up.weight", (16, 32), F16),
            (f"blk.{layer}.ffn_down.weight", (32, 16), F16),
        ]
    tensors.append(("output_norm.weight", (32,), F32))
    keys = {
        "block_count": 2,
        "context_length": 4096,
        "embedding_length": 32,
        "feed_forward_length": 16,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": 8,
        "attention.value_length": 8,
        "attention.layer_norm_rms_epsilon": 1e-6,
    }
    model(path, "qwen3", keys, tensors, general={"file_type": 1}, words=24, split_max_tensors=14, **options)


def gemma3(path):
    """A tied Gemma 3 of six layers, one of which has no window."""
    tensors = [("token_embd.weight", (24, 32), Q8_0)]
    for layer in range(6):
        tensors += [
            (f"blk.{layer}.attn_norm.weight", (32,), F32),
            (f"blk.{layer}.attn_q.weight", (32, 32), Q8_0),
            (f"blk.{layer}.attn_k.weight", (16, 32), Q8_0),
            (f"blk.{layer}.attn_v.weight", (16, 32), Q8_0),
            (f"blk.{layer}.attn_output.weight", (32, 32), Q8_0),
            (f"blk.{layer}.attn_q_norm.weight", (16,), F32),
            (f"blk.{layer}.attn_k_norm.weight", (16,), F32),
            (f"blk.{layer}.post_attention_norm.weight", (32,), F32),
            (f"blk.{layer}.ffn_norm.weight", (32,), F32),
            (f"blk.{layer}.ffn_gate.weight", (32, 32), Q8_0),
            (f"blk.{layer}.ffn_up.weight", (32, 32), Q8_0),
            (f"blk.{layer}.ffn_down.weight", (32, 32), Q8_0),
            (f"blk.{layer}.post_ffw_norm.weight", (32,), F32),
        ]
    tensors.append(("output_norm.weight", (32,), F32))
    keys = {
        "block_count": 6,
        "context_length": 32768,
        "embedding_length": 32,
        "feed_forward_length": 32,
        "attention.head_count": 2,
        "attention.head_count_kv": 1,
        "attention.key_length": 16,
        "attention.value_length": 16,
        "attention.sliding_window": 512,
        "attention.layer_norm_rms_epsilon": 1e-6,
    }
    model(path, "gemma3", keys, tensors, general={"file_type": 7}, words=24)


def deepseek2(path, split):
    """A DeepSeek-V3 of a dense layer and one with experts: latent attention in one piece, as older converters wrote it, or two."""
    heads, rank, plain, turned, values = 2, 16, 8, 4, 8
    tensors = [("token_embd.weight", (24, 16), F16)]
    for layer in range(2):
        at = f"blk.{layer}"
        tensors += [
            (f"{at}.attn_norm.weight", (16,), F32),
            (f"{at}.attn_q_a.weight", (12, 16), F16),
            (f"{at}.attn_q_a_norm.weight", (12,), F32),
            (f"{at}.attn_q_b.weight", (heads * (plain + turned), 12), F16),
            (f"{at}.attn_kv_a_mqa.weight", (rank + turned, 16), F16),
            (f"{at}.attn_kv_a_norm.weight", (rank,), F32),
            (f"{at}.attn_output.weight", (16, heads * values), F16),
            (f"{at}.ffn_norm.weight", (16,), F32),
        ]
        if split:
            tensors += [
                (f"{at}.attn_k_b.weight", (heads, rank, plain), F16),
                (f"{at}.attn_v_b.weight", (heads, values, rank), F16),
            ]
        else:
            tensors.append((f"{at}.attn_kv_b.weight", (heads * (plain + values), rank), F16))
        if layer == 0:
            tensors += [
                (f"{at}.ffn_gate.weight", (32, 16), F16),
                (f"{at}.ffn_up.weight", (32, 16), F16),
                (f"{at}.ffn_down.weight", (16, 32), F16),
            ]
        else:
            tensors += [
                (f"{at}.ffn_gate_inp.weight", (4, 16), F32),
                (f"{at}.exp_probs_b.bias", (4,), F32),
                (f"{at}.ffn_gate_exps.weight", (4, 8, 16), F16),
                (f"{at}.ffn_up_exps.weight", (4, 8, 16), F16),
                (f"{at}.ffn_down_exps.weight", (4, 16, 8), F16),
                (f"{at}.ffn_gate_shexp.weight", (8, 16), F16),
                (f"{at}.ffn_up_shexp.weight", (8, 16), F16),
                (f"{at}.ffn_down_shexp.weight", (16, 8), F16),
            ]
    tensors += [("output_norm.weight", (16,), F32), ("output.weight", (24, 16), F16)]
    keys = {
        "block_count": 2,
        "context_length": 4096,
        "embedding_length": 16,
        "feed_forward_length": 32,
        "attention.head_count": heads,
        "attention.head_count_kv": 1 if split else heads,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "attention.q_lora_rank": 12,
        "attention.kv_lora_rank": rank,
        "attention.key_length": rank + turned if split else plain + turned,
        "attention.value_length": rank if split else values,
        "rope.dimension_count": turned,
        "leading_dense_block_count": 1,
        "expert_count": 4,
        "expert_used_count": 2,
        "expert_feed_forward_length": 8,
        "expert_shared_count": 1,
        "expert_group_count": 2,
        "expert_group_used_count": 1,
        "expert_weights_scale": 2.5,
        "expert_weights_norm": True,
        "expert_gating_func": 2,
        "vocab_size": 24,
    }
    if split:
        keys |= {"attention.key_length_mla": plain + turned, "attention.value_length_mla": values}
    model(path, "deepseek2", keys, tensors, general={"file_type": 1}, words=24)


def types(path):
    """Every type of values, arrays of arrays, and a tensor of each type of elements."""
    writer = GGUFWriter(str(path), "types")
    for kind in GGUFValueType:
        key = f"types.{kind.name.lower()}"
        if kind == GGUFValueType.ARRAY:
            writer.add_key_value(key, [[1, 2], [3], [4, 5, 6]], kind)
        elif kind == GGUFValueType.STRING:
            writer.add_string(key, "words, ünd mehr")
        elif kind == GGUFValueType.BOOL:
            writer.add_bool(key, True)
        else:
            writer.add_key_value(key, 7, kind)
    writer.add_array("types.floats", [0.5, 1.5])
    writer.add_array("types.flags", [True, False, True])
    writer.add_array("types.texts", ["one", "", "three"])
    for kind in Type:
        elements, size = GGML_QUANT_SIZES[kind]
        writer.add_tensor(f"{kind.name.lower()}.weight", np.zeros((1, max(1, 256 // elements) * size), np.uint8), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def patched(path, to, offset, new):
    """A copy of a file with other bytes at an offset."""
    text = bytearray(path.read_bytes())
    text[offset : offset + len(new)] = new
    to.write_bytes(text)


CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "vocab_size": 40,
}


def layers(count):
    """The tensors of that Llama."""
    tensors = {"model.embed_tokens.weight": (40, 16), "model.norm.weight": (16,), "lm_head.weight": (40, 16)}
    for layer in range(count):
        at = f"model.layers.{layer}"
        tensors |= {
            f"{at}.input_layernorm.weight": (16,),
            f"{at}.post_attention_layernorm.weight": (16,),
            f"{at}.self_attn.q_proj.weight": (16, 16),
            f"{at}.self_attn.k_proj.weight": (8, 16),
            f"{at}.self_attn.v_proj.weight": (8, 16),
            f"{at}.self_attn.o_proj.weight": (16, 16),
            f"{at}.mlp.gate_proj.weight": (32, 16),
            f"{at}.mlp.up_proj.weight": (32, 16),
            f"{at}.mlp.down_proj.weight": (16, 32),
        }
    return {name: np.zeros(shape, np.float16) for name, shape in tensors.items()}


def single(folder):
    """One file with its configuration."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    save_file(layers(2), folder / "model.safetensors", metadata={"format": "pt"})


def sharded(folder):
    """Two files and their index."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    tensors, index = layers(2), {}
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for number, name in enumerate(names):
        own = {key: value for key, value in tensors.items() if (".layers.1." in key or "lm_head" in key) == (number == 1)}
        save_file(own, folder / name, metadata={"format": "pt"})
        index |= {key: name for key in own}
    total = sum(value.nbytes for value in tensors.values())
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": dict(sorted(index.items()))}, indent=2)
    (folder / "model.safetensors.index.json").write_text(text + "\n")


def dtypes(path):
    """A tensor of each type that the package writes."""
    sizes = {
        "bool": 8, "uint8": 8, "int8": 8, "uint16": 16, "int16": 16, "uint32": 32, "int32": 32, "uint64": 64, "int64": 64,
        "float16": 16, "bfloat16": 16, "float32": 32, "float64": 64, "float8_e4m3fn": 8, "float8_e5m2": 8,
        "float8_e8m0fnu": 8, "float4_e2m1fn_x2": 8, "complex64": 64,
    }
    kept = {word: np.zeros(bits, np.uint8) for word, bits in sizes.items()}
    spec = lambda word, data: safetensors.TensorSpec(dtype=word, shape=[2, 4], data_ptr=data.ctypes.data, data_len=data.nbytes)
    path.write_bytes(safetensors.serialize({word: spec(word, data) for word, data in kept.items()}))


def main(folder):
    folder.mkdir(exist_ok=True)
    llama(folder / "llama.gguf", (Q4_K, Q4_K, Q6_K, Type.Q5_0, Q4_K, Q8_0, Q6_K), general={"file_type": 15})
    llama(folder / "llama-be.gguf", (F16,) * 7, 32, general={"file_type": 1}, endianess=GGUFEndian.BIG)
    # Versions 2 and 3 differ by their number alone.
    llama(folder / "v3.gguf", (Q4_K, Q4_K, Q4_K, Type.IQ4_NL, Q4_K, Type.IQ4_NL, Q4_K), name="llama-v2", general={"file_type": 25})
    patched(folder / "v3.gguf", folder / "llama-v2.gguf", 4, bytes([2, 0, 0, 0]))
    (folder / "v3.gguf").unlink()
    qwen3(folder / "qwen3.gguf")
    gemma3(folder / "gemma3.gguf")
    deepseek2(folder / "deepseek2-whole.gguf", False)
    deepseek2(folder / "deepseek2-split.gguf", True)
    types(folder / "types.gguf")
    single(folder / "single")
    sharded(folder / "sharded")
    dtypes(folder / "dtypes.safetensors")


def seeds(files, corpus):
    """What fuzzing begins with."""
    for name in ("gguf", "safetensors", "index"):
        (corpus / name).mkdir(parents=True, exist_ok=True)
    for name in ("llama", "llama-v2", "llama-be", "gemma3", "deepseek2-whole", "deepseek2-split"):
        path = files / f"{name}.gguf"
        (corpus / "gguf" / name).write_bytes(path.read_bytes()[: GGUFReader(path).data_offset])
    (corpus / "safetensors" / "dtypes").write_bytes((files / "dtypes.safetensors").read_bytes())
    few = {"model.layers.0.mlp.up_proj.weight": np.zeros((4, 2), np.float16), "model.norm.weight": np.zeros(2, np.float32)}
    save_file(few, corpus / "safetensors" / "few", metadata={"format": "pt"})
    (corpus / "index" / "sharded").write_bytes((files / "sharded/model.safetensors.index.json").read_bytes())


main(Path(sys.argv[1]))
seeds(Path(sys.argv[1]), Path(sys.argv[2]))
