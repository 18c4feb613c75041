//! What comes and goes while an encoder and a decoder are made on the card: tables of tokens that are tied once both are
//! there, and what sines and cosines of positions are computed with.

use super::{Made, Sequence};
use crate::model::Architecture;
use crate::model::family::PositionTable;
use crate::model::parameters::{Block, BlockParameters, position_rows};
use crate::states::weights::SINES_OF_POSITIONS;
use crate::units::{Bits, Bytes, Overflow};

const TABLE: &str = "a table of tokens that is tied to another";
const SINES: &str = "sines and cosines of positions";

/// Two stacks that are about to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stacks {
    /// Layers of the first.
    encoder_layers: u64,
    /// Bytes of the table of tokens that each makes for itself, where both share one in the end.
    tokens: Option<u64>,
    /// Bytes of the tables of positions of encoder and decoder that are computed, and how.
    computed: [Option<(PositionTable, u64)>; 2],
    /// Such a table that is a buffer of each stack.
    buffer: Option<Buffer>,
}

/// A buffer of positions, `[rows, channels]`.
#[derive(Debug, Clone, Copy)]
struct Buffer {
    rows: u64,
    channels: u64,
    /// Bytes in fp32.
    wide: u64,
    /// Bytes in the type of the weights.
    bytes: u64,
}

/// How far they are.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    tables: Vec<Made>,
    blocks: usize,
    decodes: bool,
}

impl Stacks {
    /// Those of a model whose weights have so many bits, where it has two.
    pub(crate) fn of(architecture: &Architecture, bits: Bits) -> Result<Option<Self>, Overflow> {
        let Some(seq2seq) = architecture.seq2seq else { return Ok(None) };
        let elements = |rows: u64| rows.checked_mul(architecture.hidden_size).ok_or(Overflow);
        let table = |rows| bits.bytes(elements(rows)?).map(Bytes::get);
        let computed = |encodes: bool| {
            let kind = seq2seq.positions[usize::from(!encodes)];
            let rows = position_rows(architecture, &seq2seq, encodes);
            let rows = rows.filter(|_| !matches!(kind, PositionTable::Learned | PositionTable::Buffer));
            rows.map(|rows| Ok((kind, table(rows)?))).transpose()
        };
        let is_buffer = seq2seq.positions.contains(&PositionTable::Buffer);
        let rows = position_rows(architecture, &seq2seq, true).filter(|_| is_buffer);
        let channels = architecture.hidden_size;
        let buffer = rows.map(|rows| {
            Ok(Buffer { rows, channels, wide: elements(rows)?.checked_mul(4).ok_or(Overflow)?, bytes: table(rows)? })
        });
        let tokens = seq2seq.sounds.is_none().then(|| table(architecture.vocab_size)).transpose()?;
        Ok(Some(Self {
            encoder_layers: seq2seq.encoder_layers,
            tokens,
            computed: [computed(true)?, computed(false)?],
            buffer: buffer.transpose()?,
        }))
    }

    /// A block is next: where it begins the decoder, the encoder is there.
    pub(super) fn next(&self, sequence: &mut Sequence, block: &BlockParameters, under_way: &mut UnderWay) {
        if self.decoder_begins(block, under_way) {
            self.compute_positions(sequence, true);
            self.begin(sequence, under_way);
        }
    }

    /// The same of stacks that are moved, each with its buffer.
    pub(super) fn next_moved(&self, sequence: &mut Sequence, block: &BlockParameters, under_way: &mut UnderWay) {
        if self.decoder_begins(block, under_way) {
            self.buffer_moves(sequence);
        }
    }

    /// The buffer of a stack's positions comes.
    pub(super) fn buffer_moves(&self, sequence: &mut Sequence) {
        if let Some(buffer) = self.buffer {
            sequence.allocate(SINES_OF_POSITIONS, buffer.bytes);
        }
    }

    fn decoder_begins(&self, block: &BlockParameters, under_way: &mut UnderWay) -> bool {
        let decodes = match block.block {
            Block::Embedding => under_way.blocks > 0,
            Block::Group(_) => block.span[0] >= self.encoder_layers,
            _ => false,
        };
        under_way.blocks += 1;
        let before = under_way.decodes;
        under_way.decodes |= decodes;
        decodes && !before
    }

    /// A stack begins, by a table of tokens, and a buffer of positions that is computed in fp32.
    pub(super) fn begin(&self, sequence: &mut Sequence, under_way: &mut UnderWay) {
        under_way.tables.extend(self.tokens.map(|bytes| sequence.allocate(TABLE, bytes)));
        if let Some(buffer) = self.buffer {
            buffer.compute(sequence);
        }
    }

    /// Both are there, and their tables are tied.
    pub(super) fn end(&self, sequence: &mut Sequence, under_way: UnderWay) {
        self.compute_positions(sequence, false);
        for table in under_way.tables.into_iter().rev() {
            sequence.release(table);
        }
    }

    /// Whisper's are put together of sines and cosines, the others' written into a table one after the other; a buffer is
    /// computed once more as the stack's weights begin.
    fn compute_positions(&self, sequence: &mut Sequence, encodes: bool) {
        if let Some(buffer) = self.buffer {
            let again = buffer.compute(sequence);
            sequence.release(again);
        }
        let Some((kind, table)) = self.computed[usize::from(!encodes)] else { return };
        let half = table / 2;
        if kind == PositionTable::FrozenUntilLoaded {
            let whole = put_together(sequence, half, table);
            sequence.release(whole);
        } else {
            let whole = sequence.allocate(SINES, table);
            sequence.passing(SINES, half);
            sequence.passing(SINES, half);
            sequence.release(whole);
        }
    }
}

impl Buffer {
    /// Numbers of channels and of positions, their products, and a table of these in fp32, which is narrowed.
    fn compute(self, sequence: &mut Sequence) -> Made {
        let half = self.channels / 2;
        let mut rates = sequence.allocate(SINES, 8 * half);
        for _ in 0..3 {
            let next = sequence.allocate(SINES, 4 * half);
            sequence.release(std::mem::replace(&mut rates, next));
        }
        let counted = sequence.allocate(SINES, 8 * self.rows);
        let numbers = sequence.allocate(SINES, 4 * self.rows);
        sequence.release(counted);
        let angles = sequence.allocate(SINES, self.wide / 2);
        sequence.release(numbers);
        sequence.release(rates);
        let parts = [(); 2].map(|()| sequence.allocate(SINES, self.wide / 2));
        let whole = sequence.allocate(SINES_OF_POSITIONS, self.wide);
        for part in [parts[1], parts[0], angles] {
            sequence.release(part);
        }
        if self.bytes == self.wide {
            return whole;
        }
        let narrow = sequence.allocate(SINES_OF_POSITIONS, self.bytes);
        sequence.release(whole);
        narrow
    }
}

/// A table of sines beside cosines of angles, each half as large.
fn put_together(sequence: &mut Sequence, half: u64, table: u64) -> Made {
    let [angles, sines, cosines, whole] = [half, half, half, table].map(|bytes| sequence.allocate(SINES, bytes));
    for part in [cosines, sines, angles] {
        sequence.release(part);
    }
    whole
}
