#!/usr/bin/env bash
# torchtitan gathers a tied table twice by default: what shards modules declares the embedding and the head apart, data parallel
# alone included.
#
# Versions: torchtitan 0.3.0, torch 2.15.0, on the CPU, one process of a group without peers.
# Guess: with enable_weight_tying, `fully_shard([tok_embeddings, norm, lm_head])` manages one parameter for both, as its comment
#   says: "group them together in one FSDP unit to avoid duplicate all-gathers".
# Seen: under the default spmd_backend "spmd_types", `Module.parallelize` has put a parameter of its own into each module
#   before, though nothing is divided but data. The unit then has three parameters, gathers the table twice in forward, in the
#   loss and in backward, and holds both copies: V·h elements more in 16 bits, 0.5 GB of Llama 3.2 1B. init_weights ties the
#   sharded ones again, so that the optimizer and a count of parameters see one. Under "partial_dtensor" the unit has two
#   parameters, the table among them once.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 torchtitan==0.3.0

cat > "$folder/run.py" <<'PYTHON'
import os, sys, warnings, logging
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
os.environ.update(RANK="0", WORLD_SIZE="2", LOCAL_RANK="0")
import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
import torchtitan.distributed.parallel_dims as parallel_dims

parallel_dims.device_type = "cpu"
dist.init_process_group("fake", rank=0, world_size=2, store=FakeStore())
from torchtitan.config import CompileConfig, ParallelismConfig, TrainingConfig
from torchtitan.distributed import ParallelDims, utils
from torchtitan.models.llama3 import llama3_configs, parallelize_llama


def gathered(backend):
    config = llama3_configs["debugmodel"](attn_backend="flex")
    config.enable_weight_tying = True
    parallelism = ParallelismConfig(data_parallel_shard_degree=2, spmd_backend=backend)
    job = type("Job", (), {"parallelism": parallelism})
    config.update_from_config(config=job)
    dims = ParallelDims(dp_replicate=1, dp_shard=2, cp=1, tp=1, pp=1, ep=1, world_size=2, spmd_backend=backend)
    utils.set_spmd_backend(backend)
    with torch.device("meta"):
        model = config.build()
    whole = model.lm_head.weight.numel()
    assert model.tok_embeddings.weight is model.lm_head.weight
    model = parallelize_llama(model, parallel_dims=dims, training=TrainingConfig(), parallelism=parallelism,
                              compile_config=CompileConfig(), ac_config=None, dump_folder="")
    model.to_empty(device="cpu")
    with torch.no_grad():
        model.init_weights(buffer_device=None)
    assert model.tok_embeddings.weight is model.lm_head.weight
    unit = model.tok_embeddings._get_fsdp_state()._fsdp_param_group.fsdp_params
    tables = [param for param in unit if param._orig_size.numel() == whole]
    return len(unit), len(tables)


found = {backend: gathered(backend) for backend in ("spmd_types", "partial_dtensor")}
print("parameters of the unit, tables among them:", found)
sys.exit(found != {"spmd_types": (3, 2), "partial_dtensor": (2, 1)})
PYTHON
"$folder/env/bin/python" "$folder/run.py"
