//! Free blocks in the order in which best fit looks through them.

/// A block's place in the allocator's list.
pub(crate) type BlockId = u32;

/// A free block: by size, and among equal ones by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hole {
    /// Bytes.
    pub(crate) size: u64,
    /// Where it begins.
    pub(crate) at: u64,
    /// Which block it is.
    pub(crate) block: BlockId,
}

/// The free blocks of one pool.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    /// By size; none is empty. Layers are alike, so that even a thousand holes have only a few sizes.
    rows: Vec<Row>,
    /// Lists of rows that are no more, for those to come.
    spare: Vec<Vec<(u64, BlockId)>>,
    /// Bytes of all holes.
    pub(crate) bytes: u64,
}

/// Holes of one size.
#[derive(Debug, Clone)]
struct Row {
    size: u64,
    /// Where each begins, and its block; by address.
    holes: Vec<(u64, BlockId)>,
}

impl Row {
    fn position(&self, at: u64) -> usize {
        self.holes.partition_point(|(begins, _)| *begins < at)
    }

    fn holes(&self) -> impl DoubleEndedIterator<Item = Hole> {
        self.holes.iter().map(|(at, block)| Hole { size: self.size, at: *at, block: *block })
    }
}

impl Pool {
    pub(crate) fn put(&mut self, hole: Hole) {
        let Hole { size, at, block } = hole;
        let row = self.row(size);
        if self.rows.get(row).is_none_or(|row| row.size != size) {
            let holes = self.spare.pop().unwrap_or_default();
            self.rows.insert(row, Row { size, holes });
        }
        let row = &mut self.rows[row];
        row.holes.insert(row.position(at), (at, block));
        self.bytes += size;
    }

    pub(crate) fn take(&mut self, size: u64, at: u64) {
        let index = self.row(size);
        let row = &mut self.rows[index];
        let position = row.position(at);
        debug_assert!(row.size == size && row.holes.get(position).is_some_and(|(begins, _)| *begins == at));
        row.holes.remove(position);
        if row.holes.is_empty() {
            let gone = self.rows.remove(index);
            self.spare.push(gone.holes);
        }
        self.bytes -= size;
    }

    /// The holes of so many bytes and more, the smallest first.
    pub(crate) fn from(&self, size: u64) -> impl Iterator<Item = Hole> {
        self.rows[self.row(size)..].iter().flat_map(Row::holes)
    }

    /// The last of the largest holes.
    pub(crate) fn largest(&self) -> Option<Hole> {
        self.rows.last().and_then(|row| row.holes().next_back())
    }

    fn row(&self, size: u64) -> usize {
        self.rows.partition_point(|row| row.size < size)
    }
}
