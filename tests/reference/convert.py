#!/usr/bin/env python3
"""Turns a reference file into case files: convert.py IN.json OUT_DIR

IN.json has the format of autograd.json, litgpt.json, torchtune.json, timeline.json, kv.json, lora.json, parameters.json, published.json,
reserved.json, transformers4.json, objectives.json, kernels.json, towers.json, deepspeed_fsdp.json, sharded.json, engines.json or optimizers.json; which one is told by its keys. OUT_DIR gets one file for each group and family, with a `[[case]]` for
each case and metric. What cannot be said as a case is counted by reason on stderr. The same input gives the same bytes.

kv.json and lora.json only name their models: their configurations come from models.json beside this script, else from
parameters.json beside IN.json. TOML has no null: the text "null" stands for it.
"""

import ast
import collections
import json
import math
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# Keys of a Hugging Face config that say nothing about memory.
IDLE = re.compile(r"architectures|.*_token_id|initializer_.*|.*_eps|.*_epsilon|pretraining_tp|transformers_version"
                  r"|layer_types_counts|layer_types_first8|summary_.*|router_aux_loss_coef"
                  r"|output_router_logits|routed_scaling_factor|router_jitter_noise")

# Config classes whose model_type does not follow from their name by the rule of `model_type`.
CLASSES = {"GPTNeoX": "gpt_neox", "GPTJ": "gptj", "GptOss": "gpt_oss", "OPT": "opt", "GPT2": "gpt2"}

# Families whose configs are written for a text part under another name.
TEXT = {"gemma3": "gemma3_text"}

# Families whose attention no fused kernel computes.
EAGER = {"bloom", "deberta-v2", "gemma2", "gpt_neo", "gpt_oss", "gptj", "mpnet", "mpt"}

# Families of encoders and of images, whose class decides what stands on top of the layers.
CLASSES_KEPT = {"albert", "bart", "bert", "deberta-v2", "distilbert", "electra", "m2m_100", "marian", "mbart", "modernbert", "mpnet", "pegasus",
                "roberta", "vit", "whisper", "xlm-roberta"}

# Words of the reference for words of a scenario.
PRECISIONS = {"autocast": "bf16-mixed", "amp": "bf16-mixed"}
ATTENTION = {"sdpa": "flash"}
OPTIMIZERS = {
    "adamw_foreach": ("adamw", "foreach"), "adamw_fused": ("adamw", "fused"), "adamw_loop": ("adamw", "loop"),
    "sgd": ("sgd", "foreach"), "sgdm": ("sgd-momentum", "foreach"), "sgd-momentum": ("sgd-momentum", "foreach"),
}
CACHES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}


class Skip(Exception):
    """Why a record is no case."""


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


# TOML

def literal(value):
    if value is None:
        return '"null"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return "{ " + ", ".join(f"{key(name)} = {literal(inner)}" for name, inner in value.items()) + " }"


def key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def block(case):
    lines = ["[[case]]"]
    lines += [f"{name} = {literal(value)}" for name, value in case.items() if name != "scenario"]
    lines.append("[case.scenario]")
    lines += [f"{key(name)} = {literal(value)}" for name, value in case["scenario"].items()]
    return "\n".join(lines) + "\n"


# Configurations

def config(keys, family):
    kept = {name: value for name, value in keys.items() if not IDLE.fullmatch(name)}
    kept["model_type"] = kept.get("model_type") or TEXT.get(family, family)
    if kept["model_type"] in CLASSES_KEPT and keys.get("architectures"):
        kept["architectures"] = keys["architectures"]
    return kept


def hyper(record):
    return latent(config(record["hyper"], record["family"]))


def latent(keys):
    """Lists of hyper-parameters leave nulls out: latent attention without the rank of its queries has none."""
    if "kv_lora_rank" in keys:
        keys.setdefault("q_lora_rank", None)
    return keys


def model_type(config_class):
    name = re.sub(r"Config$", "", config_class)
    if name in CLASSES:
        return CLASSES[name]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Models:
    """Configurations by the name of a model."""

    def __init__(self, source):
        self.known = {}
        beside = os.path.join(os.path.dirname(os.path.abspath(source)), "parameters.json")
        for path in (beside, os.path.join(HERE, "models.json")):
            if os.path.exists(path):
                records = load(path)
                if isinstance(records, list):
                    records = {record["name"]: hyper(record) for record in records}
                self.known.update(records)

    def config(self, name):
        if name not in self.known:
            raise Skip(f"no configuration of {name}")
        return latent(dict(self.known[name]))


# One reader for each format; each yields cases.

def case(ident, group, kind, metric, measured, scenario, source, confidence="A"):
    if not measured:
        raise Skip(f"nothing measured ({metric})")
    return {"id": ident, "group": group, "kind": kind, "confidence": confidence, "metric": metric,
            "measured": int(measured), "source": source, "scenario": scenario}


def autograd(record, _models):
    run = {name: value for name, value in record["run"].items() if value is not None and name not in ("note", "reference")}
    if run.pop("autocast", False) and run["precision"] == "bf16":
        run["precision"] = "bf16-autocast"
    keys = config(record["config"], record["config"].get("model_type"))
    if run.pop("compile", False):
        yield compiled(record, run | {"compile": "model"}, keys)
        return
    yield from tracked(record["id"], run, keys, record["measured"], "autograd.json: autograd of PyTorch, tensors tracked")


def compiled(record, run, keys):
    """What the partitioner of torch.compile keeps, as a tracker of tensors saw it, without the compiler behind it."""
    if run.get("recompute") == "full":
        raise Skip("a compiled model that computes again, without the compiler that chooses what")
    if keys["model_type"].startswith("gpt2"):
        raise Skip("a model that is compiled in several graphs")
    return case(f"{record['id']}/saved", "compiled saved", "train", "saved", record["measured"]["saved_total"],
                {"train": run, "config": keys}, "trainers.json: the graphs of torch.compile, tensors tracked")


def passes(record, _models):
    yield case(f"{record['id']}/tensors_peak", "peaks", "infer", "tensors_peak", record["measured"]["peak"],
               {"infer": record["infer"], "config": config(record["config"], None)},
               "encoders_serving.json: forward passes of PyTorch without gradients, tensors tracked")


def litgpt(record, _models):
    """Small models that LitGPT fine-tuned: what its scripts leave no choice in is not said."""
    yield from fine_tuned(record, "litgpt", "LitGPT")


def torchtune(record, _models):
    """Small models that torchtune's recipes fine-tuned; `builder` is the part of torchtune/models that made them."""
    yield from fine_tuned(record, "torchtune", "torchtune")


def fine_tuned(record, program, name):
    measured = record["measured"]
    scenario = {"framework": record.get("framework") or program, "train": record["run"], "config": config(record["config"], None)}
    source = f"{program}.json: autograd of PyTorch under {name}, tensors tracked"
    metrics = [("adapters", "trainable", measured.get("trainable")), ("peaks", "tensors_peak", measured["peak"])]
    for group, metric, figure in metrics:
        if figure:
            yield case(f"{record['id']}/{metric}", f"{program} {group}", "train", metric, figure, scenario, source)


def tracked(name, run, keys, measured, source):
    scenario = {"train": run, "config": keys}
    full = run.get("method", "full") == "full"
    metrics = [
        ("parameters", "parameters", measured.get("parameters") if full else None),
        ("parameters" if full else "adapters", "trainable", measured.get("trainable")),
        ("saved", "saved", measured.get("saved_total")),
        ("peaks", "tensors_peak", measured.get("peak")),
        ("optimizers", "optimizer", states(measured)),
    ]
    for group, metric, figure in metrics:
        if figure:
            yield case(f"{name}/{metric}", group, "train", metric, figure, scenario, source)


def states(measured):
    """Optimizer states while the steady step's forward pass runs."""
    peak = measured.get("peaks", {}).get("steady_forward", {})
    return peak.get("composition", {}).get("optimizer_state")


OBJECTIVES_OF_CLASSES = [
    ("ForSequenceClassification", ("objective", "classification")),
    ("ForTokenClassification", ("objective", "token-classification")),
]

# Run again this one holds one mask of 8192 by 8192 less (67,108,864 B), as every run like it does.
# The other one was loaded by several threads at once, whose tensors do not come in the order of their names.
DOUBTED = {"real-044-mistral-7b", "deberta-v2-base-words-map"}


# Without cuDNN a convolution lays its input out in columns first, which moves what stands around them.
CONVOLVES = {"whisper"}
LAID_OUT = {"reserved", "smallest"}

# Families whose blocks and what is laid out of them have promises of their own.
APART = {"gemma3n_text": "gemma3n ", "gemma4_text": "gemma4 "}


def reserved(record, _models):
    """Runs under PyTorch's own allocator; what its phases came to is in the file, its peaks are cases."""
    run = {name: value for name, value in record["run"].items() if value is not None}
    placement = run.pop("placement", None)
    if run.get("lora_dtype") == "base":
        # The type that the weights have: what is quantized computes in 16 bits.
        full = run["precision"] in ("fp32", "bf16-mixed") and run["method"] != "qlora"
        run["lora_dtype"] = "fp32" if full else "bf16"
    if "lora_modules" in run:
        run["lora_targets"] = run.pop("lora_modules")
    if isinstance(run.get("lora_targets"), str):
        run["lora_targets"] = [run["lora_targets"]]
    if isinstance(run.get("trainable_token_indices"), list):
        run["trainable_token_indices"] = len(run["trainable_token_indices"])
    class_name = "".join(record["config"].get("architectures") or [])
    run.update(objective for end, objective in OBJECTIVES_OF_CLASSES if class_name.endswith(end))
    scenario = {"gpu": "h100-sxm-80", "train": run, "config": config(record["config"], None)}
    if placement:
        scenario["runtime"] = {"placement": placement}
    source = "reserved.json: steps under the allocator of PyTorch 2.15"
    measured = record["measured"]
    # Encoders, and decoders behind one, have theirs in the type of what it is made of, but for scores of sequences that are
    # gathered by label.
    family = record["config"]["model_type"]
    wide = family == "deberta-v2" and run.get("objective") == "classification"
    narrow = family in CLASSES_KEPT | {"t5", "mt5", "umt5"} and not wide
    loss = 2 if run["precision"] == "bf16" and narrow else 4
    figures = [
        ("requested", "requested_peak", measured["requested_peak"]),
        ("blocks", "allocated_blocks_peak", measured["allocated_peak"]),
        ("reserved", "reserved_peak", measured["reserved_peak"]),
        ("smallest", "smallest_card", measured["smallest_mib"]),
        ("optimizers", "optimizer", None if counts_on_the_host(run) else made_by_the_first_step(measured["phases"], loss)),
    ]
    for group, metric, figure in figures:
        apart = APART.get(record["config"]["model_type"], "") if group in LAID_OUT | {"blocks"} else ""
        doubted = record["id"] in DOUBTED or record["config"]["model_type"] in CONVOLVES and group in LAID_OUT
        if figure is not None:
            confidence = "C" if doubted else "A"
            yield case(f"{record['id']}/{metric}", apart + group, "train", metric, figure, scenario, source, confidence)


def counts_on_the_host(run):
    """Foreach AdamW has its counters of steps on the host; a tracker of tensors counts them, and so do its cases."""
    return run.get("optimizer_implementation") == "foreach" and run.get("optimizer", "adamw") == "adamw"


def made_by_the_first_step(phases, loss=4):
    """Optimizer states: what its first step leaves, where that is said. The loss is let go before it."""
    ends = [phases.get(f"step1.{phase}") for phase in ("backward", "optimizer")]
    if not all(isinstance(end, dict) for end in ends):
        return None
    made = ends[1]["left_requested"] - ends[0]["left_requested"] + loss
    # What a step lets go of beside it can be more than vectors have states.
    return made if made > 0 else None


def release(record, _models):
    """Runs of other releases of a framework, which the record names, under PyTorch's own allocator."""
    run = {name: value for name, value in record["run"].items() if value is not None}
    placement, gpu = run.pop("placement", None), run.pop("gpu", "h100-sxm-80")
    if "lora_modules" in run:
        run["lora_targets"] = run.pop("lora_modules")
    framework, measured = record["framework"], record["measured"]
    scenario = {"framework": framework, "gpu": gpu, "train": run, "config": config(record["config"], None)}
    if placement:
        scenario["runtime"] = {"placement": placement}
    # What others measured is in the words of their tool.
    figures = [
        ("requested", "requested_peak", "requested_peak"),
        ("blocks", "allocated_blocks_peak", "allocated_peak"),
        ("reserved", "reserved_peak", "reserved_peak"),
        ("published", "allocated_peak", "max_memory_allocated"),
    ]
    group = "-".join(framework.split("-")[:2]).split(".")[0]
    for kind, metric, key in figures:
        if key in measured:
            ident = f"{record['id']}/{metric}"
            yield case(ident, f"{group} {kind}", "train", metric, measured[key], scenario, record["source"],
                       record.get("confidence", "A"))


# Words of objectives.json for those of `train.objective`; TRL's trainers have the others.
OBJECTIVES = {"sequence": "classification", "token": "token-classification", "contrastive": "embedding"}


def objectives(record, _models):
    """Objectives other than plain language modelling, by TRL's and Transformers' own trainers under PyTorch's allocator."""
    run, measured = record["run"], record["measured"]
    objective = OBJECTIVES.get(run["objective"], run["objective"])
    names = ["method", "precision", "attention", "micro_batch_size", "sequence_length", "recompute", "optimizer",
             "optimizer_implementation", "lora_rank", "lora_targets"]
    train = {"objective": objective} | {name: run[name] for name in names if run.get(name) is not None}
    if run.get("padded"):
        train["padding"] = True
    if run.get("packing"):
        # One row of all tokens; what belongs together is said by a mask, or to a kernel that needs none.
        train["sequence_length"] = run["micro_batch_size"] * run["sequence_length"]
        train["micro_batch_size"] = 1
        train["padding"] = run["packing"] == "sdpa"
        train["scored_tokens"] = run["scored_tokens"]
    if run["reference"] != "none":
        train["reference"] = run["reference"]
    if objective == "grpo":
        train["completion_length"] = run["completion"]
    elif objective in ("sft", "dpo", "kto") and run.get("completion"):
        train["scored_tokens"] = run["scored_tokens"]
    keys = config(record["config"], None)
    if run.get("labels"):
        keys["num_labels"] = run["labels"]
    scenario = {"gpu": "h100-sxm-80", "train": train, "runtime": {"placement": run.get("placement", "build")}, "config": keys}
    if run["objective"] not in OBJECTIVES:
        scenario["framework"] = "trl"
    source = "objectives.json: trainers of TRL 1.16 and Transformers 5.23 under the allocator of PyTorch 2.15"
    figures = [("trainable", "trainable", measured.get("trainable")), ("requested", "requested_peak", measured["requested_peak"]),
               ("blocks", "allocated_blocks_peak", measured["allocated_peak"]),
               ("reserved", "reserved_peak", measured["reserved_peak"])]
    # Where cuBLAS had no workspaces, peaks are of another run.
    for group, metric, figure in figures[:1] if measured.get("without_workspaces") else figures:
        if figure is not None:
            yield case(f"{record['id']}/{metric}", f"objectives {group}", "train", metric, figure, scenario, source)


# Keys of a run in kernels.json that scenarios name otherwise.
SAVERS = {"optimizer_in_backward": "step_in_backward", "every_n_layers": "recompute_every"}


def kernels(record, _models):
    """Runs with kernels of other libraries, torch.compile, or what saves memory: every phase under PyTorch's own allocator."""
    run = {name: value for name, value in record["run"].items() if value is not None}
    if run.pop("no_mask", False):
        raise Skip("a compiled model whose mask was left out by hand")
    placement = run.pop("placement", "to")
    offload = run.pop("offload", None)
    if offload not in (None, "checkpoint"):
        raise Skip(f"what forward keeps on the host ({offload})")
    if offload:
        run["offload_activations"] = True
    for name, word in SAVERS.items():
        if name in run:
            run[word] = run.pop(name)
    keys, measured = config(record["config"], None), record["measured"]
    if "no_rope_layers" in keys:
        keys["no_rope_layers"] = keys["no_rope_layers"][:keys["num_hidden_layers"]]
    scenario = {"gpu": "h100-sxm-80", "train": run, "runtime": {"placement": placement}, "config": keys}
    source = "kernels.json: steps under the allocator of PyTorch 2.15"
    loss = 0 if run.get("keep_outputs") else LOSS
    peaks = [max(phase[at] for phase in measured["phases"].values()) for at in range(3)]
    figures = [
        ("saved", "saved", measured["saved_total"] - loss - arguments(keys, run) - casts(keys, run)),
        ("requested", "requested_peak", peaks[0]),
        ("blocks", "allocated_blocks_peak", peaks[1]),
        ("reserved", "reserved_peak", peaks[2]),
    ]
    name = "kernels"
    if "compile" in run:
        name = "compiled"
        if run["method"] != "full" or record["config"]["model_type"] == "gpt2":
            raise Skip("compiled models of several graphs, or with adapters")
    for group, metric, figure in figures:
        yield case(f"{record['id']}/{metric}", f"{name} {group}", "train", metric, figure, scenario, source)


# Methods of towers.json: how the text is trained, and whether the tower is.
OF_TOWERS = {"full": ("full", True), "frozen": ("full", False), "lora_text": ("lora", False), "lora_all": ("lora", True)}

# Classes that tie the head where nothing is said, whatever their text part says.
TYING = {"mistral3", "internvl"}

# Pixels of a patch where a tower takes images of any shape.
GRIDS = {"qwen2_vl": 14, "qwen2_5_vl": 14, "qwen3_vl": 16, "glm4v": 14, "glm4v_moe": 14, "glm46v": 14, "paddleocr_vl": 14, "idefics2": 14, "mistral3": 14, "llava": 16}


def towers(record, _models):
    """Steps with images or sounds, tower trained or not, under PyTorch's own allocator."""
    run, keys, measured = dict(record["run"]), record["config"], record["measured"]
    if run["method"] == "inference":
        raise Skip("the tower's part of a prompt, measured by itself")
    if keys["model_type"] == "whisper":
        raise Skip(f"a decoder that attends to its tower ({keys['model_type']})")
    method, trained = OF_TOWERS[run["method"]]
    tokens = run["text_tokens"]
    if keys["model_type"] == "mllama" and "sequence" in measured:
        # Tokens that stand for images are among those that were fed.
        tokens -= run["images"]
    train = {"method": method, "precision": run.get("precision", "bf16"), "micro_batch_size": run["micro_batch_size"],
             "sequence_length": tokens, "recompute": run.get("recompute", "none"), "optimizer": "adamw",
             "optimizer_implementation": "fused", "images": run["images"], "train_tower": trained}
    if method == "lora":
        train |= {"lora_rank": run["rank"], "lora_dtype": run["adapters"], "lora_targets": ["all-linear"]}
    train["image_size"] = image_size(record, run, keys, train)
    if keys["model_type"] in TYING:
        keys = {"tie_word_embeddings": True} | keys
    scenario = {"gpu": "h100-sxm-80", "train": train, "runtime": {"placement": "build"}, "config": keys}
    source = "towers.json: steps under the allocator of PyTorch 2.15"
    peaks = [max(phase[at] for phase in measured["phases"].values()) for at in ("requested", "allocated", "reserved")]
    figures = [("trainable", "trainable", measured["trainable"]), ("requested", "requested_peak", peaks[0]),
               ("blocks", "allocated_blocks_peak", peaks[1]), ("reserved", "reserved_peak", peaks[2])]
    # Without images some of what could be trained is not reached.
    for group, metric, figure in figures if run["images"] else figures[1:]:
        yield case(f"{record['id']}/{metric}", f"towers {group}", "train", metric, figure, scenario, source)


def image_size(record, run, keys, train):
    """Width and height that the class makes into what was fed."""
    family, vision = keys["model_type"], keys.get("vision_config") or {}
    if "grid" in run:
        rows, columns = run["grid"]
        return f"{columns * GRIDS[family]}x{rows * GRIDS[family]}"
    if record["id"].startswith("real/") and family in ("smolvlm", "internvl"):
        # Tiles of one image: a square of 4 × 4 and its whole, or 4 × 3 and its whole.
        train["images"] = 1
        return "1024x1024" if run["images"] == 17 else "640x480"
    if family in ("smolvlm", "idefics3", "llava_next", "llava_onevision", "llama4", "lfm2_vl"):
        raise Skip(f"tiles of images fed one by one ({family})")
    if family in ("internvl", "qianfan_ocr"):
        return "x".join(map(str, vision["image_size"]))
    return "1024x1024"


# The loss itself, which nobody keeps for backward; a loop that keeps outputs still has that of the step before in its place.
LOSS = 4


def arguments(keys, run):
    """What recomputed layers are given beside their input: rotary tables and the numbers of positions."""
    if run.get("recompute") != "full" or run.get("compile") == "model":
        return 0
    head = keys.get("head_dim") or keys["hidden_size"] // keys["num_attention_heads"]
    wide = 4 if run["precision"] in ("fp32", "bf16-mixed") else 2
    # Where some layers keep what they compute, the tables are kept by those.
    tables = 0 if run.get("recompute_every", 1) > 1 else 2 * wide * head
    # Compiled layers are not given the numbers, which they do not read.
    return run["sequence_length"] * (tables + (0 if "compile" in run else 8))


def casts(keys, run):
    """16-bit copies of weights that autocast makes in layers and backward still needs: workspace, and not saved."""
    if run["precision"] not in ("bf16-mixed", "bf16-autocast"):
        return 0
    layers = [number for number in range(keys["num_hidden_layers"])
              if run.get("recompute") != "full" or number % run.get("recompute_every", 1)]
    hidden, heads = keys["hidden_size"], keys["num_attention_heads"]
    head = keys.get("head_dim") or hidden // heads
    query, kv = heads * head, (keys.get("num_key_value_heads") or heads) * head
    width = keys["intermediate_size"]
    if run["method"] != "full":
        rank = run["lora_rank"]
        sides = {"q": hidden + query, "k": hidden + kv, "v": hidden + kv, "o": query + hidden,
                 "gate": hidden + width, "up": hidden + width, "down": hidden + width}
        # No gradient goes back to what enters the first layer, so that its matrices A are not needed.
        first = sum(target in ("q", "k", "v") for target in run["lora_targets"]) if 0 in layers else 0
        return 2 * rank * (len(layers) * sum(sides[target] for target in run["lora_targets"]) - first * hidden)
    if run["precision"] == "bf16-autocast":
        return 0
    experts = keys.get("num_experts") or keys.get("num_local_experts")
    each = 2 * hidden * (query + kv) + (hidden * experts if experts else 3 * hidden * width)
    # With Liger the head is read inside a function that records no graph.
    vocabulary = 0 if run.get("kernels") == "liger" else keys["vocab_size"] * hidden
    # A compiler pads rows of 1024 elements and more to 128 bytes.
    padding = -width % 64 * (hidden - 1) if "compile" in run and width >= 1024 else 0
    return 2 * (len(layers) * (each + padding) + vocabulary)


SCANNED = {"falcon_h1", "qwen3_next"}


def generated(record, _models):
    """`generate()` and encoders under PyTorch's own allocator."""
    run, measured = record["run"], record["measured"]
    if run.get("cache"):
        raise Skip(f"a cache that is {run['cache']}")
    if record["config"]["model_type"] in SCANNED:
        raise Skip("recurrent mixers in plain PyTorch, without the kernels that are described")
    prompt, new, images = run["prompt"], run["new"], run.get("images", 0)
    # Tokens that stand for images are among those that were fed.
    prompt -= images
    # The token that comes last is in no cache.
    infer = {"weights": run.get("quant", "bf16"), "context_length": prompt + max(new - 1, 0),
             "concurrency": run["batch"], "prefill_tokens": run["batch"] * prompt,
             "attention": "eager" if run.get("attention") == "eager" else "flash"}
    if images:
        infer["images"] = images
    if run.get("chunk"):
        infer["prefill_chunk_size"] = run["chunk"]
    if run.get("sample"):
        infer["do_sample"] = True
    keys = dict(record["config"])
    if run.get("encode"):
        # The bare model, whatever class the checkpoint names.
        keys["architectures"] = ["BertModel"]
    scenario = {"gpu": "h100-sxm-80", "task": "infer", "infer": infer, "config": config(keys, None)}
    if not run.get("quant"):
        scenario["runtime"] = {"placement": run.get("placement", "to")}
    source = "generate.json: generate() of Transformers 5.23 under the allocator of PyTorch 2.15"
    requested, allocated, reserved_ = measured["peak"]
    figures = [("requested", "requested_peak", requested), ("blocks", "allocated_blocks_peak", allocated),
               ("reserved", "reserved_peak", reserved_), ("smallest", "smallest_card", measured.get("smallest_mib"))]
    for group, metric, figure in figures:
        if figure is not None:
            ident = f"generate-{record['id']}/{metric}"
            yield case(ident, f"serving {group}", "infer", metric, figure, scenario, source)


def timeline(record, _models):
    if "config" in record and "run" in record:
        yield from autograd(record, _models)
        return
    if record["optimizer"] not in OPTIMIZERS:
        raise Skip(f"optimizer {record['optimizer']}")
    optimizer, implementation = OPTIMIZERS[record["optimizer"]]
    run = {
        "method": "lora" if record.get("lora") else "full",
        "precision": PRECISIONS.get(record["dtype"], record["dtype"]),
        "attention": ATTENTION.get(record["attn"], record["attn"]),
        "micro_batch_size": record["b"],
        "sequence_length": record["s"],
        "recompute": "full" if record.get("ckpt") else "none",
        "optimizer": optimizer,
        "optimizer_implementation": implementation,
        "keep_outputs": bool(record.get("keep_outputs_during_backward")),
    }
    if "set_to_none" not in (record.get("zero_grad") or "set_to_none"):
        run["keep_gradients"] = True
    if record.get("lora"):
        lora = record["lora"]
        run["lora_rank"] = lora["r"]
        run["lora_targets"] = lora["target_modules"] if isinstance(lora["target_modules"], list) \
            else [lora["target_modules"]]
        run["lora_dropout"] = float(lora.get("lora_dropout") or 0.0)
        run["lora_dtype"] = "fp32" if record.get("lora_fp32_adapters") else PRECISIONS.get(record["dtype"], "bf16")
    keys = config(dict(record["hyper"], model_type=model_type(record["arch"])), None)
    steady = record["phases"].get("step2.forward", {})
    measured = {
        "parameters": record["params"], "trainable": record["trainable"], "peak": record["peak"],
        "peaks": {"steady_forward": {"composition": steady.get("composition", {})}},
    }
    source = "timeline.json: steps of real models in PyTorch, tensors tracked"
    yield from tracked(record["name"], run, keys, measured, source)


def kv(record, models):
    if record["cache"] != "DynamicCache":
        raise Skip("a cache of fixed size (StaticCache)")
    if record["dtype"] not in CACHES:
        raise Skip(f"cache in {record['dtype']}")
    keys = models.config(record["name"])
    if record.get("window"):
        keys["sliding_window"] = record["window"]
    else:
        keys.setdefault("sliding_window", None)
    word = CACHES[record["dtype"]]
    # A window shows the tokens that it keeps; the storage behind it goes with the prefill.
    figure = record.get("total_view_bytes") or record["total_bytes"]
    infer = {"weights": word, "kv_cache": word, "context_length": record["s"], "concurrency": record["b"]}
    yield case(f"{record['name']} b{record['b']} s{record['s']}/kv_cache", "kv_cache", "infer", "kv_cache", figure,
               {"infer": infer, "config": keys}, "kv.json: DynamicCache of Transformers 5.23")


def lora(record, models):
    options = dict(record.get("options") or {})
    dora = options.pop("use_dora", "False") == "True"
    saved = ast.literal_eval(options.pop("modules_to_save", None) or "[]")
    rows = ast.literal_eval(options.pop("trainable_token_indices", None) or "0")
    kind = options.pop("adapter", None) or ("rslora" if options.pop("use_rslora", "False") == "True" else "lora")
    size = options.pop("oft_block_size", None)
    if options:
        raise Skip("adapter option " + ", ".join(sorted(options)))
    targets = record["target"] if isinstance(record["target"], list) else [record["target"]]
    # A count does not depend on the length; a short one fits every table of learned positions.
    train = {"method": "lora", "sequence_length": 128}
    # Blocks have a size or a number.
    train |= {"lora_rank": record["r"]} if record["r"] else {}
    train["lora_targets"] = targets
    if size is not None:
        train["oft_block_size"] = int(size)
    if dora:
        train["dora"] = True
    if kind != "lora":
        train["adapter"] = kind
    if saved:
        train["modules_to_save"] = saved
    if rows:
        train["trainable_token_indices"] = rows if isinstance(rows, int) else len(rows)
    keys = models.config(record["model"])
    if keys["model_type"] in EAGER:
        train["attention"] = "eager"
    name = f"{record['model']} r{record['r']} {record.get('tag') or '+'.join(targets)}{' dora' if dora else ''}{f' {kind}' if kind != 'lora' else ''}{f' {size}' if size else ''}" \
        f"{' saved ' + '+'.join(saved) if saved else ''}{f' rows {rows}' if rows else ''}"
    yield case(f"{name}/trainable", "adapters", "train", "trainable", record["trainable"],
               {"train": train, "config": keys}, "lora.json: PEFT 0.21")


def parameters(record, _models):
    keys = hyper(record)
    if keys["model_type"] in CLASSES_KEPT:
        keys["architectures"] = [record["hf_architecture"]]
    # How many classes an image can be of stands only in the shape of what tells them apart.
    classifier = (record.get("non_layer_param_shapes") or {}).get("classifier.weight")
    if classifier:
        keys["num_labels"] = classifier[0]
    yield case(f"{record['name']}/parameters", "parameters", "train", "parameters", record["total_params"],
               {"config": keys},
               "parameters.json: Transformers 5.23 on the meta device")


def optimizers(_record, _models):
    raise Skip("the state of a single tensor, of no model")


# Figures that others published

GPUS = [
    ("A100 80GB", "a100-sxm-80"),
    ("H100 80GB HBM3", "h100-sxm-80"), ("A100-SXM4-80GB", "a100-sxm-80"), ("A100-SXM4-40GB", "a100-sxm-40"),
    ("H20 96GB", "h20-96"), ("RTX 4090", "rtx-4090"), ("RTX 3090", "rtx-3090"), ("L40S", "l40s"),
]
WEIGHTS = {"BF16": "bf16", "FP8": "fp8", "GPTQ-INT8": "gptq-int8", "GPTQ-INT4": "gptq-int4", "AWQ-INT4": "awq-int4",
           "AWQ": "awq-int4"}
# What published fields leave out or have otherwise than the checkpoint that was run: Qwen2's instruct models were made
# for 32768 tokens, and the quantized 72B has its feed-forward network padded to a multiple of 1024.
# torchtune's tables are as long as the model was made for: Llama 3.1's and 3.2's.
LENGTHS = {"qwen2 inference": 32768, "qwen3 inference": 40960, "torchtune full": 131072}
PADDED = {("Qwen2-72B-Instruct", 29568): 29696}
TARGETS = {
    "query": ["q"], "key": ["k"], "value": ["v"], "projection": ["o"], "mlp": ["gate", "up", "down"],
    "q_proj": ["q"], "k_proj": ["k"], "v_proj": ["v"], "o_proj": ["o"], "gate_proj": ["gate"], "up_proj": ["up"],
    "down_proj": ["down"], "c_attn": ["q", "k", "v"], "c_proj": ["o", "down"], "w1": ["gate"], "w2": ["up"],
    "q": ["q"], "k": ["k"], "v": ["v"], "head": ["head"], "output_proj": ["o"], "MLP": ["gate", "up", "down"],
}


def published(record, _models):
    figure, kind = record.get("measured_bytes"), record["kind"]
    if not figure:
        raise Skip("no figure")
    if record["source_group"] == "01_mlm":
        yield from golden(record)
        return
    if kind in ("estimate", "overhead", "load-only", "train-adapter"):
        raise Skip(f"kind {kind}")
    if record.get("engine") in ("vLLM", "llama.cpp", "ik_llama.cpp (fork of llama.cpp)"):
        yield from logged(record)
        return
    if record["source_group"] == "02_titan":
        yield titan(record)
        return
    if (record.get("parallelism") or {}).get("world") != 1:
        raise Skip("several GPUs, or how many is not said")
    source = record["source"]
    cited = source if isinstance(source, str) else \
        "{} {}".format(source.get("repo") or source.get("public_id") or "", source.get("path") or source.get("url") or "").strip()
    group, metric, framework = kind_of(record)
    scenario = {"framework": framework}
    gpu = next((ident for name, ident in GPUS if name in ((record.get("gpu") or {}).get("kind") or "")), None)
    if gpu:
        scenario["gpu"] = gpu
    task = "infer" if kind == "inference" else "train"
    scenario[task] = infer_run(record) if task == "infer" else train_run(record, framework)
    scenario["config"] = shape(record["model"], group)
    width = PADDED.get((record["model"]["name"], scenario["config"].get("intermediate_size")))
    if width and "int" in (scenario.get("infer") or {}).get("weights", ""):
        scenario["config"]["intermediate_size"] = width
    yield case(f"{record['id']}/{metric}", group, task, metric, figure, scenario, cited, record["confidence"])


def kind_of(record):
    """Group, metric and framework of a published figure."""
    source, said = record["source_group"], record["metric"]
    method = record["kind"].replace("train-", "")
    if "vLLM" in said or "llama.cpp" in said or record.get("engine"):
        raise Skip("log of an inference engine")
    if source == "04_litgpt":
        metric = "allocated_first_step" if begins_with_longest(record) else "allocated_peak"
        return f"litgpt {method}", metric, "litgpt-0.4"
    if source == "03_tune":
        # The README's figures are of late 2024.
        return f"torchtune {method}", "allocated_peak" if "active" in said.lower() else "reserved_peak", "torchtune-0.4"
    # Qwen's pages name the version of Transformers; that of Qwen3 shows what stays, that of Qwen2 the peak.
    if record["id"].startswith("qwen3-"):
        return "qwen3 inference", "allocated_static", "transformers-4.51"
    if record["id"].startswith("qwen2-"):
        return "qwen2 inference", "allocated_peak", "transformers-4.38"
    if record["id"].startswith("qwen1-") and record["kind"] != "inference":
        sharded = "ZeRO" in ((record.get("parallelism") or {}).get("zero") or "")
        return f"qwen1 {method}", "process", "deepspeed" if sharded else "transformers"
    if source == "05_peft":
        return f"peft {method}", "reserved_peak", "transformers"
    if record["kind"] == "inference":
        raise Skip("inference whose lengths or metric are not said")
    if "max_memory_allocated" in said or "peak allocated" in said:
        return f"other {method}", "allocated_peak", "transformers"
    if "reserved" in said and "nvidia-smi" not in said:
        return f"other {method}", "reserved_peak", "transformers"
    raise Skip("metric not said, or several mixed")


def begins_with_longest(record):
    """The scripts of 2023 begin with the longest sample of all, and no later batch is as long again."""
    return "run first" in str(record.get("notes") or "")


def infer_run(record):
    word = WEIGHTS.get(record["precision"].upper()) or ("bf16" if record["precision"].startswith("bf16") else None)
    if word is None:
        raise Skip(f"weights in {record['precision']}")
    if not record.get("seq_len"):
        raise Skip("sequence length not said")
    tokens = record["seq_len"] + (record.get("max_new_tokens") or 0)
    return {"weights": word, "kv_cache": "bf16", "context_length": tokens, "concurrency": record["micro_batch"] or 1,
            "prefill_tokens": record["seq_len"], **({"do_sample": True} if samples(record) else {})}


def samples(record):
    """Qwen's own settings of generation draw tokens, and its pages measure with them."""
    return record["id"].startswith(("qwen2-", "qwen3-"))


def check_torchtune(record):
    """What torchtune can do that no key says: a figure of such a run is of another run than any scenario."""
    optimizer = record.get("optimizer") or {}
    if "offload" in (record.get("recompute") or ""):
        raise Skip("activations on the host")
    if "optimizer_in_bwd" in (optimizer.get("state") or ""):
        raise Skip("an optimizer that steps in backward")
    if record.get("compile"):
        raise Skip("compiled layers and loss")
    if record.get("seq_len") and "packed" not in (record.get("attention") or ""):
        raise Skip("samples that are not packed, of lengths that are not said")


def train_run(record, framework):
    precision, optimizer = record["precision"] or "", (record.get("optimizer") or {}).get("name") or ""
    if not record.get("seq_len") or not record.get("micro_batch"):
        raise Skip("batch or sequence length not said")
    run = {"method": record["kind"].replace("train-", "")}
    if framework == "torchtune-0.4":
        check_torchtune(record)
        run["padding"] = "packed" in (record.get("attention") or "")
    if framework == "deepspeed":
        run["precision"] = "bf16-master"
    elif precision.startswith(("bf16", "BF16", "bfloat16")):
        run["precision"] = "bf16"
    elif precision == "fp32":
        run["precision"] = "fp32"
    else:
        raise Skip(f"precision {precision!r}")
    name = optimizer.lower()
    if "paged" in name and "8bit" in name:
        run["optimizer"] = "paged-adamw-8bit"
    elif "8-bit" in name or "8bit" in name:
        run["optimizer"] = "adamw-8bit"
    elif name.startswith("adamw") or name.startswith("pagedadamw"):
        run["optimizer"] = "adamw"
    else:
        raise Skip(f"optimizer {optimizer!r}")
    run["micro_batch_size"], run["sequence_length"] = record["micro_batch"], record["seq_len"]
    # Of what begins with the longest sample only the first micro batch matters.
    if (record.get("grad_accum") or 1) > 1 and not begins_with_longest(record):
        run["gradient_accumulation_steps"] = record["grad_accum"]
    said = record.get("recompute") or "none"
    if not said.startswith(("none", "full")):
        raise Skip("recomputation not said")
    run["recompute"] = "full" if said.startswith("full") else "none"
    if "chunked" in (record.get("fused_loss") or "") and framework == "torchtune-0.4":
        run["loss"] = "chunked"
    if run["method"] != "full":
        run.update(adapters(record))
    if run["method"] == "qlora":
        if "GPTQ int4" in precision:
            run["base_weights"] = "gptq-int4"
        else:
            run["base_weights"] = "fp4" if "fp4" in precision else "nf4"
            run["double_quant"] = "-dq" in precision
    return run


def adapters(record):
    adapter = record.get("lora") or {}
    targets, rank = adapter.get("targets"), adapter.get("r")
    if not targets or not isinstance(rank, int):
        raise Skip("rank or targets of the adapters not said")
    if adapter.get("peft_type", "LORA") != "LORA":
        raise Skip(f"adapter {adapter['peft_type']}")
    if adapter.get("modules_to_save"):
        raise Skip("adapters beside modules that are trained whole")
    if isinstance(targets, str):
        targets = [part.strip() for part in re.split(r"[,+]", targets.split(" (")[0])]
    unknown = [target for target in targets if target not in TARGETS]
    if unknown:
        raise Skip(f"adapters on {', '.join(unknown)}")
    words = [word for target in targets for word in TARGETS[target]]
    run = {"lora_rank": rank, "lora_targets": list(dict.fromkeys(words))}
    if adapter.get("use_dora") or "dora" in record["id"]:
        run["dora"] = True
    if isinstance(adapter.get("dropout"), (int, float)):
        run["lora_dropout"] = float(adapter["dropout"])
    elif record["source_group"] == "04_litgpt":
        run["lora_dropout"] = 0.05  # what its scripts have where nobody says otherwise
    if record["source_group"] in ("03_tune", "04_litgpt"):
        run["lora_dtype"] = "bf16"
    return run


def shape(model, group):
    """A config of the family whose shape the published fields have."""
    if group.startswith("litgpt") and (litgpt_only := litgpt_shape(model)):
        return litgpt_only
    gated = model.get("gated_mlp") or model.get("mlp") == "LLaMAMLP"
    rotary = model.get("position", "rope") == "rope" and model.get("rotary_percentage", 1.0) == 1.0
    if not (gated and rotary and model.get("norm") == "RMSNorm") or "num_layers" not in model:
        raise Skip("shape of no family that the fields tell")
    if "gemma" in model["name"].lower() or model.get("parallel_residual"):
        raise Skip("shape of no family that the fields tell")
    family = "qwen3" if model.get("qk_norm") else "qwen2" if model.get("qkv_bias") else "llama"
    experts = {}
    if model.get("num_experts"):
        if family != "qwen2" or not model.get("moe_shared_expert_ffn"):
            raise Skip("shape of no family that the fields tell")
        family, experts = "qwen2_moe", {
            "num_experts": model["num_experts"], "num_experts_per_tok": model["moe_topk"],
            "moe_intermediate_size": model["moe_ffn"],
            "shared_expert_intermediate_size": model["moe_shared_expert_ffn"],
        }
    # litgpt keeps a head of its own where the checkpoint ties it.
    tied = bool(model.get("tied_embeddings")) and not group.startswith("litgpt")
    keys = {
        "vocab_size": model.get("padded_vocab") or model["vocab"], "hidden_size": model["hidden_size"],
        "intermediate_size": model["ffn_hidden_size"], "num_hidden_layers": model["num_layers"],
        "num_attention_heads": model["num_attention_heads"], "num_key_value_heads": model["num_kv_heads"],
        "head_dim": model.get("head_dim") or model["hidden_size"] // model["num_attention_heads"],
        "max_position_embeddings": LENGTHS.get(group, 1 << 20), "tie_word_embeddings": tied,
    }
    return config({**keys, **experts}, family)


def litgpt_shape(model):
    """Shapes of other families, as LitGPT's config names them; it ties no head to its embedding."""
    keys = {
        "vocab_size": model.get("padded_vocab") or model["vocab"], "hidden_size": model["hidden_size"],
        "num_hidden_layers": model["num_layers"], "num_attention_heads": model["num_attention_heads"],
        "max_position_embeddings": 1 << 20, "tie_word_embeddings": False,
    }
    name, rotary = model["name"].lower(), model["rotary_percentage"]
    width = {"intermediate_size": model["ffn_hidden_size"]}
    heads = {"num_key_value_heads": model["num_kv_heads"], "head_dim": model["head_dim"]}
    if "gemma" in name:
        return config({**keys, **width, **heads}, "gemma2" if name.startswith("gemma-2-") else "gemma")
    if name.startswith("phi-") and model.get("parallel_residual"):
        return config({**keys, **width, "partial_rotary_factor": rotary}, "phi")
    if name.startswith("falcon") and model["num_kv_heads"] == 1:
        plain = {"alibi": False, "bias": False, "new_decoder_architecture": False}
        beside = {"ffn_hidden_size": model["ffn_hidden_size"], "parallel_attn": True, "multi_query": True}
        return config({**keys, **beside, **plain}, "falcon")
    if name.startswith(("stablelm-base-alpha", "pythia")):
        return config({**keys, **width, "rotary_pct": rotary, "use_parallel_residual": True}, "gpt_neox")
    return None


def titan(record):
    """What torchtitan logs as reserved. Its tables are of releases before the one that is described: the loss was whole then."""
    parallelism = record.get("parallelism") or {}
    if parallelism.get("pp", 1) > 1 or parallelism.get("cp", 1) > 1:
        raise Skip("torchtitan with pipelines or divided sequences")
    if any(word in (record.get("precision") or "unknown") for word in ("Float8", "FP4", "FP8", "unknown")):
        raise Skip("torchtitan in 8 bits and fewer")
    if record.get("compile") is not False:
        raise Skip("torchtitan with torch.compile")
    recompute = next((word for word in ("selective", "full") if word in (record.get("recompute") or "")), "none")
    train = {"micro_batch_size": record["micro_batch"], "sequence_length": record["seq_len"], "recompute": recompute, "loss": "eager"}
    scenario = {"framework": "torchtitan", "gpu": "h200" if "H200" in record["gpu"]["kind"] else "h100-sxm-80", "gpus": parallelism["world"],
                "train": train, "parallel": {"tensor": parallelism.get("tp", 1)}, "config": shape(record["model"], "torchtitan published")}
    source = "{} {} @ {}".format(record["source"]["repo"], record["source"]["path"], record["source"]["commit"][:8])
    return case(f"{record['id']}/reserved_peak", "torchtitan published", "train", "reserved_peak", record["measured_bytes"], scenario, source, record["confidence"])


# Megatron-LM's functional tests, by their arguments

MEGATRON_CARDS = {"A100": "a100-sxm-80", "H100": "h100-sxm-80", "GB200": "gb200"}
# Arguments that are keys of [megatron] by the same name, where they are given.
MEGATRON_FLAGS = (
    "account-for-embedding-in-pipeline-split", "account-for-loss-in-pipeline-split", "cross-entropy-loss-fusion",
    "defer-embedding-wgrad-compute", "deterministic-mode", "fine-grained-activation-offloading", "fp8-param-gather",
    "grad-reduce-in-bf16", "moe-grouped-gemm", "mtp-use-repeated-layer", "overlap-moe-expert-parallel-comm",
    "tp-comm-overlap", "use-fused-weighted-squared-relu",
)
MEGATRON_VALUES = (
    "cross-entropy-fusion-impl", "decoder-first-pipeline-num-layers", "decoder-last-pipeline-num-layers",
    "make-vocab-size-divisible-by", "moe-router-load-balancing-type", "moe-token-dispatcher-type", "mtp-num-layers",
    "num-distributed-optimizer-instances", "recompute-method", "recompute-num-layers", "transformer-impl",
    "wgrad-deferral-limit",
)


def golden(record):
    """The peak and what stays, of the last stage, as a functional test of Megatron-LM logged them."""
    arguments, parallelism = record["megatron_args"], record["parallelism"]
    if any(name.startswith(("--cuda-graph", "--enable-cuda-graph")) for name in arguments):
        raise Skip("Megatron-LM with CUDA graphs")
    if parallelism["fsdp"] and "fp8" in record["precision"]:
        raise Skip("Megatron-FSDP in fp8")
    if arguments.get("--no-use-layer-wise-param-layout") and parallelism["dp"] < 8:
        raise Skip("Muon's whole tensors in turn, on a rank that has not the largest")
    scenario = {
        "framework": "megatron", "gpu": MEGATRON_CARDS[record["gpu"]["kind"]], "gpus": parallelism["world"] or least(parallelism),
        "train": megatron_train(record), "parallel": megatron_parallel(record), "megatron": megatron_settings(record),
        "architecture": megatron_model(record),
    }
    source = "{} {} @ {}".format(record["source"]["repo"], record["source"]["path"], record["source"]["commit"][:8])
    for metric, figure in (("allocated_peak", "measured_bytes"), ("allocated_static", "measured_static_bytes")):
        found = case(f"{record['id']}/{metric}", "megatron", "train", metric, record[figure], scenario, source, record["confidence"])
        yield {**found, "rank": {"pipeline": "last"}}


def least(parallelism):
    """The fewest GPUs of such a layout, where it is not said how many there were."""
    dense, experts = parallelism["tp"] * parallelism["cp"], parallelism["ep"] * (parallelism["etp"] or parallelism["tp"])
    return math.lcm(dense, experts) * parallelism["pp"]


def megatron_train(record):
    arguments, precision = record["megatron_args"], record["precision"]
    unfused = arguments.get("--attention-backend") == "unfused" or "--use-flash-attn" not in arguments \
        and arguments.get("--transformer-impl") == "local"
    run = {
        "method": "full", "precision": "fp16-master" if precision == "fp16" else "fp8-master" if "fp8" in precision else "bf16-master",
        "optimizer": "muon" if arguments.get("--optimizer") == "muon" else "adamw",
        "micro_batch_size": record["micro_batch"], "sequence_length": record["seq_len"],
        "attention": "eager" if unfused else "flash", "recompute": arguments.get("--recompute-granularity", "none"),
    }
    return run


def megatron_parallel(record):
    arguments, parallelism = record["megatron_args"], record["parallelism"]
    layout = {
        "tensor": parallelism["tp"], "sequence": bool(parallelism["sp"]), "pipeline": parallelism["pp"],
        "context": parallelism["cp"], "expert": parallelism["ep"],
        "zero": 3 if parallelism["fsdp"] else 1 if arguments.get("--use-distributed-optimizer") else 0,
        "micro_batches": record["grad_accum"] or 8,
    }
    if parallelism["etp"]:
        layout["expert_tensor"] = parallelism["etp"]
    if parallelism["vpp"] and "--pipeline-model-parallel-layout" not in arguments:
        how, number = parallelism["vpp"].split("=")
        stages = parallelism["pp"] * int(number)
        layout["virtual_pipeline"] = int(number) if how == "virtual_stages" else record["model"]["num_layers"] // stages
    return layout


def megatron_settings(record):
    arguments = record["megatron_args"]
    settings = {name.replace("-", "_"): True for name in MEGATRON_FLAGS if arguments.get(f"--{name}")}
    settings |= {name.replace("-", "_"): arguments[f"--{name}"] for name in MEGATRON_VALUES if f"--{name}" in arguments}
    backend = arguments.get("--attention-backend") or ("flash" if "--use-flash-attn" in arguments else "auto")
    settings["attention_backend"] = backend
    for name in ("gradient-accumulation-fusion", "masked-softmax-fusion", "use-layer-wise-param-layout"):
        if arguments.get(f"--no-{name}"):
            settings[name.replace("-", "_")] = False
    for name in ("recompute-modules", "offload-modules"):
        if f"--{name}" in arguments:
            settings[name.replace("-", "_")] = re.findall(r"\w+", arguments[f"--{name}"])
    if "--pipeline-model-parallel-layout" in arguments:
        settings["pipeline_model_parallel_layout"] = arguments["--pipeline-model-parallel-layout"].replace("\\", "")
    patterns = (record["model"].get("hybrid_layer_pattern") or "").split("/")[1:]
    pattern = re.sub(r"[^*\w-]", "", arguments.get("--mtp-hybrid-override-pattern", "")) or (patterns or [""])[0]
    if pattern:
        settings["mtp_hybrid_override_pattern"] = pattern
        settings.setdefault("mtp_num_layers", len(patterns) or 1)
    return settings


def megatron_model(record):
    model, arguments = record["model"], record["megatron_args"]
    pattern = (model.get("hybrid_layer_pattern") or "").split("/")[0].replace("|", "")
    if not (model.get("vocab") or model.get("padded_vocab")):
        raise Skip("vocabulary not said")
    keys = {
        "family": megatron_family(model, pattern), "vocab_size": model.get("vocab") or model["padded_vocab"],
        "hidden_size": model["hidden_size"], "intermediate_size": model["ffn_hidden_size"],
        "num_hidden_layers": len(pattern) or model["num_layers"], "num_attention_heads": model["num_attention_heads"],
        "max_position_embeddings": arguments["--max-position-embeddings"],
        "tie_word_embeddings": model["tied_embeddings"], "attention_bias": model["linear_bias"],
        "attention_output_bias": model["linear_bias"], "mlp_bias": model["linear_bias"],
        "attention_dropout": model["attention_dropout"], "hidden_dropout": model["hidden_dropout"],
        "embedding_dropout": model["hidden_dropout"],
        "num_key_value_heads": model["num_kv_heads"],
    }
    if not model.get("mla"):
        keys["head_dim"] = model.get("kv_channels") or model["hidden_size"] // model["num_attention_heads"]
    if arguments.get("--squared-relu"):
        keys["hidden_act"] = "relu2"
    return {**keys, **megatron_latent(model), **megatron_hybrid(model, arguments, pattern), **megatron_experts(model, arguments)}


def megatron_family(model, pattern):
    gated, root = model["gated_mlp"], model["norm"] == "RMSNorm"
    if pattern:
        return "nemotron_h" if root else "megatron-hybrid"
    if model.get("mla"):
        return "deepseek_v3" if gated else "megatron-gpt-mla"
    if gated:
        return ("mixtral" if model.get("num_experts") else "llama") if root else "stablelm"
    return "megatron-gpt" if model["position"] == "learned_absolute" or model.get("num_experts") else "nemotron"


def megatron_latent(model):
    latent = model.get("mla")
    if not latent:
        return {}
    return {
        "q_lora_rank": latent["q-lora-rank"], "kv_lora_rank": latent["kv-lora-rank"], "v_head_dim": latent["v-head-dim"],
        "qk_nope_head_dim": latent["qk-head-dim"], "qk_rope_head_dim": latent["qk-pos-emb-head-dim"],
        "num_key_value_heads": model["num_attention_heads"],
    }


def megatron_hybrid(model, arguments, pattern):
    if not pattern:
        return {}
    return {
        "hybrid_override_pattern": pattern, "mamba_n_groups": arguments.get("--mamba-num-groups", 8),
        "mamba_n_heads": arguments.get("--mamba-num-heads") or 2 * model["hidden_size"] // 64,
        "mamba_d_head": arguments.get("--mamba-head-dim", 64), "mamba_d_state": arguments.get("--mamba-state-dim", 128),
    }


def megatron_experts(model, arguments):
    if not model.get("num_experts"):
        return {}
    width = model["moe_ffn"] or model["ffn_hidden_size"]
    keys = {"num_experts": model["num_experts"], "num_experts_per_tok": model["moe_topk"], "moe_intermediate_size": width}
    shared, routed = model.get("moe_shared_expert_ffn"), model.get("moe_layer_freq")
    if model.get("mla"):
        keys |= {"n_shared_experts": (shared or 0) // width, "n_group": 1, "topk_group": 1}
    elif shared:
        keys["shared_expert_intermediate_size"] = shared
    if routed:
        kinds = [int(kind) for part in re.findall(r"\[(\d)\]\*(\d+)", routed) for kind in part[0] * int(part[1])]
        keys["first_k_dense_replace"] = kinds.index(1)
    if arguments.get("--moe-latent-size"):
        keys["moe_latent_size"] = arguments["--moe-latent-size"]
    return keys


FORMATS = [
    ({"litgpt", "run", "measured"}, litgpt), ({"builder", "run", "measured"}, torchtune), ({"config", "run", "measured"}, autograd),
    ({"config", "infer", "measured"}, passes), ({"hyper", "phases", "arch"}, timeline),
    ({"cache", "total_bytes"}, kv), ({"target", "trainable", "model"}, lora), ({"hyper", "total_params"}, parameters),
    ({"source_group", "measured_bytes"}, published), ({"optimizer", "state_bytes"}, optimizers),
]


# What the Trainer was given on several GPUs, for strategy and stage.
STACKS = {"ddp": ("ddp", 0), "fsdp1": ("fsdp1", 3), "fsdp2": ("fsdp2", 3), "ds1": ("deepspeed", 1), "ds2": ("deepspeed", 2), "ds3": ("deepspeed", 3)}

# What DeepSpeed itself has for keys that a config leaves out.
OF_DEEPSPEED = {"reduce_bucket_size": 500_000_000, "stage3_param_persistence_threshold": 100_000}


def spread(record, _models):
    """Steps of the Trainer on one of several GPUs, under PyTorch's own allocator."""
    run, keys, measured = record["run"], record["config"], record["measured"]
    strategy, stage = STACKS[run["stack"]]
    for key, reason in (("rank", "a rank other than the first"), ("ds_top", "gradients accumulated in fp32"), ("liger", "Liger's kernels")):
        if run.get(key):
            raise Skip(reason)
    narrow, mixed = run.get("load_dtype", "bf16") == "bf16", run.get("bf16", True)
    precision = ("bf16-autocast" if narrow else "bf16-mixed") if mixed else ("bf16" if narrow else "fp32")
    train = {"method": run["method"], "precision": precision, "micro_batch_size": run["micro_batch_size"], "sequence_length": run["sequence_length"],
             "recompute": run["recompute"], "optimizer_implementation": "foreach" if run.get("optim") == "adamw_torch" else "fused",
             "gradient_accumulation_steps": run.get("gradient_accumulation_steps") or 1}
    if run["method"] != "full":
        train |= {"lora_rank": run["lora_rank"], "lora_targets": run["lora_targets"], "lora_dtype": run.get("lora_dtype", "fp32")}
    if run["method"] == "qlora":
        train["double_quant"] = run.get("double_quant", True)
    parallel = {"strategy": strategy, "zero": stage}
    of_fsdp = run.get("fsdp") or {}
    if of_fsdp.get("activation_checkpointing"):
        train["recompute"] = "full"
    if of_fsdp.get("reshard_after_forward") is False or "GRAD_OP" in str((run.get("env") or {}).get("FSDP_SHARDING_STRATEGY")):
        parallel["zero"] = 2
    if of_fsdp.get("cpu_offload"):
        parallel["offload_params"] = True
    if of_fsdp.get("backward_prefetch") == "NO_PREFETCH":
        parallel["backward_prefetch"] = False
    of_zero = run.get("ds") or {}
    for key in ("reduce_bucket_size", "stage3_max_live_parameters", "stage3_param_persistence_threshold", "sub_group_size"):
        if key in of_zero and not (of_zero[key] == "auto" and stage == 3):
            value = OF_DEEPSPEED.get(key) if of_zero[key] is None else of_zero[key]
            parallel[key] = int(keys["hidden_size"] ** 2 if value == "auto" else value)
    if "overlap_comm" in of_zero:
        parallel["overlap_comm"] = stage == 3 if of_zero["overlap_comm"] is None else of_zero["overlap_comm"]
    if "offload_param" in of_zero:
        parallel["offload_params"] = True
    if "offload_optimizer" in of_zero:
        train["offload_optimizer"] = True
    scenario = {"gpu": "h100-sxm-80", "gpus": run["world"], "train": train, "parallel": parallel, "config": config(keys, None)}
    ends = [phase["left_requested"] for name, phase in measured["phases"].items() if name.endswith(".end")]
    # Between steps FSDP1 still has the gradients of the last one, and between micro batches everybody has.
    figures = [("requested", "requested_peak", measured["requested_peak"]), ("blocks", "allocated_blocks_peak", measured["allocated_peak"]),
               ("reserved", "reserved_peak", measured["reserved_peak"])]
    if strategy != "fsdp1" and train["gradient_accumulation_steps"] == 1:
        figures.append(("static", "allocated_static", ends[-1]))
    words = f"{strategy} zero-{stage}" if strategy == "deepspeed" else strategy
    source = "deepspeed_fsdp.json: the Trainer of Transformers 5.23 under the allocator of PyTorch 2.15"
    for group, metric, figure in figures:
        yield case(f"{record['id']}/{metric}", f"{words} {group}", "train", metric, figure, scenario, source)


# Types of weights, of the computation and of the reduction of sharded.json, for a precision and what is reduced in another type than the framework's.
MIXED = {"bf16/fp32": ("bf16-mixed", "fp32"), "bf16 reduce fp32": ("bf16", "fp32"), "bf16": ("bf16", None), "fp32": ("fp32", None), "autocast": ("bf16-mixed", None)}
WRAPS = {"root": "layers", "titan": "units", "only_root": "whole"}


def sharded(record, _models):
    """Steps on one of several GPUs, as a tracker of tensors saw them."""
    kind = record["kind"]
    if kind not in ("fsdp2", "ddp", "tp"):
        raise Skip(f"a step on several GPUs of kind {kind}")
    keys = {"model_type": model_type(record["arch"]), **record["hyper"]}
    for key, reason in (("zero1", "ZeroRedundancyOptimizer"), ("prefetch", "prefetching more than one unit"), ("hsdp_replicate", "hybrid shards")):
        if record.get(key):
            raise Skip(reason)
    precision, reduce = MIXED[record.get("mp") or record["dtype"]]
    train = {"precision": precision, "micro_batch_size": record["b"], "sequence_length": record["s"], "recompute": "full" if record["ckpt"] else "none",
             "optimizer_implementation": record["optimizer"].removeprefix("adamw_"), "gradient_accumulation_steps": record.get("accum") or 1}
    parallel = {"strategy": kind}
    if kind == "tp":
        parallel = {"tensor": record["tp"], "sequence": record["sequence_parallel"], "loss_parallel": record["loss_parallel"]}
    elif kind == "fsdp2":
        parallel |= {"zero": 3 if record["reshard_after_forward"] else 2, "wrap": WRAPS[record["wrap"]]}
        if train["gradient_accumulation_steps"] > 1 and record["accum_sync"]:
            raise Skip("gradients reduced after every micro batch")
    else:
        parallel["gradient_as_bucket_view"] = record["gradient_as_bucket_view"]
    if reduce:
        parallel["reduce_dtype"] = reduce
    scenario = {"gpu": "h100-sxm-80", "gpus": record["tp" if kind == "tp" else "world"], "train": train, "parallel": parallel, "config": config(latent(keys), None)}
    source = "sharded.json: tensors of a step under PyTorch 2.15 and a process group without peers"
    yield case(f"sharded-{record['name']}", f"{kind} tensors", "train", "tensors_peak", record["peak"], scenario, source)


# Engines: what released ones printed or planned.

GGML_TYPES = {0: "fp32", 1: "fp16", 2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 20: "iq4_nl", 30: "bf16"}
LAYERS_OF_CLASS = {"every 6th full": {"sliding_window_pattern": 6}, "alternating, first sliding": {}}
MIB = 1 << 20


def engines(record, _models):
    read = {"llama.cpp": of_llama_cpp, "vllm": of_vllm, "mlx-lm": of_mlx}.get(record["engine"])
    if not read or "model_type" not in record["model"]:
        raise Skip(f"{record['metric']} of {record['engine']}: a rule, held by a unit test")
    yield from read(record)


def engine_model(model):
    keys = {name: value for name, value in model.items() if name != "layer_types"}
    keys.update(LAYERS_OF_CLASS[model["layer_types"]] if "layer_types" in model else {})
    if model.get("model_type") == "mamba2":
        keys["expand"] = model["num_heads"] * model["head_dim"] // model["hidden_size"]
    return latent(keys)


def engine_name(record):
    model = record["model"]
    shape = "-".join(str(model[key]) for key in ("hidden_size", "num_hidden_layers", "vocab_size") if key in model)
    options = " ".join(f"{key}={value}" for key, value in record["options"].items()
                       if value not in ("", None) and key not in ("note", "layout", "kv_pool_bytes"))
    return f"{model['model_type']} {shape} {options}".strip()


def of_llama_cpp(record):
    options, metric = record["options"], record["metric"].replace("compute_buffer_cpu", "compute_buffer")
    if options.get("imatrix"):
        raise Skip("a mixture made with an importance matrix")
    if options.get("note"):
        raise Skip(f"llama.cpp: {options['note']}")
    infer, sequences = {}, options.get("n_seq_max", 1)
    if metric == "weights":
        infer["weights"] = options["ftype"]
    else:
        infer.update(context_length=options["n_ctx"] // sequences, concurrency=sequences)
        for option, key in (("n_ubatch", "prefill_tokens"), ("swa_full", "swa_full"), ("kv_unified", "kv_unified")):
            if option in options:
                infer[key] = options[option]
        if "type_k" in options:
            infer["kv_cache"], infer["cache_type_v"] = GGML_TYPES[options["type_k"]], GGML_TYPES[options["type_v"]]
        infer["attention"] = "eager" if options.get("flash_attn_type") == 0 else "flash"
    # All of it was on the host, by whose backend these were printed.
    infer["gpu_layers"] = 0
    figure = record["value"] * (MIB if record["unit"] == "MiB" else 1)
    scenario = {"framework": "llama.cpp", "infer": infer, "config": engine_model(record["model"])}
    group = f"llama.cpp {metric.replace('_', ' ')}"
    yield case(f"llama.cpp {engine_name(record)}/{metric}", group, "infer", metric, round(figure), scenario,
               f"{record['version']}: {record['how']}")


def of_mlx(record):
    options = record["options"]
    if record["metric"] != "weights":
        raise Skip("rooms of a cache after given calls, held by a unit test")
    word = {"affine": f"mlx-{options.get('bits')}bit"}.get(options["mode"], f"mlx-{options['mode']}")
    if options["mode"] == "affine" and options.get("group_size") != 64:
        raise Skip("groups of another size than 64")
    scenario = {"framework": "mlx", "infer": {"weights": word}, "config": engine_model(record["model"])}
    yield case(f"mlx-lm {engine_name(record)}/weights", "mlx-lm weights", "infer", "weights", record["value"], scenario,
               f"{record['version']}: {record['how']}")


def of_vllm(record):
    options, model = record["options"], dict(record["model"])
    infer = {"context_length": options["max_model_len"], "prefill_tokens": options["max_num_batched_tokens"],
             "async_scheduling": options["async_scheduling"], "block_size": options["block_size"],
             "kv_cache_memory_bytes": options["kv_pool_bytes"], "mamba_cache_mode": options["mamba_cache_mode"],
             "kv_cache": {"fp8": "fp8", None: "bf16"}[model.pop("kv_cache_dtype", None)]}
    dtype = model.pop("mamba_ssm_cache_dtype", None)
    if dtype:
        infer["mamba_ssm_cache_dtype"] = dtype
    # Caches do not depend on the rest of a config, which is left out: any will do.
    if "attention_layers" in model:
        mixers = [model.pop(key) for key in ("attention_layers", "mamba_layers", "mlp_layers")]
        model["hybrid_override_pattern"] = "*" * mixers[0] + "M" * mixers[1] + "-" * mixers[2]
        model["num_hidden_layers"] = sum(mixers)
    if "full_every" in model:
        model["no_rope_layer_interval"] = model.pop("full_every")
    ways = options.get("tensor_parallel") or 1
    if "num_key_value_heads" in model:
        model.update(num_attention_heads=model["num_key_value_heads"] * ways, hidden_size=1024)
    spread = {"gpus": ways, "parallel": {"tensor": ways}} if ways > 1 else {}
    scenario = {"framework": "vllm", **spread, "infer": infer, "config": engine_model(model)}
    source = f"vLLM {record['version']}: {record['how']}"
    for metric, key in (("kv_blocks", "num_blocks"), ("concurrency", "max_concurrency")):
        found = case(f"vllm {engine_name(record)}/{metric}", f"vllm {metric.replace('_', ' ')}", "infer", metric,
                     record["value"][key], scenario, source)
        found["measured"] = record["value"][key]
        yield found


# Logs of engines among the published figures.

SHAPES_BY_NAME = [("gemma 3", "gemma3_text"), ("qwen3", "qwen3_moe"), ("glm z1", "glm4"), ("llama", "llama")]
EXPERTS = {2048: 768, 4096: 1536}


def logged(record):
    """What llama.cpp and vLLM printed: weights, caches, compute buffers."""
    parts, model, cited = record.get("components") or {}, record["model"], record["source"]
    cited = "{} {}".format(cited.get("repo") or "", cited.get("path") or cited.get("thread") or cited.get("public_id") or "").strip()
    if (record.get("parallelism") or {}).get("world") != 1:
        raise Skip("log of an engine on several GPUs")
    if record["engine"] == "vLLM":
        if not record.get("measured_bytes") or record["confidence"] == "C":
            raise Skip("log of vLLM without weights")
        infer = {"weights": "fp16" if record["precision"].startswith("fp16") else "bf16"}
        scenario = {"framework": "vllm", "infer": infer, "config": shape(model, "vllm logs")}
        yield case(f"{record['id']}/weights", "vllm logs weights", "infer", "weights", record["measured_bytes"], scenario, cited,
                   record["confidence"])
        return
    family = next((family for name, family in SHAPES_BY_NAME if name in model["name"].lower().replace("_", " ")), None)
    if not parts or "mla=0" not in record["attention"] + " mla=0" * ("mla=None" in record["attention"]) or not family:
        raise Skip("log of llama.cpp with latent attention, or of a model that is not told")
    if "vocab" not in model:
        raise Skip("log of llama.cpp without the shape of its model")
    types = [{"f16": "fp16"}.get(word, word) for word in re.findall(r"[KV] \((\w+)\)", parts.get("kv_text") or "")]
    if len(types) != 2:
        raise Skip("log of llama.cpp without the types of its cache")
    keys = {"vocab_size": model["vocab"], "hidden_size": model["hidden_size"], "intermediate_size": model["ffn_hidden_size"],
            "num_hidden_layers": model["num_layers"], "num_attention_heads": model["num_attention_heads"],
            "num_key_value_heads": model["num_kv_heads"], "head_dim": model["head_dim"]}
    if family == "qwen3_moe":
        keys.update(num_experts=128, num_experts_per_tok=8, moe_intermediate_size=EXPERTS[model["hidden_size"]])
    if family == "gemma3_text":
        keys["tie_word_embeddings"] = True
    # The fork keeps all tokens of layers with a window.
    infer = {"context_length": record["seq_len"], "prefill_tokens": record["micro_batch"], "kv_cache": types[0],
             "cache_type_v": types[1], "swa_full": True,
             "attention": "flash" if "flash_attn=1" in record["attention"] else "eager"}
    scenario = {"framework": "llama.cpp", "infer": infer, "config": config(keys, family)}
    on_card = [float(mib) for _, mib in parts["compute_mib"]]
    for metric, mib in (("kv_cache", parts["kv_total_mib"]), ("compute_buffer", on_card[0])):
        yield case(f"{record['id']}/{metric}", f"llama.cpp logs {metric.replace('_', ' ')}", "infer", metric, round(mib * MIB), scenario,
                   cited, record["confidence"])


def is_reserved(record):
    return "smallest_mib" in (record.get("measured") or {})


def reader(record):
    if {"engine", "options", "metric", "value"} <= set(record):
        return engines
    if {"prompt", "new"} <= set(record.get("run") or {}):
        return generated
    if {"framework", "source"} <= set(record) and {"requested_peak", "max_memory_allocated"} & set(record.get("measured") or {}):
        return release
    if "stack" in (record.get("run") or {}):
        return spread
    if {"kind", "phases", "peak_phase"} <= set(record):
        return sharded
    if "objective" in (record.get("run") or {}):
        return objectives
    if is_reserved(record):
        return reserved
    if "tower_tokens" in (record.get("measured") or {}):
        return towers
    if {"start", "saved_total", "phases"} <= set(record.get("measured") or {}):
        return kernels
    for keys, read in FORMATS:
        if keys <= set(record):
            return read
    raise Skip("a format that this script does not know")


def convert(source, out):
    records = load(source)
    if isinstance(records, dict) and "configs" in records:
        configs = records["configs"]
        records = [{**record, "config": configs[record["config"]]} for record in records["runs"]]
    elif isinstance(records, dict):
        records = next((value for value in records.values() if isinstance(value, list)), [])
    models, files, skipped, seen = Models(source), collections.OrderedDict(), collections.Counter(), set()
    for record in records:
        try:
            for found in reader(record)(record, models):
                while found["id"] in seen:
                    found["id"] += "'"
                seen.add(found["id"])
                described = found["scenario"]
                family = described["config"]["model_type"] if "config" in described else described["architecture"]["family"]
                name = f"{found['group']}-{family}"
                files.setdefault(re.sub(r"[^A-Za-z0-9_.-]+", "-", name), []).append(block(found))
        except Skip as reason:
            skipped[str(reason)] += 1
        except (KeyError, TypeError) as problem:
            skipped[f"a record not as expected ({type(problem).__name__}: {problem})"] += 1
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.splitext(os.path.basename(source))[0])
    os.makedirs(out, exist_ok=True)
    for name, blocks in sorted(files.items()):
        with open(os.path.join(out, f"{stem}-{name}.toml"), "w", encoding="utf-8", newline="\n") as file:
            file.write(f"# Made by convert.py from {os.path.basename(source)}.\n\n" + "\n".join(blocks))
    print(f"{sum(map(len, files.values()))} cases in {len(files)} files", file=sys.stderr)
    for reason, count in sorted(skipped.items(), key=lambda item: (-item[1], item[0])):
        print(f"{count} skipped: {reason}", file=sys.stderr)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    convert(sys.argv[1], sys.argv[2])


if __name__ == "__main__":
    main()
