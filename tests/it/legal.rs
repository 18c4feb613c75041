//! What is refused without a ledger is what has none.

use brimful::memory::{EstimateError, check, estimate, suit};
use brimful::preset::Library;
use brimful::scenario::parameter::{Kind, PARAMETERS};
use brimful::scenario::{Scenario, Task, Value};

/// Every word of every choice, every flag, every framework, on every few models, in training and in serving.
#[test]
fn what_is_refused_has_no_ledger_and_nothing_else() {
    let library = Library::embedded();
    let profiles = library.profiles();
    let (mut runs, mut refused) = (0, 0);
    for model in library.models().into_iter().step_by(7) {
        for task in [Task::Train, Task::Infer] {
            let mut plain = Scenario { task, ..Scenario::default() };
            suit(model, &mut plain, |_| false);
            for parameter in PARAMETERS {
                let words: Vec<&str> = match parameter.kind {
                    Kind::Choice { words, .. } => words.to_vec(),
                    Kind::Framework => profiles.ids().collect(),
                    Kind::Flag => vec!["true", "false"],
                    _ => continue,
                };
                for word in words {
                    let mut scenario = plain.clone();
                    let value = if parameter.kind == Kind::Flag {
                        Value::Flag(word == "true")
                    } else {
                        Value::Word(word.into())
                    };
                    parameter.set(&mut scenario, value).unwrap();
                    profiles.settle(&mut scenario).unwrap();
                    let (checked, made) = (check(model, &scenario), estimate(model, &scenario, None));
                    runs += 1;
                    refused += usize::from(checked.is_err());
                    let what = format!("{} {} {}={word}", model.id, task.word(), parameter.key);
                    match (checked, made) {
                        (Err(said), Err(found)) => assert_eq!(said, found, "{what}"),
                        // How deep a format nests is found where its parts are added up.
                        (Ok(()), Ok(_) | Err(EstimateError::Invalid { key: "model", .. })) => {}
                        (checked, made) => {
                            panic!("{what}: {checked:?}, but {:?}", made.map(|ledger| ledger.allocated()))
                        }
                    }
                }
            }
        }
    }
    assert!(runs > 5000 && refused > 500, "{refused} of {runs}");
}
