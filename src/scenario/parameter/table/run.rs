//! The rows of which model, which card, how many, and how it is looked at.

use super::super::{Kind, Parameter, Step};
use super::applies::in_detail;
use super::field::Field;
use crate::scenario::Value;
use crate::scenario::profile::Framework;

pub(super) const RUN: &[Parameter] = &[
    row!(model)
        .picked()
        .label("model")
        .help("a preset id, or the path of a preset, config.json, GGUF or safetensors file"),
    row!(gpu).picked().label("gpu").help("the id of the card that capacity is taken from"),
    row!(gpus)
        .within([1, 1 << 20], Step::Double)
        .label("gpus")
        .unit("GPUs")
        .when(in_detail)
        .help("GPUs in the whole job"),
    row!(task).label("task").help("training or inference"),
    Parameter {
        key: "framework",
        label: "framework",
        unit: "",
        help: "the implementation whose habits are described",
        kind: Kind::Framework,
        applies: in_detail,
        get: |s| Value::Word(s.framework.word().to_owned()),
        // A profile that was found stays with its word.
        set: |s, value| {
            String::of(value).map(|word| {
                if word != s.framework.word() {
                    s.framework = Framework::named(&word);
                }
            })
        },
    },
    row!(estimator).label("estimator").help("every byte named, or the rule of thumb"),
];
