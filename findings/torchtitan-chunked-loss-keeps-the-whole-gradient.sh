#!/usr/bin/env bash
# torchtitan's chunked loss keeps the head's whole gradient in fp32 under FSDP2, and makes another beside it for every chunk.
#
# Versions: torchtitan 0.3.0, torch 2.15.0, on the CPU, one process of a group without peers.
# Guess: what the docstring of ChunkedLossWrapper says: a reduce-scatter fires for each chunk, and FSDP2 adds up gradients that
#   are sharded; a chunk saves its share of the logits and costs nothing else.
# Seen: only the last chunk reduces. Until then FSDP2 holds the gradient of norm and head unsharded in the type of the
#   reduction, fp32, and widens the gradient of each further chunk to that type before it is added: 8·V·h bytes beside the
#   gathered 16-bit weights, on every GPU whatever their number. For Llama 3.1 8B that is 4.2 GB, as much as the logits of
#   some 2,700 tokens take at the peak of a loss that is not in chunks, 12 bytes each: micro batches shorter than that need
#   more with chunks than without.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 torchtitan==0.3.0

cat > "$folder/run.py" <<'PYTHON'
import os, sys, warnings, logging
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
os.environ.update(RANK="0", WORLD_SIZE="4", LOCAL_RANK="0")
import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
import torchtitan.distributed.parallel_dims as parallel_dims

parallel_dims.device_type = "cpu"
dist.init_process_group("fake", rank=0, world_size=4, store=FakeStore())
from torchtitan.components import loss as losses
from torchtitan.config import CompileConfig, ParallelismConfig, TrainingConfig
from torchtitan.distributed import ParallelDims, utils
from torchtitan.models.llama3 import llama3_configs, parallelize_llama

config = llama3_configs["debugmodel"](attn_backend="flex")
config.layers = []
parallelism = ParallelismConfig(data_parallel_shard_degree=4)
config.update_from_config(config=type("Job", (), {"parallelism": parallelism}))
dims = ParallelDims(dp_replicate=1, dp_shard=4, cp=1, tp=1, pp=1, ep=1, world_size=4, spmd_backend=parallelism.spmd_backend)
utils.set_spmd_backend(parallelism.spmd_backend)
with torch.device("meta"):
    model = config.build()
model = parallelize_llama(model, parallel_dims=dims, training=TrainingConfig(), parallelism=parallelism,
                          compile_config=CompileConfig(), ac_config=None, dump_folder="")
model.to_empty(device="cpu")
with torch.no_grad():
    model.init_weights(buffer_device=None)
model._skip_lm_head = True
chunked = losses.ChunkedLossWrapper.Config(num_chunks=4).build(compile_config=CompileConfig())
chunked.set_lm_head(model.lm_head)
head = next(param for param in model.lm_head._get_fsdp_state()._fsdp_param_group.fsdp_params if len(param._orig_size) == 2)
states = []
add = losses.GradAccumulator.add


def watched(self, gradient):
    whole = head.unsharded_accumulated_grad
    states.append((None if whole is None else (str(whole.dtype), whole.numel() == head._orig_size.numel()), head.sharded_param.grad is not None))
    add(self, gradient)


losses.GradAccumulator.add = watched
tokens = torch.zeros((2, 16), dtype=torch.long)
with utils.get_spmd_context(parallel_dims=dims, spmd_typechecking=False)():
    chunked(model(tokens), tokens, torch.tensor(32))
for state in states:
    print("whole gradient and its type; sharded gradient there:", *state)
sys.exit(states != [(("torch.float32", True), False)] * 3 + [(None, True)])
PYTHON
"$folder/env/bin/python" "$folder/run.py"
