//! Preset and scenario files: those in the repository, those that must be read, those that must be refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use brimful::memory::{self, Category};
use brimful::model::parameters;
use brimful::open::find_model;
use brimful::preset::{Facts, Library, Listing, PresetError, scenario, user_dir};
use brimful::scenario::parameter::{Kind, PARAMETERS, Parameter};
use brimful::scenario::{Framework, Profile, Scenario, Task, Value};
use brimful::units::Bytes;
use proptest::prelude::*;

use crate::support::binary::Place;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/presets").join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{name}");
    paths
}

/// Reads each file and holds its error against the phrase in its first line.
fn refuse(name: &str, read: impl Fn(&Path) -> Result<(), PresetError>) {
    for path in files(name) {
        let text = fs::read_to_string(&path).unwrap();
        let phrase = text.lines().next().unwrap().strip_prefix("# says: ").expect("a first line `# says: …`");
        let error = read(&path).expect_err(&path.display().to_string()).to_string();
        assert!(error.contains(phrase), "{}\n  says {error}\n  not {phrase}", path.display());
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// A preset folder that holds one file, as a user's would.
fn library_of(shelf: &str, path: &Path) -> Library {
    let name = format!("brimful-{}-{shelf}-{}", std::process::id(), path.file_stem().unwrap().display());
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(dir.join(shelf)).unwrap();
    fs::copy(path, dir.join(shelf).join(path.file_name().unwrap())).unwrap();
    let library = Library::load(std::slice::from_ref(&dir));
    fs::remove_dir_all(dir).unwrap();
    library
}

#[test]
fn every_embedded_preset_gives_its_count() {
    let library = Library::embedded();
    assert_eq!(library.problems(), &[]);
    assert!(library.models().len() >= 40, "{}", library.models().len());
    for model in library.models() {
        let count = parameters::count(&model.architecture).unwrap();
        assert_eq!(model.declared, Some(count), "{}", model.id);
        assert!(model.card.source.is_some(), "{}", model.id);
    }
    let unconfirmed: Vec<_> = library.models().iter().filter(|model| !model.confirmed).map(|model| &model.id).collect();
    assert_eq!(
        unconfirmed,
        [
            "all-minilm-l6-v2",
            "bge-m3",
            "dbrx-instruct",
            "deepseek-llm-67b-base",
            "deepseek-v4-flash",
            "deepseek-v4-pro",
            "devstral-2-123b-instruct-2512",
            "gemma-3n-e2b-it",
            "gemma-3n-e4b-it",
            "gemma-4-e2b-it",
            "gemma-4-e4b-it",
            "gpt-3-175b",
            "grok-1",
            "internvl3-1b-hf",
            "kimi-k2.5",
            "kimi-k2.6",
            "llava-1.5-7b-hf",
            "mimo-v2-flash",
            "minimax-m3",
            "mistral-large-3-675b-instruct-2512",
            "mistral-medium-3.5-128b",
            "mistral-small-instruct-2409",
            "mpt-30b",
            "nemotron-4-340b-instruct",
            "opt-175b",
            "opt-66b",
            "paligemma2-3b-pt-224",
            "pixtral-12b-2409",
            "qwen2.5-vl-3b-instruct",
            "smolvlm2-2.2b-instruct",
            "step-3.7-flash",
        ]
    );
    let active = |id| parameters::active(&library.model(id).unwrap().architecture).unwrap().get();
    assert_eq!(active("mixtral-8x7b-v0.1"), 12_879_925_248);
    assert_eq!(active("qwen3-30b-a3b"), 3_353_032_704);
    assert_eq!(active("qwen3-235b-a22b"), 22_190_763_520);
    assert_eq!(active("deepseek-v3"), 37_552_282_624);
    assert_eq!(active("deepseek-v4-flash"), 13_799_622_231);
    assert_eq!(active("kimi-k2-instruct"), 32_861_477_888);
    assert_eq!(active("kimi-k3"), 105_363_935_328);
    assert_eq!(active("llama-3.1-8b"), 8_030_261_248);
    assert_eq!(active("llama-3_3-nemotron-super-49b-v1"), 49_867_145_216);
    assert_eq!(active("qwen3-next-80b-a3b-instruct"), 3_874_929_408);
    assert_eq!(active("qwen3.5-35b-a3b"), 3_454_988_928);
    assert_eq!(active("lfm2-8b-a1b"), 1_557_740_288);
    for id in ["llama-3.1-8b", "llama-3.2-1b", "gpt2", "qwen3-8b", "phi-4-mini-instruct"] {
        assert_eq!(library.model(id).unwrap().id, id);
    }
    assert!(library.model("llama-3.2-1b").unwrap().architecture.tie_word_embeddings);
}

#[test]
fn every_embedded_card_has_a_capacity() {
    let library = Library::embedded();
    assert!(library.gpus().len() >= 60, "{}", library.gpus().len());
    for gpu in library.gpus() {
        assert!(!gpu.capacity().unwrap().is_zero(), "{}", gpu.id);
        assert!(gpu.bandwidth_gb_s.is_some(), "{}", gpu.id);
        assert!(gpu.driver_mib.is_none_or(|total| gpu.usable_mib <= total), "{}", gpu.id);
    }
    assert_eq!(library.gpu("h100-sxm-80").unwrap().usable_mib, 81_080);
    assert!(!library.gpu("h100-sxm-80").unwrap().usable_estimated);
    assert_eq!(library.gpu("rtx-4090").unwrap().usable_mib, 24_080);
    assert!(library.gpu("a100-sxm-80").unwrap().usable_estimated);
}

/// Run with `cargo test --release --test it presets -- --ignored`: the explorer's first frame waits for this.
#[test]
#[ignore = "a measurement, only meaningful in an optimized build"]
fn a_model_and_a_card_are_found_well_within_the_first_frame() {
    let timed = |_| {
        let start = Instant::now();
        let library = Library::embedded();
        assert!(library.model("llama-3.1-8b").is_ok() && library.gpu("h100-sxm-80").is_ok());
        start.elapsed()
    };
    let best = (0..20).map(timed).min().unwrap();
    assert!(best < Duration::from_micros(500), "{best:?}");
}

#[test]
fn ids_are_unique_and_file_names_are_ids() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("presets/models");
    let count = fs::read_dir(&root).unwrap().count();
    let library = Library::embedded();
    assert_eq!(library.models().len(), count);
    for model in library.models() {
        assert!(root.join(format!("{}.toml", model.id)).is_file(), "{}", model.id);
    }
    for (index, gpu) in library.gpus().iter().enumerate() {
        assert!(library.gpus()[..index].iter().all(|other| other.id != gpu.id), "{}", gpu.id);
    }
}

/// The build looks at the heads of presets only; what it finds is what the reader of a user's files makes of the same folder.
#[test]
fn the_tables_of_the_build_say_what_the_files_say() {
    let embedded = Library::embedded();
    for listing in embedded.model_listings() {
        let model = listing.item().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((listing.id(), listing.name()), (model.id.as_str(), model.name.as_str()));
        assert_eq!(listing.facts(), Ok(Facts::of(model)));
    }
    for listing in embedded.gpu_listings() {
        let gpu = listing.item().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((listing.id(), listing.name()), (gpu.id.as_str(), gpu.name.as_str()));
    }
    let read = Library::load(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("presets")]);
    assert_eq!(read.problems(), &[]);
    assert_eq!(read.models(), embedded.models());
    assert_eq!(read.gpus(), embedded.gpus());
}

#[test]
fn an_unknown_id_names_the_nearest() {
    let library = Library::embedded();
    let error = library.model("llama-3.1-8").unwrap_err().to_string();
    assert_eq!(error, "there is no model `llama-3.1-8`; the nearest is `llama-3.1-8b`");
    let error = library.gpu("rtx4090").unwrap_err().to_string();
    assert_eq!(error, "there is no GPU `rtx4090`; the nearest is `rtx-4090`");
    let error = library.gpu("!").unwrap_err().to_string();
    assert_eq!(error, "there is no GPU `!`");
}

#[test]
fn wrong_models_say_what_is_wrong() {
    let library = Library::default();
    refuse("invalid/models", |path| find_model(&library, path.to_str().unwrap(), Path::new("")).map(|_| ()));
}

#[test]
fn wrong_cards_say_what_is_wrong() {
    refuse("invalid/gpus", |path| {
        let problems = library_of("gpus", path).problems().to_vec();
        let mut problem = problems.into_iter().next().ok_or(()).map_or(Ok(()), Err);
        if let Err(problem) = &mut problem {
            // The copy lay elsewhere.
            problem.place.path = path.display().to_string();
        }
        problem
    });
}

#[test]
fn wrong_frameworks_say_what_is_wrong() {
    refuse("invalid/frameworks", |path| {
        let mut problem = library_of("frameworks", path).problems().first().cloned().map_or(Ok(()), Err);
        if let Err(problem) = &mut problem {
            problem.place.path = path.display().to_string();
        }
        problem
    });
}

#[test]
fn profiles_say_what_the_defaults_are() {
    let profiles = Library::embedded().profiles();
    for profile in profiles.all() {
        assert!(!profile.version.is_empty() && !profile.sources.is_empty(), "{}", profile.id);
    }
    // Programs that load no presets have the same habits, and a scenario begins with the Trainer's.
    let (loaded, default) = (profiles.of("transformers").unwrap(), Profile::default());
    assert_eq!((loaded.version, &loaded.train, loaded.infer), (default.version, &default.train, default.infer));
    let scenario = Scenario::default();
    for own in &loaded.defaults {
        assert_eq!(Parameter::by_key(own.key).unwrap().get(&scenario), own.value, "{}", own.key);
    }
}

#[test]
fn a_users_profile_takes_the_place_of_an_embedded_one() {
    let dir = std::env::temp_dir().join(format!("brimful-{}-profiles", std::process::id()));
    fs::create_dir_all(dir.join("frameworks")).unwrap();
    let text = fs::read_to_string(folder("../../presets/frameworks/transformers.toml")).unwrap();
    let own = text.replace("rebuilds_cache = false", "rebuilds_cache = true");
    fs::write(dir.join("frameworks/mine.toml"), own).unwrap();
    let library = Library::load(std::slice::from_ref(&dir));
    fs::remove_dir_all(dir).unwrap();
    assert_eq!(library.problems(), &[]);
    assert!(library.profiles().ids().eq(Library::embedded().profiles().ids()));
    assert!(workspace(&library, "transformers") > workspace(&Library::embedded(), "transformers"));
}

/// What generation works with beside weights and cache.
fn workspace(library: &Library, framework: &str) -> Bytes {
    let mut scenario = Scenario { task: Task::Infer, framework: Framework::named(framework), ..Scenario::default() };
    library.profiles().settle(&mut scenario).unwrap();
    // The cache outweighs what the prompt takes.
    (scenario.infer.context_length, scenario.infer.prefill_tokens) = (1 << 20, Some(8192));
    let model = library.model("llama-3.2-1b").unwrap();
    memory::estimate(model, &scenario, None).unwrap().largest(Category::Workspace).0
}

/// Runs the binary with presets of one's own, of which one is a framework profile.
#[test]
fn a_profile_of_ones_own_can_be_chosen() {
    let place = Place::new();
    let text = fs::read_to_string(folder("../../presets/frameworks/transformers.toml")).unwrap();
    let own = text.replace("id = \"transformers\"", "id = \"mine\"").replace("version = \"", "version = \"house ");
    let own = own.replace("rebuilds_cache = false", "rebuilds_cache = true");
    let own = own.replace("optimizer_implementation = \"fused\"", "optimizer_implementation = \"foreach\"");
    place.write("own/frameworks/mine.toml", &own);
    let run = |framework: &str| {
        let words = ["estimate", "llama-3.2-1b", "--task", "infer", "--presets", "own", "--framework", framework];
        place.run(&[&words[..], &["--ledger", "--format", "json"]].concat())
    };
    let [mine, usual] = ["mine", "transformers"].map(run);
    assert_eq!((mine.code, usual.code), (0, 0), "{}", mine.err);
    assert!(mine.out.contains("house ") && !usual.out.contains("house "));
    assert!(mine.out.contains("\"framework\": \"mine\""), "{}", &mine.out[..400]);
    // Its own loop goes as it says, unless somebody asks for anything else.
    let trained = |more: &[&str]| {
        let words = ["estimate", "llama-3.2-1b", "--presets", "own", "--framework", "mine", "--format", "json"];
        place.run(&[&words[..], more].concat()).out
    };
    assert!(trained(&[]).contains("\"optimizer_implementation\": \"foreach\""));
    assert!(trained(&["--ledger"]).contains("house "));
    let asked = trained(&["--set", "train.optimizer_implementation=fused"]);
    assert!(asked.contains("\"optimizer_implementation\": \"fused\""));
    let wrong = run("mien");
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("the nearest is `mine`"), "{}", wrong.err);
    let list = place.run(&["frameworks", "--presets", "own"]);
    assert!(list.out.contains("mine"), "{}", list.out);
    // A scenario file may name it; where the presets are not loaded it is said which there are.
    place.write("run.toml", "model = \"llama-3.2-1b\"\ntask = \"infer\"\nframework = \"mine\"\n");
    assert_eq!(place.run(&["estimate", "run.toml", "--presets", "own"]).code, 0);
    let unknown = place.run(&["estimate", "run.toml"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("run.toml:3") && unknown.err.contains("`mine` is none of"), "{}", unknown.err);
}

/// A profile may follow any framework's rules, and says of each switch of its releases whether it is on.
#[test]
fn a_profile_has_every_switch_of_its_framework() {
    let text = fs::read_to_string(folder("../../presets/frameworks/litgpt.toml")).unwrap();
    let load = |text: &str| {
        let dir = std::env::temp_dir().join(format!("brimful-{}-switches", std::process::id()));
        fs::create_dir_all(dir.join("frameworks")).unwrap();
        fs::write(dir.join("frameworks/mine.toml"), text).unwrap();
        let library = Library::load(std::slice::from_ref(&dir));
        fs::remove_dir_all(dir).unwrap();
        library.problems().iter().map(std::string::ToString::to_string).collect::<String>()
    };
    assert_eq!(load(&text.replace("id = \"litgpt\"", "id = \"mine\"")), "");
    let missing = load(&text.replace("sums_first = true\n", ""));
    assert!(missing.contains("release.sums_first"), "{missing}");
    let unknown = load(&text.replace("sums_first", "sums_frist"));
    assert!(unknown.contains("sums_first"), "{unknown}");
    let framework = load(&text.replace("framework = \"litgpt\"", "framework = \"ligpt\""));
    assert!(framework.contains("`ligpt` is not a framework") && framework.contains("`litgpt`"), "{framework}");
}

#[test]
fn wrong_scenarios_say_what_is_wrong() {
    refuse("invalid/scenarios", |path| scenario::read(path).map(|_| ()));
}

#[test]
fn right_models_are_read() {
    let library = Library::default();
    for path in files("valid/models") {
        let model = find_model(&library, path.to_str().unwrap(), Path::new("")).unwrap();
        assert_eq!(path.file_stem().unwrap().to_str(), Some(model.id.as_str()));
        parameters::count(&model.architecture).unwrap();
    }
    let model = find_model(&library, "everything.toml", &folder("valid/models")).unwrap();
    assert_eq!(model.architecture.hidden_size, 512);
    assert!(!model.confirmed);
}

#[test]
fn right_cards_are_read_and_marked_where_derived() {
    let library = library_of("gpus", &folder("valid/gpus/cards.toml"));
    assert_eq!(library.problems(), &[]);
    let usable = |id: &str| {
        let gpu = library.gpu(id).unwrap();
        (gpu.usable_mib, gpu.usable_estimated)
    };
    assert_eq!(usable("read"), (81_080, false));
    assert_eq!(usable("nvidia-driver"), (23_976, true));
    assert_eq!(usable("amd-driver"), (196_592, true));
    assert_eq!(usable("mac-24"), (16_384, true));
    assert_eq!(usable("mac-36"), (27_648, true));
    assert_eq!(usable("tpu"), (16_384, true));
}

#[test]
fn right_scenarios_are_read() {
    for path in files("valid/scenarios") {
        scenario::read(&path).unwrap();
    }
    let alone = scenario::parse("model = \"gpt2\"", "here").unwrap();
    assert_eq!(alone, Scenario { model: String::from("gpt2"), ..Scenario::default() });
    let tables = scenario::read(&folder("valid/scenarios/tables.toml")).unwrap();
    assert_eq!((tables.gpus, tables.parallel.zero, tables.infer.context_length), (8, 3, 32_768));
    assert_eq!(tables.train.dropout, Some(0.0));
    assert_eq!(tables.train.lora_targets, ["q", "v"]);
}

#[test]
fn a_broken_file_is_reported_and_the_others_are_read() {
    let dir = std::env::temp_dir().join(format!("brimful-{}-mixed", std::process::id()));
    fs::create_dir_all(dir.join("models")).unwrap();
    fs::create_dir_all(dir.join("gpus")).unwrap();
    let write = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
    write("models/broken.toml", "id = ");
    write("models/mine.toml", "id = \"mine\"\nfamily = \"llama\"\n[architecture]\n");
    write("models/theirs.toml", "id = \"gpt2\"\nname = \"My GPT-2\"\nfamily = \"gpt2\"\n[architecture]\n");
    write("models/huge.toml", &"#".repeat((1 << 20) + 1));
    write("models/notes.txt", "not a preset");
    fs::create_dir_all(dir.join("models/folder.toml")).unwrap();
    write("gpus/mine.toml", "[[gpu]]\nid = \"mine\"\nvendor = \"amd\"\ndriver_mib = 1024\n");
    let library = Library::load(&[dir.clone(), dir.join("absent")]);
    fs::remove_dir_all(&dir).unwrap();

    let problems: Vec<_> = library.problems().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains("broken.toml:1:"), "{problems:?}");
    assert!(problems[1].contains("folder.toml: not a regular file"), "{problems:?}");
    assert!(problems[2].contains("huge.toml: larger than 1 MiB"), "{problems:?}");
    let embedded = Library::embedded();
    assert_eq!(library.models().len(), embedded.models().len() + 1);
    assert_eq!(library.model("gpt2").unwrap().name, "My GPT-2");
    let custom_models = library.model_listings().iter().filter(|listing| listing.is_custom()).map(Listing::id);
    assert_eq!(custom_models.collect::<Vec<_>>(), ["gpt2", "mine"]);
    let custom_gpus = library.gpu_listings().iter().filter(|listing| listing.is_custom()).map(Listing::id);
    assert_eq!(custom_gpus.collect::<Vec<_>>(), ["mine"]);
    assert!(embedded.model_listings().iter().all(|listing| !listing.is_custom()));
}

#[test]
fn a_model_is_found_by_id_or_path() {
    let library = Library::embedded();
    let here = Path::new("");
    assert_eq!(find_model(&library, "gpt2", here).unwrap().id, "gpt2");
    let says = |name: &str| find_model(&library, name, here).unwrap_err().to_string();
    assert_eq!(says("gpt-2"), "there is no model `gpt-2`; the nearest is `gpt2`");
    assert!(says("nowhere/x.toml").starts_with("nowhere/x.toml: "), "{}", says("nowhere/x.toml"));
    assert!(says("nowhere/x").contains("a path names a preset"), "{}", says("nowhere/x"));
    assert!(says("x.safetensors").contains("No such file"), "{}", says("x.safetensors"));
    assert_eq!(says(""), "there is no model ``");
}

#[test]
fn the_users_folder_follows_the_xdg_rules() {
    let dir = |xdg: Option<&str>, home: Option<&str>| user_dir(xdg.map(AsRef::as_ref), home.map(AsRef::as_ref));
    assert_eq!(dir(Some("/x"), Some("/home/me")), Some(PathBuf::from("/x/brimful")));
    assert_eq!(dir(None, Some("/home/me")), Some(PathBuf::from("/home/me/.config/brimful")));
    assert_eq!(dir(Some(""), Some("/home/me")), Some(PathBuf::from("/home/me/.config/brimful")));
    assert_eq!(dir(Some("relative"), None), None);
}

/// A value that the parameter takes.
fn any_value(kind: Kind) -> BoxedStrategy<Value> {
    let optional = |optional: bool, values: BoxedStrategy<Value>| {
        if optional { prop_oneof![Just(Value::Unset), values].boxed() } else { values }
    };
    match kind {
        Kind::Count { min, max, optional: o, .. } => optional(o, (min..=max).prop_map(Value::Count).boxed()),
        Kind::Fraction { optional: o } => {
            let edges = prop_oneof![Just(0.0), Just(1.0), Just(f64::MIN_POSITIVE), 0.0..=1.0];
            optional(o, edges.prop_map(Value::Fraction).boxed())
        }
        Kind::Flag => any::<bool>().prop_map(Value::Flag).boxed(),
        Kind::Choice { words, optional: o, .. } => {
            optional(o, prop::sample::select(words).prop_map(|word| Value::Word(word.to_owned())).boxed())
        }
        Kind::Framework => prop::sample::select(vec!["transformers", "litgpt-0.4", "vllm"])
            .prop_map(|word| Value::Word(word.into()))
            .boxed(),
        // Some texts have a form.
        Kind::Text { suggestions } => {
            prop::sample::select(suggestions).prop_map(|text| Value::Word(text.to_owned())).boxed()
        }
        Kind::Word => "[^\u{0}]{1,12}".prop_map(Value::Word).boxed(),
        Kind::Words => prop::collection::vec("[^\u{0}]{0,6}", 0..4).prop_map(Value::Words).boxed(),
    }
}

proptest! {
    #[test]
    fn a_written_scenario_reads_back_equal(
        values in PARAMETERS.iter().map(|parameter| any_value(parameter.kind)).collect::<Vec<_>>()
    ) {
        let mut scenario = Scenario::default();
        for (parameter, value) in PARAMETERS.iter().zip(values) {
            parameter.set(&mut scenario, value).unwrap();
        }
        let text = scenario::to_toml(&scenario);
        let back = scenario::parse(&text, "written");
        prop_assert_eq!(back.as_ref(), Ok(&scenario), "{}", text);
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in "[a-z_=\\[\\]{}\"'#.0-9\n -]{0,80}") {
        let _ = scenario::parse(&text, "text");
        let _ = brimful::import::config::parse(&text, "text", None);
    }
}

#[test]
fn only_what_differs_is_written() {
    let mut scenario = Scenario { model: String::from("gpt2"), ..Scenario::default() };
    assert_eq!(scenario::to_toml(&scenario), "model = \"gpt2\"\n");
    scenario.gpu = Some(String::from("rtx-4090"));
    scenario.train.micro_batch_size = 4;
    scenario.train.dropout = Some(1.0);
    let expected = "model = \"gpt2\"\ngpu = \"rtx-4090\"\n\n[train]\nmicro_batch_size = 4\ndropout = 1.0\n";
    assert_eq!(scenario::to_toml(&scenario), expected);
}
