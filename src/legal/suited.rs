//! A run made one that its model can do, where it asks for something else and nobody asked for that.

use super::coverage::only_attention;
use super::objective::{self, usual_reference};
use crate::model::Model;
use crate::model::family::PositionKind;
use crate::scenario::parameter::Parameter;
use crate::scenario::{Attention, BaseWeights, Method, Objective, Reference, Scenario, Strategy, Task, Train};

/// The keys of what a model may leave no choice of.
pub const SUITED: [&str; 16] = [
    "train.attention",
    "infer.attention",
    "train.sequence_length",
    "infer.context_length",
    "train.reference",
    "train.objective",
    "train.images",
    "train.image_size",
    "train.train_tower",
    "infer.images",
    "infer.image_size",
    "parallel.strategy",
    "parallel.zero",
    "train.method",
    "train.base_weights",
    "train.double_quant",
];

/// Those of what only a model with a tower reads.
fn of_towers() -> &'static [&'static str] {
    &SUITED[6..11]
}

/// Whether a parameter says anything of a model: those of towers do of a model that has one, or where they say something
/// that it cannot do.
pub fn concerns(model: &Model, scenario: &Scenario, parameter: &Parameter) -> bool {
    model.architecture.tower.is_some()
        || !of_towers().contains(&parameter.key)
        || parameter.get(scenario) != parameter.get(&Scenario::default())
}

/// What was made of a run that its model cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suited {
    /// Sequences of so many tokens.
    Length {
        /// Tokens.
        tokens: u64,
        /// Whether that is an image.
        image: bool,
    },
    /// The only attention that its code has.
    Attention(Attention),
    /// What its objective needs to be held against.
    Reference(Reference),
    /// What its class is for.
    Objective(Objective),
    /// Adapters over the weights as they were published.
    Base(BaseWeights),
    /// No images, and no tower that is trained.
    Words,
    /// What shards the states of a replica, and which of them.
    Sharded(Strategy, u64),
}

impl Suited {
    /// What was done and why, in a sentence.
    pub fn words(self) -> String {
        match self {
            Self::Length { tokens, image } => {
                let why = if image { "that is what an image is" } else { "the model has learned no more positions" };
                format!("sequences are {tokens} tokens now: {why}")
            }
            Self::Attention(only) => {
                format!("attention is {} now: no fused kernel computes this model's", only.word())
            }
            Self::Reference(reference) => {
                format!("the reference is {} now: the objective needs one", reference.word())
            }
            Self::Objective(objective) => {
                format!("the objective is {} now: that is what the model's class is for", objective.word())
            }
            Self::Words => String::from("there are no images now: the model has no tower that would read them"),
            Self::Sharded(strategy, zero) => {
                format!("the strategy is {} with zero {zero} now: one says what the other does", strategy.word())
            }
            Self::Base(base) => {
                format!("the method is qlora over {} now: so the weights were published", base.word())
            }
        }
    }
}

/// Makes a scenario one that its model can run: no longer than its learned positions, with the only attention that its code
/// has. What was asked for, by its key, stays as it is. Gives back what counts for the task at hand.
pub fn suit(model: &Model, scenario: &mut Scenario, asked: impl Fn(&str) -> bool) -> Vec<Suited> {
    let mut suited = Vec::new();
    let [attention, serving_attention, sequence, context, reference, objective, ..] = SUITED;
    let task = scenario.task;
    let (most, image) = (model.architecture.max_position_embeddings, model.architecture.image.is_some());
    if model.architecture.positions == PositionKind::Learned {
        let lengths = [
            (sequence, &mut scenario.train.sequence_length, Task::Train),
            (context, &mut scenario.infer.context_length, Task::Infer),
        ];
        for (key, length, of) in lengths {
            // An image is so many tokens, and no fewer.
            let fits = if image { *length == most } else { *length <= most };
            if fits || asked(key) {
                continue;
            }
            *length = most;
            if of == task {
                suited.push(Suited::Length { tokens: most, image });
            }
        }
    }
    if model.architecture.tower.is_none() && without_images(scenario, &asked) {
        suited.push(Suited::Words);
    }
    // Engines have kernels of their own, which compute every model's attention.
    let by_engine = scenario.framework.is_engine();
    if by_engine && !asked(serving_attention) {
        scenario.infer.attention = Attention::Flash;
    }
    if let Some(only) = only_attention(model).filter(|_| !by_engine) {
        let attentions = [
            (attention, &mut scenario.train.attention, Task::Train),
            (serving_attention, &mut scenario.infer.attention, Task::Infer),
        ];
        for (key, found, of) in attentions {
            if *found == only || asked(key) {
                continue;
            }
            *found = only;
            if of == task {
                suited.push(Suited::Attention(only));
            }
        }
    }
    if let Some(own) = objective::usual(model).filter(|own| *own != scenario.train.objective && !asked(objective)) {
        scenario.train.objective = own;
        if task == Task::Train {
            suited.push(Suited::Objective(own));
        }
    }
    if let Some((strategy, zero)) = sharded(scenario, &asked) {
        suited.push(Suited::Sharded(strategy, zero));
    }
    if let Some(base) = quantized_base(model, &mut scenario.train, &asked).filter(|_| task == Task::Train) {
        suited.push(Suited::Base(base));
    }
    if let Some(usual) = usual_reference(&scenario.train).filter(|_| scenario.task == Task::Train && !asked(reference))
    {
        scenario.train.reference = usual;
        suited.push(Suited::Reference(usual));
    }
    suited
}

/// Trains adapters over weights that bitsandbytes or GPTQ quantized before they were published, which no others are trained of;
/// which those are, where that is new.
fn quantized_base(model: &Model, train: &mut Train, asked: impl Fn(&str) -> bool) -> Option<BaseWeights> {
    let [.., method, base_weights, double_quant] = SUITED;
    let architecture = &model.architecture;
    let (base, nested) = match architecture.checkpoint.as_ref()?.word {
        "nf4" => (BaseWeights::Nf4, Some(false)),
        "nf4-double-quant" => (BaseWeights::Nf4, Some(true)),
        "int8" => (BaseWeights::Int8, None),
        "gptq-int4" => (BaseWeights::GptqInt4, None),
        _ => return None,
    };
    let is_decoder = architecture.encoder.is_none() && architecture.seq2seq.is_none() && architecture.image.is_none();
    let is_new = train.method != Method::Qlora;
    if !is_decoder || (is_new && asked(method)) {
        return None;
    }
    train.method = Method::Qlora;
    if !asked(base_weights) {
        train.base_weights = base;
    }
    if let Some(nested) = nested.filter(|_| !asked(double_quant)) {
        train.double_quant = nested;
    }
    is_new.then_some(train.base_weights)
}

/// Makes strategy and stage agree: stages are DeepSpeed's, all of them together FSDP's, and none is DDP. What they are then,
/// where that is new.
fn sharded(scenario: &mut Scenario, asked: &impl Fn(&str) -> bool) -> Option<(Strategy, u64)> {
    if scenario.task != Task::Train || scenario.gpus == 1 || !scenario.framework.lays_out("strategy") {
        return None;
    }
    let before = (scenario.parallel.strategy, scenario.parallel.zero);
    let (mut strategy, mut zero) = before;
    if strategy == Strategy::Ddp && zero > 0 && !asked("parallel.strategy") && asked("parallel.zero") {
        strategy = if zero == 3 { Strategy::Fsdp2 } else { Strategy::Deepspeed };
    }
    // Beside GPUs that divide matrices, replicas are FSDP2's.
    let divides = (2..scenario.gpus).contains(&scenario.parallel.tensor) && scenario.framework.lays_out("tensor");
    if strategy == Strategy::Ddp && divides && !asked("parallel.strategy") && !asked("parallel.zero") {
        strategy = Strategy::Fsdp2;
    }
    // Nothing that is sharded is nobody's but DDP's.
    if strategy != Strategy::Ddp && zero == 0 && asked("parallel.zero") && !asked("parallel.strategy") {
        strategy = Strategy::Ddp;
    }
    if !asked("parallel.zero") {
        let stages = strategy.stages();
        zero = if stages.contains(&zero) { zero } else { stages[0] };
    }
    let after = (strategy, zero);
    (scenario.parallel.strategy, scenario.parallel.zero) = after;
    (after != before).then_some(after)
}

/// Takes back what only a model with a tower reads; whether the task at hand had any of it.
fn without_images(scenario: &mut Scenario, asked: &impl Fn(&str) -> bool) -> bool {
    let had = |scenario: &Scenario| match scenario.task {
        Task::Train => scenario.train.images > 0 || scenario.train.train_tower,
        Task::Infer => scenario.infer.images > 0,
    };
    let before = had(scenario);
    let usual = Scenario::default();
    for parameter in of_towers().iter().filter(|key| !asked(key)).filter_map(|key| Parameter::by_key(key).ok()) {
        let set = parameter.set(scenario, parameter.get(&usual));
        debug_assert!(set.is_ok(), "a default is a value that a parameter takes");
    }
    before && !had(scenario)
}

/// Whether a scenario has another value than its framework would give it, which somebody must have asked for.
pub fn is_unusual(scenario: &Scenario, key: &str) -> bool {
    Parameter::by_key(key).is_ok_and(|parameter| parameter.get(scenario) != scenario.default_of(parameter))
}

/// The most that a parameter says of a model; of what is beyond it says no more.
pub fn most_that_says_more(model: &Model, key: &str) -> Option<u64> {
    let layers = model.architecture.num_hidden_layers();
    match key {
        // The output counts as one.
        "infer.gpu_layers" => layers.checked_add(1),
        "infer.cpu_moe_layers" => Some(layers),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;

    fn suited(model: &str, asked: &[&str]) -> (Scenario, Vec<Suited>) {
        let library = Library::embedded();
        let mut scenario = Scenario::default();
        let suited = suit(library.model(model).unwrap(), &mut scenario, |key| asked.contains(&key));
        (scenario, suited)
    }

    #[test]
    fn what_a_model_cannot_do_is_changed_unless_somebody_asked_for_it() {
        let (scenario, done) = suited("bloom-3b", &[]);
        assert_eq!((scenario.train.attention, done), (Attention::Eager, vec![Suited::Attention(Attention::Eager)]));
        assert_eq!(scenario.infer.attention, Attention::Eager, "generating it is no other code");
        let (scenario, done) = suited("bloom-3b", &["train.attention", "infer.attention"]);
        assert_eq!((scenario, done), (Scenario::default(), Vec::new()));
        let (scenario, done) = suited("gpt2", &["infer.context_length"]);
        assert_eq!(done, [Suited::Length { tokens: 1024, image: false }]);
        assert_eq!(scenario.train.sequence_length, 1024);
        assert_eq!(scenario.infer.context_length, Scenario::default().infer.context_length);
        assert_eq!(suited("llama-3.1-8b", &[]), (Scenario::default(), Vec::new()));
    }

    #[test]
    fn images_go_where_nothing_reads_them() {
        let library = Library::embedded();
        let with_images = |id: &str, asked: &[&str]| {
            let mut scenario = Scenario::default();
            (scenario.train.images, scenario.train.train_tower) = (2, true);
            let done = suit(library.model(id).unwrap(), &mut scenario, |key| asked.contains(&key));
            (scenario.train.images, scenario.train.train_tower, done)
        };
        assert_eq!(with_images("gemma-3-4b-it", &[]), (2, true, Vec::new()));
        assert_eq!(with_images("llama-3.1-8b", &[]), (0, false, vec![Suited::Words]));
        assert_eq!(with_images("llama-3.1-8b", &["train.images"]).0, 2);
    }
}
