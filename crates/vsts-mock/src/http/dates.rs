//! Dates as clients of the service write them: ISO 8601, .NET's invariant culture, and RFC 1123.

use crate::limits::DATE_BYTES;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer};

/// The forms that .NET's invariant culture writes: month first.
const INVARIANT: [&str; 5] =
    ["%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y"];

/// Dates that messages give as examples.
pub(super) const EXAMPLES: &str = "2017-09-07T12:00:00Z or 9/7/2017 12:00:00 PM";

/// Reads a date. One without an offset is in UTC; one without a time is midnight.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > DATE_BYTES {
        return None;
    }
    let (local, offset) = split_offset(text)?;
    match local.parse().ok().or_else(|| invariant(local)) {
        Some(time) => Some(at(time, offset)),
        None => rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()),
    }
}

/// Reads an optional date of a JSON body.
pub(super) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!("the value {text:?} is not a date, such as {EXAMPLES}"))
    })
}

/// Separates the offset at the end of a text. Its `+` is a blank where a client put it into a query unencoded.
fn split_offset(text: &str) -> Option<(&str, Offset)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local.trim_end(), Offset::UTC));
    }
    let none = Some((text, Offset::UTC));
    let Some(at) = text.rfind(['+', '-', ' ']) else { return none };
    let (local, digits) = (&text[..at], text[at + 1..].replace(':', ""));
    // Without a time before it, it is a part of the date.
    if !local.contains(':') || !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return none;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Ok(0), str::parse).ok()?;
    let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
    let offset = Offset::from_seconds(sign * (hours * 60 + minutes) * 60).ok().filter(|_| minutes < 60)?;
    Some((local.trim_end(), offset))
}

fn invariant(text: &str) -> Option<DateTime> {
    // The year of a date with two digits would be one of the first century.
    let year = text.split('/').nth(2)?.split(' ').next()?;
    if year.len() != 4 {
        return None;
    }
    INVARIANT.iter().find_map(|format| strtime::parse(format, text).ok()?.to_datetime().ok())
}

/// The moment of a local time. The service's last dates are later than the last moment that there is here.
fn at(time: DateTime, offset: Offset) -> Timestamp {
    let edge = if time.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    offset.to_timestamp(time).unwrap_or(edge)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_others_write_is_read(second in 0_i64..4_102_444_800, minutes in -840_i32..=840) {
            let time = Timestamp::from_second(second).expect("before 2100");
            let offset = Offset::from_seconds(minutes * 60).expect("a day at most");
            let local = offset.to_datetime(time);
            let zone = local.to_zoned(offset.to_time_zone()).expect("a time");
            let formats = [
                "%Y-%m-%dT%H:%M:%S%:z", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.0000000%:z",
                "%m/%d/%Y %H:%M:%S %:z", "%-m/%-d/%Y %-I:%M:%S %p %:z", "%a, %d %b %Y %H:%M:%S %z",
            ];
            for format in formats {
                let text = strtime::format(format, &zone).expect("it is written");
                prop_assert_eq!(parse(&text), Some(time), "{}", text);
                if minutes >= 0 {
                    let in_query = text.replace('+', " ");
                    prop_assert!(format.starts_with("%a") || parse(&in_query) == Some(time), "{}", in_query);
                }
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in ".{0,80}", digits in "[0-9/: +Z-]{0,40}") {
            let _ = (parse(&text), parse(&digits));
        }
    }

    #[test]
    fn every_form_is_read() {
        let rows = [
            ("2018-06-14T07:08:09Z", "2018-06-14T07:08:09Z"),
            ("2018-06-14t07:08:09z", "2018-06-14T07:08:09Z"),
            ("2018-06-14T07:08:09", "2018-06-14T07:08:09Z"),
            ("2018-06-14 07:08:09", "2018-06-14T07:08:09Z"),
            ("2018-06-14T07:08", "2018-06-14T07:08:00Z"),
            ("2018-06-14 07:08", "2018-06-14T07:08:00Z"),
            ("2018-06-14T07:08:09.1234567Z", "2018-06-14T07:08:09.1234567Z"),
            ("2018-06-14T07:08:09.5", "2018-06-14T07:08:09.5Z"),
            ("2018-06-14T07:08:09.123+02:00", "2018-06-14T05:08:09.123Z"),
            ("2018-06-14T07:08:09-0730", "2018-06-14T14:38:09Z"),
            ("2018-06-14T07:08:09+02", "2018-06-14T05:08:09Z"),
            ("2018-06-14T07:08:09 00:00", "2018-06-14T07:08:09Z"),
            ("2018-06-14T07:08:09.5 02:00", "2018-06-14T05:08:09.5Z"),
            ("2018-06-14", "2018-06-14T00:00:00Z"),
            (" 2018-06-14 ", "2018-06-14T00:00:00Z"),
            ("6/14/2018 12:00:00 AM", "2018-06-14T00:00:00Z"),
            ("6/14/2018 12:00:00 PM", "2018-06-14T12:00:00Z"),
            ("06/04/2018 1:02:03 pm", "2018-06-04T13:02:03Z"),
            ("6/14/2018 1:02 PM", "2018-06-14T13:02:00Z"),
            ("06/14/2018 13:02:03", "2018-06-14T13:02:03Z"),
            ("06/14/2018 13:02", "2018-06-14T13:02:00Z"),
            ("06/14/2018 13:02:03 +02:00", "2018-06-14T11:02:03Z"),
            ("06/14/2018 13:02:03  02:00", "2018-06-14T11:02:03Z"),
            ("6/14/2018", "2018-06-14T00:00:00Z"),
            ("Thu, 14 Jun 2018 07:08:09 GMT", "2018-06-14T07:08:09Z"),
            ("Thu, 14 Jun 2018 07:08:09 +0200", "2018-06-14T05:08:09Z"),
            ("01/01/0001 00:00:00", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-30T22:00:00.999999999Z"),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text).map(|time| time.to_string()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let long = "2018-06-14".repeat(20);
        let rows = [
            "",
            "yesterday",
            "2018",
            "14/6/2018",
            "6/14/18",
            "2018-13-01",
            "2018-02-30",
            "6/31/2018",
            "2018-06-14T25:00:00Z",
            "2018-06-14T07:08:09+99:00",
            "2018-06-14T07:08:09+01:75",
            "12:00",
            "é/é/éééé",
            "2018-06-14T07:08:09Zé",
            long.as_str(),
        ];
        for text in rows {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
