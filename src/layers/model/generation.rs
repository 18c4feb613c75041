//! `generate()` of Transformers 5.23: a prompt at once, then one token after another, with what the loop has in variables.

use super::{Forward, ONE, Recording};
use crate::layers::{Generation, Run};
use crate::shape::Dim;
use crate::tape::{Dtype, Segment, Tape, Tensor};

const LOGITS: &str = "logits of the last token in fp32";
const SCORES: &str = "scores of the last token";
const PROBABILITIES: &str = "probabilities of the last token";

/// Variables of the loop.
struct Variables {
    ids: Tensor,
    positions: Tensor,
    unfinished: Tensor,
    /// How the last token was chosen.
    chosen: Option<Chosen>,
    /// What the last pass read.
    read: Vec<Tensor>,
    /// Which tiles of images each token sees, where layers attend to those.
    tiles: Option<Tensor>,
}

/// What chose a token.
#[derive(Clone, Copy)]
struct Chosen {
    /// Logits in fp32.
    logits: Tensor,
    /// What is left of them where tokens are drawn, and their probabilities.
    drawn: Option<[Tensor; 2]>,
    token: Tensor,
}

impl Run<'_> {
    /// Records the prompt in passes of so many tokens after so many others, and the steps after which the cache has so
    /// many tokens of each sequence.
    pub(crate) fn generate(self, passes: &[[u64; 2]], steps: &[u64]) -> Tape {
        let mut hooks = ();
        let mut recording = self.recording(&mut hooks);
        recording.tape.carry_caches();
        let mut variables = self.begin(&mut recording.tape, self.sequence);
        recording.read_prompt(passes, &mut variables);
        for tokens in steps {
            recording.run = self.after(tokens.saturating_sub(1), 1);
            recording.step(&mut variables);
        }
        recording.tape
    }

    /// Records by itself a pass over so many tokens of a prompt after so many others: what a cache has of those is counted
    /// elsewhere, and what it has of the first is not.
    pub(crate) fn prefill(self, pass: [u64; 2]) -> Forward {
        let mut hooks = ();
        let mut recording = self.recording(&mut hooks);
        let mut variables = self.begin(&mut recording.tape, self.sequence);
        recording.read_prompt(&[pass], &mut variables);
        recording.finished()
    }

    /// Records a step by itself, after which the cache has so many tokens of each sequence: what it has then is counted
    /// elsewhere.
    pub(crate) fn decode(self, tokens: u64) -> Forward {
        let mut hooks = ();
        let mut recording = self.after(tokens.saturating_sub(1), 1).recording(&mut hooks);
        let mut variables = recording.run.continued(&mut recording.tape, self.sequence);
        recording.step(&mut variables);
        recording.finished()
    }

    /// A pass over so many tokens after so many others.
    fn after(self, past: u64, sequence: u64) -> Self {
        let generation = self.generation.map(|generation| Generation { past, ..generation });
        Self { sequence, generation, ..self }
    }

    fn longs(&self, tape: &mut Tape, name: &'static str, tokens: u64) -> Tensor {
        let shape = tape.shape(&[self.b(), Dim { symbol: "s", size: tokens }]);
        let made = tape.constant(name, shape, Dtype::Int64);
        tape.stand(made);
        made
    }

    /// The batch, and what is made of it before the first pass.
    fn begin(&self, tape: &mut Tape, tokens: u64) -> Variables {
        tape.enter(Segment::Embedding);
        let ids = self.longs(tape, "token ids", tokens);
        self.longs(tape, "attention mask", tokens);
        let begins = self.code.begins_with_token.then_some("id of the first token");
        for name in begins.into_iter().chain(["id of the last token", "id of padding"]) {
            let one = tape.shape(&[ONE]);
            tape.constant(name, one, Dtype::Int64);
        }
        let counted = self.longs(tape, "position ids", tokens);
        let less_one = self.longs(tape, "position ids", tokens);
        tape.release(counted);
        let is_padding = tape.constant("padding", less_one.shape, Dtype::Bool);
        let positions = self.longs(tape, "position ids", tokens);
        tape.release_each([less_one, is_padding]);
        let unfinished = self.longs(tape, "unfinished sequences", 1);
        Variables { ids, positions, unfinished, chosen: None, read: Vec::new(), tiles: None }
    }

    /// What there is of a prompt of so many tokens when a step follows others.
    fn continued(&self, tape: &mut Tape, prompt: u64) -> Variables {
        let begun = self.begin(tape, prompt);
        let all = self.past().saturating_add(1);
        let [positions, ids] = ["position ids", "token ids"].map(|name| self.longs(tape, name, all));
        let logits = self.logits_in_fp32(tape, LOGITS);
        let drawn = self.samples().then(|| [SCORES, PROBABILITIES].map(|name| self.logits_in_fp32(tape, name)));
        let chosen = Some(Chosen { logits, drawn, token: self.longs(tape, "token chosen", 1) });
        let mut read = ["token ids", "position ids"].map(|name| self.longs(tape, name, 1)).to_vec();
        read.extend(self.tiles_that_are_seen(tape, 1));
        let tiles = self.tiles_that_are_seen(tape, all);
        Variables { ids, positions, chosen, read, tiles, ..begun }
    }

    fn samples(&self) -> bool {
        self.generation.is_some_and(|generation| generation.samples)
    }

    /// `[b, s, i, t]`: which tiles of images so many tokens see, where layers attend to those.
    fn tiles_that_are_seen(&self, tape: &mut Tape, tokens: u64) -> Option<Tensor> {
        let seen = self.seen.filter(|seen| seen.tower.is_attended_to())?;
        let dim = |symbol, size| Dim { symbol, size };
        let shape = tape.shape(&[self.b(), dim("s", tokens), dim("i", seen.images), dim("t", seen.tower.tiles())]);
        let made = tape.constant("tiles that tokens see", shape, Dtype::Int64);
        tape.stand(made);
        Some(made)
    }

    /// `[b, V]` in fp32.
    fn logits_in_fp32(&self, tape: &mut Tape, name: &'static str) -> Tensor {
        let vocabulary = self.v();
        let shape = tape.shape(&[self.b(), vocabulary]);
        let logits = tape.constant(name, shape, Dtype::Fp32);
        tape.assign(logits, Segment::Loss);
        tape.stand(logits);
        logits
    }

    /// The logits of the last token in fp32, the token chosen, and everything one token longer.
    fn choose(&self, tape: &mut Tape, logits: Tensor, variables: &mut Variables) {
        tape.enter(Segment::Loss);
        let tokens = self.past().saturating_add(self.sequence).saturating_add(1);
        let last = [1, 1].map(|tokens| self.longs(tape, "position ids", tokens));
        tape.release(last[0]);
        let positions = self.longs(tape, "position ids", tokens);
        tape.release(last[1]);
        // The caller still has what there was before the first pass.
        let first = variables.chosen.is_none();
        if !first {
            tape.release(variables.positions);
        }
        variables.positions = positions;
        let tiles = self.tiles_that_are_seen(tape, tokens);
        tape.release_each(std::mem::replace(&mut variables.tiles, tiles));
        variables.chosen = Some(self.next_token(tape, variables.chosen));
        let ids = self.longs(tape, "token ids", tokens);
        if !first {
            tape.release(variables.ids);
        }
        variables.ids = ids;
        let unfinished = self.longs(tape, "unfinished sequences", 1);
        tape.release(std::mem::replace(&mut variables.unfinished, unfinished));
        tape.release(logits);
    }

    /// Chooses a token, each of whose variables goes once the next is there.
    fn next_token(&self, tape: &mut Tape, before: Option<Chosen>) -> Chosen {
        let logits = self.logits_in_fp32(tape, LOGITS);
        tape.release_each(before.map(|before| before.logits));
        let [scores, probabilities] = before.and_then(|before| before.drawn).map_or([None; 2], |drawn| drawn.map(Some));
        let drawn = self.samples().then(|| {
            // `top_k`, which is 50 unless it is said otherwise.
            let excluded = tape.constant("tokens that are not among the likeliest", logits.shape, Dtype::Bool);
            let kept = self.logits_in_fp32(tape, SCORES);
            tape.release(excluded);
            tape.release_each(scores);
            let softmax = self.logits_in_fp32(tape, PROBABILITIES);
            tape.release_each(probabilities);
            [kept, softmax]
        });
        let drawn_or_largest = self.longs(tape, "token chosen", 1);
        if drawn.is_some() {
            let noise = self.logits_in_fp32(tape, "random numbers for the next token");
            tape.release(noise);
        }
        tape.release_each(before.map(|before| before.token));
        let token = self.longs(tape, "token chosen", 1);
        tape.release(drawn_or_largest);
        Chosen { logits, drawn, token }
    }
}

impl Recording<'_> {
    fn read_prompt(&mut self, passes: &[[u64; 2]], variables: &mut Variables) {
        let mut last: Option<(Vec<Tensor>, Tensor)> = None;
        for [past, sequence] in passes {
            self.run = self.run.after(*past, *sequence);
            self.tape.enter(Segment::Embedding);
            let mut read = vec![self.run.longs(&mut self.tape, "token ids", *sequence)];
            read.extend(self.run.tiles_that_are_seen(&mut self.tape, *sequence));
            self.tape.release_each(last.iter().flat_map(|(read, _)| read.iter().copied()));
            let logits = self.logits();
            self.tape.release_each(last.map(|(_, logits)| logits));
            last = Some((read, logits));
        }
        let Some((read, logits)) = last else { return };
        self.tape.release_each(read);
        self.run.choose(&mut self.tape, logits, variables);
    }

    fn step(&mut self, variables: &mut Variables) {
        let run = self.run;
        self.tape.enter(Segment::Embedding);
        let mut read = ["token ids", "position ids"].map(|name| run.longs(&mut self.tape, name, 1)).to_vec();
        read.extend(run.tiles_that_are_seen(&mut self.tape, 1));
        let outdated = std::mem::replace(&mut variables.read, read);
        self.let_go(&outdated);
        let logits = self.logits();
        run.choose(&mut self.tape, logits, variables);
    }

    fn finished(self) -> Forward {
        let end = self.tape.position();
        Forward {
            measured: self.run.code.measured,
            tape: self.tape,
            stretches: self.layers.into_stretches(),
            loss_known: end,
            backward_start: end,
            head_backward: end,
            embedding_backward: end,
        }
    }

    /// The model from token ids to the logits of the last one.
    fn logits(&mut self) -> Tensor {
        self.layers.clear();
        let (stream, table, _) = self.through_layers();
        let projection = self.head_weights(table);
        let logits = self.head(stream, projection);
        self.tape.release(stream);
        logits
    }
}
