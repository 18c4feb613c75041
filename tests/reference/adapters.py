#!/usr/bin/env python3
"""Trainable parameters of adapters with more than adapters on linear layers, in the form of lora.json: adapters.py

Needs torch, transformers 5.23 and peft 0.21. Models are built on the meta device from models.json beside this script.
"""

import json
import os
import warnings

import torch
import transformers
from peft import IA3Config, LoraConfig, OFTConfig, VeraConfig, get_peft_model

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = "all-linear"
QV, KV = ["q_proj", "v_proj"], ["query_key_value"]
CASES = [
    ("Llama-2-7b", QV, 8, {"modules_to_save": ["lm_head", "embed_tokens"]}),
    ("Llama-2-7b", QV, 16, {"modules_to_save": ["embed_tokens"]}),
    ("Llama-2-7b", QV + ["lm_head"], 16, {}),
    ("Llama-2-7b", QV + ["embed_tokens"], 8, {}),
    ("Llama-2-7b", QV, 16, {"trainable_token_indices": 12}),
    ("Llama-3.2-1B", QV, 16, {"modules_to_save": ["lm_head", "embed_tokens"]}),
    ("Llama-3.2-1B", QV, 16, {"modules_to_save": ["lm_head"]}),
    ("Llama-3.2-1B", QV + ["lm_head"], 16, {}),
    ("Llama-3.2-1B", QV + ["embed_tokens", "lm_head"], 32, {}),
    ("Llama-3.2-1B", QV, 8, {"trainable_token_indices": 100}),
    ("Qwen2.5-0.5B", QV, 16, {"modules_to_save": ["embed_tokens"]}),
    ("Qwen2.5-7B", ALL, 8, {"modules_to_save": ["lm_head"]}),
    ("gemma-2b", QV + ["embed_tokens"], 8, {}),
    ("gemma-2b", QV, 8, {"modules_to_save": ["lm_head", "embed_tokens"]}),
    ("gpt2", ["c_attn"], 8, {"modules_to_save": ["lm_head", "wte"]}),
    ("gpt2", ["c_attn", "wte"], 8, {}),
    ("pythia-410m", KV, 16, {"modules_to_save": ["embed_in"]}),
    ("pythia-410m", KV + ["embed_in", "lm_head"], 16, {}),
    ("bloom-560m", KV, 8, {"modules_to_save": ["word_embeddings", "lm_head"]}),
    ("falcon-7b", KV + ["word_embeddings"], 8, {}),
    ("opt-125m", QV, 8, {"modules_to_save": ["lm_head", "embed_tokens"]}),
    ("gpt-oss-20b", ALL, 8, {}),
    ("Mixtral-8x7B", QV, 8, {"modules_to_save": ["lm_head"]}),
    ("Mixtral-8x7B", ALL, 8, {}),
    ("Mixtral-8x22B", ALL, 16, {}),
    ("Qwen3-30B-A3B", ALL, 8, {}),
    ("Llama-2-7b", ["k_proj", "v_proj", "down_proj"], 8, {"adapter": "ia3"}),
    ("Llama-2-7b", ALL, 8, {"adapter": "ia3"}),
    ("Mistral-7B-v0.1", ["k_proj", "v_proj", "down_proj"], 8, {"adapter": "ia3"}),
    ("Qwen2.5-7B", ["q_proj", "v_proj", "down_proj"], 8, {"adapter": "ia3"}),
    ("gemma-2-9b", ["q_proj", "v_proj", "down_proj"], 8, {"adapter": "ia3"}),
    ("opt-125m", ["q_proj", "k_proj", "fc2"], 8, {"adapter": "ia3"}),
    ("pythia-410m", ["query_key_value", "dense_4h_to_h"], 8, {"adapter": "ia3"}),
    ("Llama-2-7b", QV, 256, {"adapter": "vera"}),
    ("Llama-3.2-1B", ALL, 1024, {"adapter": "vera"}),
    ("Qwen2.5-7B", ["q_proj", "v_proj", "down_proj"], 64, {"adapter": "vera"}),
    ("gemma-2b", QV, 128, {"adapter": "vera"}),
    ("pythia-410m", KV, 256, {"adapter": "vera"}),
    ("Llama-2-7b", QV, 16, {"adapter": "rslora"}),
    ("Llama-2-7b", QV, 0, {"adapter": "oft", "oft_block_size": 32}),
    ("Llama-3.2-1B", ALL, 0, {"adapter": "oft", "oft_block_size": 32}),
    ("Llama-2-7b", ALL, 0, {"adapter": "oft", "oft_block_size": 100}),
    ("Mistral-7B-v0.1", QV + ["down_proj"], 8, {"adapter": "oft", "oft_block_size": 0}),
    ("Qwen2.5-7B", ALL, 0, {"adapter": "oft", "oft_block_size": 64}),
    ("Qwen2.5-0.5B", ALL, 6, {"adapter": "oft", "oft_block_size": 0}),
    ("gemma-2b", QV, 0, {"adapter": "oft", "oft_block_size": 48}),
    ("opt-125m", ["q_proj", "fc2"], 0, {"adapter": "oft", "oft_block_size": 32}),
    ("pythia-410m", KV, 0, {"adapter": "oft", "oft_block_size": 32}),
]


def adapter(kind, targets, rank, given):
    """The configuration of an adapter of this kind; IA3's vectors stand before the modules that PEFT's own table names."""
    if kind == "ia3":
        before = [name for name in ("down_proj", "fc2", "dense_4h_to_h") if targets == ALL or name in targets]
        return IA3Config(task_type="CAUSAL_LM", target_modules=targets, feedforward_modules=before)
    if kind == "vera":
        return VeraConfig(task_type="CAUSAL_LM", r=rank, target_modules=targets)
    if kind == "oft":
        return OFTConfig(task_type="CAUSAL_LM", r=rank, target_modules=targets, **given)
    return LoraConfig(task_type="CAUSAL_LM", r=rank, target_modules=targets, use_rslora=kind == "rslora", **given)


def main():
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    with open(os.path.join(HERE, "models.json"), encoding="utf-8") as file:
        models = json.load(file)
    rows = []
    for name, targets, rank, options in CASES:
        keys = dict(models[name])
        keys["num_hidden_layers"] = keys.get("num_hidden_layers")
        config = transformers.AutoConfig.for_model(keys.pop("model_type"), **{k: v for k, v in keys.items() if v is not None})
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config)
            given = dict(options)
            if "trainable_token_indices" in given:
                given["trainable_token_indices"] = list(range(given["trainable_token_indices"]))
            model = get_peft_model(model, adapter(given.pop("adapter", "lora"), targets, rank, given))
        trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        kinds = sorted({n.split(".")[-3] if "lora_" in n else n for n in trained if ".layers.0." in n and "lora_A" in n})
        rows.append({"model": name, "target": targets, "r": rank, "options": {k: str(v) for k, v in options.items()},
                     "trainable": sum(p.numel() for p in trained.values()), "tag": "+".join(kinds)[:60] if targets == ALL else "outside"})
    print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")


if __name__ == "__main__":
    main()
