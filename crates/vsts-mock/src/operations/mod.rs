//! The operations: everything that the server does with repositories, projects, users and their credentials, without a
//! word of HTTP, JSON, HTML or SSH.
//!
//! An operation takes values (a [`Principal`](crate::access::Principal), names, ids) and returns values or a typed refusal.
//! It asks [`crate::access`] whether the principal may, and changes the state through [`crate::registry`] or, for refs,
//! through [`crate::hosting`]. The front ends (`http::{git,rest,arm,oauth,admin,pages}` and `ssh`) read requests, call
//! operations and show the outcome; none of them imports another.

pub(crate) mod administration;
pub(crate) mod archive;
pub(crate) mod changed_files;
pub(crate) mod commit_text;
pub(crate) mod commits;
pub(crate) mod content;
pub(crate) mod context;
pub(crate) mod experimentation;
pub(crate) mod first_commit;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod hooks;
pub(crate) mod items;
pub(crate) mod keys;
pub(crate) mod lfs;
pub(crate) mod new_objects;
pub(crate) mod objects;
pub(crate) mod permissions;
pub(crate) mod projects;
pub(crate) mod pull_requests;
pub(crate) mod push;
pub(crate) mod pushes;
pub(crate) mod ref_favorites;
pub(crate) mod refs;
pub(crate) mod refused;
pub(crate) mod repositories;
pub(crate) mod scope;
pub(crate) mod securable;
pub(crate) mod signature;
pub(crate) mod tags;
pub(crate) mod tokens;
pub(crate) mod tree_changes;
pub(crate) mod tree_edit;
pub(crate) mod tree_walk;
pub(crate) mod versions;
pub(crate) mod work;
pub(crate) mod work_items;
pub(crate) mod zip;
