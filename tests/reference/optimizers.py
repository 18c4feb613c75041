#!/usr/bin/env python3
"""States that optimizers of further libraries keep for one tensor, in the form of optimizers.json: optimizers.py

Needs torch, transformers, torchao 0.18, galore_torch 1.0, apollo_torch 1.0.3 and schedulefree 1.4.1. Settings are those that
the Trainer of Transformers 5.23 gives them. A step runs on the CPU.
"""

import json

import torch

SHAPES = [[100, 30], [1000, 768], [768, 1000], [512, 512], [64, 64], [64, 1536], [4, 300, 200], [5000], [8192], [64]]
LOW_RANK = {"rank": 128, "update_proj_gap": 200, "proj_type": "std"}


def make(name, parameter):
    if name == "galore":
        from galore_torch import GaLoreAdamW
        group = {"params": [parameter], **(LOW_RANK | {"scale": 0.25} if parameter.ndim == 2 else {})}
        return GaLoreAdamW([group], lr=1e-4, no_deprecation_warning=True)
    if name == "apollo":
        from apollo_torch import APOLLOAdamW
        own = LOW_RANK | {"proj": "random", "scale_type": "channel", "scale": 1.0}
        return APOLLOAdamW([{"params": [parameter], **(own if parameter.ndim == 2 else {})}], lr=1e-4)
    if name == "schedule-free":
        from schedulefree import AdamWScheduleFree
        optimizer = AdamWScheduleFree([parameter], lr=1e-4)
        optimizer.train()
        return optimizer
    from torchao.optim import AdamW4bit, AdamW8bit
    return (AdamW8bit if "8bit" in name else AdamW4bit)([parameter], lr=1e-4, block_size=256)


def tensors(value):
    if isinstance(value, torch.Tensor) and hasattr(value, "tensor_attrs"):
        return [getattr(value, name) for name in value.tensor_attrs]
    if isinstance(value, torch.Tensor):
        # The storage counts: a view keeps all of it. A step that is counted on the CPU takes nothing of the card.
        return [] if value.ndim == 0 and value.dtype == torch.float32 and value.item() == 1 else [value]
    return [value.ortho_matrix] if hasattr(value, "ortho_matrix") else []


def main():
    # What is compiled is a step; its states are the same without.
    torch.compile = lambda function, **_: lambda *_: None
    rows = []
    for name in ["adamw-8bit-torchao", "adamw-4bit-torchao", "galore", "apollo", "schedule-free"]:
        for shape in SHAPES:
            for dtype in (torch.float32, torch.bfloat16):
                parameter = torch.nn.Parameter(torch.randn(shape).to(dtype))
                parameter.grad = torch.randn(shape).to(dtype)
                optimizer = make(name, parameter)
                optimizer.step()
                states = [tensor for value in optimizer.state[parameter].values() for tensor in tensors(value)]
                described = [[list(it.shape), str(it.dtype)[6:], it.untyped_storage().nbytes()] for it in states]
                rows.append({"optimizer": name, "shape": shape, "dtype": "fp32" if dtype == torch.float32 else "bf16",
                             "states": described, "bytes": sum(row[2] for row in described)})
    print(",\n".join(json.dumps(row, separators=(",", ":")) for row in rows))


if __name__ == "__main__":
    main()
