//! Text of strangers on a terminal.

use std::borrow::Cow;

use watchbell_model::text::reorders;

/// The text without what a terminal obeys instead of showing it, and without marks that reorder text. Lines and tabs stay, and
/// colours as [`super::Style`] sets them.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let colour = colour(rest);
        let (first, then) = rest.split_at(colour.unwrap_or(c.len_utf8()));
        if colour.is_some() || !is_obeyed(c) {
            shown.push_str(first);
        }
        rest = then;
    }
    Cow::Owned(shown)
}

fn is_obeyed(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t')) || reorders(c)
}

/// The length of a sequence at the beginning that sets a colour or ends it (ECMA-48 §8.3.117). One that hides text is none.
fn colour(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let (codes, _) = codes.split_once('m')?;
    let may = |code: &str| matches!(code.parse::<u8>(), Ok(0..=4 | 22..=24 | 30..=39 | 90..=97));
    let is_colour = codes.split(';').all(may);
    is_colour.then(|| codes.len() + 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Style;

    #[test]
    fn a_terminal_obeys_nothing_that_a_stranger_wrote() {
        for (written, expected) in [
            ("Grüße\n\tand more", "Grüße\n\tand more"),
            ("\u{1b}[2J\u{1b}]0;owned\u{7}title", "[2J]0;ownedtitle"),
            ("\u{9b}2Jc1", "2Jc1"),
            ("a\rb\u{8}", "ab"),
            ("\u{1b}[8mhidden", "[8mhidden"),
            ("\u{1b}[31", "[31"),
            ("exe.\u{202e}fdp", "exe.fdp"),
        ] {
            assert_eq!(shown(written), expected, "{written:?}");
        }
    }

    #[test]
    fn our_own_colours_stay() {
        let style = Style::new(true);
        for text in [style.bold("x"), style.faint("x"), style.name("x"), style.bad("x")] {
            assert!(text.len() > 1);
            assert_eq!(shown(&text), text);
        }
    }
}
