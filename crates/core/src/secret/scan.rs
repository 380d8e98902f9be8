//! Looks for secrets in content that comes piece by piece: for all anchors of the table at once, then around each.
//!
//! A check sees [`BEHIND`] bytes before its anchor and [`AHEAD`] from it on, so that the pieces in which the content
//! comes make no difference.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::{
    Finding,
    form::{Form, Near},
    rules::{OLD_AZURE_DEVOPS, RULES, Rule},
};
use crate::limits::SECRET_FINDINGS as MOST;

/// Bytes before an anchor that a check sees.
pub(super) const BEHIND: usize = 256;
/// Bytes from an anchor on that a check sees. A key of 4,096 bits is shorter.
pub(super) const AHEAD: usize = 8 * 1024;
/// Bytes that are looked through at once.
pub(super) const PIECE: usize = 128 * 1024;
/// Bytes that are looked at by all searches before the next.
const BLOCK: usize = 64 * 1024;
/// The encoding is told by so many bytes at the beginning.
const SAMPLE: usize = 512;
/// The length of the service's older tokens, which have no anchor.
const OLD_TOKEN: usize = 52;

struct Anchors {
    search: AhoCorasick,
    /// The rule of each.
    rules: Vec<&'static Rule>,
    longest: usize,
}

/// The search takes many bytes at once, and is the faster the longer its shortest anchor is: the few of three bytes have a
/// search of their own.
static ANCHORS: LazyLock<[Anchors; 2]> =
    LazyLock::new(|| [anchors(&|anchor| anchor.len() > 3), anchors(&|anchor| anchor.len() <= 3)]);

fn anchors(takes: &dyn Fn(&str) -> bool) -> Anchors {
    let all = || {
        let anchors = RULES.iter().flat_map(|rule| rule.anchors.iter().map(move |anchor| (*anchor, rule)));
        anchors.filter(|(anchor, _)| takes(anchor))
    };
    let search = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(all().map(|(anchor, _)| anchor))
        .expect("the table's anchors are few and short");
    let longest = all().map(|(anchor, _)| anchor.len()).max().unwrap_or_default();
    Anchors { search, rules: all().map(|(_, rule)| rule).collect(), longest }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Bytes,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    /// By a mark at the beginning, else by the zeros between ASCII letters.
    fn of(sample: &[u8]) -> Self {
        match sample {
            [0xff, 0xfe, ..] => return Self::Utf16Le,
            [0xfe, 0xff, ..] => return Self::Utf16Be,
            _ => {}
        }
        let units = sample.len() / 2;
        let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
        let (even, odd) = (zeros(0), zeros(1));
        if units >= 8 && even == 0 && odd * 10 >= units * 7 {
            Self::Utf16Le
        } else if units >= 8 && odd == 0 && even * 10 >= units * 7 {
            Self::Utf16Be
        } else {
            Self::Bytes
        }
    }

    /// Bytes of content for each byte that is looked at.
    fn width(self) -> u64 {
        if self == Self::Bytes { 1 } else { 2 }
    }
}

/// Looks for secrets in content that is fed to it.
#[derive(Debug)]
pub struct Scanner {
    /// None before enough has come to tell.
    encoding: Option<Encoding>,
    /// Half a unit of UTF-16.
    half: Option<u8>,
    /// The bytes to look at: as they came, or one for each unit of UTF-16.
    window: Vec<u8>,
    /// The number of bytes before the window.
    passed: u64,
    /// Anchors that begin before this place of the window have been looked at.
    done: usize,
    /// Line ends before `done`.
    lines: u64,
    most: usize,
    findings: Vec<Finding>,
    has_overflowed: bool,
    counts_lines: bool,
}

impl Scanner {
    /// Looks for the first secret alone.
    pub fn first() -> Self {
        Self::up_to(1)
    }

    /// Looks whether there is a secret; on which line is not told, which is faster.
    pub fn any() -> Self {
        Self { counts_lines: false, ..Self::up_to(1) }
    }

    /// Looks for all secrets, up to a bound; see [`Self::has_overflowed`].
    pub fn all() -> Self {
        Self::up_to(MOST)
    }

    fn up_to(most: usize) -> Self {
        Self {
            encoding: None,
            half: None,
            window: Vec::new(),
            passed: 0,
            done: 0,
            lines: 0,
            most,
            findings: Vec::new(),
            has_overflowed: false,
            counts_lines: true,
        }
    }

    /// Returns whether something has been found by now.
    pub fn has_found(&self) -> bool {
        !self.findings.is_empty()
    }

    /// Returns whether there is more than is kept: what was found is not all.
    pub fn has_overflowed(&self) -> bool {
        self.has_overflowed
    }

    /// Looks at the next piece.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        if self.is_sated() {
            return;
        }
        if self.encoding.is_none() {
            let missing = SAMPLE - self.window.len();
            let (sample, rest) = bytes.split_at(bytes.len().min(missing));
            self.window.extend_from_slice(sample);
            if self.window.len() < SAMPLE {
                return;
            }
            self.begin();
            bytes = rest;
        }
        for piece in bytes.chunks(PIECE) {
            self.take(piece);
            if self.window.len() >= self.done + PIECE + AHEAD {
                self.look(self.window.len() - AHEAD);
            }
        }
    }

    /// Ends the content; gives what was found, in order.
    pub fn finish(mut self) -> Vec<Finding> {
        self.end();
        self.findings
    }

    /// Looks at what is left, as the content has ended.
    pub fn end(&mut self) {
        if self.encoding.is_none() {
            self.begin();
        }
        if !self.is_sated() {
            self.look(self.window.len());
        }
    }

    /// Returns the findings so far, in order.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding.unwrap_or(Encoding::Bytes)
    }

    /// Returns whether more would make no difference.
    fn is_sated(&self) -> bool {
        self.most == 1 && self.has_found() || self.has_overflowed
    }

    fn begin(&mut self) {
        let sample = std::mem::take(&mut self.window);
        self.encoding = Some(Encoding::of(&sample));
        self.take(&sample);
    }

    /// Adds to the window.
    fn take(&mut self, bytes: &[u8]) {
        let is_high_first = match self.encoding {
            Some(Encoding::Utf16Le) => false,
            Some(Encoding::Utf16Be) => true,
            _ => return self.window.extend_from_slice(bytes),
        };
        let mut bytes = bytes.iter().copied();
        loop {
            let Some(first) = self.half.take().or_else(|| bytes.next()) else { return };
            let Some(second) = bytes.next() else {
                self.half = Some(first);
                return;
            };
            let (high, low) = if is_high_first { (first, second) } else { (second, first) };
            self.window.push(if high == 0 && low < 0x80 { low } else { 0xff });
        }
    }

    /// Looks at the anchors that begin before `until`, and forgets what no check needs any more.
    fn look(&mut self, until: usize) {
        let width = self.encoding.map_or(1, Encoding::width);
        let counts_lines = self.counts_lines;
        let newlines = |text: &[u8]| if counts_lines { newlines(text) } else { 0 };
        let found = look(&self.window, self.done, until, self.most);
        let mut counted = self.done;
        for (rule, span) in found {
            if self.findings.len() >= self.most {
                self.has_overflowed = true;
                break;
            }
            // A secret may begin before its anchor.
            let line = if span.start >= counted {
                self.lines += newlines(&self.window[counted..span.start]);
                counted = span.start;
                self.lines + 1
            } else {
                self.lines + 1 - newlines(&self.window[span.start..counted])
            };
            let at = |place: usize| (self.passed + place as u64) * width;
            self.findings.push(Finding {
                rule: rule.name,
                line,
                is_open: span.len() >= AHEAD,
                span: at(span.start)..at(span.end),
            });
        }
        if until > counted {
            self.lines += newlines(&self.window[counted..until]);
        } else {
            self.lines -= newlines(&self.window[until..counted]);
        }
        let gone = until.saturating_sub(BEHIND);
        self.window.drain(..gone);
        self.passed += gone as u64;
        self.done = until - gone;
    }
}

/// Finds the secrets in a content that is at hand as a whole.
pub(super) fn whole(content: &[u8], most: usize) -> Vec<Finding> {
    if Encoding::of(&content[..content.len().min(SAMPLE)]) != Encoding::Bytes {
        let mut scanner = Scanner::up_to(most);
        scanner.feed(content);
        return scanner.finish();
    }
    let (mut line, mut counted) = (1, 0);
    let findings = look(content, 0, content.len(), most).into_iter().map(|(rule, span)| {
        if span.start >= counted {
            line += newlines(&content[counted..span.start]);
        } else {
            line -= newlines(&content[span.start..counted]);
        }
        counted = span.start;
        Finding {
            rule: rule.name,
            line,
            is_open: span.len() >= AHEAD,
            span: span.start as u64..span.end as u64,
        }
    });
    findings.collect()
}

fn newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// The secrets whose anchors begin in `from..until`, by their places.
fn look(text: &[u8], from: usize, until: usize, most: usize) -> Vec<(&'static Rule, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let check = |rule: &'static Rule, start: usize, length: usize| {
        let (behind, ahead) = (start.saturating_sub(BEHIND), text.len().min(start + AHEAD));
        let near = Near { text: &text[behind..ahead], at: start - behind, anchor: length };
        let span = match &rule.form {
            Form::With(check) => check(&near),
            form => form.check(&near),
        }?;
        Some((rule, span.start + behind..span.end + behind))
    };
    // One block after the other: it is looked at three times, and stays in the processor's cache meanwhile.
    let mut from = from;
    while from < until && (most != 1 || found.is_empty()) {
        let block = until.min(from + BLOCK);
        for anchors in &*ANCHORS {
            let mut at = from;
            while at < block {
                let end = text.len().min(block + anchors.longest - 1);
                let Some(anchor) = anchors.search.find(Input::new(text).span(at..end)) else { break };
                if anchor.start() >= block {
                    break;
                }
                found.extend(check(anchors.rules[anchor.pattern().as_usize()], anchor.start(), anchor.len()));
                at = anchor.start() + 1;
            }
        }
        old_tokens(text, from, block, &mut |start| found.extend(check(&OLD_AZURE_DEVOPS, start, OLD_TOKEN)));
        from = block;
    }
    found.sort_by_key(|(_, span)| (span.start, span.end));
    found
}

/// The places where exactly 52 characters of base32 begin. In such a run are two places in a row of which one is each 26
/// bytes: unless both are of it, and some between them, there is none.
fn old_tokens(text: &[u8], from: usize, until: usize, found: &mut impl FnMut(usize)) {
    const STEP: usize = OLD_TOKEN / 2;
    static IS_ONE: [bool; 256] = {
        let mut is_one = [false; 256];
        let mut letter = b'a';
        while letter <= b'z' {
            is_one[letter as usize] = true;
            letter += 1;
        }
        let mut digit = b'2';
        while digit <= b'7' {
            is_one[digit as usize] = true;
            digit += 1;
        }
        is_one
    };
    let is_one = |byte: &u8| IS_ONE[usize::from(*byte)];
    let mut at = from + STEP - 1;
    while at + STEP < text.len() && at < until + STEP {
        // Without a branch for each: which way it goes can't be foretold.
        let run = &text[at..=at + STEP];
        if is_one(&run[STEP]) & is_one(&run[0]) & is_one(&run[13]) & is_one(&run[6]) & is_one(&run[19]) {
            let before = text[..at].iter().rev().take(OLD_TOKEN).take_while(|byte| is_one(byte)).count();
            let after = text[at..].iter().take(OLD_TOKEN + 1).take_while(|byte| is_one(byte)).count();
            let start = at - before;
            // The first place in the run alone, so that it is found once.
            if before < STEP && before + after == OLD_TOKEN && (from..until).contains(&start) {
                found(start);
            }
        }
        at += STEP;
    }
}
