//! The names of what is in one scope: found without regard to case, and by how they look.
//!
//! Names in two scripts may look alike as a whole, such as Latin `coco` and Cyrillic `сосо`. Unicode's Technical Standard
//! 39 gives every name a skeleton, which those that look alike have in common. Names of one script that look alike, such as
//! `run1` and `runl`, are for people to tell apart.

use imbl::{HashMap, OrdSet};
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::skeleton;
use uuid::Uuid;

use super::name;

/// Names, each in a scope that is named by an id: an account, a project, all users.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Names {
    ids: HashMap<(Uuid, String), Uuid>,
    /// (scope, skeleton, name)
    looks: OrdSet<(Uuid, String, String)>,
}

impl Names {
    pub(super) fn insert(&mut self, scope: Uuid, called: &str, id: Uuid) {
        self.ids.insert((scope, name::key(called)), id);
        for look in looks(called) {
            self.looks.insert((scope, look, called.to_owned()));
        }
    }

    pub(super) fn remove(&mut self, scope: Uuid, called: &str) {
        self.ids.remove(&(scope, name::key(called)));
        for look in looks(called) {
            self.looks.remove(&(scope, look, called.to_owned()));
        }
    }

    pub(super) fn get(&self, scope: Uuid, called: &str) -> Option<Uuid> {
        self.ids.get(&(scope, name::key(called))).copied()
    }

    /// A name in the scope, other than `own`, that looks like this one and is of another script.
    pub(super) fn lookalike(&self, scope: Uuid, called: &str, own: Option<&str>) -> Option<&str> {
        looks(called).into_iter().find_map(|look| {
            let from = (scope, look.clone(), String::new());
            let alike = self.looks.range(from..).take_while(|(at, of, _)| *at == scope && *of == look);
            let mut others = alike.map(|(_, _, other)| other.as_str());
            others.find(|other| Some(*other) != own && are_of_other_scripts(called, other))
        })
    }
}

/// Returns whether two names look alike and are of different scripts.
pub(super) fn look_alike(one: &str, other: &str) -> bool {
    let looks_of_other = looks(other);
    looks(one).iter().any(|look| looks_of_other.contains(look)) && are_of_other_scripts(one, other)
}

/// The skeletons of a name as it is written and in lower case.
fn looks(called: &str) -> Vec<String> {
    let written: String = skeleton(called).collect();
    let lower: String = skeleton(&name::key(called)).collect();
    if written == lower { vec![written] } else { vec![written, lower] }
}

fn are_of_other_scripts(one: &str, other: &str) -> bool {
    let mut common = AugmentedScriptSet::for_str(one);
    common.intersect_with(AugmentedScriptSet::for_str(other));
    common.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_two_scripts_may_look_alike() {
        let rows = [
            ("coco", "сосо", true),
            ("Coco", "сосо", true),
            ("COCO", "СОСО", true),
            ("MONAX", "ΜΟΝΑΧ", true),
            ("coco-1", "сосо-1", true),
            ("coco-1", "сосо-2", false),
            ("coco", "coco", false),
            ("run1", "runl", false),
            ("modern", "modem", false),
            ("iris", "ирис", false),
            ("iris", "ίρις", false),
            ("mope", "море", false),
            ("MOPE", "МОРЕ", true),
            ("東京", "东京", false),
            ("1.0", "1.O", false),
        ];
        let (scope, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (there, new, alike) in rows {
            assert_eq!((look_alike(there, new), look_alike(new, there)), (alike, alike), "{there} {new}");
            let mut names = Names::default();
            names.insert(scope, there, id);
            let found = names.lookalike(scope, new, None);
            assert_eq!(found, alike.then_some(there), "{there} {new}");
            assert_eq!(names.lookalike(scope, new, Some(there)), None, "it is renamed");
            assert_eq!(names.lookalike(id, new, None), None, "it is elsewhere");
            names.remove(scope, there);
            assert_eq!(names, Names::default(), "{there} leaves nothing");
        }
    }
}
