//! A run that serves under each type of weights and of caches.

use super::advice::Subject;
use crate::memory::{Fit, Verdict, check, played};
use crate::scenario::Value;
use crate::scenario::parameter::Parameter;
use crate::units::Bytes;

/// What the run needs with each type of weights, by the type of its caches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Types {
    /// The types of caches that can be run, a column each.
    pub caches: Vec<&'static str>,
    /// The types of weights that can be run, and what is needed with each of the caches.
    pub weights: Vec<(&'static str, Vec<Cell>)>,
}

/// What is needed, and what to make of it on the card; nothing where that cannot be run.
pub type Cell = Option<(Bytes, Verdict)>;

/// The keys that differ: rows, then columns.
pub const KEYS: [&str; 2] = ["infer.weights", "infer.kv_cache"];

/// A run that serves under each type of weights and of caches that its framework has, each by its own ledger; what came of
/// it so far where that is cancelled.
pub fn types(subject: Subject<'_>) -> Types {
    let Subject { model, scenario, gpu, is_cancelled } = subject;
    let run = |weights: &str, cache: &str| {
        let mut run = scenario.clone();
        for (key, word) in KEYS.into_iter().zip([weights, cache]) {
            Parameter::by_key(key).ok()?.set(&mut run, Value::Word(word.to_owned())).ok()?;
        }
        check(model, &run).is_ok().then_some(run)
    };
    let [weights, caches] = KEYS.map(Parameter::words);
    let can_be = |cache: &&'static str| weights.iter().any(|word| run(word, cache).is_some());
    let caches: Vec<&'static str> = caches.iter().copied().filter(can_be).collect();
    let cell = |weights: &str, cache: &str| {
        let run = run(weights, cache).filter(|_| !is_cancelled())?;
        let fit = Fit::of(&played(model, &run, Some(gpu)).ok()?, gpu).ok()?;
        Some((fit.needs, fit.verdict))
    };
    let row = |weights: &&'static str| -> (&'static str, Vec<Cell>) {
        (*weights, caches.iter().map(|cache| cell(weights, cache)).collect())
    };
    let rows = weights.iter().map(row).filter(|(_, cells)| cells.iter().any(Option::is_some)).collect();
    Types { weights: rows, caches }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;
    use crate::scenario::{Scenario, Task};

    #[test]
    fn every_cell_is_a_ledger_of_its_own() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.2-1b").unwrap(), library.gpu("rtx-4090").unwrap());
        for framework in ["vllm", "llama.cpp", "transformers"] {
            let framework = library.framework(framework).unwrap();
            let mut scenario = Scenario { task: Task::Infer, framework, ..Scenario::default() };
            scenario.follow_framework(|_| false);
            let found = types(Subject { model, scenario: &scenario, gpu, is_cancelled: &|| false });
            assert!(found.weights.len() > 2 && !found.caches.is_empty(), "{found:?}");
            let [weights, cache] = KEYS.map(|key| Parameter::by_key(key).unwrap().get(&scenario).to_string());
            let row = found.weights.iter().find(|(word, _)| *word == weights).unwrap();
            let column = found.caches.iter().position(|word| *word == cache).unwrap();
            let fit = Fit::of(&played(model, &scenario, Some(gpu)).unwrap(), gpu).unwrap();
            assert_eq!(row.1[column], Some((fit.needs, fit.verdict)));
        }
    }

    #[test]
    fn what_is_cancelled_is_not_computed() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.2-1b").unwrap(), library.gpu("rtx-4090").unwrap());
        let scenario = Scenario { task: Task::Infer, ..Scenario::default() };
        let found = types(Subject { model, scenario: &scenario, gpu, is_cancelled: &|| true });
        assert!(found.weights.is_empty());
    }
}
