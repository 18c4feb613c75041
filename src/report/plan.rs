//! Layouts as rows: what sets each apart, what it needs, and where its time goes by estimate.

use super::csv::write;
use crate::memory::Layout;
use crate::scenario::{Scenario, Strategy};
use crate::solve::plan::{Plan, Planned};

/// What sets a layout apart from others, in a few words: `fsdp2`, `deepspeed zero 2`, `tp 4 pp 2 dp 4`.
pub fn layout_words(scenario: &Scenario) -> String {
    match Layout::of(scenario) {
        Ok(layout) if layout.world == 1 => String::from("on one GPU"),
        Ok(layout) if scenario.framework.lays_out("strategy") => {
            let divided = (layout.tensor > 1).then(|| format!("tp {}", layout.tensor));
            // GPUs that all divide the same matrices are one replica, which nothing spreads.
            let spread =
                (layout.tensor < layout.world).then(|| strategy_words(scenario.parallel.strategy, layout.zero));
            divided.into_iter().chain(spread).collect::<Vec<_>>().join(" ")
        }
        Ok(layout) => axes(&layout, scenario),
        Err(_) => String::new(),
    }
}

/// What spreads replicas, and how far it divides them.
fn strategy_words(strategy: Strategy, zero: u64) -> String {
    match (strategy, zero) {
        (Strategy::Deepspeed, zero) => format!("deepspeed zero {zero}"),
        (Strategy::Fsdp1 | Strategy::Fsdp2, 2) => format!("{} without reshard", strategy.word()),
        _ => strategy.word().to_owned(),
    }
}

/// The axes along which there are several GPUs, and whether stages of a pipeline have unequal numbers of layers.
fn axes(layout: &Layout, scenario: &Scenario) -> String {
    // Unless something else is said, an expert's matrices are divided as all others.
    let of_experts = (layout.expert_tensor != layout.tensor).then_some(layout.expert_tensor);
    let axes = [
        ("tp", layout.tensor),
        ("pp", layout.pipeline),
        ("vpp", layout.virtual_pipeline),
        ("cp", layout.context),
        ("ep", layout.expert),
        ("etp", of_experts.unwrap_or(1)),
        ("dp", layout.data),
    ];
    let mut words = Vec::new();
    for (axis, size) in axes {
        if size > 1 || axis == "etp" && of_experts.is_some() {
            words.push(format!("{axis} {size}"));
        }
        if axis == "pp" && size > 1 && scenario.megatron.has_unequal_stages() {
            words.push(String::from("uneven"));
        }
    }
    // States that not all replicas divide.
    if layout.shard < layout.data && scenario.framework.lays_out("shard_size") {
        words.push(format!("shard {}", layout.shard));
    }
    words.join(" ")
}

/// A row in words: its layout, micro batch, and what is computed again.
pub fn row_words(scenario: &Scenario) -> String {
    let train = &scenario.train;
    format!("{}, micro batch {}, recompute {}", layout_words(scenario), train.micro_batch_size, train.recompute.word())
}

/// The largest share of a step that is no computation for its own sake, and the name of it.
pub fn most_lost(planned: &Planned) -> Option<(&'static str, f64)> {
    planned.cost.lost().into_iter().max_by(|one, other| one.1.total_cmp(&other.1)).filter(|(_, share)| *share >= 0.005)
}

/// The shares of a step that can be seen, by name: computation, then what is none for its own sake.
pub fn shares(planned: &Planned) -> Vec<(&'static str, f64)> {
    let lost = planned.cost.lost();
    let compute = 1.0 - lost.iter().map(|(_, share)| share).sum::<f64>();
    let all = [("compute", compute)].into_iter().chain(lost);
    all.filter(|(_, share)| *share >= 0.005).collect()
}

/// A row for each layout that fits.
pub fn csv(plan: &Plan) -> String {
    let header = [
        "layout",
        "micro_batch_size",
        "recompute",
        "needs",
        "headroom",
        "verdict",
        "tokens_per_second_per_gpu",
        "stage",
    ];
    let rows = plan.fitting.iter().map(|planned| {
        vec![
            layout_words(&planned.scenario),
            planned.scenario.train.micro_batch_size.to_string(),
            planned.scenario.train.recompute.word().to_owned(),
            planned.fit.needs.get().to_string(),
            planned.fit.headroom.get().to_string(),
            planned.fit.verdict.id().to_owned(),
            format!("{:.0}", planned.cost.tokens_per_gpu()),
            planned.stage.to_string(),
        ]
    });
    write(&header, rows)
}
