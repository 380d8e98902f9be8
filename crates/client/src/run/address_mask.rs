//! Masks the address of a run's tracking server in what its script prints: MLflow's clients print the pages of their runs.
//!
//! The secret follows the server's port. What comes before it is passed on at once, so that nothing that a script prints
//! waits for more; only a part of the secret itself is held back until the next bytes tell whether it is one.

use std::fmt;

use azml_core::secret::MASK;

/// Masks one stream, piece by piece.
#[derive(Clone)]
pub struct AddressMask {
    /// `:PORT/`, and then the secret.
    pattern: Vec<u8>,
    /// Bytes of the pattern before the secret.
    before: usize,
    /// Bytes of the pattern that the stream so far ends with.
    matched: usize,
}

impl AddressMask {
    /// For a server at `port` whose paths begin with `secret`, which has letters and digits alone.
    pub fn new(port: u16, secret: &str) -> Self {
        let before = format!(":{port}/");
        Self { pattern: [before.as_bytes(), secret.as_bytes()].concat(), before: before.len(), matched: 0 }
    }

    /// Takes a piece of the stream, and appends what may be shown of it.
    pub fn take(&mut self, mut piece: &[u8], shown: &mut Vec<u8>) {
        while let Some((byte, rest)) = piece.split_first() {
            if self.matched == 0 {
                let colon = piece.iter().position(|byte| *byte == b':').unwrap_or(piece.len());
                shown.extend_from_slice(&piece[..colon]);
                piece = &piece[colon..];
                if !piece.is_empty() {
                    shown.push(b':');
                    self.matched = 1;
                    piece = &piece[1..];
                }
                continue;
            }
            if *byte != self.pattern[self.matched] {
                // The pattern has a colon at its beginning alone: no part of what matched can begin another match.
                self.end(shown);
                continue;
            }
            if self.matched < self.before {
                shown.push(*byte);
            }
            self.matched += 1;
            if self.matched == self.pattern.len() {
                shown.extend_from_slice(MASK.as_bytes());
                self.matched = 0;
            }
            piece = rest;
        }
    }

    /// Appends what is held back: the stream is over, or goes on otherwise.
    pub fn end(&mut self, shown: &mut Vec<u8>) {
        if self.matched > self.before {
            shown.extend_from_slice(&self.pattern[self.before..self.matched]);
        }
        self.matched = 0;
    }
}

impl fmt::Debug for AddressMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressMask")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "0a1b0a1c";

    fn masked(pieces: &[&[u8]]) -> String {
        let (mut mask, mut shown) = (AddressMask::new(4711, SECRET), Vec::new());
        for piece in pieces {
            mask.take(piece, &mut shown);
        }
        mask.end(&mut shown);
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn the_secret_is_masked_wherever_pieces_end() {
        let text =
            format!("at http://127.0.0.1:4711/{SECRET}/#/x and ::4711/{SECRET}:4711/{SECRET}, :4711/0a1b0a");
        let expect = "at http://127.0.0.1:4711/***/#/x and ::4711/***:4711/***, :4711/0a1b0a";
        for size in 1..=text.len() {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert_eq!(masked(&pieces), expect, "by {size}");
        }
    }

    #[test]
    fn what_is_no_secret_is_shown_at_once() {
        let (mut mask, mut shown) = (AddressMask::new(4711, SECRET), Vec::new());
        mask.take(b"open 127.0.0.1:4711/", &mut shown);
        assert_eq!(shown, b"open 127.0.0.1:4711/");
        mask.take(b"0a", &mut shown);
        assert_eq!(shown, b"open 127.0.0.1:4711/", "it may become the secret");
        mask.take(b"?", &mut shown);
        assert_eq!(shown, b"open 127.0.0.1:4711/0a?");
        assert_eq!(format!("{mask:?}"), "AddressMask");
    }

    proptest! {
        /// As if the whole text were replaced at once.
        #[test]
        fn any_text_is_masked_as_a_whole(parts in prop::collection::vec("(:|:4711/|0a1b|0a1c|0a1b0a1c|:4711/0a1b0a1c|x|\n)", 0..20), size in 1..9_usize) {
            let text = parts.concat();
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(masked(&pieces), text.replace(":4711/0a1b0a1c", ":4711/***"));
        }
    }
}
