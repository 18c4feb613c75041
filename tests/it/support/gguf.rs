//! The heads of GGUF files, byte by byte.

/// A value of the metadata.
#[derive(Clone, Copy)]
pub(crate) enum Said<'a> {
    Number(u32),
    Text(&'a str),
    Numbers(&'a [u32]),
}

/// A header with these keys and tensors: names, dimensions with the outermost first, and types by number. No data follow.
pub(crate) fn header(keys: &[(&str, Said<'_>)], tensors: &[(String, Vec<u64>, u32)]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((keys.len() as u64).to_le_bytes());
    for (key, value) in keys {
        text(&mut bytes, key);
        said(&mut bytes, *value);
    }
    let mut offset = 0_u64;
    for (name, shape, kind) in tensors {
        text(&mut bytes, name);
        bytes.extend(u32::try_from(shape.len()).unwrap().to_le_bytes());
        for size in shape.iter().rev() {
            bytes.extend(size.to_le_bytes());
        }
        bytes.extend(kind.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        let wide = if *kind == F32 { 4 } else { 2 };
        offset += (shape.iter().product::<u64>() * wide).next_multiple_of(32);
    }
    bytes
}

/// The numbers of two types.
pub(crate) const F32: u32 = 0;
pub(crate) const F16: u32 = 1;

pub(crate) fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn said(bytes: &mut Vec<u8>, value: Said<'_>) {
    match value {
        Said::Number(number) => {
            bytes.extend(4_u32.to_le_bytes());
            bytes.extend(number.to_le_bytes());
        }
        Said::Text(words) => {
            bytes.extend(8_u32.to_le_bytes());
            text(bytes, words);
        }
        Said::Numbers(numbers) => {
            bytes.extend(9_u32.to_le_bytes());
            bytes.extend(4_u32.to_le_bytes());
            bytes.extend((numbers.len() as u64).to_le_bytes());
            for number in numbers {
                bytes.extend(number.to_le_bytes());
            }
        }
    }
}
