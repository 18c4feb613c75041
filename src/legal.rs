//! Which runs are described: what is refused, and how a run is made one that its model can do.

pub(crate) mod coverage;
pub(crate) mod suited;
