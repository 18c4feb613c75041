//! Megatron-LM's arguments at commit d98e8a64: those of a layout, of what is recomputed, and of what `[megatron]` sets.

use super::Launch;
use crate::memory::Layout;
use crate::model::Model;
use crate::model::architecture::Mixer;
use crate::scenario::parameter::{PARAMETERS, Parameter};
use crate::scenario::{Optimizer, Precision, Recompute, Scenario, Value};

/// `torchrun` with Megatron-LM's script.
pub(super) fn launch(model: &Model, scenario: &Scenario, node: u64) -> Launch {
    let groups = &model.architecture.groups;
    let hybrid = groups.iter().any(|group| !matches!(group.layer.mixer, Mixer::Attention(_)));
    let script = if hybrid { "pretrain_hybrid.py" } else { "pretrain_gpt.py" };
    let nodes = scenario.gpus.div_ceil(node);
    let mut words = vec![format!("torchrun --nnodes {nodes} --nproc-per-node {node} {script}")];
    let mut unsaid = Vec::new();
    axes(scenario, hybrid, (&mut words, &mut unsaid));
    trained(model, scenario, &mut words);
    for parameter in PARAMETERS.iter().filter(|parameter| parameter.key.starts_with("megatron.")) {
        words.extend(own(parameter, scenario));
    }
    Launch { command: words.join(" "), file: None, unsaid }
}

/// How the GPUs are divided.
fn axes(scenario: &Scenario, hybrid: bool, (words, unsaid): (&mut Vec<String>, &mut Vec<&'static str>)) {
    let parallel = &scenario.parallel;
    for (flag, size) in [
        ("--tensor-model-parallel-size", parallel.tensor),
        ("--pipeline-model-parallel-size", parallel.pipeline),
        ("--context-parallel-size", parallel.context),
        ("--expert-model-parallel-size", parallel.expert),
    ] {
        if size > 1 {
            words.push(format!("{flag} {size}"));
        }
    }
    if let Some(size) = parallel.expert_tensor {
        words.push(format!("--expert-tensor-parallel-size {size}"));
    }
    if parallel.sequence && parallel.tensor > 1 {
        words.push(String::from("--sequence-parallel"));
    }
    // A written layout says the pieces itself, and so does the pattern of a hybrid stack.
    if parallel.virtual_pipeline > 1 && hybrid {
        unsaid.push("parallel.virtual_pipeline");
    } else if parallel.virtual_pipeline > 1 && scenario.megatron.pipeline_model_parallel_layout.is_empty() {
        words.push(format!("--num-virtual-stages-per-pipeline-rank {}", parallel.virtual_pipeline));
    }
    match parallel.zero {
        0 => {}
        3 => {
            words.push(String::from("--use-megatron-fsdp --data-parallel-sharding-strategy optim_grads_params"));
            words.push(String::from("--use-distributed-optimizer --ckpt-format fsdp_dtensor"));
            words.push(String::from("--megatron-fsdp-main-grads-dtype fp32"));
        }
        _ => words.push(String::from("--use-distributed-optimizer")),
    }
    let replicas = Layout::of(scenario).map_or(1, |layout| layout.data);
    let each = scenario.train.micro_batch_size;
    let all = each.saturating_mul(replicas).saturating_mul(parallel.micro_batches);
    words.push(format!("--micro-batch-size {each} --global-batch-size {all}"));
}

/// What `[train]` says and changes what is held.
fn trained(model: &Model, scenario: &Scenario, words: &mut Vec<String>) {
    let (train, megatron) = (&scenario.train, &scenario.megatron);
    let length = train.sequence_length;
    words.push(format!("--seq-length {length} --max-position-embeddings {length}"));
    let own = model.architecture.dropout;
    let [hidden, attention] = [own.hidden, own.attention].map(|own| train.dropout.unwrap_or(own));
    words.push(format!("--hidden-dropout {hidden} --attention-dropout {attention}"));
    words.extend(match train.precision {
        Precision::Fp16Master => Some(String::from("--fp16")),
        Precision::Fp8Master => Some(String::from("--bf16 --fp8-format hybrid")),
        _ => Some(String::from("--bf16")),
    });
    if train.optimizer == Optimizer::Muon {
        words.push(String::from("--optimizer muon"));
    }
    match train.recompute {
        Recompute::None => {}
        // An empty list cannot be given, and nothing of it is recomputed.
        Recompute::Selective if megatron.recompute_modules.is_empty() => {}
        Recompute::Selective => {
            let modules = megatron.recompute_modules.join(" ");
            words.push(format!("--recompute-granularity selective --recompute-modules {modules}"));
        }
        Recompute::Full => {
            let (method, layers) = (megatron.recompute_method.word(), megatron.recompute_num_layers);
            words.push(String::from("--recompute-granularity full"));
            words.push(format!("--recompute-method {method} --recompute-num-layers {layers}"));
        }
    }
}

/// What goes with what is recomputed, where that is said.
const SAID_ABOVE: [&str; 3] =
    ["megatron.recompute_modules", "megatron.recompute_method", "megatron.recompute_num_layers"];

/// The flag of a key of `[megatron]` that is not as Megatron-LM has it: its own name, with `no-` before what is turned off.
fn own(parameter: &Parameter, scenario: &Scenario) -> Option<String> {
    let value = parameter.get(scenario);
    if SAID_ABOVE.contains(&parameter.key) || value == parameter.get(&Scenario::default()) {
        return None;
    }
    let flag = parameter.key.strip_prefix("megatron.")?.replace('_', "-");
    Some(match value {
        Value::Flag(true) => format!("--{flag}"),
        Value::Flag(false) => format!("--no-{flag}"),
        Value::Words(words) => format!("--{flag} {}", words.join(" ")),
        // A shell would take its bars and stars for its own.
        Value::Word(word) if word.contains(|sign: char| !sign.is_ascii_alphanumeric() && !"._-".contains(sign)) => {
            format!("--{flag} '{word}'")
        }
        value => format!("--{flag} {value}"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::launched;

    #[test]
    fn a_layout_is_what_megatron_is_told() {
        let run = launched(
            "megatron",
            64,
            &[
                ("parallel.tensor", "4"),
                ("parallel.sequence", "true"),
                ("parallel.pipeline", "4"),
                ("parallel.micro_batches", "16"),
                ("train.recompute", "full"),
                ("megatron.recompute_method", "block"),
                ("megatron.gradient_accumulation_fusion", "false"),
                ("megatron.account_for_loss_in_pipeline_split", "true"),
            ],
        );
        assert_eq!(
            run.command,
            "torchrun --nnodes 8 --nproc-per-node 8 pretrain_gpt.py --tensor-model-parallel-size 4 \
             --pipeline-model-parallel-size 4 --sequence-parallel --use-distributed-optimizer --micro-batch-size 1 \
             --global-batch-size 64 --seq-length 4096 --max-position-embeddings 4096 --hidden-dropout 0 \
             --attention-dropout 0 --bf16 --recompute-granularity full --recompute-method block \
             --recompute-num-layers 1 --account-for-loss-in-pipeline-split --no-gradient-accumulation-fusion"
        );
        let written = [("megatron.pipeline_model_parallel_layout", "Et*8|t*8|t*8|t*8L"), ("parallel.zero", "3")];
        let written = launched("megatron", 64, &written).command;
        assert!(written.contains("--pipeline-model-parallel-layout 'Et*8|t*8|t*8|t*8L'"), "{written}");
        assert!(written.contains("--use-megatron-fsdp"), "{written}");
    }
}
