#!/usr/bin/env python3
"""What other estimators say of the cases in cases/: `others.py cases/others.json` writes it.

Each estimator is restated here as a formula. Where it has no word for a run or for what was measured, the case is
left out and listed under the reason; so are cases of confidence C, whose number of GPUs is a guess.
"""

import glob
import json
import math
import os
import re
import sys
import tomllib

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases")
# Families of the cases whose feed-forward networks are gated, and whose norms have no bias.
GATED = {"deepseek_v3", "mixtral", "stablelm", "llama"}
ROOT = {"deepseek_v3", "mixtral", "nemotron_h", "llama"}


class Silent(Exception):
    """Why an estimator says nothing of a case."""


class Megatron:
    """The sizes of a Megatron case, by the letters that the formulas use."""

    def __init__(self, scenario):
        model, layout, train = scenario["architecture"], scenario["parallel"], scenario["train"]
        settings = scenario["megatron"]
        self.family = model["family"]
        self.h, self.f, self.layers = model["hidden_size"], model["intermediate_size"], model["num_hidden_layers"]
        self.a, self.kv = model["num_attention_heads"], model["num_key_value_heads"]
        self.d = model.get("head_dim", self.h // self.a)
        self.tied, self.bias = model["tie_word_embeddings"], model["mlp_bias"]
        self.gated, self.norm = self.family in GATED, 1 if self.family in ROOT else 2
        self.hybrid = "hybrid_override_pattern" in model
        self.latent = model if "kv_lora_rank" in model else None
        self.experts, self.fe = model.get("num_experts", 0), model.get("moe_intermediate_size", 0)
        self.shared = model.get("shared_expert_intermediate_size", model.get("n_shared_experts", 0) * self.fe)
        self.narrow = model.get("moe_latent_size")
        self.dense = model.get("first_k_dense_replace", 0) if self.experts else self.layers
        self.more = settings.get("mtp_num_layers", 0)
        self.tp, self.pp, self.cp, self.ep = (layout[axis] for axis in ("tensor", "pipeline", "context", "expert"))
        self.etp = layout.get("expert_tensor", self.tp)
        self.world, self.micro_batches = scenario["gpus"], layout["micro_batches"]
        self.vp = layout.get("virtual_pipeline") or chunks(settings.get("pipeline_model_parallel_layout"), self.pp)
        # Without tensor parallelism Megatron-LM takes sequence parallelism back.
        self.sp = layout["sequence"] and self.tp > 1
        self.distributed = layout["zero"] >= 1
        self.recompute, self.fused = train["recompute"], train["attention"] != "eager"
        self.s, self.b = train["sequence_length"], train["micro_batch_size"]
        step = settings.get("make_vocab_size_divisible_by", 128) * self.tp
        self.v = -(-model["vocab_size"] // step) * step
        self.positions = model["max_position_embeddings"] if self.family.startswith("megatron-gpt") else 0


def chunks(layout, stages):
    """Chunks of a stage in a layout such as `Et*3|(tt|)*6L`; nothing where there is one."""
    if not layout:
        return None
    plain = re.sub(r"\(([^)]*)\)\*(\d+)", lambda found: found[1] * int(found[2]), layout)
    return (plain.count("|") + 1) // stages if plain.count("|") + 1 > stages else None


# Megatron-LM's report: megatron/training/theoretical_memory_usage.py at commit d98e8a64.

def report_static(m):
    """18 bytes a parameter of the first stage, or 6 and 12 shared among the replicas of the distributed optimizer."""
    if m.hybrid:
        raise Silent("hybrid models are refused")
    up = 3 if m.gated else 2
    if m.latent:
        rank, low = m.latent.get("q_lora_rank"), m.latent["kv_lora_rank"]
        query, value = m.latent["qk_nope_head_dim"], m.latent["v_head_dim"]
        turned = m.latent["qk_rope_head_dim"]
        q = m.h * m.a * (query + turned) if rank is None else rank * (m.h + m.a * (query + turned) + m.norm)
        attention = q + low * (m.h + m.a * (query + value) + m.norm) + m.h * turned + m.a * value * m.h
    else:
        attention = 2 * m.h * m.d * (m.a + m.kv)
    sparse = m.layers - m.dense
    sparse_more, dense_more = (m.more, 0) if sparse else (0, m.more)
    width = m.narrow or m.h
    router = m.h * m.experts + (m.experts if m.bias else 0) + (2 * m.h * m.narrow if m.narrow else 0)

    def divided(dense, sparse):
        return (attention + up * m.h * m.f) * dense + (attention + up * m.h * m.shared) * sparse

    def whole(dense, sparse):
        return 2 * m.h * m.norm * (dense + sparse) + router * sparse

    def routed(sparse):
        return up * width * m.fe * m.experts * sparse

    def each(replicas):
        return 6 + 12 / replicas if m.distributed else 18

    embedding = m.h * m.v * (1 if m.tied or m.pp > 1 else 2)
    ordinary = (divided(m.dense, sparse) / m.pp + divided(dense_more, sparse_more) + embedding) / m.tp
    ordinary += (whole(m.dense, sparse) + m.norm * m.h) / m.pp + whole(dense_more, sparse_more)
    of_experts = (routed(sparse) / m.pp + routed(sparse_more)) / (m.etp * m.ep)
    replicas, expert_replicas = m.world // (m.tp * m.pp * m.cp), m.world // (m.etp * m.ep * m.pp)
    return ordinary * each(replicas) + of_experts * each(expert_replicas)


def report_peak(m):
    """The same and the first stage's activations: 18 + 4 f/h a token and width divided by all, or 10 + 24/t of which a
    part is, and a twentieth more."""
    static, tokens = report_static(m), m.s * m.b
    divided = m.sp and m.recompute == "selective"
    layer = tokens * m.h * (18 + 4 * m.f / m.h if divided else 10 + 24 / m.tp)
    kept = layer * m.layers + tokens * (8 + m.h) * m.pp
    if m.vp:
        kept *= 1 + (m.pp - 1) / (m.pp * m.vp)
    elif m.pp > 1:
        kept *= min(1, m.micro_batches / m.pp)
    if divided:
        return static + (kept + (4 * tokens * (m.h + m.v) if m.pp == 1 else 0)) / m.tp
    return static + 1.05 * (kept + (2 * tokens * (m.h + m.v / m.tp) if m.pp == 1 else 0))


# Korthikanti et al. 2022, Reducing Activation Recomputation in Large Transformer Models (arXiv:2205.05198).

def activations(m):
    """Table 2 by the layer, the interleaved schedule, and section 4.3's embedding and head, on the first stage.

    A fused kernel of attention computes its scores anew in backward, which is what the paper calls selective.
    """
    if m.hybrid or m.latent or m.experts or m.gated:
        raise Silent("layers that are not attention and a plain feed-forward network")
    if m.cp > 1:
        raise Silent("sequences divided among GPUs")
    tokens, scores = m.s * m.b, 0 if m.fused or m.recompute == "selective" else 5 * m.a * m.s / m.h
    layer = 2 if m.recompute == "full" else (34 + scores) / m.tp if m.sp else 10 + (24 + scores) / m.tp
    kept = tokens * m.h * layer * m.layers * (1 + (m.pp - 1) / (m.pp * m.vp) if m.vp else 1)
    # The dropout of the embedding, for every micro batch under way, and norm, input of the head and fp32 logits.
    beside = m.pp + (4 * (1 + m.v / m.h) if m.pp == 1 else 0)
    return kept + tokens * m.h * beside / m.tp


# DeepSpeed's estimators: deepspeed/runtime/zero/{stage_1_and_2,stage3}.py at commit edaa7221.

class Trainer:
    """The sizes of a case of DeepSpeed under the Trainer."""

    def __init__(self, scenario):
        model, train = scenario["config"], scenario["train"]
        self.world, self.stage = scenario["gpus"], scenario["parallel"]["zero"]
        self.full, self.offloads = train["method"] == "full", train.get("offload_optimizer", False)
        kind, h, f = model["model_type"], model["hidden_size"], model["intermediate_size"]
        d = model.get("head_dim", 128 if kind == "qwen3" else h // model["num_attention_heads"])
        q, k = d * model["num_attention_heads"], d * model["num_key_value_heads"]
        bias = 1 if kind == "qwen2" else 0
        layer = h * (2 * q + 2 * k) + bias * (q + 2 * k) + 3 * h * f + 2 * h + (2 * d if kind == "qwen3" else 0)
        embedding = model["vocab_size"] * h
        self.parameters = layer * model["num_hidden_layers"] + h + embedding * (1 if model.get("tie_word_embeddings") else 2)
        self.largest = max(embedding, h * f, h * q + bias * q)


def in_full(t):
    if not t.full:
        raise Silent("adapters, whose frozen weights would count as trained")
    return t


def deepspeed(t):
    """18 bytes a parameter shared by all, and 2 on each GPU or 4 of the largest module's; with states on the host no 18,
    and at stage 3 2 that are shared."""
    if t.stage < 2:
        raise Silent("ZeRO-1 has no estimator")
    p = in_full(t).parameters
    shared = 0 if t.offloads and t.stage == 2 else (2 if t.offloads else 18) * p // t.world
    return shared + (2 * p if t.stage == 2 else 4 * t.largest)


# Rajbhandari et al. 2020, ZeRO (arXiv:1910.02054), figure 1: 2 bytes of weights, 2 of gradients, 12 of states.

def zero(t):
    if t.offloads:
        raise Silent("states on the host")
    p, whole = in_full(t).parameters, {1: 4, 2: 2, 3: 0}[t.stage]
    return whole * p + (16 - whole) * p // t.world


def only(metric, formula, reason):
    """The formula for one metric; of others it says nothing, for this reason."""
    def says(case, sizes):
        if case["metric"] != metric:
            raise Silent(reason)
        return formula(sizes)
    return says


REPORT = {"allocated_static": report_static, "allocated_peak": report_peak}
STATES = "peaks, with activations and buffers"
# Name, source, the sizes of a case, the start of its groups, what is said.
ESTIMATORS = (
    ("Megatron-LM's report", "NVIDIA/Megatron-LM megatron/training/theoretical_memory_usage.py @ d98e8a64", Megatron, "megatron",
     lambda case, m: REPORT[case["metric"]](m)),
    ("Korthikanti et al. 2022", "arXiv:2205.05198, table 2 and section 4.3; weights and states as in Megatron-LM's report", Megatron,
     "megatron", only("allocated_peak", lambda m: activations(m) + report_static(m), "static memory, of which the paper says nothing")),
    ("DeepSpeed's estimators", "deepspeedai/DeepSpeed deepspeed/runtime/zero/stage_1_and_2.py and stage3.py @ edaa7221", Trainer,
     "deepspeed ", only("allocated_static", deepspeed, STATES)),
    ("ZeRO, Rajbhandari et al. 2020", "arXiv:1910.02054, figure 1", Trainer, "deepspeed ", only("allocated_static", zero, STATES)),
)


def said(cases, name, source, sizes, group, formula):
    says, left_out = {}, {}
    for case in cases:
        if case["group"].startswith(group):
            try:
                if case.get("confidence") == "C":
                    raise Silent("vaguely known runs")
                says[case["id"]] = round(formula(case, sizes(case["scenario"])))
            except Silent as reason:
                left_out.setdefault(str(reason), []).append(case["id"])
    return {"name": name, "source": source, "says": says, "left_out": left_out}


def read():
    """The cases of the groups that anybody is asked about."""
    for path in sorted(glob.glob(os.path.join(CASES, "*.toml"))):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if any(f'group = "{group}' in text for *_, group, _ in ESTIMATORS):
            found = tomllib.loads(text)
            yield from found.get("case", [found])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cases = list(read())
    made = {"estimators": [said(cases, *estimator) for estimator in ESTIMATORS]}
    with open(sys.argv[1], "w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
