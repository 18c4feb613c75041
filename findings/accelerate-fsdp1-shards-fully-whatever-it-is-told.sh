#!/usr/bin/env bash
# The Trainer's FSDP1 shards fully whatever `reshard_after_forward` says: `shard_grad_op` is carried to the plugin and not read.
#
# Versions: transformers 5.23.0, accelerate 1.15.0, torch 2.15.0, on the CPU.
# Guess: fsdp_config = {"version": 1, "reshard_after_forward": "shard_grad_op"}, which takes the place of the old
#   fsdp="shard_grad_op", makes FullyShardedDataParallel keep gathered weights until they have gone back.
# Seen: TrainingArguments hands the word to FullyShardedDataParallelPlugin, whose sharding_strategy stays FULL_SHARD with either
#   word; only the environment variable FSDP_SHARDING_STRATEGY reaches it. A run that was meant to trade memory for one
#   gathering less a step does not: it holds two layers at a time and gathers every layer twice.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 accelerate==1.15.0

cat > "$folder/run.py" <<'PYTHON'
import os, sys, tempfile, warnings
warnings.filterwarnings("ignore")
os.environ["ACCELERATE_USE_CPU"] = "true"
import transformers
from accelerate.utils import FullyShardedDataParallelPlugin
from transformers import TrainingArguments

transformers.logging.set_verbosity_error()


def strategy(word):
    config = {"version": 1, "reshard_after_forward": word}
    arguments = TrainingArguments(output_dir=tempfile.mkdtemp(), use_cpu=True, fsdp=True, fsdp_config=config)
    assert arguments.fsdp_plugin_args["reshard_after_forward"] == word
    # Without a card nothing can be synchronized; that has no say in the strategy.
    given = arguments.fsdp_plugin_args | {"sync_module_states": False}
    return FullyShardedDataParallelPlugin(**given).sharding_strategy.name


told = {word: strategy(word) for word in ("shard_grad_op", "full_shard")}
os.environ["FSDP_SHARDING_STRATEGY"] = "SHARD_GRAD_OP"
by_environment = strategy("full_shard")
print(told, "by the environment:", by_environment)
sys.exit(told != {"shard_grad_op": "FULL_SHARD", "full_shard": "FULL_SHARD"} or by_environment != "SHARD_GRAD_OP")
PYTHON
"$folder/env/bin/python" "$folder/run.py"
