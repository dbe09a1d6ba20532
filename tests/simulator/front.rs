//! The front door: an HTTP request in, an HTTP response out, as AWS's endpoints do it. Any server loop can call it.

use std::future;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use super::bucket::Buckets;
use super::call::{self, Call};
use super::control;
use super::ecs;
use super::error::ApiError;
use super::fault::{FaultKind, Malformed};
use super::handle::Simulator;
use super::malformed;
use super::wire::{self, Api, Asked};
use super::world::World;

/// What is to be done with a call.
enum Verdict {
    /// It is carried out, and then this goes wrong.
    Go(Option<After>),
    /// It is not carried out.
    Refuse(ApiError),
    /// Nothing is done, nothing is answered.
    Hang,
}

/// What goes wrong after a call was carried out.
enum After {
    Lose,
    Delay(Duration),
    Spoil(Malformed),
}

impl Simulator {
    /// Answers a request to one of the simulated APIs. May never return, where a switch says so.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: http_body::Body,
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if head.uri.path().starts_with(control::PREFIX) {
            return self.control(&head.method, head.uri.path(), &body);
        }
        let id = self.with(World::uuid);
        let asked = match wire::read(&head.headers, &body, &id) {
            Ok(asked) => asked,
            Err(refused) => return *refused,
        };
        let (verdict, number) = self.with(|world| (world.admit(&asked), world.calls.len() - 1));
        let after = match verdict {
            Verdict::Go(after) => after,
            Verdict::Refuse(error) => return wire::write(&asked, Err(error), &id),
            Verdict::Hang => return future::pending().await,
        };
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
        let mut answer = match asked.api {
            Api::Queues => self.answer_queues(&asked, host).await,
            Api::Ecs => self.with(|world| ecs::answer(world, &asked.action, &asked.params)),
            Api::Balancers | Api::Scaling | Api::Identity => self.with(|world| world.answer_wings(&asked)),
        };
        if let Err(error) = &answer {
            self.with(|world| world.note_outcome(number, &error.code));
        }
        match after {
            None => {}
            Some(After::Lose) => return future::pending().await,
            Some(After::Delay(time)) => tokio::time::sleep(time).await,
            Some(After::Spoil(Malformed::Truncated)) => {
                return malformed::truncated(wire::write(&asked, answer, &id)).await;
            }
            Some(After::Spoil(how)) => {
                if let Ok(answer) = &mut answer {
                    malformed::spoil(answer, how);
                }
            }
        }
        wire::write(&asked, answer, &id)
    }
}

impl World {
    /// Takes note of a call, takes its token, and decides what goes wrong with it.
    fn admit(&mut self, asked: &Asked) -> Verdict {
        let (api, action) = (asked.api, asked.action.as_str());
        let services = call::services_of(&asked.params);
        let token = self.buckets.take(api, action, self.now);
        let fault = if token { self.faults.strike_call(action, &services, &mut self.rng) } else { None };
        let verdict = if token {
            self.verdict(asked, &services, fault.as_ref())
        } else {
            Verdict::Refuse(throttled(api))
        };
        let outcome = match &verdict {
            Verdict::Go(Some(After::Lose)) => "lost",
            Verdict::Go(Some(After::Spoil(_))) => "malformed",
            Verdict::Go(_) => "ok",
            Verdict::Refuse(error) => &error.code,
            Verdict::Hang => "hang",
        };
        let reads = ["Describe", "List", "Get", "Receive"].iter().any(|verb| action.starts_with(verb));
        self.calls.push(Call {
            at: self.now,
            api: api.name(),
            action: action.to_owned(),
            services,
            bucket: Buckets::name(api, action),
            outcome: outcome.to_owned(),
            request: if reads { Value::Null } else { asked.params.clone() },
        });
        verdict
    }

    fn verdict(&self, asked: &Asked, services: &[String], fault: Option<&FaultKind>) -> Verdict {
        let query = matches!(asked.api, Api::Balancers | Api::Identity);
        let error = match fault {
            None => return Verdict::Go(None),
            Some(FaultKind::Hang) => return Verdict::Hang,
            Some(FaultKind::LostAnswer) => return Verdict::Go(Some(After::Lose)),
            Some(FaultKind::Slow(time)) => return Verdict::Go(Some(After::Delay(*time))),
            Some(FaultKind::Malformed(how)) => return Verdict::Go(Some(After::Spoil(*how))),
            Some(FaultKind::Throttle) => throttled(asked.api),
            Some(FaultKind::Error500) => {
                ApiError::new("ServerException", "Service Unavailable. Please try again later.")
                    .with_status(500)
            }
            Some(FaultKind::Error503) => {
                ApiError::new("ServiceUnavailable", "Service is unable to handle request.").with_status(503)
            }
            Some(FaultKind::AccessDenied) => self.access_denied(asked, services, query),
            Some(FaultKind::ExpiredToken) => {
                let code = if query { "ExpiredToken" } else { "ExpiredTokenException" };
                let status = if query { 403 } else { 400 };
                ApiError::new(code, "The security token included in the request is expired")
                    .with_status(status)
            }
            // Not of calls; the switches do not hand them out here.
            Some(_) => return Verdict::Go(None),
        };
        Verdict::Refuse(error)
    }

    fn access_denied(&self, asked: &Asked, services: &[String], query: bool) -> ApiError {
        let (prefix, account) = (asked.api.iam_prefix(), &self.account);
        let permission = format!("{prefix}:{}", asked.action);
        let cluster = asked.params["cluster"].as_str().map_or("default", call::last_part);
        let resource = match services.first() {
            Some(service) if asked.api == Api::Ecs => self.arn(&format!("service/{cluster}/{service}")),
            _ => "*".to_owned(),
        };
        let message = format!(
            "User: arn:aws:sts::{account}:assumed-role/simulator/session is not authorized to perform: {permission} on \
             resource: {resource} because no identity-based policy allows the {permission} action"
        );
        let error = ApiError::new(if query { "AccessDenied" } else { "AccessDeniedException" }, message);
        if query { error.with_status(403) } else { error }
    }

    fn note_outcome(&mut self, number: usize, outcome: &str) {
        if let Some(call) = self.calls.get_mut(number) {
            outcome.clone_into(&mut call.outcome);
        }
    }
}

/// Too many calls: HTTP 400, not 429.
fn throttled(api: Api) -> ApiError {
    ApiError::new(if api == Api::Balancers { "Throttling" } else { "ThrottlingException" }, "Rate exceeded")
}
