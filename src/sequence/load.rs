//! How weights come to the card.

use std::collections::BTreeMap;

use super::quantize::quantize;
use super::stacks::UnderWay;
use super::{ADAPTER, Made, Sequence, Stacks, Start, WEIGHT, modules};
use crate::families::code::{Modules, SavedLayer, SavedOrder};
use crate::ledger::Entry;
use crate::ledger::Place;
use crate::model::Architecture;
use crate::model::parameters::{Block, BlockParameters, Tensor};
use crate::model::part::{Part, Piece};
use crate::scenario::Placement;
use crate::states::adapters::Adapters;
use crate::states::quantized::{self, Format};
use crate::states::weights::SINES_OF_POSITIONS;
use crate::tape::Dtype;
use crate::units::{Bits, Bytes, Overflow};

/// A model that is about to be on the card.
pub(crate) struct Loading<'a> {
    /// How it comes there.
    pub(crate) placement: Placement,
    /// Its tensors.
    pub(crate) blocks: &'a [BlockParameters],
    /// The type that they have on the card.
    pub(crate) weights: Dtype,
    /// The format of those that are quantized as they come.
    pub(crate) format: Option<Format>,
    /// The order of a checkpoint's names.
    pub(crate) saved: SavedOrder,
    /// How they name what a layer is made of.
    pub(crate) saved_layer: SavedLayer,
    /// The order of a layer's modules.
    pub(crate) modules: Modules,
    /// Whether matrices are saved transposed, and turned before they are quantized: GPT-2's.
    pub(crate) conv1d: bool,
    /// The head, where its matrix is the embedding's.
    pub(crate) tied: Option<TiedHead>,
    /// An encoder and a decoder, where it has both.
    pub(crate) stacks: Option<Stacks>,
    /// What warms the allocator up before they are loaded.
    pub(crate) warmup: Warmup,
    /// Adapters, where there are any.
    pub(crate) adapters: Option<&'a Adapters>,
    /// How adapters begin, where that is computed on the card.
    pub(crate) start: Option<Start>,
    /// Whether what loading left behind is given back before the first step, as `Trainer.train()` does.
    pub(crate) gives_back: bool,
    /// Whether a copy of it that is not trained is loaded after it.
    pub(crate) reference: bool,
    /// What of the model stands once more, to be trained beside adapters.
    pub(crate) copied: Vec<&'a BlockParameters>,
    /// A head whose matrix is the embedding's, as far as adapters or a copy make something its own.
    pub(crate) adapted_head: Option<&'a BlockParameters>,
    /// Buffers of the model.
    pub(crate) buffers: &'a [Entry],
    /// What the loop feeds.
    pub(crate) batch: &'a [Entry],
}

/// The block that `from_pretrained` allocates and lets go of before it loads weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warmup {
    /// As large as all weights.
    All,
    /// As large as all but the head, which was left out even where it is not tied.
    AllButTheHead,
    /// There is none.
    Nothing,
}

/// A head whose matrix is the embedding's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TiedHead {
    /// Bytes of its own matrix, which is made and dropped where a model is built.
    matrix: u64,
    /// Bytes of its bias, which tying makes anew.
    bias: Option<u64>,
    /// Whether the class has that bias once more.
    has_second: bool,
}

impl TiedHead {
    /// The head of a model whose matrices have so many bits.
    pub(crate) fn of(architecture: &Architecture, bits: Bits) -> Result<Option<Self>, Overflow> {
        if !architecture.tie_word_embeddings || architecture.image.is_some() {
            return Ok(None);
        }
        let elements = architecture.vocab_size.checked_mul(architecture.embedding_size).ok_or(Overflow)?;
        let bytes = |elements| bits.bytes(elements).map(Bytes::get);
        let biases = architecture.lm_head_bias.then_some(architecture.vocab_size);
        let has_second = architecture.encoder.is_some_and(|encoder| encoder.second_bias);
        Ok(Some(Self { matrix: bytes(elements)?, bias: biases.map(bytes).transpose()?, has_second }))
    }
}

/// The tensors that stand, by block, copy of the block and name.
type Standing = BTreeMap<(Block, u64, &'static str), Made>;

/// The type of numbers of positions.
const NUMBERS: Bits = Bits::whole(64);

const BUFFER: &str = "buffers of the model";
const BATCH: &str = "input ids and labels";

impl Loading<'_> {
    /// Everything that stands before the first step, and what was there while it came.
    pub(crate) fn sequence(&self) -> Result<Sequence, Overflow> {
        let mut sequence = Sequence::default();
        // Biases of 4-bit matrices that the first pass casts.
        let mut narrowing = Vec::new();
        let mut standing = Standing::new();
        match self.placement {
            Placement::To => self.moved(&mut sequence, &mut standing)?,
            Placement::DeviceMap => self.loaded(&mut sequence, &mut narrowing, &mut standing)?,
            Placement::Build => self.built(&mut sequence, &mut standing)?,
        }
        if let Some(TiedHead { bias: Some(bias), has_second, .. }) = self.tied {
            // `_adjust_bias` pads it by nothing, which is a copy that takes its place; of a class that has the bias twice, where
            // it was built, that of the second time.
            let name = (Block::Head, 0, Part::Head.name(Piece::Bias));
            if has_second && self.placement == Placement::To {
                // Of a model that is moved both are tied anew.
                sequence.passing(WEIGHT, bias);
            }
            match standing.remove(&name).filter(|_| !has_second || self.placement != Placement::DeviceMap) {
                Some(outdated) => {
                    standing.insert(name, sequence.allocate(WEIGHT, bias));
                    sequence.release(outdated);
                }
                None => sequence.passing(WEIGHT, bias),
            }
        }
        if self.placement != Placement::To {
            self.adapters_after(&mut sequence, &mut standing)?;
            self.copies(&mut sequence)?;
        }
        if self.reference {
            match self.placement {
                Placement::Build => self.built(&mut sequence, &mut standing)?,
                // TRL loads it itself, by `device_map="auto"`.
                Placement::To | Placement::DeviceMap => self.loaded(&mut sequence, &mut narrowing, &mut standing)?,
            }
        }
        if self.gives_back {
            sequence.empty_cache();
        }
        for entry in self.batch {
            sequence.entry(BATCH, entry);
        }
        for (wide, bytes) in narrowing {
            sequence.allocate(WEIGHT, bytes);
            sequence.release(wide);
        }
        Ok(sequence)
    }

    /// `.to("cuda")`: module by module, each with its adapter.
    fn moved(&self, sequence: &mut Sequence, standing: &mut Standing) -> Result<(), Overflow> {
        let mut layer = 0;
        let mut shared = self.shared();
        let mut under_way = UnderWay::default();
        for (index, block) in self.blocks.iter().enumerate() {
            if matches!(block.block, Block::Head) {
                self.buffers_of(sequence, false);
            }
            if let Some(stacks) = &self.stacks {
                stacks.next_moved(sequence, block, &mut under_way);
            }
            let mut come = |sequence: &mut Sequence, block: &BlockParameters| {
                self.modules_of(sequence, block, self.adapters, (&mut layer, &mut shared), standing)
            };
            self.with_numbers(sequence, block, &mut come)?;
            if let Some(stacks) = self.stacks.as_ref().filter(|_| index == 0) {
                stacks.buffer_moves(sequence);
            }
        }
        if !self.blocks.iter().any(|block| matches!(block.block, Block::Head)) {
            self.buffers_of(sequence, false);
        }
        // A tied head comes with the embedding, and what is its own in its place.
        let own = self.adapted_head.into_iter().flat_map(|block| &block.tensors);
        for tensor in own.filter_map(|tensor| self.adapters?.of_matrix(Block::Head, tensor)).flatten() {
            sequence.allocate(ADAPTER, self.adapter_bytes(&tensor)?);
        }
        self.copies(sequence)
    }

    /// A block; the embedding with the numbers of positions that its module has behind its tables.
    fn with_numbers(
        &self,
        sequence: &mut Sequence,
        block: &BlockParameters,
        come: &mut impl FnMut(&mut Sequence, &BlockParameters) -> Result<(), Overflow>,
    ) -> Result<(), Overflow> {
        if block.block != Block::Embedding {
            return come(sequence, block);
        }
        let [tables, projection] = parted(block, Part::EmbeddingProjection);
        come(sequence, &tables)?;
        self.buffers_of(sequence, true);
        come(sequence, &projection)
    }

    /// Modules made on the card: a head that is tied is made and dropped.
    fn built(&self, sequence: &mut Sequence, standing: &mut Standing) -> Result<(), Overflow> {
        let mut layer = 0;
        let mut come = |sequence: &mut Sequence, block: &BlockParameters| {
            self.modules_of(sequence, block, None, (&mut layer, &mut Vec::new()), standing)
        };
        let mut under_way = UnderWay::default();
        for (index, block) in self.blocks.iter().filter(|block| block.block != Block::Head).enumerate() {
            if let Some(stacks) = &self.stacks {
                stacks.next(sequence, block, &mut under_way);
                let [others, tokens] = parted(block, Part::TokenEmbedding);
                come(sequence, &tokens)?;
                if index == 0 {
                    stacks.begin(sequence, &mut under_way);
                }
                come(sequence, &others)?;
                continue;
            }
            self.with_numbers(sequence, block, &mut come)?;
        }
        if let Some(stacks) = &self.stacks {
            stacks.end(sequence, under_way);
        }
        self.buffers_of(sequence, false);
        // The model below the head is complete: BERT's `_init_weights` numbers its positions.
        let numbers = self.buffers.iter().find(|entry| numbers_positions(entry));
        if let Some(numbers) = numbers {
            sequence.passing(BUFFER, numbers.bytes.get());
        }
        let head = self.blocks.iter().find(|block| block.block == Block::Head);
        let head = head.map(|head| parted(head, Part::Head));
        if let Some([below, _]) = &head {
            come(sequence, below)?;
        }
        let matrix = self.tied.map(|tied| sequence.allocate("a head that is tied to the embedding", tied.matrix));
        let second = self.tied.filter(|tied| tied.has_second).and_then(|tied| tied.bias);
        let second = second.map(|bias| (bias, sequence.allocate(WEIGHT, bias)));
        if let Some([_, own]) = &head {
            come(sequence, own)?;
        }
        if let Some(matrix) = matrix {
            sequence.release(matrix);
        }
        // `_adjust_bias` pads the head's own by nothing, and the other takes the place of either.
        if let Some((bias, second)) = second {
            let padded = sequence.allocate(WEIGHT, bias);
            sequence.release(second);
            sequence.release(padded);
        }
        Ok(())
    }

    /// The matrices that all adapters share, which come with the first of them.
    fn shared(&self) -> Vec<Tensor> {
        self.adapters.map_or_else(Vec::new, |adapters| adapters.shared_tensors(self.blocks))
    }

    /// The tensors of a block in the order of its class, each with its adapter where it comes with one, and attention's
    /// buffers behind attention.
    fn modules_of(
        &self,
        sequence: &mut Sequence,
        block: &BlockParameters,
        adapters: Option<&Adapters>,
        (layer, shared): (&mut u64, &mut Vec<Tensor>),
        standing: &mut Standing,
    ) -> Result<(), Overflow> {
        let named = modules::as_named(block, self.modules);
        let (mixer, rest) = named.split_at(modules::behind_mixer(&named));
        let mut come = |sequence: &mut Sequence, copy: u64, tensors: &[&Tensor]| -> Result<(), Overflow> {
            for tensor in tensors {
                let made = sequence.allocate(WEIGHT, self.bytes(tensor)?);
                standing.insert((block.block, copy, tensor.name()), made);
                let Some(adapter) = adapters.and_then(|adapters| adapters.of_matrix(block.block, tensor)) else {
                    continue;
                };
                for tensor in &adapter {
                    sequence.allocate(ADAPTER, self.adapter_bytes(tensor)?);
                }
                self.indices(sequence, tensor)?;
                for tensor in shared.drain(..) {
                    sequence.allocate(ADAPTER, self.adapter_bytes(&tensor)?);
                }
            }
            Ok(())
        };
        for copy in 0..block.copies {
            come(sequence, copy, mixer)?;
            self.layer_buffers(sequence, block, layer);
            come(sequence, copy, rest)?;
        }
        Ok(())
    }

    /// `from_pretrained(device_map=…)`: one block of all weights' bytes first, which is let go and cut up; head and
    /// embedding before the layers.
    fn loaded(
        &self,
        sequence: &mut Sequence,
        narrowing: &mut Vec<(Made, u64)>,
        standing: &mut Standing,
    ) -> Result<(), Overflow> {
        let mut all = 0_u64;
        let counted = |block: &&BlockParameters| self.warmup == Warmup::All || block.block != Block::Head;
        for block in self.blocks.iter().filter(counted) {
            for tensor in &block.tensors {
                let bytes = match self.pieces(block, tensor)? {
                    Some(pieces) => pieces.first().copied().unwrap_or(0),
                    None => self.unquantized_bytes(tensor)?,
                };
                all = bytes.checked_mul(block.copies).and_then(|bytes| all.checked_add(bytes)).ok_or(Overflow)?;
            }
        }
        if self.warmup != Warmup::Nothing {
            sequence.passing("a block of all weights, to warm the allocator up", all);
        }
        let mut named: Vec<&BlockParameters> = self.blocks.iter().collect();
        named.sort_by_key(|block| match (block.block, self.saved) {
            (Block::Head, SavedOrder::HeadLast) => 4,
            (Block::Head, _) => 0,
            (Block::Embedding, SavedOrder::LayersBeforeTables) => 3,
            (Block::Embedding, _) => 1,
            (Block::Group(_) | Block::FinalNorm, _) => 2,
            // `multi_modal_projector` and `vision_tower` come behind `language_model`.
            (Block::Projector, _) => 5,
            (Block::Tower | Block::TowerGroup(_), _) => 6,
        });
        let mut first = true;
        let widens = self.format.is_some() && self.weights == Dtype::Fp32;
        for block in named {
            for copy in 0..block.copies {
                for tensor in modules::as_saved(block, self.saved_layer) {
                    let bytes = self.unquantized_bytes(tensor)?;
                    if let Some(pieces) = self.pieces(block, tensor)? {
                        if self.format.is_some_and(Format::is_made_at_loading) {
                            quantize(sequence, bytes, &pieces, [std::mem::take(&mut first), self.conv1d]);
                        } else {
                            // A checkpoint has it in codes already.
                            for bytes in pieces {
                                sequence.allocate(WEIGHT, bytes);
                            }
                        }
                    } else {
                        let made = sequence.allocate(WEIGHT, bytes);
                        standing.insert((block.block, copy, tensor.name()), made);
                    }
                }
            }
        }
        for entry in self.buffers {
            sequence.entry(BUFFER, entry);
        }
        // `prepare_model_for_kbit_training` makes what is not quantized fp32, and gives back what it left.
        if widens {
            for block in self.blocks {
                for copy in 0..block.copies {
                    for tensor in modules::as_named(block, self.modules) {
                        let Some(made) = standing.remove(&(block.block, copy, tensor.name())) else { continue };
                        let wide = sequence.allocate(WEIGHT, self.bytes(tensor)?);
                        sequence.release(made);
                        if self.format.is_some_and(|format| quantized::narrows(block, tensor, format)) {
                            narrowing.push((wide, self.unquantized_bytes(tensor)?));
                        }
                    }
                }
            }
            sequence.empty_cache();
        }
        Ok(())
    }

    /// Adapters on a model that is there: made in the type of the model, and then cast.
    fn adapters_after(&self, sequence: &mut Sequence, standing: &mut Standing) -> Result<(), Overflow> {
        let Some(adapters) = self.adapters else { return Ok(()) };
        let base = if self.format.is_some() { Dtype::Bf16 } else { self.weights };
        let casts = adapters.dtype != base;
        let mut made: Vec<(Made, u64)> = Vec::new();
        let mut copies = Vec::new();
        let mut shared = self.shared();
        for block in self.blocks.iter().chain(self.adapted_head) {
            for copy in 0..block.copies {
                for matrix in modules::as_named(block, self.modules) {
                    let Some(mut adapter) = adapters.of_matrix(block.block, matrix) else { continue };
                    adapter.append(&mut shared);
                    let stands = standing.remove(&(block.block, copy, matrix.name()));
                    let computed = self.start.map(|start| start.compute(sequence, matrix, stands)).transpose()?;
                    let mut computed = computed.into_iter().flatten();
                    for tensor in adapter {
                        let bytes = self.adapter_bytes(&tensor)?;
                        if tensor.piece == Piece::Copy {
                            copies.push(bytes);
                            continue;
                        }
                        let own = if casts { of(&tensor, base)? } else { bytes };
                        // What was computed in fp32 takes the type of the model first.
                        let first = match computed.next() {
                            Some(wide) if base == Dtype::Fp32 => wide,
                            Some(wide) => {
                                let narrow = sequence.allocate(ADAPTER, own);
                                sequence.release(wide);
                                narrow
                            }
                            None => sequence.allocate(ADAPTER, own),
                        };
                        made.push((first, bytes));
                    }
                    self.indices(sequence, matrix)?;
                }
            }
        }
        // Copies come when all adapters are there, and are not cast with them.
        for bytes in copies {
            sequence.allocate(ADAPTER, bytes);
        }
        for (narrow, bytes) in made.into_iter().filter(|_| casts) {
            sequence.allocate(ADAPTER, bytes);
            sequence.release(narrow);
        }
        Ok(())
    }

    /// The indices that come with the adapter beside a matrix.
    fn indices(&self, sequence: &mut Sequence, matrix: &Tensor) -> Result<(), Overflow> {
        let sizes = self.adapters.and_then(|adapters| adapters.indices_of(matrix));
        for size in sizes.into_iter().flatten() {
            sequence.allocate(ADAPTER, Bits::whole(Dtype::Int64.bits()).bytes(size)?.get());
        }
        Ok(())
    }

    fn copies(&self, sequence: &mut Sequence) -> Result<(), Overflow> {
        for tensor in self.copied.iter().flat_map(|block| &block.tensors) {
            sequence.allocate(WEIGHT, self.bytes(tensor)?);
        }
        Ok(())
    }

    fn layer_buffers(&self, sequence: &mut Sequence, block: &BlockParameters, layer: &mut u64) {
        if !matches!(block.block, Block::Group(_)) {
            return;
        }
        for entry in self.buffers {
            let Some((of, first, last)) = entry.place.layers() else { continue };
            if stands_in(*layer, of, first, last) {
                sequence.some(BUFFER, entry, entry.count / of);
            }
        }
        *layer += 1;
    }

    /// The buffers of the embedding's module, which are numbers of positions, or those of the model itself.
    fn buffers_of(&self, sequence: &mut Sequence, embedding: bool) {
        let outside = self.buffers.iter().filter(|entry| entry.place.layers().is_none());
        // Those of stacks come with these.
        let outside = outside.filter(|entry| entry.name != SINES_OF_POSITIONS);
        for entry in outside.filter(|entry| numbers_positions(entry) == embedding) {
            sequence.entry(BUFFER, entry);
        }
    }

    fn pieces(&self, block: &BlockParameters, tensor: &Tensor) -> Result<Option<Vec<u64>>, Overflow> {
        self.format.map_or(Ok(None), |format| quantized::pieces(block, tensor, format))
    }

    fn bytes(&self, tensor: &Tensor) -> Result<u64, Overflow> {
        of(tensor, self.weights)
    }

    /// What is quantized comes in 16 bits, and so does what stands beside it.
    fn unquantized_bytes(&self, tensor: &Tensor) -> Result<u64, Overflow> {
        of(tensor, if self.format.is_some() { Dtype::Bf16 } else { self.weights })
    }

    /// A copy of a matrix has its type.
    fn adapter_bytes(&self, tensor: &Tensor) -> Result<u64, Overflow> {
        of(
            tensor,
            self.adapters.filter(|_| tensor.piece != Piece::Copy).map_or(self.weights, |adapters| adapters.dtype),
        )
    }
}

impl Sequence {
    /// What is made and let go at once.
    pub(super) fn passing(&mut self, name: &'static str, bytes: u64) {
        let made = self.allocate(name, bytes);
        self.release(made);
    }

    fn entry(&mut self, name: &'static str, entry: &Entry) {
        self.some(name, entry, entry.count);
    }

    fn some(&mut self, name: &'static str, entry: &Entry, count: u64) {
        for _ in 0..count {
            self.allocate(name, entry.bytes.get() / entry.count.max(1));
        }
    }
}

fn of(tensor: &Tensor, dtype: Dtype) -> Result<u64, Overflow> {
    Ok(Bits::whole(dtype.bits()).bytes(tensor.parameters()?.get())?.get())
}

/// Whether a buffer is one of BERT's numbers of positions, or of their types.
fn numbers_positions(entry: &Entry) -> bool {
    entry.place == Place::Embedding && entry.bits == NUMBERS
}

/// A block without the tensors of one part, and with them alone.
fn parted(block: &BlockParameters, part: Part) -> [BlockParameters; 2] {
    let with = |tensors| BlockParameters { tensors, ..block.clone() };
    let (own, others) = block.tensors.iter().cloned().partition(|tensor| tensor.part == part);
    [with(others), with(own)]
}

/// Whether a layer is one of so many from the first to the last of these, as evenly as they lie.
const fn stands_in(layer: u64, of: u64, first: u64, last: u64) -> bool {
    if layer < first || layer > last {
        return false;
    }
    if of <= 1 {
        return layer == first;
    }
    let (at, span) = (layer - first, last - first);
    // The nearest of the evenly spread ones.
    let index = (at * (of - 1)).div_ceil(if span == 0 { 1 } else { span });
    index * span / (of - 1) == at
}
