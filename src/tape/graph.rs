//! What the tape knows of autograd: nodes, what they keep, and who refers to a storage.

use super::record::{Input, NOTHING, Node, Saving};
use super::{Dtype, Event, Kind, Reducer, Rule, Segment, Source, Storage, StorageId, Tape, Tensor, position};
use crate::allocator::Stream;
use crate::ledger::Held;
use crate::shape::Dim;

impl Tape {
    /// Records a node that reads these inputs and makes an output of this shape and type; nothing where no input has a
    /// gradient.
    pub(crate) fn record(&mut self, rule: Rule, inputs: &[Tensor], shape: u16, dtype: Dtype, packs: usize) -> Source {
        if self.saving == Saving::Inference || !inputs.iter().any(Tensor::needs_gradient) {
            return Source::Constant;
        }
        let first = position(self.inputs.len());
        for input in inputs {
            if let (Source::Leaf(leaf), false) = (input.source, self.recomputing) {
                self.leaves[leaf as usize].uses += 1;
            }
            let name = match input.source {
                Source::Leaf(leaf) | Source::Frozen(leaf) => self.leaves[leaf as usize].name,
                Source::Node(_) | Source::Part(..) | Source::Constant => {
                    self.storages.get(input.storage as usize).map_or("", |storage| storage.name)
                }
            };
            self.inputs.push(Input { source: input.source, shape: input.shape, dtype: input.dtype, name });
        }
        self.nodes.push(Node {
            rule,
            inputs: (first, u8::try_from(inputs.len()).unwrap_or(0)),
            kept: (position(self.kept.len()), 0),
            packs: u8::try_from(packs).unwrap_or(u8::MAX),
            output_shape: shape,
            output_dtype: dtype,
            segment: self.segment,
            gradient: None,
            parts: [None; 3],
            of_subclass: self.of_subclass,
        });
        Source::Node(position(self.nodes.len() - 1))
    }

    /// A node keeps a storage for backward.
    pub(crate) fn keep(&mut self, node: usize, storage: StorageId) {
        match self.saving {
            Saving::Inference | Saving::Discard => return,
            Saving::Keep => {}
            Saving::Until(left) => {
                if left == 0 {
                    return;
                }
                self.saving = Saving::Until(left - 1);
                self.stopped = left == 1;
            }
        }
        if storage == NOTHING {
            return;
        }
        self.storages[storage as usize].references += 1;
        let (segment, recomputing) = (self.segment, self.recomputing);
        let record = &mut self.storages[storage as usize];
        if !record.saved {
            record.saved = true;
            record.owner = segment;
            record.recomputed |= recomputing;
        }
        self.kept.push(storage);
        self.nodes[node].kept.1 += 1;
    }

    /// A new storage, to which whoever asked for it refers.
    pub(crate) fn allocate(&mut self, name: &'static str, shape: u16, dtype: Dtype, kind: Kind) -> StorageId {
        if self.stopped {
            return NOTHING;
        }
        let bytes = self.elements[usize::from(shape)].checked_mul(u64::from(dtype.bits() / 8));
        self.overflow |= bytes.is_none();
        let id = StorageId::try_from(self.storages.len()).unwrap_or(NOTHING);
        self.storages.push(Storage {
            name,
            shape,
            dtype,
            bytes: bytes.unwrap_or(0),
            kind,
            owner: self.segment,
            made_in: self.segment,
            ways: 1,
            stream: self.stream,
            saved: false,
            recomputed: self.recomputing,
            estimated: false,
            held: Held::No,
            viewed: false,
            outlasts: false,
            references: 1,
        });
        self.events.push(Event::Allocate(id));
        id
    }

    /// Allocates one GPU's part of so many elements, which so many GPUs divide evenly.
    pub(crate) fn shard(
        &mut self,
        name: &'static str,
        [elements, ways]: [u64; 2],
        dtype: Dtype,
        kind: Kind,
    ) -> StorageId {
        let shape = self.shape(&[Dim { symbol: "n", size: elements }]);
        let id = self.allocate(name, shape, dtype, kind);
        if let Some(storage) = self.storages.get_mut(id as usize) {
            (storage.bytes, storage.ways) = (storage.bytes / ways.max(1), u32::try_from(ways).unwrap_or(u32::MAX));
        }
        id
    }

    /// Allocates on a stream what is made here.
    pub(crate) fn on_stream<T>(&mut self, stream: Stream, make: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.stream, stream);
        let result = make(self);
        self.stream = before;
        result
    }

    /// From here on gradients of parameters are handed to who reduces them: [`Self::take_gradients`].
    pub(crate) fn collect_gradients(&mut self) {
        self.collects = true;
    }

    /// The gradients of parameters that have come since it was last asked: of layers' alone, or of all others.
    pub(crate) fn take_gradients(&mut self, of_layers: bool) -> Vec<StorageId> {
        let in_layer = |id: &StorageId| {
            let storage = self.storages.get(*id as usize);
            storage.is_some_and(|storage| matches!(storage.owner, Segment::Layer(_)))
        };
        let (taken, left) = self.gradients.iter().partition(|id| in_layer(id) == of_layers);
        self.gradients = left;
        taken
    }

    /// Whoever reduces gradients is told of each as it comes.
    pub(crate) fn reduce_with(&mut self, mut reducer: Box<dyn Reducer>) {
        self.collects = true;
        reducer.begun(self);
        self.reducer = Some(reducer);
    }

    /// All gradients of parameters that have come since it was last asked.
    pub(crate) fn take_all_gradients(&mut self) -> Vec<StorageId> {
        std::mem::take(&mut self.gradients)
    }

    /// The elements of a parameter's gradient, the recorded layer that the parameter is in, and its name.
    pub(crate) fn gradient_of(&self, gradient: StorageId) -> Option<(u64, Option<u64>, &'static str)> {
        let storage = self.storages.get(gradient as usize)?;
        let layer = if let Segment::Layer(recorded) = storage.owner { Some(recorded as u64) } else { None };
        Some((self.elements[usize::from(storage.shape)], layer, storage.name))
    }

    /// Tells who reduces gradients of those that have come.
    pub(super) fn hand_on_gradients(&mut self) {
        if self.gradients.is_empty() {
            return;
        }
        if let Some(mut reducer) = self.reducer.take() {
            let segment = self.segment;
            reducer.arrived(self);
            (self.segment, self.reducer) = (segment, Some(reducer));
        }
    }

    /// Everything has gone back.
    pub(crate) fn end_reduction(&mut self) {
        if let Some(mut reducer) = self.reducer.take() {
            reducer.ended(self);
        }
    }

    /// What layers made that lives at the end of a step though nobody said that it would: rules forgot to release it.
    pub(crate) fn left_behind(&self) -> impl Iterator<Item = &'static str> {
        let said = |storage: &Storage| {
            let stands = matches!(storage.kind, Kind::ParameterGradient | Kind::Standing | Kind::Workspace);
            stands || storage.outlasts || storage.held != Held::No
        };
        let in_layers = self.storages.iter().filter(|storage| matches!(storage.made_in, Segment::Layer(_)));
        in_layers.filter(move |storage| storage.references > 0 && !said(storage)).map(|storage| storage.name)
    }

    /// A list of the program's has a tensor from here on, of every layer one.
    pub(crate) fn collect(&mut self, tensor: Tensor) {
        let segment = self.segment;
        if let Some(storage) = self.storages.get_mut(tensor.storage as usize)
            && !storage.saved
        {
            storage.saved = true;
            storage.owner = segment;
        }
    }

    /// One more refers to a storage.
    pub(crate) fn refer(&mut self, storage: StorageId) {
        if let Some(storage) = self.storages.get_mut(storage as usize) {
            storage.references += 1;
        }
    }

    /// One less refers to a storage; the last one frees it.
    pub(crate) fn unrefer(&mut self, storage: StorageId) {
        let Some(record) = self.storages.get_mut(storage as usize) else { return };
        debug_assert!(record.references > 0, "{} is released twice", record.name);
        record.references -= 1;
        if record.references == 0 {
            self.events.push(Event::Release(storage));
        }
    }
}
