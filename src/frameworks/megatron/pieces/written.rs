//! `--pipeline-model-parallel-layout`: what every piece of the model holds, written out.

use super::Piece;
use crate::ledger::EstimateError;
use crate::parallel::Layout;

const KEY: &str = "megatron.pipeline_model_parallel_layout";

/// No real layout has as many letters.
const LONGEST: usize = 1 << 16;

/// The pieces that a layout such as `Et*3|(tt|)*6mL` writes out.
pub(super) fn pieces(
    written: &str,
    layers: u64,
    layout: &Layout,
    predicting: u64,
) -> Result<Vec<Piece>, EstimateError> {
    let spelled =
        spelled(written).ok_or_else(|| wrong(format!("`{written}` is not a layout such as Et*3|(tt|)*6L")))?;
    let parts: Vec<&str> = spelled.split('|').collect();
    let stages = layout.pipeline;
    if !(parts.len() as u64).is_multiple_of(stages) {
        return Err(wrong(format!("{} pieces, which {stages} stages do not divide", parts.len())));
    }
    let virtual_stages = parts.len() as u64 / stages;
    if layout.virtual_pipeline > 1 && layout.virtual_pipeline != virtual_stages {
        let asked = layout.virtual_pipeline;
        return Err(wrong(format!("{virtual_stages} pieces on each stage, but parallel.virtual_pipeline is {asked}")));
    }
    let counted = |letter| spelled.matches(letter).count() as u64;
    if counted('t') != layers {
        return Err(wrong(format!("{} layers (t), but the model has {layers}", counted('t'))));
    }
    let [predicts, has_place] = [predicting > 0, counted('m') > 0];
    if has_place && counted('m') != predicting {
        return Err(wrong(format!("m {} times, but megatron.mtp_num_layers is {predicting}", counted('m'))));
    }
    let mut next = 0;
    let last = parts.len() - 1;
    let piece = |(index, part): (usize, &&str)| {
        let first = next;
        next += part.matches('t').count() as u64;
        let ends = index == last;
        let predicts = predicts && if has_place { part.contains('m') } else { ends };
        Piece { layers: first..next, embeds: index == 0, predicts, scores: ends }
    };
    Ok(parts.iter().enumerate().map(piece).collect())
}

fn wrong(problem: String) -> EstimateError {
    EstimateError::Invalid { key: KEY, problem }
}

/// The same without repetitions: `(tt|)*2` is `tt|tt|`. Nothing where it is no layout.
fn spelled(written: &str) -> Option<String> {
    let letters: Vec<char> = written.chars().filter(|letter| !letter.is_whitespace() && *letter != '\\').collect();
    let mut open: Vec<String> = vec![String::new()];
    let mut next = 0;
    while let Some(letter) = letters.get(next) {
        next += 1;
        let unit = match letter {
            '(' => {
                open.push(String::new());
                continue;
            }
            ')' if open.len() > 1 => open.pop()?,
            'E' | 't' | 'm' | 'L' | '|' => String::from(*letter),
            // A comma may stand between letters, and changes nothing.
            ',' => continue,
            _ => return None,
        };
        let (times, read) = repetitions(&letters[next..])?;
        next += read;
        let within = open.last_mut()?;
        if within.len() + unit.len().checked_mul(times)? > LONGEST {
            return None;
        }
        within.push_str(&unit.repeat(times));
    }
    open.pop().filter(|spelled| open.is_empty() && !spelled.is_empty())
}

/// How often what stands before is repeated, and how many letters say so.
fn repetitions(letters: &[char]) -> Option<(usize, usize)> {
    if letters.first() != Some(&'*') {
        return Some((1, 0));
    }
    let digits: String = letters[1..].iter().take_while(|letter| letter.is_ascii_digit()).collect();
    digits.parse().ok().map(|times| (times, 1 + digits.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_written_out() {
        assert_eq!(spelled("Et*3|(tt|)*2mL").unwrap(), "Ettt|tt|tt|mL");
        assert_eq!(spelled("((t|)*2E)*2").unwrap(), "t|t|Et|t|E");
        for wrong in ["", "(t", "t)", "x", "t*", "((t*99999)*99999)*99999"] {
            assert_eq!(spelled(wrong), None, "{wrong}");
        }
    }
}
