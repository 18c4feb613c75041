//! Which names a few typed letters mean.

/// How well `query` fits `text`: every letter in order, more for runs, for starts of words and for short texts.
///
/// `None` where a letter is missing. Words of the query are looked for independently, so `h100 sxm` finds
/// `SXM H100` too.
pub(crate) fn score(query: &str, text: &str) -> Option<i64> {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let mut sum = 0;
    for word in query.split_whitespace() {
        let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
        sum += best_run(&word, &text)?;
    }
    Some(sum * 64 - i64::try_from(text.len()).unwrap_or(i64::MAX / 2))
}

/// The best score over all places where the first letter may stand.
fn best_run(word: &[char], text: &[char]) -> Option<i64> {
    let first = word.first()?;
    (0..text.len()).filter(|start| text[*start] == *first).filter_map(|start| from(word, text, start)).max()
}

/// Greedy match that begins at `start`.
fn from(word: &[char], text: &[char], start: usize) -> Option<i64> {
    let mut sum = 0;
    let mut next = start;
    let mut last = None;
    for letter in word {
        let place = next + text[next..].iter().position(|other| other == letter)?;
        let begins_word = place == 0 || !text[place - 1].is_alphanumeric();
        let follows = last.is_some_and(|last| last + 1 == place);
        sum += 1 + i64::from(begins_word) * 3 + i64::from(follows) * 4;
        last = Some(place);
        next = place + 1;
    }
    Some(sum)
}

/// Indices of the texts that fit, best first; all of them, in order, for an empty query.
pub(crate) fn rank<T: AsRef<str>>(query: &str, texts: impl IntoIterator<Item = T>) -> Vec<usize> {
    let mut found: Vec<(i64, usize)> = texts
        .into_iter()
        .enumerate()
        .filter_map(|(index, text)| {
            if query.trim().is_empty() { Some((0, index)) } else { Some((score(query, text.as_ref())?, index)) }
        })
        .collect();
    found.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
    found.into_iter().map(|(_, index)| index).collect()
}

/// The same of texts with a date each: of those that fit alike the newest first.
pub(crate) fn rank_newest(query: &str, rows: impl IntoIterator<Item = (String, String)>) -> Vec<usize> {
    if query.trim().is_empty() {
        return (0..rows.into_iter().count()).collect();
    }
    let fits = |(index, (text, date)): (usize, (String, String))| {
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX / 2);
        Some((score(query, &text)? + length, date, length, index))
    };
    let mut found: Vec<_> = rows.into_iter().enumerate().filter_map(fits).collect();
    found.sort_by(|one, other| {
        let by_fit = other.0.cmp(&one.0).then_with(|| other.1.cmp(&one.1));
        by_fit.then(one.2.cmp(&other.2)).then(one.3.cmp(&other.3))
    });
    found.into_iter().map(|(.., index)| index).collect()
}

/// A row of a list that is found by its name, and after that by its words.
pub(crate) struct Row {
    /// What it is called.
    pub(crate) name: String,
    /// What others call it.
    pub(crate) others: String,
    /// What it is or does.
    pub(crate) words: String,
    /// Whether it comes after others that fit as well.
    pub(crate) idle: bool,
}

/// Indices of the rows that a query means, best first: by a part of their name, then by a part of their words, then by
/// letters of their name in order.
pub(crate) fn rank_named(query: &str, rows: impl IntoIterator<Item = Row>) -> Vec<usize> {
    let typed: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let all_in = |text: &str| typed.iter().all(|word| text.contains(word.as_str()));
    // Letters that are scattered over a name mean nothing: some must begin words or follow each other.
    let letters = typed.iter().map(|word| word.chars().count()).sum::<usize>();
    let least = i64::try_from(letters).unwrap_or(i64::MAX / 1024).saturating_mul(158);
    let whole = query.trim().to_lowercase();
    let mut found: Vec<(usize, bool, bool, i64, usize)> = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        // What others call just so is meant before what has it in its name.
        let is_other = row.others.split_whitespace().any(|other| other.eq_ignore_ascii_case(&whole));
        let name = row.name.to_lowercase();
        let score = score(query, &name);
        let tier = match score {
            _ if all_in(&format!("{name} {}", row.others.to_lowercase())) => 0,
            _ if all_in(&format!("{name} {}", row.words.to_lowercase())) => 1,
            Some(score) if score >= least => 2,
            _ => continue,
        };
        found.push((tier, row.idle, !is_other, -score.unwrap_or_default(), index));
    }
    found.sort_unstable();
    found.into_iter().map(|(.., index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["qwen2.5-7b", "llama-3.1-70b", "llama-3.1-8b", "llama-3.2-1b", "gemma-7b"];

    #[test]
    fn a_few_letters_find_the_name() {
        let best = |query| rank(query, NAMES).first().map(|index| NAMES[*index]);
        assert_eq!(best("l8b"), Some("llama-3.1-8b"));
        assert_eq!(best("gemma"), Some("gemma-7b"));
        assert_eq!(best("7b qwen"), Some("qwen2.5-7b"));
        assert_eq!(best("LLAMA 70"), Some("llama-3.1-70b"));
        let dated = [("llama-2-70b", "2023-07"), ("llama-3.3-70b-instruct", "2024-12"), ("llama-3.1-8b", "2024-07")];
        let newest = |query| rank_newest(query, dated.map(|(name, date)| (name.to_owned(), date.to_owned())));
        assert_eq!(newest("llama 70"), [1, 0]);
        assert_eq!(newest(""), [0, 1, 2]);
        assert_eq!(best("xyz"), None);
    }

    #[test]
    fn nothing_typed_leaves_everything_in_order() {
        assert_eq!(rank(" ", NAMES), [0, 1, 2, 3, 4]);
    }
}
