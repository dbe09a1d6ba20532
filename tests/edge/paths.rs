//! Paths that servers read in different ways, by the real binary: none of them leads around a lock, and whoever gets
//! through brings the path along as it was sent.

use http::Request;
use serde_json::json;

use crate::binary_kit::{Answer, Gateway, Scene, wakegate};
use crate::lock::{TOKEN, mirror, seen};
use crate::proxy_kit::full;

async fn gateway(scene: &Scene, upstream: &str) -> Gateway {
    let config = json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "services": { "mirror": { "upstream": upstream } },
        "locks": { "team": { "bearer": TOKEN } },
        "routes": [
            { "path": "/admin/*", "service": "mirror", "lock": "team" },
            { "path": "/a/secret", "service": "mirror", "lock": "team" },
            { "path": "/old/*", "redirect": { "to": "https://new.example{path}{query}" } },
            { "host": "acme.example", "service": "mirror", "rewrite": { "regex": "^/", "replace": "/tenants/acme/" } },
            { "path": "/api/*", "service": "mirror", "strip_prefix": "/api" },
            { "service": "mirror" },
        ],
    });
    let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(scene.write(&config.to_string())));
    gateway.listens().await;
    gateway
}

async fn ask(gateway: &Gateway, path: &str) -> Answer {
    gateway.ask(Request::get(path).header("host", "shop.example").body(full("")).unwrap()).await
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_around_its_lock() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let gateway = gateway(&scene, &format!("http://{}", mirror.address)).await;
    // All servers read these so, and the lock is theirs.
    for path in [
        "/admin",
        "/admin/",
        "/admin/x",
        "/%61dmin",
        "/%61%64%6D%69%6e/x",
        "/admin/./x",
        "/admin//x",
        "/admin/%2e%2E/admin",
    ] {
        ask(&gateway, path).await.is_problem(401, "locked");
    }
    // Some servers read these as something locked, and others do not.
    for path in [
        "//admin",
        "///admin/x",
        "/./admin",
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/.%2E/admin",
        "/public/..%2fadmin",
        "/public%2F..%2Fadmin",
        "/public/..;/admin",
        "/public;x/../admin",
        "/admin;x",
        "/admin;x=1/y",
        "/;x/admin",
        "/public/..\\admin",
        "/public/..%5Cadmin",
        "/\\admin",
        "/../admin",
        "/x/y/../../admin/z?q=1",
        "/admin/../public",
        "/admin/..",
        "/admin/..%2fpublic",
        "/admin%2fx",
        "/a//../secret",
        "/a%2Fsecret",
        "/a/%2e/secret",
        "/admin%00",
        "/admin%00.png",
        "/a/secret%00",
    ] {
        ask(&gateway, path).await.is_problem(400, "ambiguous_path");
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_out_of_what_is_put_before_it() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let gateway = gateway(&scene, &format!("http://{}", mirror.address)).await;
    let of_acme = async |path: &str| {
        gateway.ask(Request::get(path).header("host", "acme.example").body(full("")).unwrap()).await
    };
    for path in
        ["/../other", "/x/../../other", "/%2e%2E/other", "/..;x/other", "/..%2Fother", "/..\\other", "/.."]
    {
        of_acme(path).await.is_problem(400, "bad_request");
    }
    for (path, sent) in [("/", "/tenants/acme/"), ("/a//b;c=..%20/..d", "/tenants/acme/a//b;c=..%20/..d")] {
        assert_eq!(seen(&of_acme(path).await)["target"], sent);
    }
}

#[tokio::test]
async fn a_prefix_is_stripped_however_it_is_spelled() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let gateway = gateway(&scene, &format!("http://{}", mirror.address)).await;
    for path in ["/api/a%2Fb", "/%61pi/a%2Fb", "/a%70%69/a%2Fb"] {
        assert_eq!(seen(&ask(&gateway, path).await)["target"], "/a%2Fb", "{path}");
    }
}

#[tokio::test]
async fn where_all_readings_agree_the_path_goes_on_as_it_was_sent() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let gateway = gateway(&scene, &format!("http://{}", mirror.address)).await;
    for path in [
        "/items/a%2Fb",
        "/items//b?x=//admin",
        "/x/../y",
        "/%2e%2e/etc/passwd",
        "/cart;jsessionid=7/pay",
        "/%2561dmin",
        "/Admin",
        "/administration",
        "//evil.example/x",
        "/\\evil.example",
        "/caf%C3%A9%ff%00%zz",
        "/.well-known/security.txt",
        "/?next=/public/../admin",
    ] {
        assert_eq!(seen(&ask(&gateway, path).await)["target"], path);
    }
    let moved = ask(&gateway, "/old/a%2Fb//c/../d?e").await;
    assert_eq!(
        (moved.status.as_u16(), moved.header("location")),
        (307, "https://new.example/old/a%2Fb//c/../d?e")
    );
}
