//! Headers of safetensors files that are not what they claim.

use std::fmt::Write as _;

use brimful::import::safetensors::{read_bytes, read_index};

/// A file with this header and so many bytes behind it.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(vec![0; data]);
    bytes
}

fn refusal(bytes: &[u8]) -> String {
    read_bytes(bytes, "x.safetensors").unwrap_err().to_string()
}

#[test]
fn a_header_is_read() {
    let text = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F6_E2M3","shape":[4,8],"data_offsets":[0,24]},
        "b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"I64","shape":[0,7],"data_offsets":[26,26]}}"#;
    let header = read_bytes(&file(text, 26), "x.safetensors").unwrap();
    let told: Vec<_> = header.tensors.iter().map(|it| (it.name.as_str(), it.dtype.word(), it.bytes)).collect();
    assert_eq!(told, [("a", "F6_E2M3", 24), ("b", "BF16", 2), ("c", "I64", 0)]);
}

#[test]
fn what_is_wrong_with_a_header_is_said() {
    let one = |entry: &str, data| file(&format!("{{\"a\":{entry}}}"), data);
    let f32 = |shape: &str, offsets: &str, data| {
        one(&format!("{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}}}"), data)
    };
    let two = |first: &str, second: &str, data| {
        let entry = |offsets| format!("{{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":{offsets}}}");
        file(&format!("{{\"a\":{},\"b\":{}}}", entry(first), entry(second)), data)
    };
    let many = "1,".repeat(1000);
    for (bytes, says) in [
        (Vec::new(), "0 bytes; a safetensors file begins with 8"),
        (u64::MAX.to_le_bytes().to_vec(), "at byte 0: a header of 18446744073709551615 bytes, where 0 follow"),
        (file("", 0), "in the header, line 1 column 0: EOF while parsing a value"),
        (file("[1]", 0), "expected an object with an entry for each tensor"),
        (file(&"[".repeat(100_000), 0), "expected an object"),
        (one(&"[".repeat(100_000), 0), "invalid type: sequence, expected a string"),
        (file("{\"__metadata__\":{\"a\":", 0), "in the header, line 1"),
        (file(&format!("{{\"__metadata__\":{}", "[".repeat(100_000)), 0), "EOF while parsing a list"),
        (one("{\"shape\":[1],\"data_offsets\":[0,1]}", 1), "missing field `dtype`"),
        (
            one("{\"dtype\":\"F5\",\"shape\":[1],\"data_offsets\":[0,1]}", 1),
            "a: dtype: found \"F5\"; known are BOOL, F4",
        ),
        (f32("[2]", "[0,4]", 4), "a: data_offsets: 4 bytes, where F32 of shape [2] take 8"),
        (f32("[9223372036854775807,9]", "[0,4]", 4), "take more than 2^61"),
        (f32("[1]", "[4,0]", 4), "a: data_offsets: begins at 4 and ends at 0"),
        (f32("[1]", "[0]", 4), "a: data_offsets: expected where it begins and where it ends"),
        (f32("[-1]", "[0,4]", 4), "in the header"),
        (f32(&format!("[{many}1]"), "[0,4]", 4), "more than 8 numbers in a list"),
        (f32("[1]", "[0,4]", 3), "a: ends at byte 4 of the data, of which the file has 3: it was cut short"),
        (f32("[1]", "[0,4]", 5), "1 bytes follow the last tensor"),
        (f32("[1]", "[4,8]", 8), "a: begins at byte 4 of the data, behind a gap, from at byte 0"),
        (
            two("[0,4]", "[2,6]", 6),
            "b: begins at byte 2 of the data, inside the tensor before it, which ends at byte 4",
        ),
        (file("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":1}", 0), "`a` stands there twice"),
    ] {
        let said = refusal(&bytes);
        assert!(said.contains(says), "{said}\n{says}");
        assert!(said.starts_with("x.safetensors: "), "{said}");
    }
}

#[test]
fn an_index_names_files_of_its_own_folder() {
    let index = |file: &str| read_index(&format!("{{\"weight_map\":{{\"a\":\"{file}\"}}}}"), "i.json");
    assert_eq!(index("model-00001-of-00001.safetensors").unwrap(), ["model-00001-of-00001.safetensors"]);
    for file in ["/dev/zero", "../x.safetensors", "a/b", "..", ".", "", "a\\\\b", "a\\u0000"] {
        let said = index(file).unwrap_err().to_string();
        assert!(
            said.starts_with("i.json: a: weight_map: found ") && said.contains("expected the name of a file"),
            "{said}"
        );
    }
    let mut files = String::new();
    for number in 0..20_000 {
        let _ = write!(files, "\"{number}\":\"{number}\",");
    }
    let said = read_index(&format!("{{\"weight_map\":{{{files}\"a\":\"b\"}}}}"), "i.json").unwrap_err().to_string();
    assert_eq!(said, "i.json: weight_map: names 20001 files; models have 1 to 16384");
    assert!(read_index("{}", "i.json").unwrap_err().to_string().starts_with("i.json:1:2: missing field `weight_map`"));
}
