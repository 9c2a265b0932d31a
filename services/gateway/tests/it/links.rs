//! Links in e-mails.

use chappe_proto::email::{HitKind, RecordHitRequest, RecordHitResponse};
use http::Method;
use tonic::{Code, Status};

use crate::support::{Gateway, Rest};

fn gateway() -> Gateway {
    let gateway = Gateway::new();
    gateway
        .mesh
        .on("RecordHit", |request: RecordHitRequest| match request.token.as_str() {
            "good" => Ok(RecordHitResponse {
                target_url: "https://shop.example/a?b=c".to_owned(),
            }),
            "script" => Ok(RecordHitResponse {
                target_url: "javascript:alert(1)".to_owned(),
            }),
            _ => Err(Status::not_found("token not found")),
        });
    gateway
}

fn hits(gateway: &Gateway) -> Vec<(HitKind, bool)> {
    let calls = gateway.mesh.calls::<RecordHitRequest>("RecordHit").into_iter();
    calls
        .map(|call| (call.message.kind(), call.message.lookup_only))
        .collect()
}

#[tokio::test]
async fn only_a_post_opts_out() {
    let gateway = gateway();
    let page = gateway.send(Rest::get("/u/good")).await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(page.text().contains(r#"<form method="post">"#));
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    gateway.send(Rest::new(Method::HEAD, "/u/good")).await;
    assert_eq!(hits(&gateway), [(HitKind::Unsubscribe, true); 2]);

    for body in ["List-Unsubscribe=One-Click", ""] {
        let done = gateway.send(Rest::post("/u/good/").body(body)).await;
        assert_eq!(done.status, 200);
        assert!(done.text().contains("You are unsubscribed"));
    }
    assert_eq!(hits(&gateway)[2..], [(HitKind::Unsubscribe, false); 2]);
}

#[tokio::test]
async fn a_click_leads_on_and_leaves_no_trace() {
    let gateway = gateway();
    let reply = gateway
        .send(Rest::get("/c/good").header("user-agent", "Browser/1"))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("location")),
        (302, "https://shop.example/a?b=c")
    );
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    let call = &gateway.mesh.calls::<RecordHitRequest>("RecordHit")[0];
    assert_eq!(call.message.user_agent, "Browser/1");
    assert_eq!(call.project, None);
}

#[tokio::test]
async fn a_click_leads_nowhere_but_to_the_web() {
    let reply = gateway().send(Rest::get("/c/script")).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (404, ""));
}

#[tokio::test]
async fn the_pixel_is_a_gif() {
    let gateway = gateway();
    let reply = gateway.send(Rest::get("/o/good")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (200, "image/gif")
    );
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!((&reply.body[..6], reply.body.len()), (b"GIF89a".as_slice(), 43));
    assert_eq!(hits(&gateway), [(HitKind::Open, false)]);
}

#[tokio::test]
async fn a_head_is_not_counted() {
    let gateway = gateway();
    let click = gateway.send(Rest::new(Method::HEAD, "/c/good")).await;
    assert_eq!((click.status.as_u16(), click.body.len()), (302, 0));
    assert_eq!(gateway.send(Rest::new(Method::HEAD, "/o/good")).await.status, 200);
    assert_eq!(hits(&gateway), [(HitKind::Click, true), (HitKind::Open, true)]);
}

#[tokio::test]
async fn a_broken_token_is_404_and_says_nothing() {
    let gateway = gateway();
    for rest in [
        Rest::get("/u/bad"),
        Rest::post("/u/bad"),
        Rest::get("/c/bad"),
        Rest::get("/o/bad"),
        Rest::get("/o/%ff"),
    ] {
        let reply = gateway.send(rest).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (404, ""));
    }
}

#[tokio::test]
async fn links_need_email_sender_alone() {
    let gateway = gateway();
    for away in ["Authenticate", "GetProfiles", "OptOut"] {
        gateway.mesh.fail(away, Code::Unavailable);
    }
    assert_eq!(gateway.send(Rest::post("/u/good")).await.status, 200);
    assert_eq!(gateway.mesh.methods(), ["RecordHit"]);

    gateway.mesh.fail("RecordHit", Code::Unavailable);
    let reply = gateway.send(Rest::post("/u/good")).await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, "5"));
}
