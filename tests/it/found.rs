//! Names and folders as they are found on the Hugging Face hub, and what is made of them.

use crate::support::binary::Place;

#[test]
fn a_name_of_the_hub_is_the_preset_of_the_same_shapes() {
    let place = Place::new();
    let preset = place.json(&["estimate", "llama-3.1-8b"]);
    for name in ["meta-llama/Llama-3.1-8B-Instruct", "unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit"] {
        let json = place.json(&["estimate", name]);
        assert_eq!((&json["memory"], &json["scenario"]), (&preset["memory"], &preset["scenario"]), "{name}");
        let warning = json["warnings"][0].as_str().unwrap();
        assert!(warning.starts_with(&format!("`{name}` is taken for the preset `llama-3.1-8b`")), "{warning}");
        assert_eq!(warning.contains("stored"), name.contains("4bit"), "{warning}");
    }
    place.write("run.toml", "model = \"google/gemma-3-4b-pt\"\n");
    assert_eq!(place.json(&["estimate", "run.toml"])["model"]["id"], "gemma-3-4b-it");
    for path in ["./Llama-3.1-8B", "models/meta-llama/Llama-3.1-8B", "Llama-3.1-8B.json"] {
        assert_eq!(place.run(&["estimate", path]).code, 2, "{path} is a path");
    }
}

#[test]
fn what_is_no_model_says_what_it_is() {
    let place = Place::new();
    let adapter = "{\"peft_type\": \"LORA\", \"base_model_name_or_path\": \"meta-llama/Llama-3.1-8B-Instruct\"}";
    place.write("tuned/adapter_config.json", adapter);
    place.write("alone/adapter_config.json", "{\"base_model_name_or_path\": \"./mine\"}");
    place.write("unsaid/adapter_config.json", "{}");
    place.write("mistral/params.json", "{\"dim\": 4096}");
    place.write("empty/model.safetensors", "");
    place.write("both/adapter_config.json", adapter);
    place.write("both/config.json", "{\"model_type\": \"gpt2\"}");
    assert_eq!(place.run(&["import", "both/config.json"]).code, 0, "what is named is read");
    for (path, says) in [
        (
            "tuned",
            "an adapter, not a model: its base is `meta-llama/Llama-3.1-8B-Instruct`, of the shapes of the preset `llama-3.1-8b`",
        ),
        ("both", "both/adapter_config.json: an adapter, not a model"),
        ("tuned/adapter_config.json", "its base is `meta-llama/Llama-3.1-8B-Instruct`"),
        ("alone", "its base is `./mine`; name that one's config.json"),
        ("unsaid", "an adapter, not a model; name the config.json of its base"),
        ("mistral", "mistral/params.json: Mistral's own layout, which is not read"),
        ("empty", "a folder without a config.json"),
    ] {
        for command in ["check", "import"] {
            let said = place.run(&[command, path]);
            assert_eq!((said.code, said.out.as_str()), (2, ""), "{command} {path}");
            assert!(said.err.contains(says), "{command} {path}: {}", said.err);
        }
    }
}

#[test]
fn a_file_is_trained_for_what_its_class_is_for() {
    let place = Place::new();
    let write = |class: &str, labels: u64| {
        let text = format!(
            "{{\"model_type\": \"qwen2\", \"num_hidden_layers\": 2, \"architectures\": [\"{class}\"], \"num_labels\": {labels}}}"
        );
        place.write("config.json", &text);
    };
    let objective = |more: &[&str]| {
        let json = place.json(&[&["estimate", "config.json"], more].concat());
        (
            json["scenario"]["train"]["objective"].as_str().unwrap().to_owned(),
            json["memory"]["logits"].as_u64().unwrap(),
        )
    };
    for (class, labels, own) in [
        ("Qwen2ForCausalLM", 2, "lm"),
        ("Qwen2ForSequenceClassification", 1, "reward"),
        ("Qwen2ForSequenceClassification", 3, "classification"),
        ("Qwen2ForTokenClassification", 3, "token-classification"),
        ("Qwen2Model", 2, "embedding"),
    ] {
        write(class, labels);
        assert_eq!(objective(&[]).0, own, "{class}");
        let words = objective(&["--set", "train.objective=lm"]);
        assert!(words.0 == "lm" && words.1 > 1 << 30, "{class} has a head over its vocabulary where that is asked for");
        let served = place.run(&["estimate", "config.json", "--task", "infer"]);
        assert_eq!(served.code == 2, own != "lm", "{class}: {}", served.err);
    }
    write("Qwen2ForQuestionAnswering", 2);
    let refused = place.run(&["estimate", "config.json"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("for a class that finds answers"), "{}", refused.err);
    let bert = "{\"model_type\": \"bert\", \"architectures\": [\"BertForSequenceClassification\"]}";
    place.write("config.json", bert);
    assert_eq!(objective(&["--seq", "128"]).0, "classification");
    place.write("config.json", "{\"model_type\": \"bert\", \"architectures\": [\"BertModel\"]}");
    assert_eq!(objective(&["--seq", "128"]).0, "lm", "as before: a bare encoder is trained with its head");
}

#[test]
fn a_quantized_file_is_the_base_of_adapters() {
    let place = Place::new();
    let write = |quantization: &str| {
        let text = format!(
            "{{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"quantization_config\": {{{quantization}}}}}"
        );
        place.write("config.json", &text);
    };
    let train = |more: &[&str]| {
        let json = place.json(&[&["estimate", "config.json"], more].concat());
        let train = &json["scenario"]["train"];
        ["method", "base_weights", "double_quant"].map(|key| train[key].to_string())
    };
    write("\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true, \"bnb_4bit_quant_type\": \"nf4\"");
    assert_eq!(train(&[]), ["\"qlora\"", "\"nf4\"", "false"]);
    assert_eq!(train(&["--set", "train.double_quant=true"])[2], "true");
    assert_eq!(train(&["--set", "train.method=full"])[0], "\"full\"");
    write("\"quant_method\": \"bitsandbytes\", \"load_in_8bit\": true");
    assert_eq!(train(&[])[..2], ["\"qlora\"", "\"int8\""]);
    assert_eq!(train(&["--set", "train.method=qlora"])[1], "\"int8\"", "the method alone was asked for");
    assert_eq!(train(&["--set", "train.base_weights=nf4"])[1], "\"nf4\"");
    let served = place.json(&["estimate", "config.json", "--task", "infer"]);
    let warnings = served["warnings"].to_string();
    assert!(warnings.contains("was published in int8, which infer.weights=native counts"), "{warnings}");
    write("\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 64");
    assert_eq!(train(&[])[..2], ["\"qlora\"", "\"gptq-int4\""]);
    let native = |args: &[&str]| {
        let given = ["estimate", "config.json", "--task", "infer", "--set", "infer.weights=native"];
        place.run(&[&given, args].concat())
    };
    assert_eq!(native(&[]).code, 0);
    write("\"quant_method\": \"aqlm\", \"num_bits\": 2");
    let unknown = native(&[]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("was published as aqlm (2 bits), whose layout is not covered"), "{}", unknown.err);
}

#[test]
fn an_assumed_structure_stands_in_the_json() {
    let place = Place::new();
    let text = "{\"model_type\": \"lhama\", \"vocab_size\": 1000, \"hidden_size\": 256, \"num_hidden_layers\": 2, \
        \"num_attention_heads\": 4, \"intermediate_size\": 512, \"rms_norm_eps\": 1e-5, \"rope_theta\": 10000}";
    place.write("config.json", text);
    let json = place.json(&["estimate", "config.json"]);
    assert_eq!(json["model"]["assumed"], "llama");
    assert!(json["warnings"][0].as_str().unwrap().contains("is taken for `llama`"), "{json}");
    assert!(place.run(&["import", "config.json"]).err.contains("is taken for `llama`"));
}
