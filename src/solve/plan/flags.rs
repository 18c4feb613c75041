//! A layout as what one types to launch it.

mod accelerate;
mod megatron;
mod torchtitan;

use crate::model::Model;
use crate::scenario::Scenario;

/// What launches a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The command, without what says which model, data and rates of learning.
    pub command: String,
    /// The file that it needs, its name and text.
    pub file: Option<(&'static str, String)>,
    /// The keys of the run that no flag says: the script does, or the code itself.
    pub unsaid: Vec<&'static str>,
}

impl Launch {
    /// How a run is launched on nodes of so many cards; nothing where the framework's own way is not known.
    pub fn of(model: &Model, scenario: &Scenario, node: u64) -> Option<Self> {
        let node = node.clamp(1, scenario.gpus.max(1));
        if scenario.framework.builds_by("megatron") {
            return Some(megatron::launch(model, scenario, node));
        }
        if scenario.framework.builds_by("torchtitan") {
            return Some(torchtitan::launch(scenario, node));
        }
        scenario.framework.lays_out("strategy").then(|| accelerate::launch(scenario, node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;
    use crate::scenario::Value;
    use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};

    fn run(framework: &str, gpus: u64, settings: &[(&str, &str)]) -> Scenario {
        let framework = Library::embedded().framework(framework).unwrap();
        let mut scenario = Scenario { gpus, framework, ..Scenario::default() };
        scenario.follow_framework(|_| false);
        for (key, word) in settings {
            let parameter = Parameter::by_key(key).unwrap();
            parameter.set(&mut scenario, parameter.parse(word).unwrap()).unwrap();
        }
        scenario
    }

    pub(super) fn launched(framework: &str, gpus: u64, settings: &[(&str, &str)]) -> Launch {
        let library = Library::embedded();
        Launch::of(library.model("llama-3.1-8b").unwrap(), &run(framework, gpus, settings), 8).unwrap()
    }

    #[test]
    fn a_program_with_a_launcher_of_its_own_is_not_launched_by_anothers() {
        let library = Library::embedded();
        let model = library.model("llama-3.2-1b").unwrap();
        for framework in ["litgpt", "torchtune"] {
            assert_eq!(Launch::of(model, &run(framework, 1, &[]), 8), None);
        }
    }

    /// What is set is said by a flag, by a file or to have none: no key of a layout is passed over in silence.
    #[test]
    fn every_key_of_a_layout_is_said_or_is_said_to_have_no_flag() {
        for (framework, table, setting) in [
            ("megatron", "megatron.", None),
            ("megatron", "parallel.", None),
            ("torchtitan", "parallel.", None),
            ("transformers", "parallel.", Some("ddp")),
            ("transformers", "parallel.", Some("fsdp1")),
            ("transformers", "parallel.", Some("fsdp2")),
            ("transformers", "parallel.", Some("deepspeed")),
        ] {
            let mut settings = vec![("train.recompute", "selective")];
            settings.extend([
                ("megatron.moe_expert_capacity_factor", "1.5"),
                ("parallel.pipeline", "2"),
                ("parallel.tensor", "2"),
            ]);
            settings.extend([("parallel.zero", "1"), ("megatron.fine_grained_activation_offloading", "true")]);
            if let Some(strategy) = setting {
                settings = vec![("parallel.strategy", strategy)];
                settings.extend((strategy == "deepspeed").then_some(("parallel.zero", "3")));
            }
            let plain = launched(framework, 16, &settings);
            let scenario = run(framework, 16, &settings);
            let applies = |parameter: &&Parameter| parameter.key.starts_with(table) && (parameter.applies)(&scenario);
            for parameter in PARAMETERS.iter().filter(applies) {
                if parameter.key == "parallel.zero" && setting == Some("ddp") {
                    continue;
                }
                let now = parameter.get(&scenario);
                let another = match (&now, parameter.kind) {
                    (Value::Flag(on), _) => (!on).to_string(),
                    (now, Kind::Choice { covered, .. }) => {
                        let other = covered.iter().find(|word| **word != now.to_string());
                        other.map_or_else(|| now.to_string(), |word| (*word).to_owned())
                    }
                    (Value::Words(_), _) => {
                        String::from(if parameter.key.ends_with("offload_modules") { "qkv_linear" } else { "mlp" })
                    }
                    (_, Kind::Word) => String::from("1.25"),
                    _ if parameter.key == "parallel.zero" => {
                        String::from(if framework == "megatron" { "3" } else { "2" })
                    }
                    _ => String::from("4"),
                };
                if now.to_string() == another {
                    continue;
                }
                let mut set = settings.clone();
                set.push((parameter.key, another.as_str()));
                let launch = launched(framework, 16, &set);
                assert!(launch != plain, "{} = {another} under {framework} {setting:?}", parameter.key);
            }
        }
    }
}
