//! Models of bodies: the fields of each type, as Microsoft's specification lists them.
//!
//! A field is `Ignored` here only if the service sets it itself, so that clients send it back unchanged.

mod access;
mod git;

use super::Field::{Any, Ignored, Of, Text, Unsupported};
use super::{Field, Model};
pub(in crate::http::rest) use access::*;
pub(in crate::http::rest) use git::*;

const fn model(name: &'static str, fields: &'static [(&'static str, Field)]) -> Model {
    Model { name, fields }
}

/// A project, new or changed.
pub(in crate::http::rest) static PROJECT: Model = model(
    "TeamProject",
    &[
        ("capabilities", Of(&CAPABILITIES)),
        ("description", Text),
        ("name", Text),
        ("state", Text),
        ("visibility", Any),
        ("abbreviation", Unsupported),
        ("_links", Ignored),
        ("defaultTeam", Ignored),
        ("defaultTeamImageUrl", Ignored),
        ("id", Ignored),
        ("lastUpdateTime", Ignored),
        ("revision", Ignored),
        ("url", Ignored),
    ],
);

static CAPABILITIES: Model =
    model("TeamProject", &[("processTemplate", Of(&PROCESS)), ("versioncontrol", Of(&VERSION_CONTROL))]);

static PROCESS: Model = model("TeamProject", &[("templateTypeId", Text), ("templateName", Ignored)]);

static VERSION_CONTROL: Model =
    model("TeamProject", &[("sourceControlType", Text), ("gitEnabled", Ignored), ("tfvcEnabled", Ignored)]);
