//! What a framework's own defaults make of a scenario, and which of its values are those.

use super::parameter::{PARAMETERS, Parameter};
use super::profile::OwnDefault;
use super::{Scenario, Task, Value};

/// The keys that others' defaults follow from.
pub const LEADING: [&str; 2] = ["framework", "train.method"];

impl Scenario {
    /// What the framework says of parameters, whatever the method.
    fn profiled(&self) -> impl DoubleEndedIterator<Item = &OwnDefault> {
        self.framework.profile().into_iter().flat_map(|profile| &profile.defaults)
    }

    /// What the framework itself has for a key with this method, where it has anything: the last that it says.
    fn own_default(&self, key: &str) -> Option<&Value> {
        let of_method = |own: &&OwnDefault| own.method.is_none_or(|method| method == self.train.method);
        self.profiled().filter(of_method).rev().find(|own| own.key == key).map(|own| &own.value)
    }

    /// The value of a parameter where nobody asks for anything else, under this framework and with this method.
    pub fn default_of(&self, parameter: &Parameter) -> Value {
        self.own_default(parameter.key).cloned().unwrap_or_else(|| parameter.get(&Self::default()))
    }

    /// Takes over the framework's own defaults, but for what was asked for, by its key. An engine serves, and nothing else.
    pub fn follow_framework(&mut self, asked: impl Fn(&str) -> bool) {
        if self.framework.is_engine() && !asked("task") {
            self.task = Task::Infer;
        }
        let keys: Vec<&str> = self.profiled().map(|own| own.key).filter(|key| !asked(key)).collect();
        self.follow(|parameter| keys.contains(&parameter.key));
    }

    /// Follows a framework or a method, by its key, that was chosen in place of another scenario's: what that one had as its
    /// defaults becomes the default here, and what was changed there stays.
    pub fn follow_in_place_of(&mut self, before: &Self, chosen: &str) {
        let keys: Vec<&str> = before.profiled().chain(self.profiled()).map(|own| own.key).collect();
        let follows = |key| keys.contains(&key) && key != chosen;
        self.follow(|parameter| follows(parameter.key) && parameter.get(before) == before.default_of(parameter));
    }

    /// Gives these parameters their defaults, methods before what follows from them.
    fn follow(&mut self, which: impl Fn(&Parameter) -> bool) {
        for leads in [true, false] {
            for parameter in PARAMETERS.iter().filter(|parameter| LEADING.contains(&parameter.key) == leads) {
                if which(parameter) {
                    let value = self.default_of(parameter);
                    // It was checked when it was read, and where it cannot be put the scenario stays as it was.
                    let _ = parameter.set(self, value);
                }
            }
        }
    }

    /// What of it the framework itself has decided, and everybody else has otherwise.
    pub fn decided_by_framework(&self) -> Vec<(&'static Parameter, Value)> {
        let everybody = Self::default();
        let decided = PARAMETERS.iter().filter(|parameter| (parameter.applies)(self)).filter_map(|parameter| {
            let own = self.own_default(parameter.key)?;
            let value = parameter.get(self);
            (value == *own && value != parameter.get(&everybody)).then_some((parameter, value))
        });
        decided.collect()
    }
}
