//! What somebody who mistyped a word most likely meant.

/// How alike two words must be, as Jaro similarity. A slip of the pen in a short word is above 0.85; words that share
/// no more than some letters are below 0.8.
const ALIKE: f64 = 0.8;

/// The known word that is most like the one that was written, if any is. Case does not matter.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let alike = known
        .into_iter()
        .map(|known| (strsim::jaro(&word, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness > ALIKE);
    alike
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// ` (did you mean delay?)`, to follow what is said of a word that is not known; nothing where no word comes near.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, known).map_or_else(String::new, |known| format!(" (did you mean {known}?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [&str; 5] = ["delay", "send", "branch", "split", "exit"];

    #[test]
    fn a_slip_of_the_pen_finds_its_word() {
        for (written, meant) in [
            ("delya", "delay"),
            ("brunch", "branch"),
            ("Send", "send"),
            ("exits", "exit"),
        ] {
            assert_eq!(closest(written, STEPS), Some(meant), "{written}");
        }
        assert_eq!(did_you_mean("splt", STEPS), " (did you mean split?)");
    }

    #[test]
    fn another_word_finds_none() {
        for written in ["", "webhook", "x"] {
            assert_eq!(did_you_mean(written, STEPS), "", "{written}");
        }
    }
}
