//! The rows of which model, which card, how many, and how it is looked at.

use super::super::{Kind, Parameter, Step};
use super::applies::{always, in_detail};
use super::values::{count, optional_text, text, word};
use crate::scenario::Value;
use crate::scenario::choices::{Estimator, Task};
use crate::scenario::profile::Framework;

pub(super) const RUN: &[Parameter] = &[
    Parameter {
        key: "model",
        label: "model",
        unit: "",
        help: "a preset id, or the path of a preset or config.json",
        kind: Kind::Word,
        applies: always,
        get: |s| Value::Word(s.model.clone()),
        set: |s, value| text(value).map(|text| s.model = text),
    },
    Parameter {
        key: "gpu",
        label: "gpu",
        unit: "",
        help: "the id of the card that capacity is taken from",
        kind: Kind::Word,
        applies: always,
        get: |s| s.gpu.clone().map_or(Value::Unset, Value::Word),
        set: |s, value| optional_text(value).map(|text| s.gpu = text),
    },
    Parameter {
        key: "gpus",
        label: "gpus",
        unit: "GPUs",
        help: "GPUs in the whole job",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: false },
        applies: in_detail,
        get: |s| Value::Count(s.gpus),
        set: |s, value| count(value).map(|count| s.gpus = count),
    },
    Parameter {
        key: "task",
        label: "task",
        unit: "",
        help: "training or inference",
        kind: Kind::Choice { words: Task::WORDS, covered: &["train", "infer"], optional: false },
        applies: always,
        get: |s| Value::Word(s.task.word().to_owned()),
        set: |s, value| word(value, Task::from_word).map(|choice| s.task = choice),
    },
    Parameter {
        key: "framework",
        label: "framework",
        unit: "",
        help: "the implementation whose habits are described",
        kind: Kind::Framework,
        applies: in_detail,
        get: |s| Value::Word(s.framework.word().to_owned()),
        set: |s, value| {
            text(value).map(|word| {
                if word != s.framework.word() {
                    s.framework = Framework::named(&word);
                }
            })
        },
    },
    Parameter {
        key: "estimator",
        label: "estimator",
        unit: "",
        help: "every byte named, or the rule of thumb",
        kind: Kind::Choice { words: Estimator::WORDS, covered: &["ledger", "sketch"], optional: false },
        applies: always,
        get: |s| Value::Word(s.estimator.word().to_owned()),
        set: |s, value| word(value, Estimator::from_word).map(|choice| s.estimator = choice),
    },
];
