//! Models of bodies: the fields of each type, as Microsoft's specification lists them.
//!
//! A field is `Ignored` here only if the service sets it itself, so that clients send it back unchanged.

mod access;
mod git;
mod pulls;
mod work;

use super::Field::{Any, Ignored, Of, Text, Unsupported};
use super::{Field, Model};
pub(crate) use access::*;
pub(crate) use git::*;
pub(crate) use pulls::*;
pub(crate) use work::*;

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

/// A subscription of service hooks.
pub(crate) static SUBSCRIPTION: Model = model(
    "Subscription",
    &[
        (Text, "consumerActionId consumerId eventType id publisherId resourceVersion status"),
        (Any, "consumerInputs publisherInputs"),
        (
            Ignored,
            "_links actionDescription createdBy createdDate eventDescription lastProbationRetryDate modifiedBy \
                   modifiedDate probationRetries scope subscriber url",
        ),
    ],
);

static CAPABILITIES: Model =
    model("TeamProject", &[(Of(&PROCESS), "processTemplate"), (Of(&VERSION_CONTROL), "versioncontrol")]);

static PROCESS: Model = model("TeamProject", &[(Text, "templateTypeId"), (Ignored, "templateName")]);

static VERSION_CONTROL: Model =
    model("TeamProject", &[(Text, "sourceControlType"), (Ignored, "gitEnabled tfvcEnabled")]);
