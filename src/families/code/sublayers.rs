//! Which modules the layers of an encoder are made of: a module lets go of what it computed as it returns.

/// The modules of a layer whose norms come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sublayers {
    /// BERT's: attention, and a module that projects, drops, adds and norms; the same again for the feed-forward network.
    Apart,
    /// `DistilBERT`'s: attention projects its own output, and the feed-forward network is one module.
    Whole,
    /// MPNet's: attention projects its own output and gives nothing else, which stays until its norm has returned.
    WholeAttention,
    /// ALBERT's: attention projects, drops, adds and norms while it has its variables, and the feed-forward network is one
    /// function, of which nothing is dropped.
    NormedAttention,
}

impl Sublayers {
    /// Whether attention projects its own output, while it has its variables.
    pub fn project_inside(self) -> bool {
        self != Self::Apart
    }
}
