//! Vision and audio towers: their parameters, the tokens that images become, and what a run with images takes.

use std::path::Path;

use brimful::memory::{self, Category, Entry, Instant, Ledger, Lifetime, Place, Step, estimate, trainable_parameters};
use brimful::model::parameters::{Block, blocks};
use brimful::model::tower::ImageTokens;
use brimful::model::{Architecture, Model};
use brimful::scenario::{Method, Precision, Recompute, Scenario, Task};
use serde_json::{Value, json};

use crate::support::binary::Place as Folder;
use crate::support::models::{count, imported, preset};

fn reference() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/towers.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Parameters of the blocks that are chosen.
fn of(architecture: &Architecture, chosen: impl Fn(Block) -> bool) -> u64 {
    let each = |block: &brimful::model::parameters::BlockParameters| block.each().unwrap().get() * block.copies;
    blocks(architecture).iter().filter(|block| chosen(block.block)).map(each).sum()
}

#[test]
fn parameters_are_those_of_the_classes() {
    let cases = reference();
    let cases = cases["parameters"].as_array().unwrap();
    assert!(cases.len() >= 60);
    for case in cases {
        let model = imported(&case["config"]);
        let seen = of(&model.architecture, |block| block.of_tower() || block == Block::Projector);
        let text = of(&model.architecture, |block| !(block.of_tower() || block == Block::Projector));
        let expected = |key: &str| case[key].as_u64().unwrap();
        assert_eq!(seen, expected("tower") + expected("projector"), "{}", case["config"]);
        assert_eq!(text, expected("text"), "{}", case["config"]);
        assert_eq!(count(&model), text + seen);
        assert!(model.card.omitted.is_empty(), "{:?}", model.card.omitted);
    }
}

/// The model whose processor this is.
fn of_processor(name: &str) -> Option<Model> {
    let tiles = |side: u64, patch: u64| {
        imported(&json!({ "model_type": "idefics3", "scale_factor": 2, "text_config": { "model_type": "llama" },
            "vision_config": { "image_size": side, "patch_size": patch } }))
    };
    Some(match name.split(' ').next().unwrap() {
        "qwen2.5-vl" => preset("qwen2.5-vl-7b-instruct"),
        "qwen3-vl" => preset("qwen3-vl-4b-instruct"),
        "idefics3" => tiles(364, 14),
        "smolvlm2-2.2b" => preset("smolvlm2-2.2b-instruct"),
        "smolvlm-256m" => tiles(512, 16),
        "internvl" => preset("internvl3-1b-hf"),
        "pixtral-12b" => preset("pixtral-12b-2409"),
        "mistral3" => preset("mistral-small-3.1-24b-instruct-2503"),
        "deepseek_vl" => imported(&json!({ "model_type": "deepseek_vl", "text_config": { "model_type": "llama" },
            "vision_config": { "image_size": 384 } })),
        "got_ocr2" => imported(&json!({ "model_type": "got_ocr2", "text_config": { "model_type": "qwen2" } })),
        "idefics2" => imported(&json!({ "model_type": "idefics2", "text_config": { "model_type": "mistral" },
            "vision_config": { "image_size": 980, "patch_size": 14 } })),
        "qianfan_ocr" => imported(&json!({ "model_type": "qianfan_ocr", "text_config": { "model_type": "qwen3" } })),
        class @ ("glm4v" | "glm46v" | "paddleocr_vl") => imported(&json!({ "model_type": class })),
        // The class's own limits, which no published processor keeps.
        _ => return None,
    })
}

#[test]
fn images_become_the_tokens_of_their_processors() {
    let cases = reference();
    let mut held = 0;
    for case in cases["tokens"].as_array().unwrap() {
        let Some(model) = of_processor(case["processor"].as_str().unwrap()) else { continue };
        let sides = [0, 1].map(|axis| case["image"][axis].as_u64().unwrap());
        let ImageTokens { tiles, each, text, .. } = model.architecture.tower.as_ref().unwrap().tokens.of(sides);
        match &case["measured"] {
            Value::Array(found) if found.len() == 1 => assert_eq!(json!(each), found[0], "{case}"),
            Value::Array(grid) => {
                let [rows, columns] = [0, 1].map(|axis| grid[axis].as_u64().unwrap());
                assert_eq!(text, rows * (columns + 1), "{case}");
            }
            found => assert_eq!(json!(tiles), *found, "{case}"),
        }
        held += 1;
    }
    assert!(held >= 60, "{held}");
}

#[test]
fn published_counts_are_those_of_the_hub() {
    for (id, published) in [
        ("gemma-3-4b-it", 4_300_079_472),
        ("gemma-3-12b-it", 12_187_325_040),
        ("gemma-3-27b-it", 27_432_406_640),
        ("mistral-small-3.1-24b-instruct-2503", 24_011_361_280),
        ("gemma-4-26b-a4b-it", 25_805_933_872),
        ("qwen3-vl-4b-instruct", 4_437_815_808),
        ("llama-3.2-11b-vision-instruct", 10_670_220_835),
        ("llama-3.2-90b-vision-instruct", 88_593_355_323),
    ] {
        assert_eq!(count(&preset(id)), published, "{id}");
    }
    // With the layer that predicts a second token, which is left out and said to be.
    for (id, published) in [("qwen3.5-0.8b", 873_438_784), ("qwen3.5-122b-a10b", 125_086_497_008)] {
        let model = preset(id);
        let [left_out] = &model.card.omitted[..] else { panic!("{:?}", model.card.omitted) };
        let digits: String = left_out.split(": ").last().unwrap().chars().filter(char::is_ascii_digit).collect();
        assert_eq!(count(&model) + digits.parse::<u64>().unwrap(), published, "{id}");
    }
}

fn scenario(change: impl Fn(&mut Scenario)) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.train.sequence_length = 256;
    scenario.train.images = 1;
    change(&mut scenario);
    scenario
}

fn ledger(id: &str, change: impl Fn(&mut Scenario)) -> Ledger {
    estimate(&preset(id), &scenario(change), None).unwrap()
}

fn saved_in(ledger: &Ledger, place: Place) -> u64 {
    let saved = |entry: &&Entry| entry.lifetime == Lifetime::Saved && entry.place == place;
    ledger.alive(Step::Steady, Instant::ForwardEnd).filter(saved).map(|entry| entry.bytes.get()).sum()
}

/// memory-towers' closed form: T(16h + 4f + 4a + 16) + 24 a layer of SigLIP, T·h·2 of what is checkpointed.
#[test]
fn a_trained_layer_keeps_what_was_measured() {
    let (tokens, hidden, width, heads, layers) = (4096_u64, 1152, 4304, 16, 27);
    let layer = tokens * (16 * hidden + 4 * width + 4 * heads + 16) + 24;
    let trained = ledger("gemma-3-4b-it", |scenario| scenario.train.train_tower = true);
    let kept = saved_in(&trained, Place::Tower);
    // Beside them pixels in the type of the weights and the last norm.
    let outside = tokens * 588 * 2 + tokens * (2 * hidden + 8);
    assert!(kept.abs_diff(layers * layer + outside) <= tokens * 2 * hidden, "{kept}");
    let frozen = ledger("gemma-3-4b-it", |_| ());
    assert_eq!(saved_in(&frozen, Place::Tower), 0);
    // Transformers makes the patches require a gradient: every layer keeps its input.
    let checkpointed = ledger("gemma-3-4b-it", |scenario| scenario.train.recompute = Recompute::Full);
    assert!(saved_in(&checkpointed, Place::Tower) >= layers * tokens * hidden * 2);
    let untold = ledger("qwen3-vl-4b-instruct", |scenario| scenario.train.recompute = Recompute::Full);
    assert_eq!(saved_in(&untold, Place::Tower), 0);
}

#[test]
fn what_is_trained_is_what_was_asked_for() {
    let model = preset("gemma-3-4b-it");
    let trainable = |change: fn(&mut Scenario)| trainable_parameters(&model, &scenario(change)).unwrap().get();
    let tower = of(&model.architecture, Block::of_tower);
    let projector = of(&model.architecture, |block| block == Block::Projector);
    let all = count(&model);
    assert_eq!(trainable(|scenario| scenario.train.images = 0), all - tower - projector);
    assert_eq!(trainable(|_| ()), all - tower);
    assert_eq!(trainable(|scenario| scenario.train.train_tower = true), all);
    let lora = trainable(|scenario| scenario.train.method = Method::Lora);
    let with_tower = trainable(|scenario| {
        (scenario.train.method, scenario.train.train_tower) = (Method::Lora, true);
    });
    assert!(lora < with_tower && with_tower < all / 10);
    // Gradients stand for what is trained, and for nothing else.
    let ledger = ledger("gemma-3-4b-it", |scenario| scenario.train.precision = Precision::Bf16);
    let gradients = ledger.alive(Step::Steady, Instant::OptimizerStep).filter(|it| it.category == Category::Gradients);
    assert_eq!(gradients.map(|entry| entry.bytes.get()).sum::<u64>(), 2 * (all - tower));
}

#[test]
fn images_lengthen_sequences_and_caches() {
    let served = |images| {
        let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
        (scenario.infer.context_length, scenario.infer.images) = (1024, images);
        estimate(&preset("gemma-3-27b-it"), &scenario, None).unwrap()
    };
    let cache = |ledger: &Ledger| ledger.largest(Category::KvCache).0.get();
    let [none, two] = [0, 2].map(served);
    // Global layers keep all, the others a window that the sequence does not reach before.
    assert!(cache(&two) > cache(&none));
    let pixels = two.entries().iter().find(|entry| entry.name == "pixel values").unwrap();
    assert_eq!(pixels.bytes.get(), 2 * 896 * 896 * 3 * 4);
}

#[test]
fn every_model_with_a_tower_trains_and_serves_with_images() {
    let library = brimful::preset::Library::embedded();
    let models = library.models().into_iter().filter(|model| model.architecture.tower.is_some());
    let mut seen = 0;
    for model in models {
        for task in [Task::Train, Task::Infer] {
            for size in ["64x48", "1920x1080"] {
                let mut scenario = scenario(|scenario| scenario.task = task);
                scenario.train.recompute = Recompute::Full;
                (scenario.train.train_tower, scenario.infer.images) = (true, 1);
                (scenario.train.image_size, scenario.infer.image_size) = (size.parse().unwrap(), size.parse().unwrap());
                memory::suit(model, &mut scenario, |_| false);
                match memory::played(model, &scenario, None) {
                    Ok(ledger) => assert!(ledger.total() > ledger.largest(Category::Parameters).0, "{}", model.id),
                    Err(error) => {
                        assert!(
                            error.to_string().contains("what its training keeps is not known"),
                            "{}: {error}",
                            model.id
                        );
                    }
                }
            }
        }
        seen += 1;
    }
    assert!(seen >= 30, "{seen}");
}

#[test]
fn absurd_images_are_errors_and_no_panics() {
    let model = preset("qwen2.5-vl-7b-instruct");
    let huge = scenario(|scenario| {
        (scenario.train.images, scenario.train.micro_batch_size) = (1 << 16, 1 << 32);
        scenario.train.image_size = "16384x16384".parse().unwrap();
    });
    assert!(estimate(&model, &huge, None).is_err());
    for (key, value) in [("hidden_size", json!(0)), ("patch_size", json!(1 << 20)), ("depth", json!(1_000_000))] {
        let mut config = json!({ "model_type": "qwen2_5_vl", "vision_config": { "depth": 2 },
            "text_config": { "model_type": "qwen2_5_vl_text" } });
        config["vision_config"][key] = value;
        let error = crate::support::models::says(&config);
        assert!(error.contains("not between 1 and"), "{error}");
    }
}

#[test]
fn what_has_no_tower_or_is_left_out_is_said() {
    let place = Folder::new();
    let refused = place.run(&["estimate", "llama-3.1-8b", "--set", "train.images=2"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("has no tower"), "{}", refused.err);
    let said = |arguments: &[&str]| place.json(&[&["estimate"], arguments].concat())["model"]["omitted"].clone();
    assert_eq!(said(&["llama-3.1-8b"]), json!([]));
    assert_eq!(said(&["gemma-3n-e2b-it", "--task", "infer"]), json!(["vision tower", "audio tower"]));
    let text_alone = said(&["gemma-3-4b-it", "--framework", "litgpt"]);
    assert_eq!(text_alone, json!(["vision tower, which litgpt does not build"]));
    // A class with a part that is not known.
    let config = json!({ "model_type": "janus", "text_config": { "model_type": "llama" },
        "vision_config": { "model_type": "janus_vision_model" } });
    place.write("config.json", &config.to_string());
    let import = place.run(&["import", "config.json"]);
    assert!(import.err.contains("not counted: vision tower (janus_vision_model)"), "{}", import.err);
    assert!(import.out.contains("omitted = [\"vision tower (janus_vision_model)\"]"), "{}", import.out);
    let adapted = place.run(&["estimate", "gemma-3-4b-it", "--set", "train.method=lora", "--set", "train.images=1"]);
    assert!(adapted.err.contains("train.train_tower=true"), "{}", adapted.err);
}

#[test]
fn a_tower_is_written_and_read_back() {
    let place = Folder::new();
    for id in ["qwen3-vl-2b-instruct", "internvl3-1b-hf", "voxtral-mini-3b-2507"] {
        let model = preset(id);
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("presets/models/{id}.toml")));
        place.write("mine.toml", &text.unwrap());
        let json = place.json(&["estimate", "mine.toml", "--seq", "512"]);
        assert_eq!(json["model"]["parameters"], json!(count(&model)), "{id}");
    }
    let wrong = "id = \"mine\"\nfamily = \"llama\"\n[architecture]\n[architecture.tower]\ncomposite = \"gema3\"\n";
    place.write("mine.toml", wrong);
    let error = place.run(&["estimate", "mine.toml"]).err;
    assert!(error.contains("composite") && error.contains("gemma3"), "{error}");
    place.write("mine.toml", &wrong.replace("gema3", "gemma3").replace("composite", "image_sice = 5\ncomposite"));
    let error = place.run(&["estimate", "mine.toml"]).err;
    assert!(error.contains("architecture.tower.image_sice") && error.contains("image_size"), "{error}");
}

/// Layers that attend to images do not run without any: what is trained of them has no gradient and no moments.
#[test]
fn layers_that_attend_to_images_run_with_images_alone() {
    const ID: &str = "llama-3.2-11b-vision-instruct";
    let model = preset(ID);
    let attends = |block: Block| matches!(block, Block::Group(group) if model.architecture.groups[group].layer.attends_to_tower());
    let attending = of(&model.architecture, attends);
    let outside = of(&model.architecture, |block| block.of_tower() || block == Block::Projector);
    let trainable =
        |images| trainable_parameters(&model, &scenario(|scenario| scenario.train.images = images)).unwrap().get();
    assert_eq!(trainable(0), count(&model) - outside - attending);
    assert_eq!(trainable(1), count(&model) - of(&model.architecture, Block::of_tower));
    // Its table has eight rows that its head has not.
    let rows = |block| of(&model.architecture, |other| other == block);
    assert_eq!(rows(Block::Embedding) - rows(Block::Head), 8 * 4096);
    // A frozen tower keeps nothing, and in every layer under recomputation, which passes it by.
    assert_eq!(saved_in(&ledger(ID, |_| ()), Place::Tower), 0);
    let lora =
        |scenario: &mut Scenario| (scenario.train.method, scenario.train.recompute) = (Method::Lora, Recompute::Full);
    assert!(saved_in(&ledger(ID, lora), Place::Tower) > 6_700_000_000);
}

#[test]
fn images_that_layers_attend_to_are_cached_once() {
    let cached = |images, context| {
        let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
        (scenario.infer.context_length, scenario.infer.images) = (context, images);
        let ledger = estimate(&preset("llama-3.2-11b-vision-instruct"), &scenario, None).unwrap();
        ledger.largest(Category::KvCache).0.get()
    };
    let of_a_token = 2 * 2 * 8 * 128;
    assert_eq!(cached(0, 1024), 32 * 1024 * of_a_token);
    // Two tokens of the sequence, and four tiles of 1,601 for each of them in eight layers.
    assert_eq!(cached(2, 1024) - cached(0, 1024), (32 * 2 + 8 * 2 * 4 * 1601) * of_a_token);
    assert_eq!(cached(1, 4096) - cached(1, 1024), 32 * 3072 * of_a_token);
}

#[test]
fn runs_with_attended_images_that_are_not_known_are_refused() {
    let place = Folder::new();
    let refused = |settings: &[&str]| {
        let sets = settings.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<&str> = ["estimate", "llama-3.2-11b-vision-instruct"].into_iter().chain(sets).collect();
        let run = place.run(&arguments);
        assert_eq!(run.code, 2, "{settings:?}: {}", run.out);
        run.err
    };
    for (settings, says) in [
        (&["task=infer", "infer.images=1", "infer.attention=eager"][..], "infer.attention"),
        (&["task=infer", "infer.images=1", "infer.prefill_chunk_size=64"], "infer.prefill_chunk_size"),
        (&["train.images=1", "train.attention=eager"], "train.attention"),
    ] {
        assert!(refused(settings).contains(says), "{settings:?}");
    }
    let mut config = json!({ "model_type": "mllama", "text_config": { "model_type": "mllama_text_model" },
        "vision_config": { "model_type": "mllama_vision_model", "intermediate_layers_indices": [3, 7] } });
    let wrong = estimate(&imported(&config), &scenario(|_| ()), None).unwrap_err().to_string();
    assert!(wrong.contains("vision_output_dim"), "{wrong}");
    config["vision_config"]["vision_output_dim"] = json!(3840);
    assert!(estimate(&imported(&config), &scenario(|_| ()), None).is_ok());
}
