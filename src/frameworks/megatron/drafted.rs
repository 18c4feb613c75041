//! What layers keep, drafted once for all pieces and stages that have them.

use std::cell::RefCell;
use std::rc::Rc;

use super::draft::Draft;
use crate::model::architecture::Layer;

/// What each layer of a job keeps, once it was asked for.
#[derive(Debug, Default)]
pub(super) struct Drafted(RefCell<Vec<OfLayer>>);

type OfLayer = (*const Layer, Rc<[Draft]>);

impl Drafted {
    /// That of a layer, drafted where it is new.
    pub(super) fn of(&self, layer: &Layer, draft: impl FnOnce() -> Vec<Draft>) -> Rc<[Draft]> {
        let known =
            self.0.borrow().iter().find(|(known, _)| std::ptr::eq(*known, layer)).map(|(_, drafts)| drafts.clone());
        known.unwrap_or_else(|| {
            let drafts: Rc<[Draft]> = draft().into();
            self.0.borrow_mut().push((layer, Rc::clone(&drafts)));
            drafts
        })
    }
}
