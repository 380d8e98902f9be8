//! The values of fields: read from what clients give, and as they are at present.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::Value;
use uuid::Uuid;

use super::WorkItemError;
use crate::directory::work_item::fields::{self, Field, FieldType, allowed};
use crate::directory::work_item::split_tags;
use crate::directory::{Directory, Project, WorkItem};
use crate::limits::{FIELD_CHARS, FIELD_TEXT_CHARS, TAGS};

/// Reads a value for a field that is not empty.
pub(super) fn read(field: &'static Field, value: &Value) -> Result<Value, WorkItemError> {
    let refuse = |code| WorkItemError::Rule { field: field.name, code };
    let wrong = || refuse("InvalidType");
    let plain = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err(wrong()),
    };
    let known = allowed(field.reference);
    if !known.is_empty() && !known.contains(&plain.trim()) {
        return Err(WorkItemError::NotInList { field: field.name, value: plain });
    }
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    Ok(match field.kind {
        FieldType::Integer => plain.trim().parse::<i32>().map_err(|_| wrong())?.into(),
        FieldType::Double => number(&plain).ok_or_else(wrong)?.into(),
        FieldType::Boolean => plain.trim().to_lowercase().parse::<bool>().map_err(|_| wrong())?.into(),
        FieldType::Time => time(&plain).ok_or_else(wrong)?.to_string().into(),
        FieldType::Text if plain.chars().count() > FIELD_CHARS => return Err(refuse("InvalidTooLong")),
        FieldType::Html if plain.chars().count() > FIELD_TEXT_CHARS => return Err(refuse("InvalidTooLong")),
        _ if field.reference == fields::TAGS => {
            let tags = split_tags(&plain);
            if tags.len() > TAGS || tags.iter().any(|tag| tag.chars().count() > FIELD_CHARS) {
                return Err(refuse("InvalidTooLong"));
            }
            tags.join("; ").into()
        }
        FieldType::Text => plain.trim().into(),
        _ => plain.into(),
    })
}

/// Reads a date; one without an offset is in UTC, one without a time is midnight.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let local = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let date =
        || text.parse::<Date>().ok().and_then(|date| local(date.to_datetime(jiff::civil::Time::midnight())));
    let is_date = text.len() == "2017-09-07".len();
    if is_date { date() } else { text.parse().ok().or_else(|| local(text.parse().ok()?)) }
}

/// The user whom a client names: by name, address or id, alone, as `Name <address>`, or in an object.
pub(super) fn person(
    directory: &Directory,
    field: &'static Field,
    value: &Value,
) -> Result<Uuid, WorkItemError> {
    let texts: Vec<&str> = match value {
        Value::Object(all) => {
            ["id", "uniqueName", "displayName"].iter().filter_map(|name| all.get(*name)?.as_str()).collect()
        }
        other => other.as_str().into_iter().collect(),
    };
    let found = texts.iter().find_map(|text| user(directory, text));
    found.ok_or_else(|| {
        let value = texts.first().map_or_else(|| value.to_string(), |text| (*text).to_owned());
        WorkItemError::UnknownIdentity { field: field.name, value }
    })
}

/// The user of a name, an address, an id, or `Name <address>`.
pub(crate) fn user(directory: &Directory, text: &str) -> Option<Uuid> {
    let text = text.trim();
    let mail = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')).map(|(_, mail)| mail);
    let by_id = Uuid::parse_str(text).ok().filter(|id| directory.users.contains_key(id));
    let by_login = |text: &str| directory.user_by_login(text).map(|user| user.id);
    by_id.or_else(|| by_login(text)).or_else(|| by_login(mail?))
}

/// The value that a field of an item has; null if it has none. Of a user the id.
pub(crate) fn present(directory: &Directory, project: &Project, item: &WorkItem, field: &Field) -> Value {
    match field.reference {
        fields::ID => item.id.into(),
        fields::REV => item.rev.into(),
        fields::PROJECT => project.name.as_str().into(),
        fields::KIND => item.kind.as_str().into(),
        fields::AREA => project.path_of(&item.area).into(),
        fields::ITERATION => project.path_of(&item.iteration).into(),
        fields::IS_DELETED => item.deletion.map_or(Value::Null, |_| true.into()),
        fields::NODE => {
            item.area.rsplit('\\').next().filter(|last| !last.is_empty()).unwrap_or(&project.name).into()
        }
        fields::CREATED => item.created.to_string().into(),
        fields::CREATOR => item.creator.to_string().into(),
        fields::CHANGED => item.changed.to_string().into(),
        fields::CHANGER => item.changer.to_string().into(),
        fields::PARENT_ID => item.parent().map_or(Value::Null, Value::from),
        fields::COMMENTS => directory.work.notes_of(item).filter(|note| !note.is_deleted).count().into(),
        reference => item.fields.get(reference).cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_their_fields() {
        let read = |name: &str, value: Value| {
            read(fields::find(name).expect("a field"), &value).map_err(|error| error.to_string())
        };
        assert_eq!(read("Priority", "3".into()), Ok(3.into()));
        assert!(read("Priority", 7.into()).expect_err("no such").contains("list of supported values"));
        assert_eq!(read("Story Points", 3.into()), Ok(3.0.into()));
        assert!(read("Story Points", "many".into()).expect_err("no number").contains("TF401320"));
        assert_eq!(read("Tags", "b, a;B".into()), Ok("b; a".into()));
        assert_eq!(read("Start Date", "2017-09-07".into()), Ok("2017-09-07T00:00:00Z".into()));
        assert_eq!(read("Start Date", "2017-09-07T12:00:00+02:00".into()), Ok("2017-09-07T10:00:00Z".into()));
        assert!(read("Title", "x".repeat(256).into()).is_err());
        assert!(read("Title", serde_json::json!({})).is_err());
    }
}
