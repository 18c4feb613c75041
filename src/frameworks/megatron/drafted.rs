//! What layers keep, drafted once for all pieces and stages that have them.

use std::cell::RefCell;
use std::rc::Rc;

use super::draft::Draft;
use super::formed::Tensors;
use super::options::Modules;
use crate::model::architecture::Layer;
use crate::units::Overflow;

/// What each layer keeps with these modules recomputed, once it was asked for.
#[derive(Debug, Default)]
pub(super) struct Drafted(RefCell<Vec<OfLayer>>);

type OfLayer = (*const Layer, Modules, Rc<Tensors>);

impl Drafted {
    /// That of a layer, drafted where it is new.
    pub(super) fn of(
        &self,
        layer: &Layer,
        modules: Modules,
        draft: impl FnOnce() -> Vec<Draft>,
    ) -> Result<Rc<Tensors>, Overflow> {
        let is_known = |known: &&OfLayer| std::ptr::eq(known.0, layer) && known.1 == modules;
        let known = self.0.borrow().iter().find(is_known).map(|(_, _, all)| Rc::clone(all));
        if let Some(known) = known {
            return Ok(known);
        }
        let all = Rc::new(Tensors::of(draft())?);
        self.0.borrow_mut().push((layer, modules, Rc::clone(&all)));
        Ok(all)
    }
}
