//! What a framework's own defaults make of a scenario, and which of its values are those.

use super::parameter::{PARAMETERS, Parameter};
use super::profile::OwnDefault;
use super::{Scenario, Value};

/// The keys that others' defaults follow from.
pub const LEADING: [&str; 4] = ["model", "framework", "task", "train.method"];

impl Scenario {
    /// What the framework itself has for these keys, run this way; the last of a key counts.
    fn own_defaults(&self) -> impl DoubleEndedIterator<Item = &OwnDefault> {
        let of_method = |own: &&OwnDefault| own.method.is_none_or(|method| method == self.train.method);
        self.framework.profile().into_iter().flat_map(|profile| &profile.defaults).filter(of_method)
    }

    /// The value of a key where nobody asks for anything else: the framework's own, or everybody's.
    fn default_of(&self, parameter: &Parameter) -> Value {
        let own = self.own_defaults().rev().find(|own| own.key == parameter.key);
        own.map_or_else(|| parameter.get(&Self::default()), |own| own.value.clone())
    }

    /// Takes over the framework's own defaults, but for what was asked for, by its key.
    pub fn follow_framework(&mut self, asked: impl Fn(&str) -> bool) {
        // Others follow from the method.
        for leads in [true, false] {
            let now = |own: &&OwnDefault| LEADING.contains(&own.key) == leads && !asked(own.key);
            let own: Vec<OwnDefault> = self.own_defaults().filter(now).cloned().collect();
            for own in own {
                self.put(own.key, own.value);
            }
        }
    }

    /// Follows a framework or a method, by its key, that was chosen in place of another scenario's: what that one had as its
    /// defaults becomes the default here, and what was changed there stays.
    pub fn follow_in_place_of(&mut self, before: &Self, chosen: &str) {
        let keys = before.own_defaults().chain(self.own_defaults()).map(|own| own.key).collect::<Vec<_>>();
        let follows = |key: &str| keys.contains(&key) && key != chosen;
        // Methods come before what follows from them.
        for parameter in PARAMETERS.iter().filter(|parameter| follows(parameter.key)) {
            if parameter.get(before) == before.default_of(parameter) {
                self.put(parameter.key, self.default_of(parameter));
            }
        }
    }

    /// The scenario of the same framework, task and method of which nothing else was asked.
    #[must_use]
    pub fn usual(&self) -> Self {
        let mut usual = Self { framework: self.framework.clone(), task: self.task, ..Self::default() };
        usual.train.method = self.train.method;
        usual.follow_framework(|_| false);
        usual
    }

    /// What of it the framework itself has decided, and everybody else has otherwise.
    pub fn decided_by_framework(&self) -> Vec<(&'static Parameter, Value)> {
        let everybody = Self::default();
        let decided = PARAMETERS.iter().filter(|parameter| (parameter.applies)(self)).filter_map(|parameter| {
            let own = self.own_defaults().rev().find(|own| own.key == parameter.key)?;
            let value = parameter.get(self);
            (value == own.value && value != parameter.get(&everybody)).then_some((parameter, value))
        });
        decided.collect()
    }

    /// Puts in a value that was read as one of the key's.
    fn put(&mut self, key: &str, value: Value) {
        if let Ok(parameter) = Parameter::by_key(key) {
            // It was checked when it was read, and where it cannot be put the scenario stays as it was.
            let _ = parameter.set(self, value);
        }
    }
}
