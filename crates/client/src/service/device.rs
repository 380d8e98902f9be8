//! Signing in by a code that the user types on a page (OAuth's device flow, RFC 8628).

use std::time::Duration;

use serde_json::Value;
use ureq::http::Method;

use super::{Service, ServiceError};
use crate::credentials::Secret;
use crate::limits;

/// The client id that the service knows azml by.
const CLIENT_ID: &str = "7f2d5a8e-0b36-4a59-9c1f-64d1a8b0e5c2";
/// The seconds between two questions if the service does not say.
const DEFAULT_INTERVAL: u64 = 5;
/// By how much longer to wait when the service says so.
const SLOWER: Duration = Duration::from_secs(5);

/// A sign-in that waits for the user.
#[derive(Debug)]
pub struct Pending {
    device_code: Secret,
    /// The code that the user types.
    pub user_code: String,
    /// The place.
    pub page: String,
    /// The time to wait before asking for the result.
    pub interval: Duration,
    /// The time that the code is valid.
    pub lifetime: Duration,
}

/// The state of a sign-in.
#[derive(Debug)]
pub enum Progress {
    /// The user has not decided yet.
    Waiting,
    /// The user has signed in: the token, and how many seconds it is good for.
    Done(Secret, Option<i64>),
    /// The user has refused.
    Declined,
    /// The code is over.
    Expired,
}

impl Service {
    /// Asks for a code; `device` is this computer's name, for the user to recognise.
    pub fn begin_sign_in(&self, device: &str) -> Result<Pending, ServiceError> {
        let form = [("client_id", CLIENT_ID), ("scope", "user_impersonation"), ("device_name", device)];
        let answer = self.send_form("/common/oauth2/v2.0/devicecode", &form)?;
        if !answer.status.is_success() {
            return Err(ServiceError::of_answer(
                &self.origin().host(),
                answer.status.as_u16(),
                &answer.value,
            ));
        }
        let text = |name: &str| answer.value[name].as_str().map(str::to_owned);
        let page = text("verification_uri").or_else(|| text("verification_url"));
        let (Some(device_code), Some(user_code), Some(page)) = (text("device_code"), text("user_code"), page)
        else {
            return Err(self.malformed("which code is to be typed"));
        };
        let interval =
            seconds(&answer.value["interval"]).unwrap_or(DEFAULT_INTERVAL).clamp(1, limits::SIGN_IN_INTERVAL);
        let lifetime = seconds(&answer.value["expires_in"]).unwrap_or(900).min(limits::SIGN_IN_LIFETIME);
        Ok(Pending {
            device_code: Secret::new(device_code),
            user_code,
            page,
            interval: Duration::from_secs(interval),
            lifetime: Duration::from_secs(lifetime),
        })
    }

    /// Asks how it went; makes the interval longer when the service says so.
    pub fn ask_sign_in(&self, pending: &mut Pending) -> Result<Progress, ServiceError> {
        let form = [
            ("client_id", CLIENT_ID),
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", pending.device_code.expose()),
        ];
        let answer = self.send_form("/common/oauth2/v2.0/token", &form)?;
        if answer.status.is_success() {
            let token =
                answer.value["access_token"].as_str().ok_or_else(|| self.malformed("what the token is"))?;
            let life = seconds(&answer.value["expires_in"]).and_then(|seconds| i64::try_from(seconds).ok());
            return Ok(Progress::Done(Secret::new(token), life));
        }
        match answer.value["error"].as_str() {
            Some("authorization_pending") => Ok(Progress::Waiting),
            Some("slow_down") => {
                pending.interval =
                    (pending.interval + SLOWER).min(Duration::from_secs(limits::SIGN_IN_INTERVAL));
                Ok(Progress::Waiting)
            }
            Some("authorization_declined" | "access_denied") => Ok(Progress::Declined),
            Some("expired_token" | "code_expired") => Ok(Progress::Expired),
            _ => Err(ServiceError::of_answer(&self.origin().host(), answer.status.as_u16(), &answer.value)),
        }
    }

    /// Ends the session of a token.
    pub fn end_session(&self, token: &Secret) -> Result<(), ServiceError> {
        let answer = self.send_form("/common/oauth2/revoke", &[("token", token.expose())])?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(ServiceError::of_answer(&self.origin().host(), answer.status.as_u16(), &answer.value))
        }
    }

    fn send_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<super::Answer, ServiceError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, path, Some(("application/x-www-form-urlencoded", body)), &[])
    }
}

/// A number of seconds, be it a number or a text.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
