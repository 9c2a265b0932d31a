//! From a rendered template to the octets of a message (RFC 5322, 2045–2047, 2369, 3834, 8058).

mod html;

use chappe_kit::{Timestamp, keys::Key};
use data_encoding::BASE32_NOPAD;
use mail_builder::{
    MessageBuilder,
    headers::{HeaderType, address::Address, date::Date, message_id::MessageId, raw::Raw, url::URL},
};

use super::{
    message::{Claimed, Class},
    resource::SenderSpec,
    template::Rendered,
    token::{AddressHash, Purpose, Token, day},
};

/// The last field of Feedback-ID: who reports complaints by it groups by this.
const FEEDBACK_SENDER: &str = "chappe";

/// Keys and addresses that messages of this installation share.
#[derive(Clone, Debug)]
pub(crate) struct Stationery {
    /// Seals tracking tokens.
    pub(crate) token_key: Key,
    /// Makes Message-IDs.
    pub(crate) message_id_key: Key,
    /// Where tracking links lead, without a slash at the end.
    pub(crate) public_url: String,
    /// Where opt-outs by mail go, if anywhere.
    pub(crate) unsubscribe_mailto: Option<String>,
}

/// A message ready for the wire.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) data: Vec<u8>,
    /// Targets of its tracked links by index.
    pub(crate) links: Vec<String>,
}

impl Stationery {
    /// The unsubscribe page of a message to an address.
    pub(crate) fn unsubscribe_url(&self, message: &Claimed, address: AddressHash) -> String {
        format!(
            "{}/u/{}",
            self.public_url,
            self.token(message, Purpose::Unsubscribe { address })
        )
    }

    fn token(&self, message: &Claimed, purpose: Purpose) -> String {
        let token = Token {
            project: message.project,
            message: message.id,
            purpose,
        };
        token.seal(&self.token_key)
    }

    /// The same on every attempt, and nothing that could be told apart without the key.
    fn message_id(&self, message: &Claimed, sender: &SenderSpec) -> String {
        let mut name = message.project.as_uuid().into_bytes().to_vec();
        name.extend_from_slice(message.id.as_uuid().as_bytes());
        let mac = self.message_id_key.mac(&name);
        format!(
            "{}@{}",
            BASE32_NOPAD.encode(&mac[..20]).to_ascii_lowercase(),
            sender.domain()
        )
    }

    /// Writes the message. `date` is that of the first attempt.
    pub(crate) fn write(
        &self,
        message: &Claimed,
        sender: &SenderSpec,
        recipient: &str,
        rendered: Rendered,
        unsubscribe_url: &str,
        date: Timestamp,
    ) -> Letter {
        let (html, text, links) = self.bodies(
            message,
            rendered.html,
            rendered.text,
            rendered.preheader,
            unsubscribe_url,
            date,
        );
        let mut builder = MessageBuilder::new()
            .from(Address::new_address(
                Some(sender.name.as_str()).filter(|name| !name.is_empty()),
                sender.address.as_str(),
            ))
            .to(Address::new_address(None::<&str>, recipient))
            .subject(rendered.subject)
            .date(Date::new(date.micros().div_euclid(1_000_000)))
            .message_id(MessageId::new(self.message_id(message, sender)))
            .text_body(text);
        if let Some(reply_to) = &sender.reply_to {
            builder = builder.reply_to(Address::new_address(None::<&str>, reply_to.as_str()));
        }
        if let Some(html) = html {
            builder = builder.html_body(html);
        }
        if message.class == Class::Marketing {
            let mailto = self
                .unsubscribe_mailto
                .as_ref()
                .map(|address| format!("mailto:{address}"));
            let ways = std::iter::once(unsubscribe_url.to_owned()).chain(mailto);
            builder = builder
                .header("List-Unsubscribe", URL::new_list(ways))
                .header("List-Unsubscribe-Post", Raw::new("List-Unsubscribe=One-Click"));
        } else {
            builder = builder.header("Auto-Submitted", Raw::new("auto-generated"));
        }
        let reference = self.token(message, Purpose::Open { day: day(date) });
        builder = builder
            .header("Feedback-ID", Raw::new(feedback_id(message)))
            .header("X-Chappe-Ref", HeaderType::from(Raw::new(reference)));
        let mut octets = Vec::new();
        builder.serialize(&mut octets);
        Letter { data: octets, links }
    }

    /// The page with its links, footer and pixel; the text, made from the page where the template has none.
    fn bodies(
        &self,
        message: &Claimed,
        html: Option<String>,
        text: Option<String>,
        preheader: Option<String>,
        unsubscribe_url: &str,
        date: Timestamp,
    ) -> (Option<String>, String, Vec<String>) {
        let marketing = message.class == Class::Marketing;
        let mut text = text.unwrap_or_else(|| {
            let html = html.as_deref().unwrap_or_default();
            mail_parser::decoders::html::html_to_text(html).trim_end().to_owned() + "\n"
        });
        if marketing && !text.contains(unsubscribe_url) {
            text = format!("{}\n\nUnsubscribe: {unsubscribe_url}\n", text.trim_end());
        }
        let Some(mut html) = html else {
            return (None, text, Vec::new());
        };
        if marketing && !html.contains(unsubscribe_url) {
            let footer = "<p style=\"font-size:12px;color:#777\"><a href=\"{url}\">Unsubscribe</a></p>";
            html::before_end(&mut html, &footer.replace("{url}", unsubscribe_url));
        }
        let day = day(date);
        let click = |link| {
            format!(
                "{}/c/{}",
                self.public_url,
                self.token(message, Purpose::Click { link, day })
            )
        };
        let (mut html, links) = html::track_links(&html, unsubscribe_url, click);
        if let Some(preheader) = preheader {
            html::with_preheader(&mut html, &preheader);
        }
        let open = self.token(message, Purpose::Open { day });
        let pixel = format!(
            "<img src=\"{}/o/{open}\" width=\"1\" height=\"1\" alt=\"\">",
            self.public_url
        );
        html::before_end(&mut html, &pixel);
        (Some(html), text, links)
    }
}

/// `campaign:project:class:sender`; without the campaign on transactional mail.
fn feedback_id(message: &Claimed) -> String {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            .collect::<String>()
    };
    let project = message.project.as_uuid().simple().to_string();
    match message.class {
        Class::Marketing => format!(
            "{}:{project}:marketing:{FEEDBACK_SENDER}",
            plain(&message.orchestration)
        ),
        Class::Transactional => format!("{project}:transactional:{FEEDBACK_SENDER}"),
    }
}

#[cfg(test)]
mod tests;
