use chappe_ids::{MessageId as Id, ProfileId, ProjectId};
use chappe_kit::{MasterKey, trace::Span};
use chappe_query::Attributes;
use mail_parser::MessageParser;
use uuid::Uuid;

use super::*;
use crate::domain::message::Version;

const DATE: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const UNSUBSCRIBE: &str = "https://t.example/u/token";

fn stationery() -> Stationery {
    let keys = MasterKey::new([5; 32]);
    Stationery {
        token_key: keys.derive("token"),
        message_id_key: keys.derive("message-id"),
        public_url: "https://t.example".to_owned(),
        unsubscribe_mailto: None,
    }
}

fn message(class: Class) -> Claimed {
    let version = Version {
        name: "x".to_owned(),
        version: 1,
    };
    Claimed {
        project: ProjectId::from_uuid(Uuid::from_u128(1)),
        id: Id::from_uuid(Uuid::from_u128(2)),
        profile: ProfileId::from_uuid(Uuid::from_u128(3)),
        template: version.clone(),
        sender: version,
        class,
        orchestration: "thank\r\nyou".to_owned(),
        event_name: String::new(),
        event: Attributes::new(),
        enqueued_at: DATE,
        attempts: 0,
        first_attempt_at: None,
        traceparent: None,
        span: Span::default(),
    }
}

fn write(class: Class, subject: &str, html: Option<&str>, text: Option<&str>) -> (String, Letter) {
    let sender = SenderSpec {
        address: "shop@shop.example".to_owned(),
        name: "Café, the \"Shop\"".to_owned(),
        reply_to: Some("care@shop.example".to_owned()),
        class,
    };
    let rendered = Rendered {
        subject: subject.to_owned(),
        preheader: None,
        html: html.map(ToOwned::to_owned),
        text: text.map(ToOwned::to_owned),
    };
    let letter = stationery().write(&message(class), &sender, "ann@example.com", rendered, UNSUBSCRIBE, DATE);
    (String::from_utf8(letter.data.clone()).unwrap(), letter)
}

#[test]
fn a_marketing_message_can_be_unsubscribed_with_one_click() {
    let (raw, letter) = write(
        Class::Marketing,
        "Grüße",
        Some("<body><a href=\"https://shop.example\">x</a></body>"),
        None,
    );
    assert!(
        raw.contains("List-Unsubscribe: <https://t.example/u/token>\r\n"),
        "{raw}"
    );
    assert!(
        raw.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"),
        "{raw}"
    );
    assert!(!raw.contains("Auto-Submitted"), "{raw}");
    assert_eq!(letter.links, ["https://shop.example"]);
    let parsed = MessageParser::new().parse(&letter.data).unwrap();
    assert_eq!(parsed.subject(), Some("Grüße"));
    let from = parsed.from().unwrap().first().unwrap();
    assert_eq!(
        (from.name(), from.address()),
        (Some("Café, the \"Shop\""), Some("shop@shop.example"))
    );
    let html = parsed.body_html(0).unwrap();
    assert!(
        html.contains("<a href=\"https://t.example/u/token\">Unsubscribe</a>"),
        "{html}"
    );
    assert!(html.contains("href=\"https://t.example/c/"), "{html}");
    assert!(html.contains("<img src=\"https://t.example/o/"), "{html}");
    assert!(
        parsed
            .body_text(0)
            .unwrap()
            .contains("Unsubscribe: https://t.example/u/token")
    );
}

#[test]
fn a_transactional_message_says_that_a_machine_wrote_it() {
    let (raw, _) = write(Class::Transactional, "Receipt", None, Some("Thank you."));
    assert!(raw.contains("Auto-Submitted: auto-generated\r\n"), "{raw}");
    assert!(!raw.contains("List-Unsubscribe"), "{raw}");
    assert!(raw.contains("Thank you."), "{raw}");
}

#[test]
fn a_page_that_has_its_own_unsubscribe_link_gets_no_footer() {
    let (_, letter) = write(
        Class::Marketing,
        "x",
        Some("<a href=\"https://t.example/u/token\">bye</a>"),
        None,
    );
    let parsed = MessageParser::new().parse(&letter.data).unwrap();
    assert_eq!(parsed.body_html(0).unwrap().matches("/u/token").count(), 1);
    assert_eq!(letter.links, Vec::<String>::new());
}

#[test]
fn lines_end_with_both_characters_and_are_short() {
    let long = "ä".repeat(3_000);
    let (raw, _) = write(Class::Marketing, &long, Some(&format!("<p>{long}</p>")), Some(&long));
    for line in raw.split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n']), "{line:?}");
    }
}

#[test]
fn nothing_leaves_its_header() {
    let (raw, _) = write(Class::Marketing, "x", None, Some("y"));
    let headers = raw.split("\r\n\r\n").next().unwrap();
    assert!(headers.contains("Feedback-ID: thankyou:"), "{headers}");
    let again = write(Class::Marketing, "x", None, Some("y")).0;
    let message_id = |raw: &str| {
        raw.lines()
            .find(|line| line.starts_with("Message-ID"))
            .map(ToOwned::to_owned)
    };
    assert_eq!(message_id(&raw), message_id(&again));
    assert!(message_id(&raw).unwrap().ends_with("@shop.example>"));
}
