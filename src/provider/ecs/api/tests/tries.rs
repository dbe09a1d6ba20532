//! When a request is made again, and how it fails.

use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use tokio::time::Instant;

use super::super::super::Settings;
use super::super::super::state::{Task, Wanted};
use super::super::*;
use super::script::{Fresh, Say, Script, error, ok};

const NO_TASKS: &str = r#"{"taskArns":[]}"#;

async fn list(script: &Arc<Script>, urgency: Urgency) -> Result<Vec<Arc<str>>, Trouble> {
    script.api().list_tasks("demo", "web", Wanted::Running, urgency).await
}

fn throttled() -> Say {
    error(400, "ThrottlingException", "Rate exceeded")
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_with_growing_pauses() {
    let script = Script::new([throttled(), throttled(), throttled(), throttled(), ok(NO_TASKS)]);
    assert_eq!(list(&script, Urgency::Wake).await, Ok(vec![]));
    let at: Vec<_> = script.heard().iter().map(|heard| heard.at).collect();
    assert_eq!(at.len(), 5);
    // The bucket was emptied, at ten tokens a second: no attempt is sooner than that.
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(99)), "{at:?}");
    assert!(at[4] > Duration::from_millis(500), "{at:?}");
    assert!(at[4] < Duration::from_secs(8), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn who_watches_gives_up_sooner() {
    let script = Script::new([throttled(), throttled()]);
    let trouble = list(&script, Urgency::Watch).await.unwrap_err();
    assert_eq!(trouble.kind, Kind::Throttled);
    assert!(!trouble.fault().terminal);
    assert_eq!(
        trouble.to_string(),
        "AWS throttles ecs:ListTasks for service web in cluster demo: ThrottlingException: Rate exceeded"
    );
    assert_eq!(script.heard().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn failures_of_aws_and_of_the_network_are_tried_again() {
    let script = Script::new([
        error(500, "ServerException", "Service Unavailable"),
        Say::Answer(503, "<html>busy</html>".to_owned()),
        Say::Refuse,
        ok(NO_TASKS),
    ]);
    assert_eq!(list(&script, Urgency::Wake).await, Ok(vec![]));
    assert_eq!(script.heard().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_timeout() {
    let script = Script::new([Say::Hang, Say::Hang]);
    let start = Instant::now();
    let trouble = list(&script, Urgency::Watch).await.unwrap_err();
    assert_eq!(trouble.kind, Kind::Unreachable);
    assert!(start.elapsed() >= Duration::from_secs(10));
    assert!(start.elapsed() < Duration::from_millis(10_200), "{:?}", start.elapsed());
    assert_eq!(trouble.words, "it took more than 5.0 seconds");
}

#[tokio::test(start_paused = true)]
async fn no_connection_is_said_in_words() {
    let script = Script::new([Say::Refuse, Say::Refuse]);
    let trouble = list(&script, Urgency::Watch).await.unwrap_err();
    assert_eq!(trouble.kind, Kind::Unreachable);
    assert!(trouble.words.contains("connection refused"), "{}", trouble.words);
    assert!(!trouble.fault().terminal);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_is_named_and_not_tried_again() {
    let script = Script::new([error(
        400,
        "AccessDeniedException",
        "User: arn:aws:sts::123456789012:assumed-role/gateway/1 is not authorized to perform: ecs:UpdateService on \
         resource: arn:aws:ecs:eu-west-1:123456789012:service/demo/web because no identity-based policy allows the \
         ecs:UpdateService action",
    )]);
    let trouble = script.api().set_desired("demo", "web", 1, Urgency::Wake).await.unwrap_err();
    assert_eq!(script.heard().len(), 1);
    let fault = trouble.fault();
    assert!(fault.terminal);
    assert_eq!(
        &*fault.reason,
        "AWS does not allow ecs:UpdateService on arn:aws:ecs:eu-west-1:123456789012:service/demo/web (asked for service \
         web in cluster demo): a policy has to allow it to the gateway's role"
    );
    assert!(!fault.public.contains("web"), "visitors learn no names");
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_are_thrown_away() {
    let script = Script::new([ok(NO_TASKS), error(400, "ExpiredTokenException", "expired"), ok(NO_TASKS)]);
    let api = Api::new(&script.config(Fresh::default()), &Settings::default(), 1);
    for _ in 0..2 {
        assert_eq!(api.list_tasks("demo", "web", Wanted::Running, Urgency::Watch).await, Ok(vec![]));
    }
    let keys: Vec<_> = script.heard().iter().map(|heard| heard.authorization[..50].to_owned()).collect();
    assert!(keys[0].contains("KEY1/") && keys[1].contains("KEY1/") && keys[2].contains("KEY2/"), "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn credentials_that_stay_expired_fail_at_once() {
    let expired =
        || error(400, "ExpiredTokenException", "The security token included in the request is expired");
    let script = Script::new([expired(), expired()]);
    let start = Instant::now();
    let trouble = list(&script, Urgency::Wake).await.unwrap_err();
    assert_eq!(trouble.kind, Kind::Expired);
    assert!(trouble.fault().terminal);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(script.heard().len(), 2);
}

/// The answer to a request whose signature is of another time than AWS's, twenty minutes ahead of the script's.
fn skewed() -> Say {
    Say::Dated("Mon, 01 Jan 2035 00:20:00 GMT", 403, signature_error())
}

fn signature_error() -> String {
    let message = "Signature expired: 20350101T000000Z is now earlier than 20350101T001500Z";
    serde_json::json!({ "__type": "InvalidSignatureException", "message": message }).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_is_put_right_by_the_same_client() {
    let script = Script::new([skewed(), ok(NO_TASKS), ok(NO_TASKS)]);
    let api = Api::new(&script.config_at(1_000_000_000, Fresh::default()), &Settings::default(), 1);
    for _ in 0..2 {
        assert_eq!(api.list_tasks("demo", "web", Wanted::Running, Urgency::Watch).await, Ok(vec![]));
    }
    let heard = script.heard();
    let dates: Vec<&str> = heard.iter().map(|heard| &heard.date[..11]).collect();
    assert_eq!(dates, ["20010909T01", "20350101T00", "20350101T00"], "it goes by AWS's clock from then on");
    assert!(heard.iter().all(|heard| heard.authorization.contains("KEY1/")), "the credentials were good");
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_is_never_accepted_gets_other_credentials_and_then_fails() {
    let canonical = "The request signature we calculated does not match the signature you provided. Check your key.\n\n\
                     The Canonical String for this request should have been\n'POST\n/\nx-amz-security-token:SECRET'";
    let script = Script::new((0..3).map(|_| error(403, "SignatureDoesNotMatch", canonical)));
    let api = Api::new(&script.config(Fresh::default()), &Settings::default(), 1);
    let trouble = api.list_tasks("demo", "web", Wanted::Running, Urgency::Wake).await.unwrap_err();
    assert_eq!(
        trouble.to_string(),
        "AWS does not accept the gateway's credentials for ecs:ListTasks: SignatureDoesNotMatch: The request signature \
         we calculated does not match the signature you provided"
    );
    assert!(trouble.fault().terminal);
    let heard = script.heard();
    let keys: Vec<bool> = heard.iter().map(|heard| heard.authorization.contains("KEY1/")).collect();
    assert_eq!(keys, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn what_aws_says_is_one_line_of_bounded_length() {
    let script = Script::new([error(400, "InvalidParameterException", &"no\nand no ".repeat(1000))]);
    let trouble = list(&script, Urgency::Wake).await.unwrap_err();
    assert!(!trouble.words.contains('\n') && trouble.words.chars().count() < 500, "{}", trouble.words);
}

#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no providers in chain")))
    }
}

#[tokio::test(start_paused = true)]
async fn no_credentials_at_all_are_said_in_words() {
    let script = Script::new([]);
    let api = Api::new(&script.config(Nobody), &Settings::default(), 1);
    let trouble = api.list_tasks("demo", "web", Wanted::Running, Urgency::Wake).await.unwrap_err();
    assert_eq!(trouble.kind, Kind::Expired, "{trouble}");
    assert!(trouble.fault().terminal);
    let words = trouble.to_string();
    assert!(words.starts_with("there are no AWS credentials for ecs:ListTasks: "), "{words}");
    assert!(words.contains("no providers in chain"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_none_is_nonsense() {
    for body in ["{", "<html>hello</html>", r#"{"taskArns":"many"}"#] {
        let script = Script::new([ok(body), ok(body)]);
        let trouble = list(&script, Urgency::Watch).await.unwrap_err();
        assert_eq!(trouble.kind, Kind::Nonsense, "{body}: {trouble}");
        assert!(!trouble.fault().terminal);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_broke_off_is_asked_for_again() {
    let script = Script::new([ok(r#"{"taskArns":["a""#), ok(r#"{"taskArns":["a"]}"#)]);
    assert_eq!(list(&script, Urgency::Watch).await, Ok(vec!["a".into()]));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_end_ends() {
    let script = Script::new((0..100).map(|_| ok(r#"{"taskArns":["a"],"nextToken":"again"}"#)));
    let trouble = list(&script, Urgency::Wake).await.unwrap_err();
    assert_eq!(trouble.kind, Kind::Nonsense);
    assert_eq!(script.heard().len(), 64);
}

#[tokio::test(start_paused = true)]
async fn every_page_and_every_attempt_takes_a_token() {
    // 50 tokens are ours, and watching leaves 25 of them: the 26th page waits for one.
    let script = Script::new((0..26).map(|page| {
        ok(if page < 25 { r#"{"taskArns":["a"],"nextToken":"next"}"# } else { r#"{"taskArns":["a"]}"# })
    }));
    assert_eq!(list(&script, Urgency::Watch).await.unwrap().len(), 26);
    let at: Vec<_> = script.heard().iter().map(|heard| heard.at).collect();
    assert_eq!(at[24], Duration::ZERO);
    assert!(at[25] >= Duration::from_millis(99), "{:?}", at[25]);
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_complained_of_once_for_each_thing() {
    let api = Script::new([]).api();
    let action = Action::new("ecs:DescribeTasks", Bucket::ClusterRead);
    for about in ["web", "web", "api"] {
        api.complain(action, about, &Nonsense("version is -1".to_owned()));
    }
    assert_eq!(api.complaints.lock().unwrap().len(), 2);
    // What a task's answer lacks is named.
    let empty = aws_sdk_ecs::types::Task::builder().build();
    assert_eq!(Task::read(empty).unwrap_err().0, "taskArn is missing");
}
