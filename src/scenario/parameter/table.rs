//! The rows of the parameter table.

#[macro_use]
mod row;
mod applies;
mod field;
mod infer;
mod megatron;
mod parallel;
mod run;
mod runtime;
mod train;

use super::Parameter;

/// More images than a sequence of any real run has.
const MOST_IMAGES: u64 = 1 << 16;

/// No batch, length or rank of a real run comes near this.
const LARGEST: u64 = 1 << 32;

/// The tables of a scenario, in the order in which lists show them.
const TABLES: [&[Parameter]; 6] =
    [run::RUN, train::TRAIN, runtime::RUNTIME, parallel::PARALLEL, megatron::MEGATRON, infer::INFER];

/// Every parameter of a scenario, in that order.
pub const PARAMETERS: &[Parameter] = &joined::<{ rows() }>();

const fn rows() -> usize {
    let (mut rows, mut table) = (0, 0);
    while table < TABLES.len() {
        rows += TABLES[table].len();
        table += 1;
    }
    rows
}

const fn joined<const ROWS: usize>() -> [Parameter; ROWS] {
    let mut all = [TABLES[0][0]; ROWS];
    let (mut next, mut table) = (0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            all[next] = TABLES[table][row];
            (next, row) = (next + 1, row + 1);
        }
        table += 1;
    }
    all
}
