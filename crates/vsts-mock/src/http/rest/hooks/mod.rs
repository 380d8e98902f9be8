//! Service hooks: subscriptions, the event types and consumers that there are, and the history of deliveries. Events are told by
//! [`worker`].

mod deliver;
mod payload;
mod told;
mod work_items;
mod worker;

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::reply::{Outcome, Reply};
use super::work::event::VERSIONS;
use super::{Call, shape};
use crate::directory::{Directory, Subscription};
use crate::operations::hooks::{self, EVENT_TYPES, MASK, NewSubscription};
pub(crate) use worker::keep_telling;

/// The publisher of all events, and the one consumer with its one action.
const PUBLISHER: &str = "tfs";
const CONSUMER: &str = "webHooks";
const ACTION: &str = "httpRequest";

fn shown(directory: &Directory, base: &str, one: &Subscription) -> Value {
    let url = format!("{base}/_apis/hooks/subscriptions/{}", one.id);
    let about = EVENT_TYPES.iter().find(|(name, _)| *name == one.event_type).map_or("", |(_, about)| about);
    let host = url::Url::parse(one.setting("url")).ok();
    let host = host.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    let mut publisher = one.filters.clone();
    publisher.insert("tfsSubscriptionId".to_owned(), one.id.to_string());
    publisher.insert("hostId".to_owned(), one.account.to_string());
    let mut consumer = one.target.clone();
    if let Some(password) = consumer.get_mut("basicAuthPassword").filter(|password| !password.is_empty()) {
        MASK.clone_into(password);
    }
    json!({
        "id": one.id.to_string(),
        "url": url,
        "status": if one.is_enabled { "enabled" } else { "disabledByUser" },
        "publisherId": PUBLISHER,
        "eventType": one.event_type,
        "resourceVersion": one.resource_version,
        "eventDescription": about,
        "consumerId": CONSUMER,
        "consumerActionId": ACTION,
        "actionDescription": format!("To host {host}"),
        "createdBy": shape::identity(directory, base, one.creator),
        "createdDate": one.created,
        "modifiedBy": shape::identity(directory, base, one.modifier),
        "modifiedDate": one.modified,
        "publisherInputs": publisher,
        "consumerInputs": consumer,
        "_links": { "self": { "href": url }, "notifications": { "href": format!("{url}/notifications") } },
    })
}

/// Lists subscriptions by publisher, event type and consumer.
pub(super) fn list(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let base = call.base(call.account(&directory)?);
    let is_wanted = |name: &str, own: &str| {
        call.query.get(name).is_none_or(|asked| asked.is_empty() || asked.eq_ignore_ascii_case(own))
    };
    let all = hooks::list(&directory, call.scope())?;
    let seen = all.iter().filter(|one| {
        is_wanted("publisherId", PUBLISHER)
            && is_wanted("eventType", &one.event_type)
            && is_wanted("consumerId", CONSUMER)
            && is_wanted("consumerActionId", ACTION)
    });
    Ok(Reply::ok(shape::list(seen.map(|one| shown(&directory, &base, one)))))
}

pub(super) fn show(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let found = hooks::find(&directory, call.scope(), call.part("subscriptionId"))?;
    Ok(Reply::ok(shown(&directory, &call.base(call.account(&directory)?), &found)))
}

pub(super) async fn create(call: &Call<'_>, body: Value) -> Outcome {
    put(call, None, &body).await
}

/// Replaces a subscription; its id may stand in the body.
pub(super) async fn replace(call: &Call<'_>, body: Value) -> Outcome {
    let id = call.value("subscriptionId").or_else(|| body["id"].as_str());
    put(call, Some(id.ok_or_else(|| Failure::missing("subscriptionId"))?), &body).await
}

async fn put(call: &Call<'_>, replaced: Option<&str>, body: &Value) -> Outcome {
    let texts = [("publisherId", PUBLISHER), ("consumerId", CONSUMER), ("consumerActionId", ACTION)];
    for (name, only) in texts {
        if body[name].as_str().ok_or_else(|| Failure::missing(name))? != only {
            return Err(Failure::bad(format!("{name} has to be {only}: vsts-mock has no other.")));
        }
    }
    let is_enabled = match body["status"].as_str() {
        None | Some("enabled") => true,
        Some("disabledByUser") => false,
        Some(_) => return Err(Failure::bad("status has to be enabled or disabledByUser.")),
    };
    let new = NewSubscription {
        event_type: body["eventType"].as_str().ok_or_else(|| Failure::missing("eventType"))?.to_owned(),
        resource_version: body["resourceVersion"].as_str().unwrap_or("1.0").to_owned(),
        filters: inputs(body, "publisherInputs", &["tfsSubscriptionId", "hostId"])?,
        target: inputs(body, "consumerInputs", &[])?,
        is_enabled,
    };
    deliver::headers(new.target.get("httpHeaders").map_or("", String::as_str)).map_err(Failure::bad)?;
    let made = hooks::put(call.app, call.scope(), replaced, new).await?;
    let directory = call.app.state.directory();
    Ok(Reply::ok(shown(&directory, &call.base(call.account(&directory)?), &made)))
}

/// The inputs of a subscription, all texts, without those that the service adds.
fn inputs(body: &Value, name: &str, added: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
    let none = Map::new();
    let given = match &body[name] {
        Value::Null => &none,
        Value::Object(given) => given,
        _ => return Err(Failure::bad(format!("{name} has to be an object."))),
    };
    let text = |(key, value): (&String, &Value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        Value::Null => Ok((key.clone(), String::new())),
        Value::Bool(_) | Value::Number(_) => Ok((key.clone(), value.to_string())),
        _ => Err(Failure::bad(format!("{name}.{key} has to be a string."))),
    };
    given.iter().filter(|(key, _)| !added.contains(&key.as_str())).map(text).collect()
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    hooks::remove(call.app, call.scope(), call.part("subscriptionId")).await?;
    Ok(Reply::nothing())
}

/// The deliveries of a subscription, newest first, or the one of that number.
pub(super) fn notifications(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let found = hooks::find(&directory, call.scope(), call.part("subscriptionId"))?;
    let all = call.app.deliveries.list(Some(found.id));
    let notification = |one: &crate::deliveries::Delivery| {
        let last = one.attempts.last();
        json!({
            "id": one.notification_id,
            "subscriptionId": one.subscription_id.to_string(),
            "eventId": one.payload["id"],
            "status": if one.status == "queued" { "queued" } else { "completed" },
            "result": if one.status == "queued" { "pending" } else { one.status },
            "createdDate": one.created,
            "modifiedDate": last.map_or(one.created, |attempt| attempt.time),
            "details": {
                "eventType": one.event_type,
                "publisherId": PUBLISHER,
                "consumerId": CONSUMER,
                "consumerActionId": ACTION,
                "event": one.payload,
                "requestAttempts": one.attempts.len(),
                "response": last.and_then(|attempt| attempt.status).map(|status| status.to_string()),
                "errorMessage": last.and_then(|attempt| attempt.error.clone()),
            },
        })
    };
    if let Some(id) = call.value("notificationId") {
        let found = all.iter().find(|one| one.notification_id.to_string() == id);
        let absent = || {
            Failure::new(
                StatusCode::NOT_FOUND,
                "NotificationNotFoundException",
                "There is no such notification.",
            )
        };
        return found.map(|one| Reply::ok(notification(one))).ok_or_else(absent);
    }
    Ok(Reply::ok(shape::list(all.iter().rev().map(notification))))
}

/// The publisher of events.
#[expect(clippy::unnecessary_wraps, reason = "every handler returns one of these")]
pub(super) fn publishers(call: &Call<'_>) -> Outcome {
    let publisher = json!({
        "id": PUBLISHER,
        "name": "Azure DevOps",
        "description": "Publishes events from the service",
        "supportedEvents": EVENT_TYPES.iter().map(event_type).collect::<Vec<_>>(),
    });
    Ok(Reply::ok(match call.value("publisherId") {
        Some(_) => publisher,
        None => shape::list(std::iter::once(publisher)),
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "every handler returns one of these")]
pub(super) fn event_types(_call: &Call<'_>) -> Outcome {
    Ok(Reply::ok(shape::list(EVENT_TYPES.iter().map(event_type))))
}

fn event_type((id, name): &(&str, &str)) -> Value {
    let versions = match *id {
        id if id.ends_with("comment-event") => &["2.0"][..],
        id if id.starts_with("workitem.") => &VERSIONS,
        _ => &["1.0"],
    };
    json!({ "id": id, "publisherId": PUBLISHER, "name": name, "description": name, "supportedResourceVersions": versions })
}

#[expect(clippy::unnecessary_wraps, reason = "every handler returns one of these")]
pub(super) fn consumers(call: &Call<'_>) -> Outcome {
    let action = json!({ "id": ACTION, "consumerId": CONSUMER, "name": "Post via HTTP", "description": "Sends an HTTP POST request" });
    let consumer = json!({ "id": CONSUMER, "name": "Web Hooks", "description": "Sends requests over HTTP", "actions": [action] });
    Ok(Reply::ok(match call.value("consumerId") {
        Some(_) => consumer,
        None => shape::list(std::iter::once(consumer)),
    }))
}
