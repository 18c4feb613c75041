//! What TRL's trainers run without gradients beside the pass that is trained: completions with other prompts, and the
//! reference that a policy is held against.

use super::Recording;
use crate::layers::Run;
use crate::scenario::{Objective, Reference};
use crate::shape::Dim;
use crate::tape::{Dtype, Tensor};

impl<'a> Recording<'a> {
    /// What comes before the pass that is trained: KTO's estimate of how far the policy is from its reference, from
    /// completions with other prompts; GRPO's reference, with no graph alive. Then the labels, by which prompts do not
    /// count. Gives back what is held until the loss is known, and what the embedding keeps.
    pub(crate) fn before_policy(&mut self) -> [Vec<Tensor>; 2] {
        let run = self.run;
        let (mut held, mut kept) = (Vec::new(), Vec::new());
        match run.objective {
            Objective::Kto => held.push(self.pass_of_labels(&Run { checkpointed_layers: 0, ..run })),
            Objective::Grpo => {
                if let Some(reference) = run.of_reference() {
                    held.push(self.pass_of_labels(&reference));
                }
                // Prompts and completions as one, and what of them is no padding.
                let ids = self.each_token("input ids", Dtype::Int64);
                if run.adapters.is_none() { &mut kept } else { &mut held }.push(ids);
                held.push(self.each_token("attention mask", Dtype::Int64));
            }
            _ => {}
        }
        if run.objective.has_reference() {
            held.push(self.each_token("labels", Dtype::Int64));
        }
        [held, kept]
    }

    /// What comes between the pass that is trained and its loss: the reference over the same batch, for KTO over the other
    /// prompts before that.
    pub(crate) fn beside_policy(&mut self) -> Vec<Tensor> {
        let run = self.run;
        let (true, Some(reference)) = (matches!(run.objective, Objective::Dpo | Objective::Kto), run.of_reference())
        else {
            return Vec::new();
        };
        // A wrapper puts autocast around each pass by itself.
        self.tape.leave_autocast();
        let mut held = Vec::new();
        if run.objective == Objective::Kto {
            held.push(self.pass_of_labels(&reference));
        }
        held.push(self.unseen(&reference));
        held
    }

    /// The same with labels of its own, which go with it.
    fn pass_of_labels(&mut self, run: &Run<'a>) -> Tensor {
        let labels = self.each_token("labels", Dtype::Int64);
        let kept = self.unseen(run);
        self.tape.release(labels);
        kept
    }

    fn each_token(&mut self, name: &'static str, dtype: Dtype) -> Tensor {
        let shape = self.tape.shape(&[self.run.b(), self.run.s()]);
        self.tape.constant(name, shape, dtype)
    }

    /// A pass that no gradient goes through, of which one number for each sequence is kept.
    fn unseen(&mut self, run: &Run<'a>) -> Tensor {
        let own = std::mem::replace(&mut self.run, *run);
        self.tape.pause_graph();
        self.layers.run_without_graph(run);
        let (stream, table, _) = self.through_layers();
        let projection = self.head_weights(table);
        let outputs = run.tiled_head(&mut self.tape, stream, projection);
        self.tape.release(stream);
        let rows = self.tape.shape(&[Dim { symbol: "b", size: run.batch }]);
        let kept = self.tape.constant("log-probability of each sequence", rows, Dtype::Fp32);
        outputs.release(&mut self.tape);
        self.tape.leave_autocast();
        self.layers.run_with_graph(&own);
        self.tape.resume_graph();
        self.run = own;
        kept
    }
}

impl Run<'_> {
    /// The same batch through what a policy is held against, where that is run.
    fn of_reference(self) -> Option<Self> {
        let reference = Self { checkpointed_layers: 0, ..self };
        match self.reference {
            Reference::None | Reference::Precomputed => None,
            Reference::Copy => Some(reference),
            Reference::Adapter => Some(Self { adapters: None, ..reference }),
        }
    }
}
