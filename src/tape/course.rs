//! The course of memory through a step, read off its recording.

use std::ops::Range;

use super::forward::Forward;
use super::timeline::Timeline;
use crate::ledger::{Course, End, Pass, Place, Stage};

/// The course of a recording whose `loss_backward` lies at this event.
pub(crate) fn course(recording: &Forward, timeline: &Timeline, loss_backward: usize) -> Course {
    let end = |events: &Range<usize>| End {
        most: timeline.most(events.clone()),
        after: timeline.total(events.end.saturating_sub(1)),
    };
    let block = |pass, place, events: Range<usize>| Stage { pass, place, ends: [end(&events); 2] };
    let (stretches, known) = (&recording.stretches, recording.loss_known);
    // What is held against a reference has passes without a way back.
    let trained = || stretches.iter().filter(|stretch| !stretch.last_backward.is_empty());
    let forward_start = stretches.first().map_or(known, |stretch| stretch.first_forward.start);
    let forward_end = stretches.last().map_or(forward_start, |stretch| stretch.last_forward.end);
    let backward_start = trained().next_back().map_or(recording.head_backward, |stretch| stretch.last_backward.start);
    let mut stages = Vec::with_capacity(2 * stretches.len() + 5);
    stages.push(block(Pass::Forward, Place::Embedding, 0..forward_start));
    stages.extend(stretches.iter().map(|stretch| Stage {
        pass: Pass::Forward,
        place: Place::Layers(stretch.first, stretch.first + stretch.layers - 1),
        ends: [end(&stretch.first_forward), end(&stretch.last_forward)],
    }));
    stages.push(block(Pass::Forward, Place::Head, forward_end..known));
    stages.push(block(Pass::Backward, Place::Loss, recording.backward_start..recording.head_backward));
    stages.push(block(Pass::Backward, Place::Head, recording.head_backward..backward_start));
    stages.extend(trained().rev().map(|stretch| Stage {
        pass: Pass::Backward,
        place: Place::Layers(stretch.first, stretch.first + stretch.layers - 1),
        ends: [end(&stretch.last_backward), end(&stretch.first_backward)],
    }));
    let last = recording.tape.events.len();
    stages.push(block(Pass::Backward, Place::Embedding, recording.embedding_backward..last));
    Course::new(stages, timeline.total(loss_backward))
}

#[cfg(test)]
mod tests {
    use crate::ledger::{Instant, Pass, Place, Step};
    use crate::memory::tracked;
    use crate::preset::Library;
    use crate::scenario::{Recompute, Scenario};

    #[test]
    fn the_course_peaks_where_the_instants_do() {
        let library = Library::embedded();
        for id in ["gpt2", "llama-3.2-1b", "gemma-2-2b", "deepseek-v3", "mixtral-8x7b-v0.1"] {
            let Ok(model) = library.model(id) else { continue };
            for recompute in [Recompute::None, Recompute::Full] {
                let mut scenario = Scenario::default();
                scenario.train.recompute = recompute;
                scenario.train.sequence_length = 512;
                if id == "gemma-2-2b" {
                    scenario.train.attention = crate::scenario::Attention::Eager;
                }
                let ledger = tracked(model, &scenario).unwrap();
                for step in [Step::First, Step::Steady] {
                    let stages = ledger.course(step);
                    let most = |pass: Pass, place: &dyn Fn(Place) -> bool| {
                        let stages = stages.iter().filter(|stage| stage.pass == pass && place(stage.place));
                        stages.flat_map(|stage| stage.ends).map(|end| end.most).max().unwrap()
                    };
                    let moment = |instant| {
                        let found = ledger.moments().iter().find(|m| m.step == step && m.instant == instant);
                        found.unwrap().total
                    };
                    let loss = most(Pass::Backward, &|place| place == Place::Loss);
                    assert_eq!(loss, moment(Instant::LossBackward), "{id}");
                    let inside = most(Pass::Backward, &|place| matches!(place, Place::Layers(..) | Place::Head));
                    assert_eq!(inside, moment(Instant::Backward), "{id}");
                    let embedding = most(Pass::Backward, &|place| place == Place::Embedding);
                    assert_eq!(embedding, moment(Instant::BackwardEnd), "{id}");
                    let layers: u64 = stages
                        .iter()
                        .filter(|stage| stage.pass == Pass::Forward)
                        .map(|stage| if let Place::Layers(first, last) = stage.place { last - first + 1 } else { 0 })
                        .sum();
                    assert_eq!(layers, model.architecture.num_hidden_layers());
                }
            }
        }
    }
}
