//! Capacities that stand in no list: a size, a MIG slice, what is free of a card; and names as the hub has them.

use serde_json::Value;

use crate::support::binary::Place;

const SMALL: [&str; 4] = ["check", "llama-3.2-1b", "--seq", "512"];

fn fit(place: &Place, more: &[&str]) -> Value {
    place.json(&[&SMALL[..], more].concat())["fit"].clone()
}

#[test]
fn any_size_is_a_card() {
    let place = Place::new();
    let sized = fit(&place, &["--gpu", "24GB"]);
    assert_eq!(sized["capacity"], (24 * 1024 - 600_u64) << 20);
    assert_eq!(fit(&place, &["--gpu", "24 gib"])["capacity"], sized["capacity"]);
    let text = place.run(&[&SMALL[..], &["--gpu", "24GB"]].concat()).out;
    assert!(text.contains("any 24GB card") && text.contains("23976 MiB are taken to be handed"), "{text}");
    let file = place.write("run.toml", "model = \"llama-3.2-1b\"\ngpu = \"24GB\"\n[train]\nsequence_length = 512\n");
    assert_eq!(place.json(&["check", file.to_str().unwrap()])["fit"], sized);
    for (word, words) in [
        ("24", "any card of that size is `24GB`"),
        ("0GB", "`0GB` is no size of a card; sizes are written like 24GB"),
        ("h100", "the nearest are `h100-sxm-80`"),
    ] {
        let said = place.run(&[&SMALL[..], &["--gpu", word]].concat());
        assert!(said.code == 2 && said.err.contains(words), "{word}: {}", said.err);
    }
}

#[test]
fn a_slice_of_a_card_is_a_card() {
    let place = Place::new();
    let slice = fit(&place, &["--gpu", "h100-sxm-80:1g.10gb"]);
    assert_eq!(
        (&slice["capacity"], &slice["gpu"]),
        (&Value::from(9984_u64 << 20), &Value::from("h100-sxm-80:1g.10gb"))
    );
    for (word, words) in [
        ("h100-sxm-80:1g.5gb", "has no MIG slice `1g.5gb`; its slices are 1g.10gb, 1g.20gb"),
        ("t4:1g.10gb", "no MIG slices of"),
        ("h101-sxm-80:1g.10gb", "the nearest is `h100-sxm-80`"),
    ] {
        let said = place.run(&[&SMALL[..], &["--gpu", word]].concat());
        assert!(said.code == 2 && said.err.contains(words), "{word}: {}", said.err);
    }
    let listed = place.run(&["gpus", "a100-sxm-40", "--format", "csv"]).out;
    assert!(listed.contains("1g.5gb 1g.10gb 2g.10gb 3g.20gb"), "{listed}");
}

#[test]
fn what_is_free_is_the_capacity_of_the_verdict() {
    let place = Place::new();
    let whole = fit(&place, &["--gpu", "h100-sxm-80"]);
    let free = fit(&place, &["--gpu", "h100-sxm-80", "--free", "17GiB"]);
    assert_eq!((&free["capacity"], &free["needs"]), (&Value::from(17_u64 << 30), &whole["needs"]));
    assert_eq!(fit(&place, &["--gpu", "h100-sxm-80", "--set", "runtime.free_mib=17408"]), free);
    let more = fit(&place, &["--gpu", "h100-sxm-80", "--free", "900GiB"]);
    assert_eq!(more["capacity"], whole["capacity"], "no more than there is");
    let over = place.run(&[&SMALL[..], &["--gpu", "h100-sxm-80", "--free", "2GiB"]].concat());
    assert_eq!(over.code, 1, "{}", over.out);
    assert!(over.out.contains("(runtime.free_mib), others hold"), "{}", over.out);
    let max = |more: &[&str]| {
        place.json(&[&["max", "batch", "llama-3.2-1b", "--seq", "512", "--gpu", "h100-sxm-80"], more].concat())["value"]
            .clone()
    };
    assert!(max(&["--free", "17GiB"]).as_u64().unwrap() < max(&[]).as_u64().unwrap());
    // A margin is kept of what is free.
    let kept = place.run(&[&SMALL[..], &["--gpu", "24GB", "--set", "runtime.margin_mib=20GiB"]].concat());
    assert_eq!(kept.code, 1, "{}", kept.out);
    let wrong = place.run(&[&SMALL[..], &["--gpu", "24GB", "--free", "lots"]].concat());
    assert!(wrong.code == 2 && wrong.err.contains("--free: `lots` is not a whole number"), "{}", wrong.err);
}

#[test]
fn names_of_the_hub_find_presets_or_say_that_there_is_no_network() {
    let place = Place::new();
    for name in [
        "meta-llama/Llama-3.1-8B-Instruct",
        "https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct",
        "https://huggingface.co/meta-llama/Llama-3.1-8B/tree/main",
        "Llama-3.1-8B-Instruct",
    ] {
        let said = place.run(&["check", name, "--gpu", "h100-sxm-80"]);
        assert_eq!(said.code, 0, "{name}: {}", said.err);
        assert!(said.err.contains("is taken for the preset `llama-3.1-8b`"), "{name}: {}", said.err);
    }
    for name in ["https://huggingface.co/acme/Rocket-9B", "acme/Rocket-9B"] {
        let said = place.run(&["check", name, "--gpu", "h100-sxm-80"]);
        assert!(said.code == 2 && said.err.contains("brimful has no network"), "{name}: {}", said.err);
    }
}
