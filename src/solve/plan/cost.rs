//! What a step takes, term by term: an estimate by which layouts are ranked. Memory is what is promised.
//!
//! Every term is in seconds of one GPU for one optimizer step.

use crate::gpu::Gpu;
use crate::memory::Layout;
use crate::model::architecture::{Architecture, FeedForward};
use crate::model::{Model, parameters};
use crate::scenario::{Recompute, Scenario, Strategy};
use crate::units::{Overflow, Parameters};

/// The share of a card's peak rate that products of matrices come to in training: 0.4 to 0.55 are published for Megatron-LM
/// (Narayanan et al. 2021) and for Llama 3 (Dubey et al. 2024).
const EFFICIENCY: f64 = 0.5;

/// GB/s of one direction between cards of a node, where their preset says nothing: PCI Express 4.0 with 16 lanes.
const LINK_GB_S: f64 = 25.0;

/// GB/s of one direction between nodes for each card, where its preset says nothing: a port of 200 Gbit/s.
const NETWORK_GB_S: f64 = 25.0;

/// Dense TFLOP/s of a card whose preset says nothing.
const TFLOPS: f64 = 100.0;

/// The terms of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Forward and backward: `6·P·tokens` and `6·L·q·s·tokens` of causal attention, over the GPUs of a replica.
    pub compute: f64,
    /// What is computed again: a third of that with full recomputation, of attention alone with selective.
    pub recompute: f64,
    /// Four all-reduces of the residual stream in each layer, `2·(t−1)/t` of its bytes each; two more with full recomputation.
    pub tensor: f64,
    /// Keys and values of the others, once forward and twice back, `(c−1)/c` of them.
    pub context: f64,
    /// Four exchanges of the tokens of each mixture of experts, `(e−1)/e` of them.
    pub expert: f64,
    /// The pipeline fills and empties: `(p−1)/(v·m)` of what all micro batches take.
    pub bubble: f64,
    /// What passes from stage to stage.
    pub pipeline: f64,
    /// Gradients, and weights that are gathered, beyond what passes while something is computed.
    pub sharding: f64,
    /// Tokens of the step, over all GPUs.
    pub tokens: f64,
    /// GPUs.
    pub gpus: f64,
}

impl Cost {
    /// Seconds of a step.
    pub fn total(&self) -> f64 {
        self.compute
            + self.recompute
            + self.tensor
            + self.context
            + self.expert
            + self.bubble
            + self.pipeline
            + self.sharding
    }

    /// Tokens of a second and GPU.
    pub fn tokens_per_gpu(&self) -> f64 {
        self.tokens / (self.total() * self.gpus)
    }

    /// The shares of a step that are no computation for its own sake, by name.
    pub fn lost(&self) -> [(&'static str, f64); 7] {
        let total = self.total().max(f64::MIN_POSITIVE);
        [
            ("recompute", self.recompute / total),
            ("tensor", self.tensor / total),
            ("context", self.context / total),
            ("expert", self.expert / total),
            ("bubble", self.bubble / total),
            ("pipeline", self.pipeline / total),
            ("sharding", self.sharding / total),
        ]
    }

    /// The cost of a step of a run; nothing where its layout is wrong.
    pub fn of(model: &Model, scenario: &Scenario, gpu: &Gpu) -> Option<Self> {
        Rates::of(model, gpu).cost(model, scenario)
    }
}

/// What the cost of any layout of a model follows from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    links: Links,
    /// Parameters, and those that a token is multiplied by.
    all: f64,
    multiplied: f64,
}

impl Rates {
    /// Those of a model on a card.
    pub fn of(model: &Model, gpu: &Gpu) -> Self {
        let architecture = &model.architecture;
        let count = |parameters: Result<Parameters, Overflow>| parameters.map_or(0, Parameters::get);
        let active = count(parameters::active(architecture));
        // Looking up a table is no product, unless the head is the same.
        let table = if architecture.tie_word_embeddings {
            0
        } else {
            architecture.vocab_size.saturating_mul(architecture.embedding_size)
        };
        let all = real(count(parameters::count(architecture)));
        Self { links: Links::of(gpu), all, multiplied: real(active.saturating_sub(table)) }
    }

    /// The cost of a step of a run; nothing where its layout is wrong.
    pub fn cost(&self, model: &Model, scenario: &Scenario) -> Option<Cost> {
        let layout = Layout::of(scenario).ok()?;
        Some(Step { architecture: &model.architecture, scenario, layout, rates: *self, links: self.links }.cost())
    }
}

/// What cards exchange with, in bytes per second, and how fast they compute.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Links {
    inside: f64,
    outside: f64,
    flops: f64,
    node: u64,
}

impl Links {
    fn of(gpu: &Gpu) -> Self {
        Self {
            inside: gpu.link_gb_s.unwrap_or(LINK_GB_S) * 1e9,
            outside: gpu.network_gb_s.unwrap_or(NETWORK_GB_S) * 1e9,
            flops: gpu.bf16_tflops.unwrap_or(TFLOPS) * 1e12 * EFFICIENCY,
            node: gpu.node(),
        }
    }

    /// The link of a group of so many cards, of which every so many lie side by side.
    fn of_group(&self, size: u64, apart: u64) -> f64 {
        if size.saturating_mul(apart) <= self.node { self.inside } else { self.outside }
    }
}

/// A step under way to its cost.
struct Step<'a> {
    architecture: &'a Architecture,
    scenario: &'a Scenario,
    layout: Layout,
    rates: Rates,
    links: Links,
}

impl Step<'_> {
    fn cost(&self) -> Cost {
        let (layout, micro_batches) = (&self.layout, real(self.micro_batches()));
        let compute = micro_batches * self.compute();
        let recompute = micro_batches * self.recompute();
        let tensor = micro_batches * self.tensor();
        let context = micro_batches * self.context();
        let expert = micro_batches * self.expert();
        let pipeline = micro_batches * self.pipeline();
        let busy = compute + recompute + tensor + context + expert + pipeline;
        let stages = real(layout.pipeline - 1) / (real(layout.virtual_pipeline) * micro_batches);
        let bubble = busy * stages;
        let train = &self.scenario.train;
        let sequences = real(train.micro_batch_size) * micro_batches * real(layout.data);
        Cost {
            compute,
            recompute,
            tensor,
            context,
            expert,
            bubble,
            pipeline,
            sharding: self.sharding(compute + recompute),
            tokens: sequences * real(train.sequence_length),
            gpus: real(layout.world),
        }
    }

    /// Micro batches of a step.
    fn micro_batches(&self) -> u64 {
        let passes = self.scenario.train.gradient_accumulation_steps.max(1);
        // What has pipelines counts them for its schedules, and a loop of passes is another's.
        let counts = self.layout.pipeline > 1 || self.scenario.framework.lays_out("pipeline");
        if counts { self.scenario.parallel.micro_batches.max(passes) } else { passes }
    }

    /// Tokens of a micro batch on a GPU.
    fn tokens(&self) -> f64 {
        let train = &self.scenario.train;
        real(train.micro_batch_size) * real(train.sequence_length) / real(self.layout.context)
    }

    /// Layers of a stage.
    fn layers(&self) -> f64 {
        real(self.architecture.num_hidden_layers()) / real(self.layout.pipeline)
    }

    /// Seconds of attention's own products, forward and backward.
    fn attention(&self) -> f64 {
        let attention = self.architecture.attentions().next();
        let wide = attention.map_or(0.0, |attention| real(attention.heads) * real(attention.head_dim));
        let of_layer = 6.0 * wide * real(self.scenario.train.sequence_length) * self.tokens();
        of_layer * self.layers() / real(self.layout.tensor) / self.links.flops
    }

    fn compute(&self) -> f64 {
        let products = 6.0 * self.rates.multiplied * self.tokens();
        products / real(self.layout.tensor * self.layout.pipeline) / self.links.flops + self.attention()
    }

    fn recompute(&self) -> f64 {
        match self.scenario.train.recompute {
            Recompute::None => 0.0,
            // torchtitan keeps what attention gives, and every second product.
            Recompute::Selective if self.scenario.framework.builds_by("torchtitan") => {
                (self.compute() - self.attention()) / 6.0
            }
            Recompute::Selective => self.attention() / 3.0,
            Recompute::Full => self.compute() / 3.0,
        }
    }

    /// Bytes of the residual stream of a micro batch on a GPU.
    fn stream(&self) -> f64 {
        2.0 * self.tokens() * real(self.architecture.hidden_size)
    }

    fn tensor(&self) -> f64 {
        let ways = self.layout.tensor;
        let passes = if self.scenario.train.recompute == Recompute::Full { 6.0 } else { 4.0 };
        passes * self.layers() * 2.0 * others(ways) * self.stream() / self.links.of_group(ways, 1)
    }

    fn context(&self) -> f64 {
        let ways = self.layout.context;
        let attention = self.architecture.attentions().next();
        let keys = attention.map_or(0.0, |it| real(it.kv_heads) * real(it.head_dim)) / real(self.layout.tensor);
        let bytes = 2.0 * 2.0 * keys * self.tokens() * real(ways) * others(ways);
        3.0 * self.layers() * bytes / self.links.of_group(ways, self.layout.tensor)
    }

    fn expert(&self) -> f64 {
        let ways = self.layout.expert;
        let mixtures = self.architecture.groups.iter().filter_map(|group| match &group.layer.feed_forward {
            FeedForward::Experts(experts) => Some(real(group.layers) * real(experts.per_token)),
            _ => None,
        });
        let chosen: f64 = mixtures.sum::<f64>() / real(self.layout.pipeline);
        let bytes = chosen * self.stream() / real(self.layout.tensor) * others(ways);
        4.0 * bytes / self.links.of_group(ways, self.layout.tensor)
    }

    fn pipeline(&self) -> f64 {
        if self.layout.pipeline == 1 {
            return 0.0;
        }
        let divided = if self.layout.sequence { self.layout.tensor } else { 1 };
        let apart = self.layout.tensor * self.layout.context;
        let once = self.stream() / real(divided) / self.links.of_group(self.layout.pipeline, apart);
        2.0 * real(self.layout.virtual_pipeline) * once
    }

    /// What a replica exchanges beyond what passes while `busy` seconds are computed.
    fn sharding(&self, busy: f64) -> f64 {
        let layout = &self.layout;
        let group = layout.data * layout.context;
        if group == 1 {
            return 0.0;
        }
        let bytes = 2.0 * self.rates.all / real(layout.tensor * layout.pipeline * layout.expert.min(group));
        let link = self.links.of_group(group, layout.tensor);
        let gathers = match (self.scenario.parallel.strategy, layout.zero) {
            // Once forward and once back, for every micro batch; once where they stay.
            (Strategy::Fsdp1 | Strategy::Fsdp2, 2) => 1.0,
            (_, 3) => 2.0,
            _ => 0.0,
        };
        let micro_batches = real(self.micro_batches());
        let gathered = others(group) * bytes * gathers * micro_batches / link;
        let reduced = others(group) * bytes * if gathers > 0.0 { 1.0 } else { 2.0 } / link;
        // Gradients are reduced while the last micro batch goes back, weights are gathered all the while.
        let last = busy / micro_batches * 2.0 / 3.0;
        (gathered - (busy - last)).max(0.0) + (reduced - last).max(0.0)
    }
}

/// `(n−1)/n`: what comes from the others of a group.
fn others(ways: u64) -> f64 {
    (real(ways) - 1.0) / real(ways)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate of time")]
const fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;

    fn cost(gpus: u64, set: impl Fn(&mut Scenario)) -> Cost {
        let library = Library::embedded();
        let mut scenario = Scenario { gpus, ..Scenario::default() };
        set(&mut scenario);
        let gpu =
            Gpu { link_gb_s: Some(400.0), network_gb_s: Some(50.0), ..library.gpu("h100-sxm-80").unwrap().clone() };
        Cost::of(library.model("llama-3.1-8b").unwrap(), &scenario, &gpu).unwrap()
    }

    fn close(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} is not {expected}");
    }

    /// 8,030,261,248 parameters without a table of 128,256 × 4,096; 32 layers whose heads are 4,096 wide; 4,096 tokens.
    const FLOPS: f64 = 6.0 * (8_030_261_248.0 - 525_336_576.0) * 4096.0 + 32.0 * 6.0 * 4096.0 * 4096.0 * 4096.0;

    #[test]
    fn one_card_computes_and_does_nothing_else() {
        let one = cost(1, |_| ());
        close(one.compute, FLOPS / (989e12 * 0.5));
        close(one.total(), one.compute);
        close(one.tokens_per_gpu(), 4096.0 / one.compute);
        let again = cost(1, |it| it.train.recompute = Recompute::Full);
        close(again.recompute, again.compute / 3.0);
    }

    #[test]
    fn tensors_are_reduced_four_times_a_layer() {
        let two = cost(2, |it| it.parallel.tensor = 2);
        // Half of the stream's 4,096 × 4,096 × 2 bytes, there and back.
        close(two.tensor, 4.0 * 32.0 * 2.0 * 0.5 * 33_554_432.0 / 400e9);
        close(two.compute, FLOPS / 2.0 / (989e12 * 0.5));
        let apart = cost(16, |it| it.parallel.tensor = 16);
        close(apart.tensor, 4.0 * 32.0 * 2.0 * 15.0 / 16.0 * 33_554_432.0 / 50e9);
    }

    #[test]
    fn a_pipeline_fills_and_empties() {
        let stages = cost(4, |it| (it.parallel.pipeline, it.parallel.micro_batches) = (4, 8));
        close(stages.bubble, (stages.compute + stages.pipeline) * 3.0 / 8.0);
        let interleaved =
            cost(4, |it| (it.parallel.pipeline, it.parallel.micro_batches, it.parallel.virtual_pipeline) = (4, 8, 2));
        close(interleaved.bubble, (interleaved.compute + interleaved.pipeline) * 3.0 / 16.0);
    }

    #[test]
    fn gradients_pass_while_a_batch_goes_back() {
        let enough = cost(8, |_| ());
        // 7/8 of 16 GB twice, over 400 GB/s, against two thirds of what is computed.
        let passes = 2.0 * 7.0 / 8.0 * 2.0 * 8_030_261_248.0 / 400e9;
        close(enough.sharding.max(1e-12), (passes - enough.compute * 2.0 / 3.0).max(1e-12));
        let short = cost(8, |it| it.train.sequence_length = 128);
        assert!(short.sharding > 0.0, "little is computed meanwhile");
    }
}
