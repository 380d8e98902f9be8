//! Subscriptions of service hooks: made, changed and removed by those who administer the project or the account.

use std::collections::BTreeMap;
use std::net::IpAddr;

use url::{Host, Url};
use uuid::Uuid;

use super::refused::Refused;
use super::scope::Scope;
use crate::access::{Permission, Target};
use crate::app::App;
use crate::directory::{Directory, Subscription};
use crate::limits::{HOOK_FIELD_BYTES, HOOK_SUBSCRIPTIONS};
use crate::registry::random_id;

/// The events that can be subscribed to, each with what it tells.
pub(crate) const EVENT_TYPES: [(&str, &str); 10] = [
    ("git.push", "Code pushed"),
    ("git.pullrequest.created", "Pull request created"),
    ("git.pullrequest.updated", "Pull request updated"),
    ("git.pullrequest.merged", "Pull request merge attempted"),
    ("ms.vss-code.git-pullrequest-comment-event", "Pull request commented on"),
    ("workitem.created", "Work item created"),
    ("workitem.updated", "Work item updated"),
    ("workitem.commented", "Work item commented on"),
    ("workitem.deleted", "Work item deleted"),
    ("workitem.restored", "Work item restored"),
];

/// A subscription as a client asks for it.
#[derive(Debug)]
pub(crate) struct NewSubscription {
    pub(crate) event_type: String,
    pub(crate) resource_version: String,
    pub(crate) filters: BTreeMap<String, String>,
    pub(crate) target: BTreeMap<String, String>,
    pub(crate) is_enabled: bool,
}

/// The subscriptions of the account that the caller administers.
pub(crate) fn list(directory: &Directory, scope: Scope<'_>) -> Result<Vec<Subscription>, Refused> {
    let account = scope.account(directory)?;
    let own = directory.subscriptions.values().filter(|one| one.account == account.id);
    let mut seen: Vec<Subscription> =
        own.filter(|one| check(directory, scope, one.project).is_ok()).cloned().collect();
    seen.sort_by_key(|one| (one.created, one.id));
    Ok(seen)
}

/// The subscription of that id, if the caller administers what it is about.
pub(crate) fn find(directory: &Directory, scope: Scope<'_>, id: &str) -> Result<Subscription, Refused> {
    let absent = || Refused::NoPart { what: "subscription", id: id.to_owned() };
    let found =
        Uuid::parse_str(id).ok().and_then(|id| directory.subscriptions.get(&id)).ok_or_else(absent)?;
    if found.account != scope.account(directory)?.id {
        return Err(absent());
    }
    check(directory, scope, found.project).map_err(|_| absent())?;
    Ok(found.clone())
}

/// Makes a subscription, or replaces the one of that id.
pub(crate) async fn put(
    app: &App,
    scope: Scope<'_>,
    replaced: Option<&str>,
    new: NewSubscription,
) -> Result<Subscription, Refused> {
    check_fields(app, &new)?;
    let mut change = app.state.change().await;
    let account = scope.account(&change.directory)?.id;
    let before = replaced.map(|id| find(&change.directory, scope, id)).transpose()?;
    let named = new.filters.get("projectId").filter(|name| !name.is_empty());
    let project =
        named.map(|name| scope.named_project(&change.directory, name)).transpose()?.map(|one| one.id);
    check(&change.directory, scope, project)?;
    let many = change.directory.subscriptions.values().filter(|one| one.account == account).count();
    if before.is_none() && many >= HOOK_SUBSCRIPTIONS {
        return Err(Refused::Invalid(format!("An account has at most {HOOK_SUBSCRIPTIONS} subscriptions.")));
    }
    let (now, user) = (app.clock.now(), scope.principal.user.unwrap_or_default());
    let mut target = new.target;
    // Clients send a subscription back as they got it.
    if let Some(before) = &before
        && target.get("basicAuthPassword").is_some_and(|password| password == MASK)
    {
        let password = before.setting("basicAuthPassword").to_owned();
        target.insert("basicAuthPassword".to_owned(), password);
    }
    let subscription = Subscription {
        id: before.as_ref().map_or_else(random_id, |one| one.id),
        account,
        project,
        event_type: new.event_type,
        resource_version: new.resource_version,
        filters: new.filters,
        target,
        creator: before.as_ref().map_or(user, |one| one.creator),
        created: before.as_ref().map_or(now, |one| one.created),
        modifier: user,
        modified: now,
        is_enabled: new.is_enabled,
    };
    change.put(subscription.clone());
    change.commit().await?;
    Ok(subscription)
}

/// Removes a subscription.
pub(crate) async fn remove(app: &App, scope: Scope<'_>, id: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let found = find(&change.directory, scope, id)?;
    change.remove::<Subscription>(&found.id);
    Ok(change.commit().await?)
}

/// The form in which a password is shown.
pub(crate) const MASK: &str = "********";

fn check(directory: &Directory, scope: Scope<'_>, project: Option<Uuid>) -> Result<(), Refused> {
    let permission = Permission::ManagePermissions;
    match project.and_then(|id| directory.projects.get(&id)) {
        Some(project) => scope.authorize(directory, permission, Target::Project(project)),
        None => scope.authorize(directory, permission, Target::Account(scope.account(directory)?)),
    }
}

fn check_fields(app: &App, new: &NewSubscription) -> Result<(), Refused> {
    if !EVENT_TYPES.iter().any(|(name, _)| *name == new.event_type) {
        let known: Vec<&str> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
        return Err(Refused::Invalid(format!("eventType has to be one of {}.", known.join(", "))));
    }
    if let Some((name, _)) =
        new.filters.iter().chain(&new.target).find(|(_, value)| value.len() > HOOK_FIELD_BYTES)
    {
        return Err(Refused::Invalid(format!("{name} has more than {HOOK_FIELD_BYTES} bytes.")));
    }
    let url = new.target.get("url").map(String::as_str).unwrap_or_default();
    target_of(url, app.hook_hosts()).map(|_| ()).map_err(Refused::Invalid)
}

/// The receiver of events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Receiver {
    /// Its name in the URL, without brackets.
    pub(crate) name: String,
    /// The host to connect to.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_over_tls: bool,
}

/// The receiver to which a URL's events go, if they may go there: an address of loopback, or a host that the seed names.
/// Names are not looked up, except `localhost`, which is loopback by definition (RFC 6761, section 6.3).
pub(crate) fn target_of(url: &str, allowed: &[String]) -> Result<Receiver, String> {
    let parsed = Url::parse(url).map_err(|_| format!("consumerInputs.url is not a URL: {url:?}."))?;
    let is_over_tls = match parsed.scheme() {
        "http" => false,
        "https" => true,
        _ => return Err("consumerInputs.url has to begin with http:// or https://.".to_owned()),
    };
    let port = parsed.port_or_known_default().unwrap_or(80);
    let (name, is_local) = match parsed.host() {
        Some(Host::Ipv4(address)) => (address.to_string(), IpAddr::V4(address).is_loopback()),
        Some(Host::Ipv6(address)) => (address.to_string(), IpAddr::V6(address).is_loopback()),
        Some(Host::Domain(name)) => (name.to_owned(), name.eq_ignore_ascii_case("localhost")),
        None => return Err(format!("consumerInputs.url names no host: {url:?}.")),
    };
    let host = if name.eq_ignore_ascii_case("localhost") { "127.0.0.1".to_owned() } else { name.clone() };
    if is_local || allowed.iter().any(|name| name.eq_ignore_ascii_case(&host)) {
        return Ok(Receiver { name, host, port, is_over_tls });
    }
    Err(format!(
        "Events are sent to this computer alone, and not to {host}; the seed allows others by hook_hosts = [\"{host}\"]."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_to_loopback_or_where_the_seed_allows() {
        let allowed = ["ci.example".to_owned()];
        for (url, host, port) in [
            ("http://127.0.0.1:8080/hook", "127.0.0.1", 8080),
            ("http://localhost/hook", "127.0.0.1", 80),
            ("http://[::1]:1/", "::1", 1),
            ("http://0x7f000001/", "127.0.0.1", 80),
            ("http://CI.example:9/", "ci.example", 9),
            ("https://localhost/", "127.0.0.1", 443),
            ("https://127.0.0.1:1/", "127.0.0.1", 1),
        ] {
            let found = target_of(url, &allowed).expect("it may");
            assert_eq!((found.host.as_str(), found.port), (host, port), "{url}");
            assert_eq!(found.is_over_tls, url.starts_with("https"), "{url}");
        }
        for url in [
            "http://10.0.0.1/",
            "http://169.254.169.254/latest",
            "http://localhost.evil.example/",
            "http://evil.example/#127.0.0.1",
            "http://127.0.0.1@evil.example/",
            "http://[::ffff:10.0.0.1]/",
            "http://0.0.0.0/",
            "https://10.0.0.1/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "nonsense",
            "",
        ] {
            assert!(target_of(url, &allowed).is_err(), "{url}");
        }
    }
}
