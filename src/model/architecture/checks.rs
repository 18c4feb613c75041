//! What a key may hold, and the error where it holds something else.

/// Why keys make no architecture: the key at fault and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ArchitectureError {
    /// The key at fault.
    pub key: &'static str,
    /// What was found and what would be right.
    pub problem: String,
}

impl ArchitectureError {
    pub(in crate::model) fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

/// The class that `architectures` names, where it names one that is covered; an error where it names another.
pub(super) fn class_of(
    covered: &[&'static str],
    named: Option<&[String]>,
) -> Result<Option<&'static str>, ArchitectureError> {
    const KEY: &str = "architectures";
    let named = named.unwrap_or_default();
    let found = |class: &String| covered.iter().copied().find(|known| known == class);
    match named {
        [] => Ok(None),
        [class] if found(class).is_some() => Ok(found(class)),
        _ => {
            let problem = format!("`{}` is not covered; covered: {}", named.join(", "), covered.join(", "));
            Err(ArchitectureError::new(KEY, problem))
        }
    }
}

/// No dimension of a real model comes near this; beyond it a number is a slip of the keyboard.
const LARGEST_DIMENSION: u64 = 1 << 28;

pub(super) fn dimension(key: &'static str, size: u64) -> Result<u64, ArchitectureError> {
    if (1..=LARGEST_DIMENSION).contains(&size) {
        Ok(size)
    } else {
        Err(ArchitectureError::new(key, format!("{size} is not between 1 and 2^28")))
    }
}

pub(super) fn probability(key: &'static str, value: Option<f64>, default: f64) -> Result<f64, ArchitectureError> {
    let value = value.unwrap_or(default);
    if (0.0..1.0).contains(&value) {
        Ok(value)
    } else {
        Err(ArchitectureError::new(key, format!("{value} is not a probability below 1")))
    }
}
