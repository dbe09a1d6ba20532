//! What HTTP/2 lets a client do to a server (RFC 9113 section 10.5): the connection ends, nothing wakes, nothing grows.

use serde_json::json;

use super::frames::{
    CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PADDED, PING,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, fields, frame, get, status_of,
};
use crate::binary_kit::{Gateway, Scene, config};

/// So many times.
const STORM: u32 = 20_000;

/// Sends one piece after the other, numbered as streams are, until the gateway has had enough or there are no more.
async fn pour(gateway: &Gateway, piece: impl Fn(u32) -> Vec<u8>) -> Client {
    let mut client = Client::connect(gateway.address, &[]).await;
    for batch in 0..STORM / 100 {
        let pieces: Vec<u8> = (0..100).flat_map(|number| piece((batch * 100 + number) * 2 + 1)).collect();
        if !client.try_send(&pieces).await {
            break;
        }
    }
    client
}

/// The same, and expects the gateway to have had enough.
async fn too_much(gateway: &Gateway, piece: impl Fn(u32) -> Vec<u8>) {
    let code = pour(gateway, piece).await.farewell().await;
    // With so much on its way to it, the connection may be reset before the GOAWAY was read.
    assert!(matches!(code, Some(ENHANCE_YOUR_CALM) | None), "{code:?}");
}

#[tokio::test]
async fn storms_end_their_connection_and_wake_nothing() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[], json!({})))]);
    // Who does not read the answers is not read from any more, until its time is up.
    config["timeouts"] = json!({ "write": "500ms" });
    let mut gateway = scene.start(&config).await;
    let before = gateway.heap_megabytes();

    // Rapid reset (CVE-2023-44487): a request, taken back in the same breath.
    let reset = |stream| [get(stream, "/"), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat();
    too_much(&gateway, reset).await;

    // MadeYouReset (CVE-2025-8671): a request that we have to reset ourselves.
    let overflow = |stream| {
        let open = frame(HEADERS, END_HEADERS, stream, &fields("POST", "/.env"));
        [open, frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes())].concat()
    };
    too_much(&gateway, overflow).await;

    // A block of headers without end.
    let flood = |stream| match stream {
        1 => frame(HEADERS, 0, 1, &fields("GET", "/")),
        _ => frame(CONTINUATION, 0, 1, &[]),
    };
    too_much(&gateway, flood).await;

    // Settings and pings to be answered, while the answers are not read. As long as there is room for these, that is
    // nothing but rude.
    drop(pour(&gateway, |_| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255])).await);
    drop(pour(&gateway, |_| frame(PING, 0, 0, &[7; 8])).await);

    gateway.still_runs();
    assert_eq!(scene.starts("web"), 0, "none of these woke anything");
    let grown = gateway.heap_megabytes().saturating_sub(before);
    assert!(grown < 32, "grown by {grown} MB");
    gateway.get("/").await.is_from("web");
}

#[tokio::test]
async fn empty_data_and_a_bomb_of_headers_are_bounded() {
    let scene = Scene::new();
    let config = config([("web", scene.service("web", &[], json!({})))]);
    let mut gateway = scene.start(&config).await;
    gateway.get("/").await.is_from("web");
    let before = gateway.heap_megabytes();

    // Frames without anything in them (CVE-2019-9518), or with nothing but padding.
    let open = frame(HEADERS, END_HEADERS, 1, &fields("POST", "/upload"));
    for empty in [frame(DATA, 0, 1, &[]), frame(DATA, PADDED, 1, &[3, 0, 0, 0])] {
        let endless = |stream| if stream == 1 { open.clone() } else { empty.clone() };
        too_much(&gateway, endless).await;
        // So few that all of them are read, and what is said to them can be.
        let mut client = Client::connect(gateway.address, &[]).await;
        client.send(&[open.clone(), empty.repeat(101)].concat()).await;
        assert_eq!(client.farewell().await, Some(ENHANCE_YOUR_CALM));
    }

    // One large field in the table (its length is 127 + 1 + 30 * 128), and then again and again by its number.
    let bomb = |times: usize| {
        let large = [&[0x40, 1, b'x', 0x7f, 0x81, 0x1e][..], &[b'v'; 3968], &vec![0xbe; times]].concat();
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &[fields("GET", "/"), large].concat())
    };
    let mut client = Client::connect(gateway.address, &[]).await;
    client.send(&bomb(10_000)).await;
    assert_eq!(client.farewell().await, Some(ENHANCE_YOUR_CALM));
    // One that is merely too large costs its own request.
    let mut client = Client::connect(gateway.address, &[]).await;
    client.send(&bomb(20)).await;
    assert_eq!(status_of(&client.until(HEADERS, 1).await.payload), 431);
    client.send(&get(3, "/")).await;
    assert_eq!(status_of(&client.until(HEADERS, 3).await.payload), 200);

    gateway.still_runs();
    let grown = gateway.heap_megabytes().saturating_sub(before);
    assert!(grown < 32, "grown by {grown} MB");
    gateway.get("/").await.is_from("web");
}
