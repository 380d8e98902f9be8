//! Syntax colours: a text's lines as HTML, with one letter for each kind of word. What the parser calls them in a hundred
//! ways becomes six, so that a page stays light.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use maud::{Markup, PreEscaped};
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

/// Texts beyond that, and lines beyond that, stay without.
const LARGEST: usize = 256 * 1024;
const LONGEST_LINE: usize = 2_000;
/// When that is over, the rest stays without.
const TIME: Duration = Duration::from_millis(400);

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// The first prefix that fits, from the innermost scope outwards, names the class; an empty one is no class.
static CLASSES: LazyLock<Vec<(Scope, &'static str)>> = LazyLock::new(|| {
    [
        ("comment", "c"),
        ("punctuation.definition.comment", "c"),
        ("string", "s"),
        ("punctuation.definition.string", "s"),
        ("constant.character.escape", "k"),
        ("constant", "n"),
        ("keyword.operator", ""),
        ("keyword", "k"),
        ("storage", "k"),
        ("variable.language", "k"),
        ("entity.name.function", "f"),
        ("variable.function", "f"),
        ("support.function", "f"),
        ("entity.name.tag", "k"),
        ("entity.name.section", "f"),
        ("markup.heading", "f"),
        ("markup.raw", "s"),
        ("entity.name", "t"),
        ("entity.other.attribute-name", "t"),
        ("support.type", "t"),
        ("support.class", "t"),
        ("meta.mapping.key", "t"),
    ]
    .into_iter()
    .filter_map(|(scope, class)| Some((Scope::new(scope).ok()?, class)))
    .collect()
});

/// A text's lines, without their ends.
pub(super) fn lines(file_name: &str, text: &str) -> Vec<Markup> {
    lines_within(file_name, text, TIME)
}

/// The same; lines that come after `limit` are not coloured.
fn lines_within(file_name: &str, text: &str, limit: Duration) -> Vec<Markup> {
    let syntax = (text.len() <= LARGEST).then(|| syntax_of(file_name, text)).flatten();
    let Some(syntax) = syntax else { return text.lines().map(plain).collect() };
    let begun = Instant::now();
    let mut state = Some(ParseState::new(syntax));
    let mut stack = ScopeStack::new();
    text.split_inclusive('\n')
        .map(|line| {
            let shown = line.trim_end_matches(['\n', '\r']);
            if line.len() > LONGEST_LINE || begun.elapsed() > limit {
                state = None;
            }
            let Some(parsed) = state.as_mut().map(|state| state.parse_line(line, &SYNTAXES)) else {
                return plain(shown);
            };
            if let Ok(operations) = parsed {
                coloured(shown, operations, &mut stack)
            } else {
                state = None;
                plain(shown)
            }
        })
        .collect()
}

fn syntax_of(file_name: &str, text: &str) -> Option<&'static SyntaxReference> {
    let name = file_name.rsplit('/').next().unwrap_or(file_name);
    let extension = name.rsplit_once('.').map_or(name, |(_, extension)| extension);
    let first = text.lines().next().unwrap_or_default();
    SYNTAXES
        .find_syntax_by_extension(name)
        .or_else(|| SYNTAXES.find_syntax_by_extension(&extension.to_ascii_lowercase()))
        .or_else(|| SYNTAXES.find_syntax_by_first_line(first.get(..200).unwrap_or(first)))
        .filter(|syntax| syntax.name != "Plain Text")
}

fn coloured(
    line: &str,
    operations: Vec<(usize, syntect::parsing::ScopeStackOp)>,
    stack: &mut ScopeStack,
) -> Markup {
    let mut out = String::with_capacity(line.len() * 2);
    let (mut from, mut open) = (0, "");
    let mut put = |out: &mut String, part: &str, class: &'static str| {
        if part.is_empty() {
            return;
        }
        // Blanks have no colour: they go on with what was there.
        if class != open && !part.trim().is_empty() {
            if !open.is_empty() {
                out.push_str("</i>");
            }
            if !class.is_empty() {
                out.push_str("<i class=");
                out.push_str(class);
                out.push('>');
            }
            open = class;
        }
        escape(part, out);
    };
    for (at, operation) in operations {
        let at = at.min(line.len());
        if let Some(part) = line.get(from..at) {
            put(&mut out, part, class_of(stack));
            from = at;
        }
        if stack.apply(&operation).is_err() {
            break;
        }
    }
    put(&mut out, line.get(from..).unwrap_or_default(), class_of(stack));
    if !open.is_empty() {
        out.push_str("</i>");
    }
    PreEscaped(out)
}

fn class_of(stack: &ScopeStack) -> &'static str {
    let fitting = |scope: &Scope| CLASSES.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope));
    stack.as_slice().iter().rev().find_map(fitting).map_or("", |(_, class)| class)
}

fn plain(line: &str) -> Markup {
    let mut out = String::with_capacity(line.len());
    escape(line, &mut out);
    PreEscaped(out)
}

/// Adds a text to HTML; characters that turn the direction of what follows are shown for what they are.
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                write!(out, "<b class=bidi>U+{:04X}</b>", u32::from(c))
                    .expect("writing to a string succeeds");
            }
            c if c.is_control() && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(name: &str, text: &str) -> String {
        // A busy machine takes longer than a page may.
        lines_within(name, text, Duration::MAX)
            .into_iter()
            .map(Markup::into_string)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn words_get_their_letters() {
        let shown = html("a.py", "def f(x):\n    return \"<&>\"  # why\n");
        for part in [
            "<i class=k>def </i>",
            "<i class=f>f</i>",
            "&lt;&amp;&gt;",
            "<i class=c># why</i>",
            "<i class=k>return </i>",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn what_it_makes_is_the_text_again() {
        let texts = ["a = {'<b>': \"&\"}\r\n\tx\u{202e}y\n", "'''\nopen\n", "<script>alert(1)</script>", ""];
        for (name, text) in ["x.py", "x.html", "x.toml", "Makefile", "x.unknown"]
            .iter()
            .flat_map(|name| texts.map(|text| (name, text)))
        {
            let shown = html(name, text);
            let mut bare = String::new();
            let mut is_tag = false;
            for c in shown.chars() {
                match c {
                    '<' => is_tag = true,
                    '>' if is_tag => is_tag = false,
                    c if !is_tag => bare.push(c),
                    _ => {}
                }
            }
            let bare =
                bare.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            let expected: Vec<&str> = text.lines().collect();
            assert_eq!(bare.replace("U+202E", "\u{202e}"), expected.join("\n"), "{name}");
            assert!(!shown.contains("<script"), "{shown}");
        }
    }
}
