//! How the scenario is changed: what has a ledger takes the place of what had one, and can be undone.

use crate::memory::{Step, Suited, check, is_unusual, notes_of_sizes, suit};
use crate::scenario::arguments::Reading;
use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};
use crate::scenario::{LEADING, Scenario, Value};
use crate::tui::app::{App, Estimate, Notice, Understood, blamed};
use crate::tui::screen::{Focus, View};
use crate::units::grouped;

impl App {
    /// Answers the last key.
    pub(in crate::tui) fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), refusal: false });
    }

    /// Says why the last key did nothing.
    pub(in crate::tui) fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), refusal: true });
    }

    /// Puts a scenario in place of the present one, which can be had back.
    ///
    /// One that has no ledger is kept out as long as the present one has one, unless it is `forced`: then the
    /// reason is shown where the bars were.
    pub(in crate::tui) fn change(&mut self, scenario: Scenario, forced: bool) -> Result<(), String> {
        if scenario == self.scenario {
            return Ok(());
        }
        self.know_card(&scenario);
        let estimate = self.estimate_of(&scenario);
        if let (Err(reason), Ok(_), false) = (&estimate, &self.estimate, forced) {
            return Err(reason.clone());
        }
        self.history.record(std::mem::replace(&mut self.scenario, scenario));
        self.put(estimate);
        Ok(())
    }

    /// The scenario with a value in a parameter.
    fn with(&self, parameter: &Parameter, value: Value) -> Result<Scenario, String> {
        let mut scenario = self.scenario.clone();
        parameter.set(&mut scenario, value).map_err(|error| error.to_string())?;
        if parameter.kind == Kind::Framework {
            self.profiles.settle(&mut scenario).map_err(|error| error.to_string())?;
        }
        if parameter.key == "gpu" && scenario.gpu != self.scenario.gpu {
            // What was free was free of the other card.
            scenario.runtime.free_mib = None;
        }
        if LEADING.contains(&parameter.key) {
            scenario.follow_in_place_of(&self.scenario, parameter.key);
        }
        Ok(scenario)
    }

    /// What is refused of the run with a value in a parameter, found without its ledger.
    pub(super) fn is_legal(&self, parameter: &Parameter, value: &Value) -> Result<(), String> {
        let (scenario, _) = self.prepared(parameter, value.clone())?;
        let model = self.model_of(&scenario);
        model.map_or(Ok(()), |model| check(model, &scenario).map_err(|error| error.to_string()))
    }

    /// The run with a value in a parameter and all that comes along with it, and what that is, in words.
    fn prepared(&self, parameter: &Parameter, value: Value) -> Result<(Scenario, Option<String>), String> {
        let understood = parameter.understood(&value).map(|understood| understood.words);
        let mut scenario = self.with(parameter, value)?;
        let words = match parameter.key {
            "model" => self.suit(&mut scenario),
            // Strategy and stage say half of it each.
            "gpus" | "parallel.strategy" | "parallel.zero" => {
                self.suit_but(&mut scenario, |_, key| !key.starts_with("parallel.") || key == parameter.key)
            }
            _ if understood.is_some() => None,
            _ => followed(parameter, [&self.scenario, &scenario]),
        };
        let words: Vec<String> = understood.into_iter().chain(words).collect();
        Ok((scenario, Some(words.join("; ")).filter(|words| !words.is_empty())))
    }

    /// What is understood of a text that is typed for a parameter, and what would come of it; nothing of an empty one, and of
    /// one that is no value yet.
    pub(super) fn understood(&self, parameter: &Parameter, text: &str) -> Option<Understood> {
        let value = parameter.parse(text).ok().filter(|_| !text.trim().is_empty())?;
        let said = match &value {
            Value::Count(count) => grouped(*count),
            Value::Unset => String::from("unset"),
            value => value.to_string(),
        };
        let value_in_full = if parameter.unit.is_empty() { said } else { format!("{said} {}", parameter.unit) };
        let run = self.prepared(parameter, value).map(|(scenario, _)| scenario);
        let notes =
            run.as_ref().ok().and_then(|run| Some(notes_of_sizes(self.model_of(run)?, run))).unwrap_or_default();
        let outcome = run.and_then(|run| self.estimate_of(&run)).map(|estimate| match &estimate.fit {
            Some(fit) => (fit.needs, Some(fit.verdict)),
            None => (estimate.ledger.total(), None),
        });
        Some(Understood { value: value_in_full, outcome, notes })
    }

    /// Puts a value into a parameter.
    pub(in crate::tui) fn set(&mut self, parameter: &Parameter, value: Value, forced: bool) -> Result<(), String> {
        let (scenario, words) = self.prepared(parameter, value)?;
        self.change(scenario, forced)?;
        if let Some(words) = words {
            self.say(words);
        }
        Ok(())
    }

    /// Makes a scenario one that its model can run, so that choosing the model shows its memory and not an error; what was
    /// done, in words.
    pub(super) fn suit(&self, scenario: &mut Scenario) -> Option<String> {
        self.suit_but(scenario, |_, _| false)
    }

    /// The same, but for what a configuration says.
    pub(super) fn suit_said(&self, scenario: &mut Scenario, reading: &Reading) -> Option<String> {
        self.suit_but(scenario, |_, key| reading.keys().any(|said| said == key))
    }

    fn suit_but(&self, scenario: &mut Scenario, asked: impl Fn(&Scenario, &str) -> bool) -> Option<String> {
        let model = self.model_of(scenario)?;
        let given = scenario.clone();
        let suited = suit(model, scenario, |key| asked(&given, key));
        let words: Vec<String> = suited.into_iter().map(Suited::words).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// Does the same but for what was asked for.
    pub(in crate::tui) fn suit_unasked(&mut self, asked: &[&str]) {
        let mut scenario = self.scenario.clone();
        let words = self.suit_but(&mut scenario, |given, key| asked.contains(&key) || is_unusual(given, key));
        if scenario == self.scenario {
            return;
        }
        self.estimate = self.estimate_of(&scenario);
        self.scenario = scenario;
        self.cursor = self.first_cursor();
        if let Some(words) = words {
            self.say(words);
        }
    }

    /// Shows a view; one with rows gets the arrow keys.
    pub(in crate::tui) fn show(&mut self, view: View) {
        self.view = view;
        self.planning.stopped = false;
        self.focus = if self.pane().rows.is_some_and(|rows| rows.at_once) { Focus::View } else { Focus::Parameters };
    }

    pub(super) fn flip(&mut self, change: impl FnOnce(&mut Scenario)) {
        let mut scenario = self.scenario.clone();
        change(&mut scenario);
        if let Err(reason) = self.change(scenario, true) {
            self.refuse(reason);
        }
    }

    pub(super) fn put(&mut self, estimate: Result<Estimate, String>) {
        self.estimate = estimate;
        if let Err(reason) = &self.estimate {
            // The cursor goes to what is at fault, so that the next arrow key can mend it.
            self.cursor = blamed(reason).unwrap_or(self.cursor);
        }
        if self.estimate.as_ref().is_ok_and(|estimate| !estimate.first_step_differs()) {
            self.step = Step::Steady;
        }
    }
}

/// What else is another now that a parameter is: what its framework or method has for those who ask for nothing else.
fn followed(parameter: &Parameter, [before, after]: [&Scenario; 2]) -> Option<String> {
    let others = PARAMETERS.iter().filter(|other| other.key != parameter.key && other.get(before) != other.get(after));
    let words: Vec<String> = others.map(|other| format!("{} {}", other.label, other.get(after))).collect();
    (!words.is_empty()).then(|| format!("{} has {}", parameter.get(after), words.join(", ")))
}
