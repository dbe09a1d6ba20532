//! Answers that make no sense.

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use super::fault::Malformed;

/// The first half of an answer, with a length as if that were all.
pub(super) async fn truncated(response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Response::from_parts(head, Full::new(body.slice(..body.len() / 2)))
}

/// Spoils what is in an answer.
pub(super) fn spoil(answer: &mut Value, how: Malformed) {
    match answer {
        Value::Array(elements) => elements.iter_mut().for_each(|element| spoil(element, how)),
        Value::Object(fields) => {
            if how == Malformed::MissingFields {
                // Every other one, but not the list that everything is in.
                let mut place = 0;
                fields.retain(|_, value| {
                    place += 1;
                    value.is_array() || value.is_object() || place % 2 == 0
                });
            }
            for (name, value) in fields {
                spoil_field(name, value, how);
            }
        }
        _ => {}
    }
}

fn spoil_field(name: &str, value: &mut Value, how: Malformed) {
    let lower = name.to_ascii_lowercase();
    match (how, &*value) {
        (Malformed::WrongTypes, Value::Number(number)) => *value = Value::String(format!("about {number}")),
        (Malformed::WrongTypes, Value::String(_)) => *value = Value::from(42),
        (Malformed::UnknownStatus, Value::String(_))
            if lower.ends_with("status") || lower.ends_with("state") =>
        {
            *value = Value::from("FROBNICATING");
        }
        (Malformed::NegativeCounts, Value::Number(number)) if lower.ends_with("count") => {
            *value = Value::from(-1 - number.as_i64().unwrap_or_default());
        }
        _ => spoil(value, how),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_spoils_what_it_names() {
        let whole = json!({ "services": [{ "status": "ACTIVE", "desiredCount": 2, "serviceName": "web" }] });
        let spoiled = |how| {
            let mut answer = whole.clone();
            spoil(&mut answer, how);
            answer["services"][0].clone()
        };
        assert_eq!(spoiled(Malformed::NegativeCounts)["desiredCount"], -3);
        assert_eq!(spoiled(Malformed::UnknownStatus)["status"], "FROBNICATING");
        assert_eq!(spoiled(Malformed::WrongTypes)["desiredCount"], "about 2");
        assert_eq!(spoiled(Malformed::MissingFields), json!({ "serviceName": "web" }));
    }
}
