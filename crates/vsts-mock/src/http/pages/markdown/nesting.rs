//! Checks the nesting of a Markdown text and its HTML without parsing: both parsers take time that grows with the
//! square of it.

use super::TooMuch;
use crate::limits::{MARKDOWN_DEPTH, MARKDOWN_ELEMENTS};

/// Elements that never hold anything.
const VOID: [&str; 9] = ["area", "br", "col", "embed", "hr", "img", "input", "link", "wbr"];
/// Elements that end where another of them begins, or what they are in ends.
const ENDED_BY_OTHERS: [&str; 10] = ["dd", "dt", "li", "p", "tbody", "td", "tfoot", "th", "thead", "tr"];
/// Elements that browsers begin again in each block that follows, until they are ended.
const FORMATTING: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];

/// Checks that no line opens too many quotes and lists.
pub(super) fn check_text(text: &str) -> Result<(), TooMuch> {
    if text.lines().any(|line| containers(line.as_bytes()) > MARKDOWN_DEPTH) {
        Err(TooMuch::Nested)
    } else {
        Ok(())
    }
}

/// The number of marks of quotes and list items that a line begins with.
fn containers(line: &[u8]) -> usize {
    let (mut rest, mut count) = (line.trim_ascii_start(), 0);
    while let Some((first, after)) = rest.split_first() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let after = match first {
            b'>' => after,
            b'-' | b'*' | b'+' if after.first().is_none_or(u8::is_ascii_whitespace) => after,
            b'0'..=b'9' if matches!(rest.get(digits), Some(b'.' | b')')) => &rest[digits + 1..],
            _ => break,
        };
        count += 1;
        rest = after.trim_ascii_start();
    }
    count
}

/// Checks that an HTML text makes neither deep nor very many elements, as browsers read it.
pub(super) fn check_html(html: &str) -> Result<(), TooMuch> {
    let mut open: Vec<String> = Vec::new();
    let (mut formatting, mut elements) = (0_usize, 0_usize);
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let is_end = rest.starts_with('/');
        let name = rest.strip_prefix('/').unwrap_or(rest);
        let length = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let name = name[..length].to_ascii_lowercase();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let is_formatting = FORMATTING.contains(&name.as_str());
        // Every tag may be where all open formatting begins again.
        elements += 1 + formatting;
        if elements > MARKDOWN_ELEMENTS {
            return Err(TooMuch::Elements);
        }
        if is_end {
            let at = open.iter().rposition(|open| !is_ended_by_others(open) || *open == name);
            if let Some(at) = at.filter(|at| open[*at] == name) {
                open.truncate(at);
                formatting -= usize::from(is_formatting);
            }
            continue;
        }
        if VOID.contains(&name.as_str()) {
            continue;
        }
        if is_ended_by_others(&name) {
            let at = open.iter().rposition(|open| !is_ended_by_others(open) || *open == name);
            if let Some(at) = at.filter(|at| open[*at] == name) {
                open.truncate(at);
            }
        }
        formatting += usize::from(is_formatting);
        let is_table = name == "table";
        open.push(name);
        if is_table {
            // Its cells get a row and a body around them.
            open.extend(["tbody", "tr"].map(str::to_owned));
        }
        if open.len() > MARKDOWN_DEPTH {
            return Err(TooMuch::Nested);
        }
    }
    Ok(())
}

fn is_ended_by_others(name: &str) -> bool {
    ENDED_BY_OTHERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_lists_are_counted_by_line() {
        let shallow = [
            "> > - 1. text".to_owned(),
            "-".repeat(400),
            "-".repeat(400) + " Title",
            "+----".repeat(100) + "+",
            "a >>> b ".repeat(400),
            "> quote\n".repeat(400),
            "- item\n".repeat(400),
            format!("| {} |", "a | ".repeat(400)),
            " ".repeat(400),
        ];
        for text in shallow {
            assert_eq!(check_text(&text), Ok(()), "{text}");
        }
        for text in [">".repeat(101), "> ".repeat(101), "- ".repeat(101) + "a", "1. ".repeat(101) + "a"] {
            assert_eq!(check_text(&text), Err(TooMuch::Nested), "{text}");
        }
    }

    #[test]
    fn elements_are_counted_as_browsers_nest_them() {
        let shallow = [
            "<p>a".repeat(500),
            "<ul>".to_owned() + &"<li>a".repeat(500) + "</ul>",
            "<table>".to_owned() + &"<tr><td>a<td>b".repeat(500) + "</table>",
            "<br><hr/><img src=x>".repeat(500),
            "<div><b>a</b></div>".repeat(500),
            "a < b, <3, </ and <!-- no -->".repeat(500),
        ];
        for html in shallow {
            assert_eq!(check_html(&html), Ok(()), "{html}");
        }
        let deep = [
            "<div>".repeat(101),
            "<DIV\n>".repeat(101),
            "<div></x>".repeat(101),
            "<div><table><td></div>".repeat(101),
            "<svg><g>".repeat(101),
            "<b>".repeat(101),
        ];
        for html in deep {
            assert_eq!(check_html(&html), Err(TooMuch::Nested), "{html}");
        }
        // Each paragraph begins all of the formatting again.
        let open = (0..90).fold(String::new(), |open, n| open + "<b id=" + &n.to_string() + ">");
        assert_eq!(check_html(&format!("<p>{open}{}", "<p>x</p>".repeat(20_000))), Err(TooMuch::Elements));
    }
}
