//! Models of bodies: the fields of each type, as Microsoft's specification lists them.
//!
//! A field is `Ignored` here only if the service sets it itself, so that clients send it back unchanged.

mod access;
mod git;
mod pulls;

use super::Field::{Any, Ignored, Of, Text, Unsupported};
use super::{Field, Model};
pub(crate) use access::*;
pub(crate) use git::*;
pub(crate) use pulls::*;

const fn model(name: &'static str, fields: &'static [(Field, &'static str)]) -> Model {
    Model { name, fields }
}

/// A project, new or changed.
pub(crate) static PROJECT: Model = model(
    "TeamProject",
    &[
        (Of(&CAPABILITIES), "capabilities"),
        (Text, "description name state"),
        (Any, "visibility"),
        (Unsupported, "abbreviation"),
        (Ignored, "_links defaultTeam defaultTeamImageUrl id lastUpdateTime revision url"),
    ],
);

static CAPABILITIES: Model =
    model("TeamProject", &[(Of(&PROCESS), "processTemplate"), (Of(&VERSION_CONTROL), "versioncontrol")]);

static PROCESS: Model = model("TeamProject", &[(Text, "templateTypeId"), (Ignored, "templateName")]);

static VERSION_CONTROL: Model =
    model("TeamProject", &[(Text, "sourceControlType"), (Ignored, "gitEnabled tfvcEnabled")]);
