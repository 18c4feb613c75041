//! What somebody may have meant by a name that is not known.

/// The known name that is nearest to a misspelt one, where one is near at all: the first that begins with what was
/// typed, whole or after its dot; the first that has it inside; the one that is the most like it.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = &written(name);
    let known: Vec<(&str, String)> = known.into_iter().map(|candidate| (candidate, written(candidate))).collect();
    let find =
        |fits: &dyn Fn(&str) -> bool| known.iter().find(|(_, plain)| fits(plain)).map(|(candidate, _)| *candidate);
    // Of fewer letters too many names are made.
    let part = || {
        let begins =
            |candidate: &str| candidate.starts_with(name.as_str()) || last(candidate).starts_with(name.as_str());
        find(&begins).or_else(|| find(&|candidate| candidate.contains(name.as_str())))
    };
    let likely = || {
        known
            .iter()
            .map(|(candidate, plain)| (strsim::normalized_damerau_levenshtein(name, plain), *candidate))
            .filter(|(likeness, _)| *likeness >= 0.5)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, candidate)| candidate)
    };
    let same = find(&|candidate| candidate == name || last(candidate) == name);
    same.or_else(|| if last(name).chars().count() < 3 { None } else { part() }).or_else(likely)
}

/// A name as it is compared: case does not matter, nor which sign stands between words.
fn written(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// What stands after the last dot of a key.
fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parameter::PARAMETERS;

    #[test]
    fn a_part_of_a_name_is_nearer_than_a_like_one() {
        let keys = || PARAMETERS.iter().map(|parameter| parameter.key);
        assert_eq!(nearest("train.seq", keys()), Some("train.sequence_length"));
        assert_eq!(nearest("seq", keys()), Some("train.sequence_length"));
        assert_eq!(nearest("num_seqs", keys()), Some("infer.max_num_seqs"));
        assert_eq!(nearest("dora", keys()), Some("train.dora"));
        assert_eq!(nearest("compare", ["gpt-compare", "compare"]), Some("compare"), "what is right is nearest");
        assert_eq!(nearest("chekc", ["max", "check"]), Some("check"));
        assert_eq!(nearest("ch", ["max", "check"]), None);
        assert_eq!(nearest("Q4_K_N", ["q4_k_s", "Q4-K-N"]), Some("Q4-K-N"), "case and signs do not matter");
    }
}
