//! Small things that many pages show: a time, a size, a person, a commit's id, a field to copy from.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use maud::{Markup, html};

/// Commits on one page.
pub(super) const PAGE: usize = 50;

/// A moment, as a person would say it; the exact one is in its title.
pub(super) fn ago(now: Timestamp, then: Timestamp) -> Markup {
    let exact = then.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time datetime=(then.strftime("%Y-%m-%dT%H:%M:%SZ")) title=(exact) { (relative(now, then)) } }
}

fn relative(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    let some = |count: i64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
    match seconds {
        i64::MIN..=-60 => then.strftime("%-d %b %Y").to_string(),
        -59..=44 => "just now".to_owned(),
        45..=3_569 => some((seconds + 30) / 60, "minute"),
        3_570..=84_599 => some((seconds + 1_800) / 3_600, "hour"),
        84_600..=2_591_999 => some((seconds + 43_200) / 86_400, "day"),
        _ => then.strftime("%-d %b %Y").to_string(),
    }
}

/// A day.
pub(super) fn day(time: Timestamp) -> Markup {
    html! { time datetime=(time.strftime("%Y-%m-%dT%H:%M:%SZ")) title=(time.strftime("%Y-%m-%d %H:%M:%S UTC")) {
        (time.strftime("%-d %b %Y"))
    } }
}

/// A number of bytes.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut scale, mut unit) = (1024, 0);
    // A thousand and twenty-four of one are one of the next, rounded as they will be.
    while unit + 1 < UNITS.len() && bytes >= scale * 1024 - scale / 2 {
        (scale, unit) = (scale * 1024, unit + 1);
    }
    let tenths = bytes.saturating_mul(10) / scale;
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", bytes.saturating_add(scale / 2) / scale, UNITS[unit])
    }
}

/// `1 file`, `2 files`.
pub(super) fn count(number: usize, one: &str, more: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {more}") }
}

/// A person's initial in a circle, always in the same one of a few colours.
pub(super) fn avatar(name: &str) -> Markup {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let initial: String =
        name.chars().find(|c| c.is_alphanumeric()).into_iter().flat_map(char::to_uppercase).collect();
    html! { span class={ "avatar c" (hasher.finish() % 6) } aria-hidden="true" { (initial) } }
}

/// A text to copy: can be selected without a script, and copied by a button with one.
pub(super) fn copy_field(id: &str, label: &str, value: &str) -> Markup {
    html! {
        div.copy {
            label for=(id) { (label) }
            div { input #(id) readonly value=(value) size="1"; button type="button" data-copy=(id) hidden { "Copy" } }
        }
    }
}

/// The head of a table whose columns speak for themselves: there for who hears the page.
pub(super) fn quiet_head(columns: &[&str]) -> Markup {
    html! { thead.hide { tr { @for column in columns { th scope="col" { span.sr { (column) } } } } } }
}

/// A message above a form.
pub(super) fn problem(message: Option<&str>) -> Markup {
    html! { @if let Some(message) = message { p.problem role="alert" { (message) } } }
}

/// Links to the page before and the page after.
pub(super) fn pages(address: &str, skip: usize, has_more: bool, before: &str, after: &str) -> Markup {
    html! { @if skip > 0 || has_more {
        nav.pages aria-label="Pages" {
            @if skip > 0 { a.button.plain href={ (address) "&skip=" (skip.saturating_sub(PAGE)) } rel="prev" { (before) } }
            @if has_more { a.button.plain href={ (address) "&skip=" (skip + PAGE) } rel="next" { (after) } }
        }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        let rows = [
            (0, "just now"),
            (-30, "just now"),
            (60, "1 minute ago"),
            (59 * 60, "59 minutes ago"),
            (3_600, "1 hour ago"),
            (23 * 3_600, "23 hours ago"),
            (86_400, "1 day ago"),
            (29 * 86_400, "29 days ago"),
            (31 * 86_400, "1 Dec 1970"),
            (-120, "1 Jan 1971"),
        ];
        let now = Timestamp::from_second(31_536_000).expect("1971");
        for (seconds, expected) in rows {
            let then = Timestamp::from_second(31_536_000 - seconds).expect("a time");
            assert_eq!(relative(now, then), expected, "{seconds}");
        }
    }

    #[test]
    fn sizes_have_two_digits_or_so() {
        let rows = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KB"),
            (10 * 1024, "10 KB"),
            (1_048_000, "1023 KB"),
            (1_048_576, "1.0 MB"),
            (5 << 30, "5.0 GB"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(size(bytes), expected);
        }
    }
}
