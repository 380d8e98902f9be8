//! Plain text for a log, of bytes that a terminal was shown: without escape sequences, and of a line that was drawn again and
//! again its last state.

use std::io::{self, Write};

use anstream::adapter::StripBytes;

use crate::limits::LOG_LINE;

/// Makes plain text of what comes piece by piece.
#[derive(Default)]
pub(super) struct Plain {
    strip: StripBytes,
    line: Vec<u8>,
    /// The next character begins the line anew.
    has_returned: bool,
}

impl Plain {
    /// Takes bytes, and writes the lines that are complete.
    pub(super) fn write(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        let Self { strip, line, has_returned } = self;
        for byte in strip.strip_next(bytes).flatten() {
            if *byte == b'\r' {
                *has_returned = true;
                continue;
            }
            if std::mem::take(has_returned) && *byte != b'\n' {
                line.clear();
            }
            line.push(*byte);
            if *byte == b'\n' || line.len() >= LOG_LINE {
                out.write_all(line)?;
                line.clear();
            }
        }
        Ok(())
    }

    /// Writes what there is of the last line.
    pub(super) fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.has_returned = false;
        out.write_all(&std::mem::take(&mut self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_the_last_state_of_each_line() {
        for (shown, logged) in [
            ("a\nb", "a\nb"),
            ("\x1b[31mred\x1b[0m \x1b]0;title\x07text\n", "red text\n"),
            (" 10%|#  |\r 50%|## |\r100%|###|\nend\n", "100%|###|\nend\n"),
            ("\r 10%\r 100%", " 100%"),
            ("windows\r\nlines\r\n", "windows\nlines\n"),
            ("bar\r\x1b[Kdone\n", "done\n"),
            ("caf\u{e9} \u{2588}\u{258f}\n", "caf\u{e9} \u{2588}\u{258f}\n"),
        ] {
            for size in 1..shown.len() {
                let (mut plain, mut out) = (Plain::default(), Vec::new());
                shown.as_bytes().chunks(size).for_each(|chunk| plain.write(chunk, &mut out).unwrap());
                plain.end(&mut out).unwrap();
                assert_eq!(String::from_utf8_lossy(&out), logged, "{shown:?} by {size}");
            }
        }
    }

    #[test]
    fn a_line_without_an_end_takes_bounded_memory() {
        let (mut plain, mut out) = (Plain::default(), Vec::new());
        plain.write(&vec![b'x'; 3 * LOG_LINE + 1], &mut out).unwrap();
        assert_eq!((out.len(), plain.line.len()), (3 * LOG_LINE, 1));
    }
}
