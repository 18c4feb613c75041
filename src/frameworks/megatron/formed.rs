//! Tensors with their forms, and which of several sets of them is the heaviest.

use super::draft::Draft;
use super::form::{Form, Forms};
use crate::units::{Bytes, Overflow};

/// A tensor with its form.
#[derive(Debug, Clone)]
pub(super) struct Formed {
    pub(super) draft: Draft,
    pub(super) form: Form,
}

impl Formed {
    pub(super) fn of(draft: Draft) -> Result<Self, Overflow> {
        let form = draft.form()?;
        Ok(Self { draft, form })
    }
}

/// Tensors that stand together, and what they come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Tensors {
    pub(super) all: Vec<Formed>,
    pub(super) forms: Forms,
}

impl Tensors {
    pub(super) fn of(drafts: impl IntoIterator<Item = Draft>) -> Result<Self, Overflow> {
        let drafts = drafts.into_iter();
        let mut all = Vec::with_capacity(drafts.size_hint().0);
        for draft in drafts {
            all.push(Formed::of(draft)?);
        }
        let forms = Forms::of(all.iter().map(|formed| formed.form))?;
        Ok(Self { all, forms })
    }

    /// What they come to on a rank, one of each.
    pub(super) fn bytes(&self, batch: u64) -> Result<Bytes, Overflow> {
        self.forms.bytes(1, batch)
    }
}

/// The heaviest of several sets of tensors in micro batches of so many sequences; of equal ones the first, and nothing where
/// all are empty.
pub(super) fn heaviest<'t, S>(
    sets: impl IntoIterator<Item = &'t S>,
    tensors: impl Fn(&S) -> &Tensors,
    batch: u64,
) -> Result<Option<&'t S>, Overflow> {
    let mut heaviest = (Bytes::ZERO, None);
    for set in sets {
        let bytes = tensors(set).bytes(batch)?;
        if bytes > heaviest.0 {
            heaviest = (bytes, Some(set));
        }
    }
    Ok(heaviest.1)
}
