//! The listener.

use chappe_kit::Lifecycle;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Gateway, PROJECT_KEY, REST_KEY};

#[tokio::test]
async fn a_gateway_that_is_about_to_end_asks_clients_to_come_back_over_another_connection() {
    let gateway = Gateway::new();
    let lifecycle = Lifecycle::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut connection = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let serving = gateway::serve(listener, gateway.router, lifecycle.clone());
    let client = async {
        connection
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut before = vec![0; 4096];
        let length = connection.read(&mut before).await.unwrap();
        lifecycle.drain();
        connection
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        // To the end, although nobody has asked the listener to close.
        let mut after = String::new();
        connection.read_to_string(&mut after).await.unwrap();
        lifecycle.stop();
        (String::from_utf8(before[..length].to_vec()).unwrap(), after)
    };
    let ((), (before, after)) = tokio::join!(serving, client);
    assert!(!before.contains("connection: close"), "{before}");
    assert!(after.contains("connection: close"), "{after}");
}

#[tokio::test]
async fn a_shutdown_lets_the_open_request_end() {
    let gateway = Gateway::new();
    let lifecycle = Lifecycle::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut connection = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let serving = gateway::serve(listener, gateway.router, lifecycle.clone());
    let client = async {
        let head = format!(
            "POST /2.9/profiles/update HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {REST_KEY}\r\n\
             x-batch-project: {PROJECT_KEY}\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        // Asking for the body shows that the request is under way.
        let mut go_on = [0; 25];
        connection.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        lifecycle.stop();
        connection.write_all(b"[]").await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let ((), answer) = tokio::join!(serving, client);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert!(answer.ends_with(r#"{"code":"SUCCESS"}"#), "{answer}");
}
