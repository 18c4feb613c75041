//! The rule of thumb that this project began with, kept as a lens.
//!
//! It counts elements of `4·L·C²` parameters and `B·N·L·T·(T + 2D)` activations, where C = N·D: queries, keys,
//! values and an MLP of width C, and nothing else: no norms, biases or embeddings, no wider MLP, no fused attention.

use std::borrow::Cow;

use crate::ledger::{
    Alive, Category, Division, Entry, EstimateError, Exactness, Instant, Ledger, Lifetime, Origin, Place, Step,
};
use crate::model::Model;
use crate::scenario::{Precision, Scenario, Task};
use crate::shape::{Dim, Shape};
use crate::units::{Bits, Bytes, Overflow};

const SOURCE: &str = "the founding derivation (design, section 5)";

/// What the rule of thumb says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sketch {
    /// `4·L·C²` elements, bytes.
    pub parameters: Bytes,
    /// As large as the model at most, bytes.
    pub gradients: Bytes,
    /// `B·N·L·T·(T + 2D)` elements, bytes.
    pub activations: Bytes,
    /// Activations over model: `B·T·(T + 2D) / (4·N·D²)`.
    pub ratio: f64,
    /// What the ratio tends to where T ≫ D: `B·T² / (4·N·D²)`.
    pub long_sequence_ratio: f64,
}

/// B, N, D, L and T of the derivation, and the bits of an element.
#[derive(Debug, Clone, Copy)]
struct Terms {
    batch: u64,
    heads: u64,
    head_dim: u64,
    layers: u64,
    tokens: u64,
    /// Of an element of the model, and of activations.
    bits: [Bits; 2],
}

impl Terms {
    fn of(model: &Model, scenario: &Scenario) -> Self {
        let architecture = &model.architecture;
        let heads = architecture.attentions().next().map(|attention| (attention.heads, attention.head_dim));
        // A model without attention is as wide as its residual stream.
        let (heads, head_dim) = heads.unwrap_or((1, architecture.hidden_size));
        let (batch, tokens, [weights, activations]) = match scenario.task {
            Task::Train => (
                scenario.train.micro_batch_size,
                scenario.train.sequence_length,
                match scenario.train.precision {
                    Precision::Fp32 => [32; 2],
                    Precision::Fp8Master => [8; 2],
                    _ => [16; 2],
                },
            ),
            Task::Infer => {
                let bits = match scenario.infer.weights.as_str() {
                    "fp32" => [32; 2],
                    word => [nominal_bits(word), 16],
                };
                (scenario.infer.concurrency, scenario.infer.context_length, bits)
            }
        };
        Self {
            batch,
            heads,
            head_dim,
            layers: architecture.num_hidden_layers(),
            tokens,
            bits: [Bits::whole(weights), Bits::whole(activations)],
        }
    }

    /// `L × [4, N, D, N, D]`.
    fn model_shape(&self) -> Shape {
        let (n, d) = (Dim { symbol: "N", size: self.heads }, Dim { symbol: "D", size: self.head_dim });
        Shape::new(&[Dim { symbol: "", size: 4 }, n, d, n, d])
    }

    /// `L × [B, N, T, T + 2D]`.
    fn activation_shape(&self) -> Result<Shape, Overflow> {
        let two_heads = self.head_dim.checked_mul(2).ok_or(Overflow)?;
        Ok(Shape::new(&[
            Dim { symbol: "B", size: self.batch },
            Dim { symbol: "N", size: self.heads },
            Dim { symbol: "T", size: self.tokens },
            Dim { symbol: "(T+2D)", size: self.tokens.checked_add(two_heads).ok_or(Overflow)? },
        ]))
    }

    fn bytes(&self, shape: &Shape, bits: Bits) -> Result<Bytes, Overflow> {
        bits.bytes(shape.elements()?)?.checked_mul(self.layers)
    }
}

/// The bits that a type of weights is named after: the rule of thumb knows no scales.
fn nominal_bits(word: &str) -> u32 {
    let digits = |text: &str| text.chars().find_map(|letter| letter.to_digit(10));
    match word {
        "bf16" | "fp16" | "native" => 16,
        // `q4_k_m`, `nf4`, `gptq-int4`, `fp8`: the first digit.
        word => digits(word).unwrap_or(16),
    }
}

/// The sketch of a model run as a scenario says.
pub fn sketch(model: &Model, scenario: &Scenario) -> Result<Sketch, EstimateError> {
    let terms = Terms::of(model, scenario);
    let [weights, values] = terms.bits;
    let parameters = terms.bytes(&terms.model_shape(), weights)?;
    let activations = terms.bytes(&terms.activation_shape()?, values)?;
    Ok(Sketch {
        parameters,
        gradients: parameters,
        activations,
        ratio: activations.ratio(parameters),
        long_sequence_ratio: long_sequence_ratio(&terms),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a ratio to show")]
fn long_sequence_ratio(terms: &Terms) -> f64 {
    let (batch, tokens) = (terms.batch as f64, terms.tokens as f64);
    let (heads, head_dim) = (terms.heads as f64, terms.head_dim as f64);
    batch * tokens * tokens / (4.0 * heads * head_dim * head_dim)
}

/// The sketch as a ledger: parameters, gradients and activations, all present at once.
pub(super) fn ledger(model: &Model, scenario: &Scenario) -> Result<Ledger, EstimateError> {
    let terms = Terms::of(model, scenario);
    let [weights, values] = terms.bits;
    let instant = match scenario.task {
        Task::Train => Instant::ForwardEnd,
        Task::Infer => Instant::Prefill,
    };
    let entry = |category, name: &'static str, (shape, bits): (Shape, Bits), lifetime| -> Result<Entry, Overflow> {
        Ok(Entry {
            category,
            name: Cow::Borrowed(name),
            place: Place::Layers(0, terms.layers - 1),
            shape,
            bits,
            count: terms.layers,
            divided: Division::NONE,
            bytes: terms.bytes(&shape, bits)?,
            lifetime,
            alive: Alive::at([instant]),
            exactness: Exactness::Exact,
            source: SOURCE,
            origin: Origin::Shapes,
        })
    };
    let mut entries = vec![entry(
        Category::Parameters,
        "query, key, value and MLP matrices",
        (terms.model_shape(), weights),
        Lifetime::Persistent,
    )?];
    if scenario.task == Task::Train {
        entries.push(entry(
            Category::Gradients,
            "gradients of the matrices",
            (terms.model_shape(), weights),
            Lifetime::Persistent,
        )?);
    }
    entries.push(entry(
        Category::Activations,
        "scores and outputs of attention and MLP",
        (terms.activation_shape()?, values),
        Lifetime::Saved,
    )?);
    let place = String::from("all at once, by a rule of thumb");
    Ok(Ledger::close(entries, vec![(Step::First, instant, place.clone()), (Step::Steady, instant, place)], None)?)
}
