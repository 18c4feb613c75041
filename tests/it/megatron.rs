//! Megatron on many GPUs: what all ranks together hold, which layouts are refused and why, and what each setting changes.

use brimful::memory::{self, Category, EstimateError, Instant, Ledger, Rank, Step};
use brimful::model::{Model, parameters};
use brimful::preset::Library;
use brimful::scenario::parameter::{PARAMETERS, Parameter};
use brimful::scenario::{Framework, Scenario};

/// A key and what it is set to.
type Setting<'s> = (&'s str, &'s str);

/// A scenario under Megatron with these settings, as a command line gives them.
fn scenario(settings: &[Setting<'_>]) -> Scenario {
    let library = Library::embedded();
    let mut scenario = Scenario { framework: Framework::named("megatron"), ..Scenario::default() };
    library.profiles().settle(&mut scenario).unwrap();
    scenario.follow_framework(|_| false);
    for (key, value) in settings {
        let parameter = Parameter::by_key(key).unwrap();
        parameter.set(&mut scenario, parameter.parse(value).unwrap()).unwrap();
    }
    scenario
}

fn model(id: &str) -> Model {
    Library::embedded().model(id).unwrap().clone()
}

fn refusal(id: &str, settings: &[Setting<'_>]) -> String {
    let (model, scenario) = (model(id), scenario(settings));
    let said = memory::check(&model, &scenario).unwrap_err();
    let found = memory::estimate(&model, &scenario, None).unwrap_err();
    assert_eq!(said, found, "what is refused has no ledger");
    said.to_string()
}

fn ledger(id: &str, settings: &[Setting<'_>]) -> Ledger {
    memory::estimate(&model(id), &scenario(settings), None).unwrap_or_else(|error| panic!("{id} {settings:?}: {error}"))
}

/// Bytes of a category on all ranks that a stage's entries are divided over, of every stage.
fn whole(model: &Model, scenario: &Scenario, category: Category) -> Result<u64, EstimateError> {
    let mut sum = 0;
    for pipeline in 0..scenario.parallel.pipeline {
        let ledger = memory::estimate_on(model, scenario, None, Rank { pipeline })?;
        let standing = ledger.alive(Step::Steady, Instant::OptimizerStep).filter(|entry| entry.category == category);
        sum += standing.map(|entry| entry.bytes.get() * entry.divided.ways()).sum::<u64>();
    }
    Ok(sum)
}

const LAYOUTS: &[&[Setting<'static>]] = &[
    &[("gpus", "1")],
    &[("gpus", "8")],
    &[("gpus", "8"), ("parallel.zero", "0")],
    &[("gpus", "8"), ("parallel.tensor", "2"), ("parallel.sequence", "true")],
    &[("gpus", "16"), ("parallel.tensor", "2"), ("parallel.sequence", "true"), ("parallel.pipeline", "2")],
    &[("gpus", "16"), ("parallel.pipeline", "4"), ("parallel.context", "2")],
    &[("gpus", "16"), ("parallel.pipeline", "2"), ("parallel.virtual_pipeline", "2")],
    &[("gpus", "32"), ("parallel.tensor", "2"), ("parallel.sequence", "true"), ("parallel.expert", "4")],
    &[("gpus", "32"), ("parallel.expert", "4"), ("parallel.expert_tensor", "2"), ("parallel.pipeline", "2")],
];

/// The parts of every parameter, gradient and state on all ranks are the whole model, whatever the layout.
#[test]
fn all_ranks_together_have_the_whole_model() {
    const MULTIPLE: u64 = 128 * 2;
    let mut runs = 0;
    for id in ["llama-3.2-1b", "qwen3-0.6b", "gpt2", "mixtral-8x7b-v0.1", "deepseek-v2-lite", "qwen1.5-moe-a2.7b"] {
        let mut model = model(id);
        // As many rows as any layout pads to.
        let rows = model.architecture.vocab_size.div_ceil(MULTIPLE) * MULTIPLE;
        model.architecture.vocab_size = rows;
        let count = parameters::count(&model.architecture).unwrap().get();
        for layout in LAYOUTS {
            let scenario = scenario(&[layout, &[("train.sequence_length", "512")][..]].concat());
            if memory::check(&model, &scenario).is_err() {
                continue;
            }
            // A last stage has a tied head of its own.
            let copied = model.architecture.tie_word_embeddings && scenario.parallel.pipeline > 1;
            let all = count + if copied { rows * model.architecture.hidden_size } else { 0 };
            let of = |category| whole(&model, &scenario, category).unwrap();
            assert_eq!(of(Category::Parameters), 2 * all, "{id} {layout:?}");
            assert_eq!(of(Category::Gradients), 4 * all, "{id} {layout:?}");
            let states = of(Category::Optimizer);
            // A share of an odd number of elements is rounded up.
            assert!((12 * all..12 * all + (1 << 14)).contains(&states), "{id} {layout:?}: {states} of {}", 12 * all);
            runs += 1;
        }
    }
    assert!(runs >= 24, "{runs}");
}

#[test]
fn a_layout_that_does_not_divide_says_why_and_what_would() {
    let eight = ("gpus", "8");
    let said = refusal("llama-3.2-1b", &[("gpus", "16"), ("parallel.tensor", "16")]);
    assert!(said.contains("parallel.tensor") && said.contains("8 heads of keys and values"), "{said}");
    let said = refusal("gpt2", &[eight, ("parallel.tensor", "8"), ("train.sequence_length", "512")]);
    assert!(said.contains("12 heads") && said.contains("6 and 12"), "{said}");
    let said = refusal("qwen3-0.6b", &[eight, ("parallel.pipeline", "8")]);
    assert!(said.contains("parallel.pipeline") && said.contains("28 layers") && said.contains("7 and 14"), "{said}");
    let said = refusal("llama-3.2-1b", &[eight, ("parallel.expert", "2")]);
    assert!(said.contains("no experts"), "{said}");
    let said = refusal("mixtral-8x7b-v0.1", &[("gpus", "16"), ("parallel.expert", "16")]);
    assert!(said.contains("8 experts") && said.contains('8'), "{said}");
    let said = refusal("mixtral-8x7b-v0.1", &[eight, ("parallel.tensor", "2")]);
    assert!(said.contains("parallel.sequence"), "{said}");
    let said = refusal("llama-3.2-1b", &[eight, ("parallel.context", "4"), ("train.sequence_length", "4100")]);
    assert!(said.contains("4096 and 4104"), "{said}");
    let interleaved = [eight, ("parallel.pipeline", "4"), ("parallel.virtual_pipeline", "2")];
    let said = refusal("llama-3.2-1b", &[&interleaved[..], &[("parallel.micro_batches", "9")]].concat());
    assert!(said.contains("parallel.micro_batches") && said.contains("8 and 12"), "{said}");
    let said = refusal("llama-3.2-1b", &[eight, ("parallel.virtual_pipeline", "2")]);
    assert!(said.contains("parallel.virtual_pipeline"), "{said}");
    let said = refusal("llama-3.2-1b", &[eight, ("megatron.num_distributed_optimizer_instances", "3")]);
    assert!(said.contains("2 and 4"), "{said}");
    let said = refusal("llama-3.2-1b", &[("train.method", "lora")]);
    assert!(said.contains("full, under megatron"), "{said}");
    let said = refusal("gemma-2-2b", &[]);
    assert!(said.contains("under megatron soft caps are not"), "{said}");
    let said = refusal("llama-3.2-1b", &[("train.recompute", "selective"), ("megatron.recompute_modules", "core_atn")]);
    assert!(said.contains("core_attn"), "{said}");
}

#[test]
fn others_do_not_read_what_megatron_does() {
    let mut others = Scenario::default();
    others.megatron.moe_grouped_gemm = true;
    let said = memory::check(&model("mixtral-8x7b-v0.1"), &others).unwrap_err().to_string();
    assert!(said.contains("megatron.moe_grouped_gemm"), "{said}");
    let parameter = Parameter::by_key("train.precision").unwrap();
    let mut others = Scenario::default();
    parameter.set(&mut others, parameter.parse("bf16-master").unwrap()).unwrap();
    let said = memory::check(&model("llama-3.2-1b"), &others).unwrap_err().to_string();
    assert!(said.contains("but under megatron"), "{said}");
}

/// The settings of `[megatron]`, each in a run where it matters: what is set first, then the setting and what goes with it.
#[test]
fn every_setting_changes_a_number() {
    let dense: &[Setting<'_>] = &[("gpus", "8"), ("train.micro_batch_size", "2")];
    let piped: &[Setting<'_>] = &[("gpus", "8"), ("parallel.pipeline", "2"), ("parallel.virtual_pipeline", "2")];
    let experts: &[Setting<'_>] = &[("gpus", "8"), ("parallel.expert", "4"), ("parallel.expert_tensor", "1")];
    let unfused: &[Setting<'_>] = &[("gpus", "8"), ("train.attention", "eager"), ("train.dropout", "0.1")];
    let full: &[Setting<'_>] = &[("gpus", "8"), ("train.recompute", "full")];
    let selective: &[Setting<'_>] = &[("gpus", "8"), ("train.recompute", "selective")];
    let predicting: &[Setting<'_>] = &[("gpus", "8"), ("megatron.mtp_num_layers", "2")];
    let fused_loss: &[Setting<'_>] = &[("gpus", "8"), ("megatron.cross_entropy_loss_fusion", "true")];
    let muon: &[Setting<'_>] = &[("gpus", "8"), ("train.optimizer", "muon")];
    let in_fp8: &[Setting<'_>] = &[("gpus", "8"), ("train.precision", "fp8-master")];
    let two: &[Setting<'_>] = &[("gpus", "8"), ("parallel.pipeline", "2")];
    let deferring = [two, &[("megatron.defer_embedding_wgrad_compute", "true")][..]].concat();
    // The last stage is to be the fullest.
    let [of_two, deferring] = [two, &deferring].map(|it| [it, &[("train.micro_batch_size", "8")][..]].concat());
    let offloading: &[Setting<'_>] = &[("gpus", "8"), ("megatron.fine_grained_activation_offloading", "true")];
    let offloaded: &[Setting<'_>] = &[("gpus", "8"), ("megatron.offload_modules", "core_attn,expert_fc1")];
    // 27 layers and one that counts are a multiple of two stages, whichever end it is at.
    let [of_embedding, of_loss] =
        ["megatron.account_for_embedding_in_pipeline_split", "megatron.account_for_loss_in_pipeline_split"];
    let [by_loss, by_embedding] = [of_loss, of_embedding].map(|key| [two, &[(key, "true")][..]].concat());
    let (llama, mixtral, deepseek) = ("llama-3.2-1b", "mixtral-8x7b-v0.1", "deepseek-v2-lite");
    let hybrid = "nvidia-nemotron-3-nano-30b-a3b-bf16";
    let changes: &[(&str, &[Setting<'_>], &[Setting<'_>])] = &[
        (llama, dense, &[("megatron.transformer_impl", "local")]),
        (llama, dense, &[("megatron.attention_backend", "flash")]),
        (llama, dense, &[("megatron.attention_backend", "unfused")]),
        (llama, unfused, &[("megatron.masked_softmax_fusion", "false")]),
        (llama, dense, &[("megatron.create_attention_mask_in_dataloader", "false")]),
        (llama, selective, &[("megatron.recompute_modules", "mlp")]),
        (llama, full, &[("megatron.recompute_method", "block")]),
        (llama, full, &[("megatron.recompute_num_layers", "4")]),
        (llama, piped, &[("megatron.pipeline_model_parallel_layout", "Et*2|t*4|t*4|t*6L")]),
        (llama, two, &[("megatron.decoder_first_pipeline_num_layers", "6")]),
        (llama, two, &[("megatron.decoder_last_pipeline_num_layers", "6")]),
        (deepseek, &by_loss, &[(of_embedding, "true"), (of_loss, "false")]),
        (deepseek, &by_embedding, &[(of_loss, "true"), (of_embedding, "false")]),
        (llama, piped, &[("megatron.microbatch_group_size_per_virtual_pipeline_stage", "4")]),
        (llama, dense, &[("megatron.cross_entropy_loss_fusion", "true")]),
        (llama, fused_loss, &[("megatron.cross_entropy_fusion_impl", "te")]),
        (llama, dense, &[("megatron.gradient_accumulation_fusion", "false")]),
        (llama, dense, &[("megatron.grad_reduce_in_bf16", "true")]),
        (llama, dense, &[("megatron.num_distributed_optimizer_instances", "2")]),
        (llama, muon, &[("megatron.use_layer_wise_param_layout", "false")]),
        (llama, dense, &[("megatron.make_vocab_size_divisible_by", "100")]),
        (llama, dense, &[("megatron.tp_comm_overlap", "true")]),
        (llama, dense, &[("megatron.deterministic_mode", "true")]),
        (llama, &of_two, &[("megatron.defer_embedding_wgrad_compute", "true")]),
        (llama, &deferring, &[("megatron.wgrad_deferral_limit", "2")]),
        (llama, in_fp8, &[("megatron.fp8_param_gather", "true")]),
        (mixtral, experts, &[("megatron.moe_token_dispatcher_type", "alltoall")]),
        (mixtral, experts, &[("megatron.moe_grouped_gemm", "true")]),
        (mixtral, experts, &[("megatron.moe_expert_capacity_factor", "1.5")]),
        (mixtral, experts, &[("megatron.moe_router_load_balancing_type", "sinkhorn")]),
        (mixtral, experts, &[("megatron.moe_router_force_load_balancing", "true")]),
        (hybrid, experts, &[("megatron.use_fused_weighted_squared_relu", "true")]),
        (mixtral, experts, &[("megatron.overlap_moe_expert_parallel_comm", "true")]),
        (mixtral, offloaded, &[("megatron.fine_grained_activation_offloading", "true")]),
        (mixtral, offloading, &[("megatron.offload_modules", "core_attn,expert_fc1")]),
        (llama, dense, &[("megatron.mtp_num_layers", "1")]),
        (llama, predicting, &[("megatron.mtp_use_repeated_layer", "true")]),
        (hybrid, predicting, &[("megatron.mtp_hybrid_override_pattern", "*E")]),
    ];
    // Attention is cuDNN's on no card and FlashAttention's on an A100, where cuBLAS takes little unless runs are repeatable.
    let card = Library::embedded().gpu("a100-sxm-80").unwrap().clone();
    let totals = |id: &str, settings: &[Setting<'_>]| {
        let (model, scenario) = (model(id), scenario(settings));
        [None, Some(&card)].map(|card| match memory::estimate(&model, &scenario, card) {
            Ok(ledger) => ledger.total(),
            Err(error) => panic!("{id} {settings:?}: {error}"),
        })
    };
    let changes_nothing = |(id, before, change): &&(&str, &[Setting<'_>], &[Setting<'_>])| {
        totals(id, before) == totals(id, &[before, &change[..]].concat())
    };
    let idle: Vec<_> = changes.iter().filter(changes_nothing).collect();
    assert!(idle.is_empty(), "{idle:#?}");
    for parameter in PARAMETERS.iter().filter(|parameter| parameter.key.starts_with("megatron.")) {
        let is_changed = |(_, _, change): &(&str, &[Setting<'_>], &[Setting<'_>])| change[0].0 == parameter.key;
        assert!(changes.iter().any(is_changed), "{} has no run in which it matters", parameter.key);
    }
}

#[test]
fn the_fullest_stage_is_shown_and_the_others_are_known() {
    let ledger = ledger("llama-3.2-1b", &[("gpus", "8"), ("parallel.pipeline", "4")]);
    let stages = ledger.stages();
    assert_eq!(stages.len(), 4);
    assert_eq!(stages.iter().map(|stage| stage.total).max(), Some(ledger.total()));
    // The middle ones have neither the embedding nor the head.
    assert!(stages[1].total < stages[0].total && stages[2].total < stages[1].total);
}

/// What a formula in numbers comes to, and the bytes that it says: `32 × 4096·2 × 2 B × 1.2 ÷ 8 data = 7,865`. A share of
/// what does not divide is rounded up.
fn both_sides(formula: &str) -> (u128, u128) {
    let (left, bytes) = formula.split_once(" = ").unwrap();
    let (product, ways) = left.split_once(" ÷ ").unwrap_or((left, "1"));
    let ways: u128 = ways.split(' ').next().unwrap().parse().unwrap();
    let (mut product_of, mut divisor) = (1_u128, ways);
    for factor in product.split([' ', '×', '·', 'B']).filter(|factor| !factor.is_empty()) {
        let (whole, fraction) = factor.split_once('.').unwrap_or((factor, ""));
        product_of *= format!("{whole}{fraction}").replace(',', "").parse::<u128>().unwrap();
        divisor *= 10_u128.pow(u32::try_from(fraction.len()).unwrap());
    }
    (product_of.div_ceil(divisor), bytes.replace(',', "").parse().unwrap())
}

/// A printed formula gives the printed bytes, however unequally tokens come to experts.
#[test]
fn every_formula_multiplies_out() {
    let experts: &[Setting<'_>] = &[("gpus", "8"), ("parallel.expert", "4"), ("parallel.expert_tensor", "1")];
    let further: &[&[Setting<'_>]] = &[
        &[],
        &[("megatron.moe_expert_capacity_factor", "1.5")],
        &[("megatron.moe_expert_capacity_factor", "0.75")],
        &[("megatron.moe_expert_capacity_factor", "1.25"), ("megatron.moe_grouped_gemm", "true")],
        &[("megatron.moe_router_force_load_balancing", "true")],
        &[("train.precision", "fp8-master"), ("megatron.mtp_num_layers", "2")],
        &[("megatron.fine_grained_activation_offloading", "true"), ("megatron.offload_modules", "expert_fc1")],
        &[("train.recompute", "full"), ("parallel.pipeline", "2")],
        &[("train.dropout", "0.1"), ("train.attention", "eager"), ("train.micro_batch_size", "3")],
    ];
    let of_experts = further.iter().map(|further| ("mixtral-8x7b-v0.1", [experts, further].concat()));
    let of_layouts = LAYOUTS.iter().map(|layout| ("llama-3.2-1b", layout.to_vec()));
    let (mut loaded, mut run) = (0, 0);
    for (id, settings) in of_experts.chain(of_layouts) {
        let (model, scenario) = (model(id), scenario(&settings));
        let Ok(ledger) = memory::estimate(&model, &scenario, None) else { continue };
        run += 1;
        for entry in ledger.entries() {
            let formula = entry.formula_in_numbers();
            if formula.starts_with("between") {
                continue;
            }
            let (left, right) = both_sides(&formula);
            assert_eq!(
                (left, right),
                (u128::from(entry.bytes.get()), left),
                "{id} {settings:?} {}: {formula}",
                entry.name
            );
            loaded += usize::from(entry.divided.percent() != 100);
        }
    }
    assert!(run >= 15 && loaded >= 20, "{run} ledgers, {loaded} loaded entries");
}

/// A pattern that no layer is built by refuses nothing; one that is names its key and what the model has.
#[test]
fn letters_of_predicting_layers_are_read_where_layers_predict() {
    let pattern = ("megatron.mtp_hybrid_override_pattern", "*E");
    let unused = ledger("llama-3.2-1b", &[pattern]);
    assert_eq!(unused.total(), ledger("llama-3.2-1b", &[]).total());
    let said = refusal("llama-3.2-1b", &[pattern, ("megatron.mtp_num_layers", "1")]);
    assert!(said.starts_with(pattern.0) && said.contains("no letters"), "{said}");
}
