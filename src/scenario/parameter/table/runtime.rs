//! The rows of `[runtime]`.

use super::super::{Kind, Parameter, Step};
use super::applies::in_detail;
use super::values::{count, optional_count, text, word};
use crate::scenario::Value;
use crate::scenario::choices::Placement;

pub(super) const RUNTIME: &[Parameter] = &[
    Parameter {
        key: "runtime.alloc_conf",
        label: "alloc conf",
        unit: "",
        help: "PYTORCH_ALLOC_CONF, as in expandable_segments:True",
        kind: Kind::Text { suggestions: &["", "expandable_segments:True", "max_split_size_mb:128"] },
        applies: in_detail,
        get: |s| Value::Word(s.runtime.alloc_conf.clone()),
        set: |s, value| text(value).map(|text| s.runtime.alloc_conf = text),
    },
    Parameter {
        key: "runtime.placement",
        label: "placement",
        unit: "",
        help: "how weights come to the card: .to(\"cuda\"), from_pretrained(device_map=...), made there",
        kind: Kind::Choice { words: Placement::WORDS, covered: &["to", "device_map", "build"], optional: true },
        applies: in_detail,
        get: |s| s.runtime.placement.map_or(Value::Unset, |placement| Value::Word(placement.word().to_owned())),
        set: |s, value| match value {
            Value::Unset => {
                s.runtime.placement = None;
                Ok(())
            }
            value => word(value, Placement::from_word).map(|choice| s.runtime.placement = Some(choice)),
        },
    },
    Parameter {
        key: "runtime.context_mib",
        label: "cuda context",
        unit: "MiB",
        help: "what the process takes outside PyTorch's allocator: the CUDA context and loaded kernels",
        kind: Kind::Count { min: 0, max: 1 << 20, step: Step::Multiple(50), optional: true },
        applies: in_detail,
        get: |s| s.runtime.context_mib.map_or(Value::Unset, Value::Count),
        set: |s, value| optional_count(value).map(|count| s.runtime.context_mib = count),
    },
    Parameter {
        key: "runtime.margin_mib",
        label: "margin",
        unit: "MiB",
        help: "what is to stay free on the card",
        kind: Kind::Count { min: 0, max: 1 << 30, step: Step::Multiple(256), optional: false },
        applies: in_detail,
        get: |s| Value::Count(s.runtime.margin_mib),
        set: |s, value| count(value).map(|count| s.runtime.margin_mib = count),
    },
];
