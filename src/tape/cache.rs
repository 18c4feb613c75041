//! What generation holds from pass to pass.

use super::{Dtype, Kind, Segment, Source, Tape, Tensor};

impl Tape {
    /// From here on caches are carried: what a pass leaves in them the next one finds.
    pub(crate) fn carry_caches(&mut self) {
        self.carried = Some(Vec::new());
    }

    /// Whether caches are carried.
    pub(crate) const fn carries_caches(&self) -> bool {
        self.carried.is_some()
    }

    /// What the running layer's cache has under this name, which goes out of it.
    pub(crate) fn take_cached(&mut self, name: &'static str) -> Option<Tensor> {
        let layer = self.cache_of_layer()?;
        let place = layer.iter().position(|(cached, _)| *cached == name)?;
        Some(layer.swap_remove(place).1)
    }

    /// What the running layer's cache has under this name, which stays in it; counted elsewhere where none is carried.
    pub(crate) fn cached_as(&mut self, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let found = self.cache_of_layer().and_then(|layer| layer.iter().find(|(cached, _)| *cached == name));
        let found = found.map(|(_, tensor)| *tensor);
        found.map_or_else(|| Self::buffer(shape, dtype), |tensor| self.share(tensor))
    }

    /// A new tensor that the running layer's cache holds under this name, and the running code too.
    pub(crate) fn cache(&mut self, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let tensor = self.hold(name, shape, dtype, Kind::Cache);
        if let Some(layer) = self.cache_of_layer() {
            layer.push((name, tensor));
        }
        self.share(tensor)
    }

    /// A new tensor that a cache holds to the end of the recording.
    pub(crate) fn hold(&mut self, name: &'static str, shape: u16, dtype: Dtype, kind: Kind) -> Tensor {
        let storage = self.allocate(name, shape, dtype, kind);
        Tensor { storage, shape, dtype, source: Source::Constant }
    }

    fn cache_of_layer(&mut self) -> Option<&mut Vec<(&'static str, Tensor)>> {
        let Segment::Layer(layer) = self.segment else { return None };
        let layers = self.carried.as_mut()?;
        if layers.len() <= layer {
            layers.resize_with(layer + 1, Vec::new);
        }
        layers.get_mut(layer)
    }
}
