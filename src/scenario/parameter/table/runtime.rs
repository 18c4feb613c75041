//! The rows of `[runtime]`.

use super::super::{Parameter, Step};
use super::applies::{by_pytorch, in_detail, on_metal};

pub(super) const RUNTIME: &[Parameter] = &[
    row!(runtime.alloc_conf)
        .suggesting(&["", "expandable_segments:True", "max_split_size_mb:128"])
        .label("alloc conf")
        .when(by_pytorch)
        .help("PYTORCH_ALLOC_CONF, as in expandable_segments:True"),
    row!(runtime.placement)
        .label("placement")
        .when(by_pytorch)
        .help("how weights come to the card: .to(\"cuda\"), from_pretrained(device_map=...), made there"),
    row!(runtime.context_mib)
        .within([0, 1 << 20], Step::Multiple(50))
        .label("cuda context")
        .unit("MiB")
        .when(in_detail)
        .help("what the process takes outside PyTorch's allocator: the CUDA context and loaded kernels"),
    row!(runtime.margin_mib)
        .within([0, 1 << 30], Step::Multiple(256))
        .label("margin")
        .unit("MiB")
        .when(in_detail)
        .help("what is to stay free on the card"),
    row!(runtime.free_mib)
        .within([1, 1 << 30], Step::Multiple(1024))
        .label("free now")
        .unit("MiB")
        .help("what is free of the card now, as 17GiB, where others hold the rest; unset: all of it"),
    row!(runtime.wired_limit_mib)
        .within([0, 1 << 30], Step::Multiple(1024))
        .label("wired limit")
        .unit("MiB")
        .when(on_metal)
        .help("what Metal may wire of unified memory (sysctl iogpu.wired_limit_mb); unset: its own share of RAM"),
];
