//! What the wire looks like: which API and action a request asks for, and how answers and errors are written in its
//! protocol. JSON 1.1 for ECS and Application Auto Scaling, JSON 1.0 for SQS, forms and XML ("query") for ELB and STS.
//!
//! Both protocols become the same thing inside: parameters come in as one JSON value (a form's `Names.member.1` is
//! element 0 of `Names`, its leaves strings), and answers go out as one.
//! See <https://smithy.io/2.0/aws/protocols/index.html>.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::error::ApiError;

/// The account all of this belongs to.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The region all of this is in.
pub(crate) const REGION: &str = "eu-central-1";

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The APIs that are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Api {
    /// Elastic Container Service.
    Ecs,
    /// Elastic Load Balancing, version 2.
    Balancers,
    /// Application Auto Scaling.
    Scaling,
    /// Simple Queue Service.
    Queues,
    /// Security Token Service: who am I.
    Identity,
}

impl Api {
    /// The name that AWS's own tools have for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Balancers => "elbv2",
            Self::Scaling => "application-autoscaling",
            Self::Queues => "sqs",
            Self::Identity => "sts",
        }
    }

    /// The prefix of its permissions.
    pub(crate) fn iam_prefix(self) -> &'static str {
        match self {
            Self::Balancers => "elasticloadbalancing",
            other => other.name(),
        }
    }

    /// The prefix of `X-Amz-Target`, for those that are asked by it.
    fn of_target(prefix: &str) -> Option<Self> {
        match prefix {
            "AmazonEC2ContainerServiceV20141113" => Some(Self::Ecs),
            "AnyScaleFrontendService" => Some(Self::Scaling),
            "AmazonSQS" => Some(Self::Queues),
            _ => None,
        }
    }

    /// The `Version` of the form, for those that are asked by one.
    fn of_version(version: &str) -> Option<Self> {
        match version {
            "2015-12-01" => Some(Self::Balancers),
            "2011-06-15" => Some(Self::Identity),
            _ => None,
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::Identity => "https://sts.amazonaws.com/doc/2011-06-15/",
            _ => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
        }
    }

    fn is_query(self) -> bool {
        matches!(self, Self::Balancers | Self::Identity)
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Ecs | Self::Scaling => "application/x-amz-json-1.1",
            Self::Queues => "application/x-amz-json-1.0",
            Self::Balancers | Self::Identity => "text/xml",
        })
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) api: Api,
    pub(crate) action: String,
    /// An object.
    pub(crate) params: Value,
}

/// Reads a request. The error is the finished answer to one that nobody can serve.
pub(crate) fn read(headers: &HeaderMap, body: &[u8], id: &str) -> Result<Asked, Box<Response<Full<Bytes>>>> {
    let asked = match headers.get(TARGET) {
        Some(target) => read_json(target, body),
        None => read_form(body),
    };
    let asked = asked.map_err(|error| Box::new(json_error(Api::Ecs, &error, id)))?;
    // The signature is not verified, only that there is one: a client that was given no credentials is found out.
    let signed = headers.get(AUTHORIZATION).is_some_and(|it| it.as_bytes().starts_with(b"AWS4-HMAC-SHA256 "));
    if signed {
        return Ok(asked);
    }
    let code = if asked.api.is_query() {
        "MissingAuthenticationToken"
    } else {
        "MissingAuthenticationTokenException"
    };
    let error = ApiError::new(code, "Missing Authentication Token").with_status(403);
    Err(Box::new(write(&asked, Err(error), id)))
}

fn read_json(target: &HeaderValue, body: &[u8]) -> Result<Asked, ApiError> {
    let (api, action) = target
        .to_str()
        .ok()
        .and_then(|target| target.split_once('.'))
        .and_then(|(prefix, action)| Some((Api::of_target(prefix)?, action)))
        .ok_or_else(|| ApiError::new("UnknownOperationException", ""))?;
    let body = if body.is_empty() { b"{}" } else { body };
    match serde_json::from_slice(body) {
        Ok(params @ Value::Object(_)) => Ok(Asked { api, action: action.to_owned(), params }),
        _ => Err(ApiError::new("SerializationException", "")),
    }
}

fn read_form(body: &[u8]) -> Result<Asked, ApiError> {
    let mut params = Value::Object(Map::new());
    let (mut action, mut version) = (String::new(), String::new());
    for (key, value) in form_urlencoded::parse(body) {
        match &*key {
            "Action" => action = value.into_owned(),
            "Version" => version = value.into_owned(),
            key => put(&mut params, key, &value),
        }
    }
    match Api::of_version(&version) {
        Some(api) if !action.is_empty() => Ok(Asked { api, action, params }),
        _ => Err(ApiError::new("UnknownOperationException", "")),
    }
}

/// Puts a form's `Names.member.2` or `Filter.Name` at its place. Elements come in their order, as all clients send them.
fn put(mut at: &mut Value, key: &str, value: &str) {
    for part in key.split('.').filter(|part| *part != "member") {
        at = match part.parse::<usize>() {
            Ok(number) => {
                if !at.is_array() {
                    *at = Value::Array(Vec::new());
                }
                let Value::Array(elements) = at else { return };
                // A number out of order makes no gap.
                let index = number.saturating_sub(1).min(elements.len());
                if index == elements.len() {
                    elements.push(Value::Null);
                }
                &mut elements[index]
            }
            Err(_) => {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                &mut at[part]
            }
        };
    }
    *at = Value::String(value.to_owned());
}

// === Answers ===

/// Writes an answer in the protocol it was asked in.
pub(crate) fn write(asked: &Asked, answer: Result<Value, ApiError>, id: &str) -> Response<Full<Bytes>> {
    let api = asked.api;
    match answer {
        Ok(answer) if api.is_query() => {
            let (action, namespace) = (&asked.action, api.namespace());
            let mut xml = format!("<{action}Response xmlns=\"{namespace}\"><{action}Result>");
            write_xml(&mut xml, &answer);
            xml +=
                &format!("</{action}Result><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>");
            xml += &format!("</{action}Response>");
            respond(StatusCode::OK, api, xml, id)
        }
        Ok(answer) => respond(StatusCode::OK, api, answer.to_string(), id),
        Err(error) if api.is_query() => {
            let kind = if error.status >= 500 { "Receiver" } else { "Sender" };
            let mut xml =
                format!("<ErrorResponse xmlns=\"{}\"><Error><Type>{kind}</Type><Code>", api.namespace());
            escape(&mut xml, &error.code);
            xml += "</Code><Message>";
            escape(&mut xml, &error.message);
            xml += &format!("</Message></Error><RequestId>{id}</RequestId></ErrorResponse>");
            respond(status(&error), api, xml, id)
        }
        Err(error) => json_error(api, &error, id),
    }
}

fn json_error(api: Api, error: &ApiError, id: &str) -> Response<Full<Bytes>> {
    let kind = match api {
        Api::Queues => format!("com.amazonaws.sqs#{}", error.code),
        _ => error.code.clone(),
    };
    let body = json!({ "__type": kind, "message": error.message });
    let mut response = respond(status(error), api, body.to_string(), id);
    if let (Api::Queues, Some(old)) = (api, old_code(&error.code)) {
        response.headers_mut().insert(QUERY_ERROR, HeaderValue::from_static(old));
    }
    response
}

fn status(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The older name of an SQS error, which is given beside the newer one, with whose fault it is.
fn old_code(code: &str) -> Option<&'static str> {
    match code {
        "QueueDoesNotExist" => Some("AWS.SimpleQueueService.NonExistentQueue;Sender"),
        "EmptyBatchRequest" => Some("AWS.SimpleQueueService.EmptyBatchRequest;Sender"),
        "TooManyEntriesInBatchRequest" => Some("AWS.SimpleQueueService.TooManyEntriesInBatchRequest;Sender"),
        "ReceiptHandleIsInvalid" => Some("ReceiptHandleIsInvalid;Sender"),
        _ => None,
    }
}

fn respond(status: StatusCode, api: Api, body: String, id: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, api.content_type());
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// An object's members become elements of their names, an array's elements become `member`s. A null is left out.
fn write_xml(xml: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => escape(xml, text),
        Value::Bool(_) | Value::Number(_) => *xml += &value.to_string(),
        Value::Array(elements) => {
            for element in elements {
                *xml += "<member>";
                write_xml(xml, element);
                *xml += "</member>";
            }
        }
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                *xml += &format!("<{name}>");
                write_xml(xml, value);
                *xml += &format!("</{name}>");
            }
        }
    }
}

fn escape(xml: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => *xml += "&amp;",
            '<' => *xml += "&lt;",
            '>' => *xml += "&gt;",
            '"' => *xml += "&quot;",
            other => xml.push(other),
        }
    }
}

// === Parameters ===

/// A parameter that has to be there, as text.
pub(crate) fn text<'a>(params: &'a Value, name: &str) -> Result<&'a str, ApiError> {
    params[name].as_str().ok_or_else(|| missing(name))
}

/// The error of a parameter that is not there, or is not what it has to be.
pub(crate) fn missing(name: &str) -> ApiError {
    ApiError::new("ValidationException", format!("Missing or invalid required parameter: {name}"))
}

/// A parameter that is a list of texts; not there is empty.
pub(crate) fn texts(params: &Value, name: &str) -> Vec<String> {
    let elements = params[name].as_array().map(Vec::as_slice).unwrap_or_default();
    elements.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// A whole number, which JSON has as one and a form as text.
pub(crate) fn number(params: &Value, name: &str) -> Option<i64> {
    let value = &params[name];
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_the_same_value_as_json() {
        let form = b"Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=arn%3Aa&\
            Targets.member.1.Id=127.1.2.3&Targets.member.1.Port=80&Targets.member.2.Id=127.1.2.4";
        let asked = read_form(form).expect("a form");
        assert_eq!((asked.api, asked.action.as_str()), (Api::Balancers, "DescribeTargetHealth"));
        let expected = json!({
            "TargetGroupArn": "arn:a",
            "Targets": [{ "Id": "127.1.2.3", "Port": "80" }, { "Id": "127.1.2.4" }],
        });
        assert_eq!(asked.params, expected);
        assert_eq!(number(&asked.params["Targets"][0], "Port"), Some(80));
    }

    #[test]
    fn xml_is_escaped_and_lists_have_members() {
        let mut xml = String::new();
        write_xml(&mut xml, &json!({ "A": ["x<y", 2], "B": { "C": null, "D": true } }));
        assert_eq!(xml, "<A><member>x&lt;y</member><member>2</member></A><B><D>true</D></B>");
    }

    #[test]
    fn a_request_without_a_signature_is_turned_away() {
        let mut headers = HeaderMap::new();
        headers.insert(TARGET, HeaderValue::from_static("AmazonSQS.ReceiveMessage"));
        let refused = read(&headers, b"{}", "1").expect_err("no signature");
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        let signature = HeaderValue::from_static("AWS4-HMAC-SHA256 Credential=x");
        headers.insert(AUTHORIZATION, signature);
        assert_eq!(read(&headers, b"{}", "1").expect("signed").api, Api::Queues);
    }
}
