//! What recipients do with a mail: one follows a link, another unsubscribes with one click.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use reqwest::{header, redirect};
use tokio::time::Instant;

use super::{
    expect::{About, Automation},
    judge::{self, Judge},
};
use crate::{
    capture::{Captured, Mailbox},
    client::Client,
    import,
    resource::kind::escape,
};

/// How long a profile may go on saying subscribed after the opt-out was answered; the mesh promises a second.
const PATIENCE: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(50);

/// Two people who got a thank-you mail.
pub(super) struct Recipients {
    pub(super) clicks: About,
    pub(super) unsubscribes: About,
}

/// The recipients of the first and of the last order that was thanked for.
pub(super) fn choose(judge: &Judge) -> Option<Recipients> {
    let thanked = || {
        judge
            .arrivals
            .keys()
            .filter(|(automation, _)| *automation == Automation::ThankYou)
    };
    Some(Recipients {
        clicks: *thanked().min()?,
        unsubscribes: *thanked().max()?,
    })
}

/// Follows the first tracked link of a mail. Answers what is wrong with where it leads.
pub(super) async fn click(mailbox: &Mailbox, judge: &Judge, about: About) -> Result<Option<String>> {
    let mail = mail(mailbox, judge, about)?;
    let link = mail
        .html
        .split('"')
        .find(|part| part.contains("/c/"))
        .context("a thank-you mail has no tracked link")?;
    let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build()?;
    let answer = http.get(link).send().await?;
    let expected = format!("https://shop.example/orders/{}", about.1);
    let target = answer
        .headers()
        .get(header::LOCATION)
        .and_then(|target| target.to_str().ok());
    let leads_there = answer.status() == 302 && target == Some(&expected);
    Ok((!leads_there).then(|| {
        format!(
            "a click was answered {} to {target:?} instead of 302 to {expected}",
            answer.status()
        )
    }))
}

/// Unsubscribes the way a mail program does (RFC 8058), and waits until the profile says so. Answers what is
/// wrong.
pub(super) async fn unsubscribe(
    client: &Client,
    mailbox: &Mailbox,
    judge: &Judge,
    about: About,
    custom_id: &str,
) -> Result<Option<String>> {
    let mail = mail(mailbox, judge, about)?;
    let url = judge::header(&mail, "List-Unsubscribe").and_then(|value| value.split(['<', '>']).nth(1));
    let url = url.context("a thank-you mail has no List-Unsubscribe")?;
    let form = reqwest::Client::new()
        .post(url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    let answer = form.send().await?;
    if answer.status() != 200 {
        return Ok(Some(format!(
            "one-click unsubscribe was answered {} instead of 200",
            answer.status()
        )));
    }
    let patient_until = Instant::now() + PATIENCE;
    let path = format!("/chappe/v1/profiles?custom_id={}", escape(custom_id));
    while Instant::now() < patient_until {
        let profile = client.get(&path).await?;
        if profile["attributes"]["$email_marketing"] == "unsubscribed" {
            return Ok(None);
        }
        import::pause(INTERVAL).await;
    }
    Ok(Some(format!(
        "{custom_id} unsubscribed, and after {} s the profile does not say so",
        PATIENCE.as_secs()
    )))
}

fn mail(mailbox: &Mailbox, judge: &Judge, about: About) -> Result<std::sync::Arc<Captured>> {
    let id = judge.arrivals.get(&about).map(|arrival| arrival.mail);
    id.and_then(|id| mailbox.message(id))
        .ok_or_else(|| anyhow!("a mail is not in the mailbox any more"))
}
