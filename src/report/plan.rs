//! Layouts as rows: what sets each apart, what it needs, and where its time goes by estimate.

use super::csv::write;
use crate::memory::Layout;
use crate::scenario::{Recompute, Scenario, Strategy};
use crate::solve::plan::{Plan, Planned};

/// What sets a layout apart from others, in a few words: `fsdp2`, `deepspeed zero 2`, `tp 4 sp pp 2 dp 4`.
pub fn layout_words(scenario: &Scenario) -> String {
    let Ok(layout) = Layout::of(scenario) else { return String::new() };
    if layout.world == 1 {
        return String::from("on one GPU");
    }
    if scenario.framework.lays_out("strategy") {
        return match (scenario.parallel.strategy, layout.zero) {
            (Strategy::Deepspeed, zero) => format!("deepspeed zero {zero}"),
            (strategy @ (Strategy::Fsdp1 | Strategy::Fsdp2), 2) => format!("{} without reshard", strategy.word()),
            (strategy, _) => strategy.word().to_owned(),
        };
    }
    let axes = [
        ("tp", layout.tensor),
        ("pp", layout.pipeline),
        ("vpp", layout.virtual_pipeline),
        ("cp", layout.context),
        ("ep", layout.expert),
        ("dp", layout.data),
    ];
    let words: Vec<String> =
        axes.iter().filter(|(_, size)| *size > 1).map(|(axis, size)| format!("{axis} {size}")).collect();
    words.join(" ")
}

/// What is computed again.
pub fn recompute_words(scenario: &Scenario) -> &'static str {
    match scenario.train.recompute {
        Recompute::None => "none",
        Recompute::Selective => "selective",
        Recompute::Full => "full",
    }
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
            recompute_words(&planned.scenario).to_owned(),
            planned.fit.needs.get().to_string(),
            planned.fit.headroom.get().to_string(),
            planned.fit.verdict.id().to_owned(),
            format!("{:.0}", planned.cost.tokens_per_gpu()),
            planned.stage.to_string(),
        ]
    });
    write(&header, rows)
}
