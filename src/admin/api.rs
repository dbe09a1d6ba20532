use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::problem::Problem;
use super::status::ServiceStatus;
use super::{AdminBody, BoxError, guard, respond};
use crate::driver::{Control, Refusal};
use crate::model::duration;

/// More than any request of this API needs.
const MAX_BODY: usize = 64 * 1024;

/// From the head of a request to the end of its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Longer leases are typing errors.
const LONGEST_LEASE: Duration = Duration::from_secs(366 * 24 * 60 * 60);

const LEASE: &str = r#"the body must be JSON such as {"for":"2h"}"#;
const NOTHING: &str = "this takes no body, or {}";

/// Every service, in the order of the configuration.
pub(super) fn list(control: &Control) -> Result<Response<AdminBody>, Problem> {
    json(StatusCode::OK, &ServiceStatus::all(&control.gates(), control.clock().now()))
}

/// One service.
pub(super) fn show(
    control: &Control,
    name: &str,
    status: StatusCode,
) -> Result<Response<AdminBody>, Problem> {
    let gates = control.gates();
    let gate = gates.get(name).ok_or(Refusal::Unknown)?;
    json(status, &ServiceStatus::of(gate, control.clock().now()))
}

fn json(status: StatusCode, value: &impl serde::Serialize) -> Result<Response<AdminBody>, Problem> {
    let text = serde_json::to_vec(value)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(respond(status, "application/json", text))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lease {
    r#for: String,
}

/// No keys at all: present so that an unknown one is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// How long the lease asked for is to last.
pub(super) async fn lease<B>(head: &Parts, body: B) -> Result<Duration, Problem>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let bytes = read(head, body).await?;
    let Lease { r#for: text } = parse(&bytes, LEASE)?;
    match duration::parse(&text) {
        Ok(Duration::ZERO) => {
            Err(Problem::bad_request("`for` is zero: to end a lease, send DELETE to this path"))
        }
        Ok(how_long) if how_long > LONGEST_LEASE => Err(Problem::bad_request("`for` is more than a year")),
        Ok(how_long) => Ok(how_long),
        Err(what) => Err(Problem::bad_request(format!("`for` {what}"))),
    }
}

/// Makes sure that nothing is asked for that would be passed over.
pub(super) async fn no_keys<B>(head: &Parts, body: B) -> Result<(), Problem>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let bytes = read(head, body).await?;
    if !bytes.trim_ascii().is_empty() {
        parse::<Nothing>(&bytes, NOTHING)?;
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(bytes: &[u8], accepted: &str) -> Result<T, Problem> {
    // An array of the values, in order, would do as well otherwise.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(Problem::bad_request(format!("{accepted}: it is an array")));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let what = match error.classify() {
            // Says which key is unknown, missing or of the wrong sort.
            serde_json::error::Category::Data => error.to_string(),
            _ => "it is not JSON".to_owned(),
        };
        Problem::bad_request(format!("{accepted}: {what}"))
    })
}

/// The whole body, which has to be JSON where there is any.
async fn read<B>(head: &Parts, body: B) -> Result<Bytes, Problem>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let too_large =
        || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body may have {MAX_BODY} bytes at most"));
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let bytes = match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => return Err(Problem::bad_request("the body broke off")),
        Err(_) => return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    };
    if !bytes.is_empty() && guard::media_type(&head.headers).as_deref() != Some("application/json") {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "a body must come with `Content-Type: application/json`",
        ));
    }
    Ok(bytes)
}
