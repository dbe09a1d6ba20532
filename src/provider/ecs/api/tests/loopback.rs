//! The SDK's own HTTP client over a real socket.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecs::config::Credentials;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::super::Settings;
use super::super::super::state::Wanted;
use super::super::*;

fn api(port: u16, request_timeout: Duration) -> Api {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .build();
    Api::new(&config, &Settings { request_timeout, ..Settings::default() }, 1)
}

/// Reads one request to its end; what it needs of it fits in one test's answers.
async fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    // The body is JSON without line breaks, and ends what is sent.
    while !text.ends_with('}') {
        let read = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    text
}

async fn list(api: &Api) -> Result<Vec<Arc<str>>, Trouble> {
    api.list_tasks("demo", "web", Wanted::Running, Urgency::Watch).await
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = api(listener.local_addr().unwrap().port(), Duration::from_secs(20));
    let aws = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let asked = request(&mut first).await;
        first.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"taskArns\":").await.unwrap();
        drop(first);
        let (mut second, _) = listener.accept().await.unwrap();
        request(&mut second).await;
        second
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"taskArns\":[\"a\"]}")
            .await
            .unwrap();
        asked
    });
    assert_eq!(list(&api).await, Ok(vec!["a".into()]));
    let asked = aws.await.unwrap();
    assert!(asked.contains("AmazonEC2ContainerServiceV20141113.ListTasks"), "{asked}");
    assert!(asked.contains("/eu-west-1/ecs/aws4_request"), "it is signed: {asked}");
}

#[tokio::test]
async fn a_body_that_stalls_ends_at_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = api(listener.local_addr().unwrap().port(), Duration::from_millis(300));
    let aws = tokio::spawn(async move {
        let mut open = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
            open.push(stream);
        }
        open
    });
    let trouble = list(&api).await.unwrap_err();
    assert_eq!(trouble.kind, Kind::Unreachable, "{trouble}");
    assert_eq!(aws.await.unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_listening_is_said_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = api(listener.local_addr().unwrap().port(), Duration::from_secs(20));
    drop(listener);
    let trouble = list(&api).await.unwrap_err();
    assert_eq!(trouble.kind, Kind::Unreachable);
    assert!(trouble.words.to_lowercase().contains("refused"), "{}", trouble.words);
}
