//! The names by which clients call users and groups: identity descriptors, security identifiers, subject descriptors.
//!
//! All of them follow from ids and names, so that one seed gives the same ones on every machine. A group's security
//! identifier has the sixteen bytes of its scope in it: the project's own id for Readers, Contributors and the team, the
//! id of the project's or account's scope for the others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::{Directory, Group, GroupKind, User, name};

/// The type of a user's identity descriptor.
const USER: &str = "Microsoft.IdentityModel.Claims.ClaimsIdentity";
/// The type of a group's identity descriptor.
const GROUP: &str = "Microsoft.TeamFoundation.Identity";
/// The prefix of every group's security identifier.
const SID: &str = "S-1-9-1551374245";

/// The directory that all users are of.
pub(crate) fn tenant() -> Uuid {
    name::derive(&["tenant"])
}

/// The service itself, as the author of what it writes: its id is the same everywhere.
pub(crate) const SERVICE: Uuid = Uuid::from_u128(0x00000002_0000_8888_8000_000000000000);
/// Its name.
pub(crate) const SERVICE_NAME: &str = "Microsoft.VisualStudio.Services.TFS";

/// The scope of a project's or an account's groups.
pub(crate) fn scope_of(owner: Uuid) -> Uuid {
    name::derive(&["scope", &owner.to_string()])
}

/// The login name of a user.
pub(crate) fn login(user: &User) -> &str {
    user.email.as_deref().unwrap_or(&user.name)
}

/// A group's security identifier.
pub(crate) fn sid(group: &Group) -> String {
    let owner = group.project.unwrap_or(group.account);
    let has_own_tail = match group.kind {
        GroupKind::Readers | GroupKind::Contributors | GroupKind::Team | GroupKind::Custom => true,
        GroupKind::BuildAdministrators
        | GroupKind::ProjectAdministrators
        | GroupKind::ProjectValidUsers
        | GroupKind::CollectionAdministrators
        | GroupKind::CollectionValidUsers => false,
    };
    let domain = if has_own_tail && group.kind != GroupKind::Custom { owner } else { scope_of(owner) };
    let tail = match group.kind {
        GroupKind::ProjectAdministrators | GroupKind::CollectionAdministrators => "0-0-0-0-1".to_owned(),
        GroupKind::ProjectValidUsers | GroupKind::CollectionValidUsers => "0-0-0-0-3".to_owned(),
        GroupKind::BuildAdministrators => "0-0-0-1-2".to_owned(),
        GroupKind::Readers | GroupKind::Contributors | GroupKind::Team | GroupKind::Custom => {
            format!("1-{}", numbers(group.id))
        }
    };
    format!("{SID}-{}-{tail}", numbers(domain))
}

/// A GUID as four numbers: its bytes in the order in which .NET writes them.
fn numbers(id: Uuid) -> String {
    let bytes = id.to_bytes_le();
    let words =
        bytes.chunks_exact(4).map(|word| word.iter().fold(0_u32, |n, byte| n << 8 | u32::from(*byte)));
    words.map(|word| word.to_string()).collect::<Vec<_>>().join("-")
}

/// The identity descriptor of a user or a group: how access control entries name them.
pub(crate) fn descriptor(directory: &Directory, id: Uuid) -> Option<String> {
    let user = directory.users.get(&id).map(user_descriptor);
    user.or_else(|| directory.groups.get(&id).map(|group| format!("{GROUP};{}", sid(group))))
}

/// The identity descriptor of a user.
pub(crate) fn user_descriptor(user: &User) -> String {
    format!("{USER};{}\\{}", tenant(), login(user))
}

/// The subject descriptor of a user or a group: how the graph names them.
pub(crate) fn subject_descriptor(directory: &Directory, id: Uuid) -> Option<String> {
    match directory.groups.get(&id) {
        Some(group) => Some(format!("vssgp.{}", URL_SAFE_NO_PAD.encode(sid(group)))),
        None => directory.users.contains_key(&id).then(|| user_subject(id)),
    }
}

/// The subject descriptor of a user.
pub(crate) fn user_subject(id: Uuid) -> String {
    format!("aad.{}", URL_SAFE_NO_PAD.encode(id.to_string()))
}

/// The subject descriptor of the service itself.
pub(crate) fn service_subject() -> String {
    format!("s2s.{}", URL_SAFE_NO_PAD.encode(format!("{SERVICE}@{}", tenant())))
}

/// The subject descriptor of a project's or an account's scope.
pub(crate) fn scope_subject(owner: Uuid) -> String {
    format!("scp.{}", URL_SAFE_NO_PAD.encode(scope_of(owner).to_string()))
}

/// The user or the group of an identity descriptor; a bare security identifier will do for a group.
pub(crate) fn by_descriptor(directory: &Directory, text: &str) -> Option<Uuid> {
    let (kind, rest) = text.split_once(';').unwrap_or((GROUP, text));
    if kind.eq_ignore_ascii_case(GROUP) {
        let group = directory.groups.values().find(|group| sid(group).eq_ignore_ascii_case(rest));
        return group.map(|group| group.id);
    }
    if !kind.eq_ignore_ascii_case(USER) {
        return None;
    }
    let (tenant_id, called) = rest.split_once('\\')?;
    if !tenant_id.eq_ignore_ascii_case(&tenant().to_string()) {
        return None;
    }
    let user = directory.users.values().find(|user| name::key(login(user)) == name::key(called));
    user.map(|user| user.id)
}

/// The object that a subject descriptor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    User(Uuid),
    Group(Uuid),
    /// The scope of that account or project.
    Scope(Uuid),
}

/// Finds the object that a subject descriptor names.
pub(crate) fn by_subject_descriptor(directory: &Directory, text: &str) -> Option<Subject> {
    let (kind, rest) = text.split_once('.')?;
    let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(rest.trim_end_matches('=')).ok()?).ok()?;
    let is = |word: &str| kind.eq_ignore_ascii_case(word);
    if is("vssgp") {
        let group = directory.groups.values().find(|group| sid(group).eq_ignore_ascii_case(&decoded));
        return group.map(|group| Subject::Group(group.id));
    }
    let id = Uuid::parse_str(&decoded).ok()?;
    if is("scp") {
        let mut scopes = directory.accounts.keys().chain(directory.projects.keys());
        return scopes.find(|owner| scope_of(**owner) == id).map(|owner| Subject::Scope(*owner));
    }
    let is_user = (is("aad") || is("msa")) && directory.users.contains_key(&id);
    is_user.then_some(Subject::User(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_the_service_writes_them() {
        let scope = Uuid::parse_str("78365efb-4cc8-49d0-b779-475ea1399bfd").expect("a GUID");
        assert_eq!(numbers(scope), "4217255544-3360477257-3078178654-2704907261");
    }

    #[test]
    fn descriptors_lead_back() {
        let mut directory = Directory::default();
        let (account, project) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let user = User {
            id: Uuid::from_u128(3),
            name: "alice".to_owned(),
            email: Some("Alice@example.com".to_owned()),
            password_hash: None,
        };
        let id = user.id;
        directory.put(user);
        let kinds = GroupKind::OF_PROJECT.into_iter().chain(GroupKind::OF_ACCOUNT).chain([GroupKind::Custom]);
        for (number, kind) in kinds.enumerate() {
            directory.put(Group {
                id: Uuid::from_u128(10 + number as u128),
                account,
                project: (!GroupKind::OF_ACCOUNT.contains(&kind)).then_some(project),
                kind,
                name: kind.name().to_owned(),
                description: String::new(),
            });
        }
        for group in directory.groups.keys() {
            let (text, subject) = (
                descriptor(&directory, *group).expect("one"),
                subject_descriptor(&directory, *group).expect("one"),
            );
            assert_eq!(by_descriptor(&directory, &text.to_uppercase()), Some(*group), "{text}");
            assert_eq!(
                by_subject_descriptor(&directory, &subject),
                Some(Subject::Group(*group)),
                "{subject}"
            );
        }
        let text = descriptor(&directory, id).expect("one");
        assert_eq!(text, format!("{USER};{}\\Alice@example.com", tenant()));
        assert_eq!(by_descriptor(&directory, &text.to_lowercase()), Some(id));
        assert_eq!(by_subject_descriptor(&directory, &user_subject(id)), Some(Subject::User(id)));
        for nothing in [
            "",
            ";",
            "aad.",
            "aad.%%",
            "vssgp.QQ",
            "scp.QQ",
            "x.y",
            "Microsoft.TeamFoundation.Identity;S-1-9-1",
        ] {
            assert_eq!(by_descriptor(&directory, nothing), None, "{nothing}");
            assert_eq!(by_subject_descriptor(&directory, nothing), None, "{nothing}");
        }
    }
}
