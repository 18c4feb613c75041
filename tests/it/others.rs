//! What others' estimators say of the cases that `brimful validate` brings.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::binary::Place;
use brimful::open::{case, others};
use brimful::preset::Library;
use serde_json::{Value, json};

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

fn data() -> String {
    fs::read_to_string(reference().join("cases/others.json")).unwrap()
}

/// Errors without sign, from the least to the largest.
type Errors = Vec<f64>;

fn spread(mut errors: Errors) -> [f64; 3] {
    errors.sort_by(f64::total_cmp);
    let count = errors.len();
    let median = f64::midpoint(errors[(count - 1) / 2], errors[count / 2]);
    [median, errors[(count * 9).div_ceil(10) - 1], errors[count - 1]]
}

fn assert_spread(shown: &Value, errors: Errors) {
    for (key, error) in ["median", "ninetieth", "worst"].into_iter().zip(spread(errors)) {
        assert!((shown[key].as_f64().unwrap() - error).abs() < 1e-9, "{key}: {shown}, recomputed {error}");
    }
}

#[test]
fn the_table_is_what_the_data_says_of_the_cases() {
    let shown = Place::new().json(&["validate"]);
    let cases: HashMap<&str, &Value> =
        shown["cases"].as_array().unwrap().iter().map(|case| (case["id"].as_str().unwrap(), case)).collect();
    let data: Value = serde_json::from_str(&data()).unwrap();
    let estimators = data["estimators"].as_array().unwrap();
    assert_eq!(shown["others"].as_array().unwrap().len(), estimators.len());
    for (other, estimator) in shown["others"].as_array().unwrap().iter().zip(estimators) {
        assert_eq!((&other["estimator"], &other["source"]), (&estimator["name"], &estimator["source"]));
        let mut errors: HashMap<(&str, &str), (Errors, Errors)> = HashMap::new();
        for (id, says) in estimator["says"].as_object().unwrap() {
            let case = cases[id.as_str()];
            let measured = case["measured"].as_f64().unwrap();
            let off = |says: &Value| (says.as_f64().unwrap() / measured - 1.0).abs();
            let row = errors.entry((case["group"].as_str().unwrap(), case["metric"].as_str().unwrap())).or_default();
            row.0.push(off(says));
            row.1.push(off(&case["predicted"]));
        }
        let rows = other["groups"].as_array().unwrap();
        assert_eq!(rows.len(), errors.len(), "{other}");
        for row in rows {
            let key = (row["group"].as_str().unwrap(), row["metric"].as_str().unwrap());
            let (theirs, ours) = errors.remove(&key).unwrap();
            assert_eq!(row["cases"], theirs.len());
            assert_spread(&row["theirs"], theirs);
            assert_spread(&row["ours"], ours);
        }
        let left_out: u64 =
            other["left_out"].as_array().unwrap().iter().map(|reason| reason["count"].as_u64().unwrap()).sum();
        let listed = estimator["left_out"].as_object().unwrap().values().map(|ids| ids.as_array().unwrap().len());
        assert_eq!(left_out, listed.sum::<usize>() as u64);
    }
}

#[test]
fn every_case_of_a_group_is_said_or_left_out() {
    let cases = case::embedded(&Library::embedded()).unwrap();
    let others = others::embedded(&cases).unwrap();
    let of = |name: &str| others.iter().find(|other| other.name.starts_with(name)).unwrap();
    for (name, group) in
        [("Megatron", "megatron"), ("Korthikanti", "megatron"), ("DeepSpeed", "deepspeed "), ("ZeRO", "deepspeed ")]
    {
        let other = of(name);
        let asked = cases.iter().filter(|case| case.group.starts_with(group)).count();
        let left_out: usize = other.left_out.values().map(Vec::len).sum();
        assert_eq!(other.says.len() + left_out, asked, "{name}");
        assert!(other.says.len() > 40, "{name}");
    }
}

#[test]
fn cases_of_ones_own_stand_alone() {
    let place = Place::new();
    place.write(
        "case.toml",
        "id = \"a\"\ngroup = \"b\"\nmetric = \"parameters\"\nmeasured = 1\nscenario.model = \"gpt2\"",
    );
    assert_eq!(place.json(&["validate", "--cases", "case.toml"])["others"], json!([]));
    assert!(!place.run(&["validate", "--cases", "case.toml"]).out.contains("other estimators"));
}

#[test]
fn data_about_no_case_is_an_error() {
    let text = "id = \"right\"\ngroup = \"b\"\nmetric = \"parameters\"\nmeasured = 1\nscenario.model = \"gpt2\"";
    let cases = case::parse(text, "case.toml", Path::new(""), &Library::embedded()).unwrap();
    let read = |says: &Value, left_out: &Value| {
        let estimator = json!({"name": "one", "source": "a paper", "says": says, "left_out": left_out});
        others::parse(&json!({"estimators": [estimator]}).to_string(), "others.json", &cases)
    };
    assert_eq!(read(&json!({"right": 2}), &json!({})).unwrap()[0].says["right"], 2);
    let mistakes = [
        (json!({"rihgt": 2}), json!({}), "others.json: one: there is no case `rihgt`; the nearest is `right`"),
        (json!({}), json!({"why": ["wrong"]}), "others.json: one: there is no case `wrong`"),
        (json!({"right": 2}), json!({"why": ["right"]}), "others.json: one: `right` twice"),
        (json!({"right": -2}), json!({}), "others.json: invalid value"),
    ];
    for (says, left_out, message) in mistakes {
        let error = read(&says, &left_out).unwrap_err().to_string();
        assert!(error.starts_with(message), "expected {message}\nfound {error}");
    }
}

#[test]
fn the_script_makes_the_data_that_is_committed() {
    let place = Place::new();
    let out = place.write("others.json", "");
    let ran = Command::new("python3").arg("-B").arg(reference().join("others.py")).arg(&out).output();
    let Ok(ran) = ran else { return };
    let said = String::from_utf8_lossy(&ran.stderr);
    if said.contains("No module named 'tomllib'") {
        // A Python before 3.11: the committed data is what `validate` shows.
        return;
    }
    assert!(ran.status.success(), "{said}");
    assert!(fs::read_to_string(out).unwrap() == data(), "others.py cases/others.json writes it anew");
}
