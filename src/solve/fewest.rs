//! The fewest cards on which a run fits, and the layout in which it does.

use super::bisect;
use super::layouts::layouts;
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, estimate, played};
use crate::model::Model;
use crate::scenario::Scenario;
use crate::units::Bytes;

/// The fewest cards.
#[derive(Debug, Clone, PartialEq)]
pub struct Fewest {
    /// The run on so many, in the layout that exchanges least of those that fit; nothing where no number is enough.
    pub run: Option<Box<Scenario>>,
    /// What that needs of each; where nothing fits, the least that was found.
    pub needs: Bytes,
    /// What the leanest layout on the next smaller number needs.
    pub fewer: Option<(u64, Bytes)>,
}

/// More cards than any job has.
const MOST: u32 = 17;

/// The fewest cards: of so many that a job would be given, one to a node's, then whole nodes.
///
/// # Errors
/// Where the run has no legal layout, or nobody waits for it any more.
pub fn fewest(
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Fewest, EstimateError> {
    let node = gpu.gpus_per_node.unwrap_or(8).max(1);
    let on = |gpus: u64| Scenario { gpus, ..scenario.clone() };
    let mut least: Option<(u64, Bytes)> = None;
    // Twice as many until it fits, then the fewest between.
    let counts: Vec<u64> = (0..=MOST).map(|power| 1 << power).collect();
    let mut best = None;
    for gpus in counts {
        if is_cancelled() {
            return Err(EstimateError::Cancelled);
        }
        match on_so_many(model, &on(gpus), gpu)? {
            Answer::Fits(run, needs) => {
                best = Some((run, needs));
                break;
            }
            Answer::Least(needs) => least = Some((gpus, needs)),
            Answer::Illegal => {}
        }
    }
    let Some((mut run, mut needs)) = best else {
        // Why not even the run itself has a ledger.
        let (_, needs) =
            least.map_or_else(|| Ok((1, estimate(model, &on(1), Some(gpu))?.total())), Ok::<_, EstimateError>)?;
        return Ok(Fewest { run: None, needs, fewer: None });
    };
    let step = if run.gpus > node { node } else { 1 };
    let below = run.gpus / 2 / step + 1;
    let above = run.gpus / step;
    if above > below {
        let fits = |units: u64| matches!(on_so_many(model, &on(units * step), gpu), Ok(Answer::Fits(..)));
        // The last that does not fit, of those between.
        let too_few = if fits(below) { below - 1 } else { bisect::last(below, above, |units| !fits(units)) };
        if let Answer::Fits(fewer, of_fewer) = on_so_many(model, &on((too_few + 1) * step), gpu)? {
            (run, needs) = (fewer, of_fewer);
        }
        if too_few >= below
            && let Answer::Least(needs) = on_so_many(model, &on(too_few * step), gpu)?
        {
            least = Some((too_few * step, needs));
        }
    }
    Ok(Fewest { run: Some(run), needs, fewer: least })
}

/// What so many cards come to.
enum Answer {
    /// It fits in this layout, with so much.
    Fits(Box<Scenario>, Bytes),
    /// It does not: the leanest layout needs so much.
    Least(Bytes),
    /// No layout is legal.
    Illegal,
}

fn on_so_many(model: &Model, scenario: &Scenario, gpu: &Gpu) -> Result<Answer, EstimateError> {
    let capacity = gpu.capacity().unwrap_or(Bytes::MAX);
    let mut least: Option<Bytes> = None;
    let mut lean = |needs: Bytes| least = Some(least.map_or(needs, |least| least.min(needs)));
    for run in layouts(model, scenario) {
        let total = estimate(model, &run, Some(gpu))?.total();
        if total > capacity {
            lean(total);
            continue;
        }
        let fit = Fit::of(&played(model, &run, Some(gpu))?, gpu)?;
        if fit.fits() {
            return Ok(Answer::Fits(Box::new(run), fit.needs));
        }
        lean(fit.needs);
    }
    Ok(least.map_or(Answer::Illegal, Answer::Least))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;

    #[test]
    fn one_fewer_does_not_fit() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-8b").unwrap(), library.gpu("h100-sxm-80").unwrap());
        let framework = library.framework("transformers").unwrap();
        let mut scenario = Scenario { framework, ..Scenario::default() };
        scenario.train.sequence_length = 8192;
        let found = fewest(model, &scenario, gpu, &|| false).unwrap();
        let run = found.run.unwrap();
        let fits =
            |gpus| matches!(on_so_many(model, &Scenario { gpus, ..scenario.clone() }, gpu), Ok(Answer::Fits(..)));
        assert!(fits(run.gpus) && run.gpus > 1 && !fits(run.gpus - 1), "{}", run.gpus);
        assert_eq!(found.fewer.map(|(gpus, _)| gpus), Some(run.gpus - 1));
    }
}
