//! Reads what arrived and compares it with what had to arrive.

use std::collections::HashMap;

use chappe_kit::Timestamp;

use super::expect::{About, Automation, Expected};
use crate::capture::{Captured, Mailbox};

/// Beginning and end of the subjects, as in `resources.yaml`.
const SUBJECTS: [(Automation, &str, &str); 3] = [
    (Automation::ThankYou, "Thank you for order ", ""),
    (Automation::OrderReceipt, "Your receipt for order ", ""),
    (Automation::CartReminder, "Your basket ", " is waiting"),
];
/// Senders of marketing and of transactional mail, as in `resources.yaml`.
const SENDERS: [&str; 2] = ["news@shop.example", "orders@shop.example"];

/// The first mail about something; the others are only counted.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) mail: u64,
    pub(super) received_at: Timestamp,
    to: Vec<String>,
    count: u64,
}

/// Everything that arrived so far.
#[derive(Debug, Default)]
pub(super) struct Judge {
    next: u64,
    pub(super) arrivals: HashMap<About, Arrival>,
    /// Mails that are wrong whatever was expected.
    faults: Vec<String>,
}

impl Judge {
    /// Reads what is new in the mailbox. Answers how many mails there were in all.
    pub(super) fn collect(&mut self, mailbox: &Mailbox) -> u64 {
        for mail in mailbox.messages_since(self.next) {
            self.next = mail.id + 1;
            self.read(&mail);
        }
        self.next
    }

    fn read(&mut self, mail: &Captured) {
        let Some(about) = about(&mail.subject) else {
            return self.faults.push(format!(
                "nobody asked for the mail {:?} to {}",
                mail.subject,
                mail.to.join(", ")
            ));
        };
        self.faults
            .extend(class_faults(mail, about.0).map(|fault| format!("{} {fault}", describe(about))));
        let arrival = || Arrival {
            mail: mail.id,
            received_at: mail.received_at,
            to: mail.to.clone(),
            count: 0,
        };
        self.arrivals.entry(about).or_insert_with(arrival).count += 1;
    }

    /// Everything that is missing, doubled, forbidden or wrong. With `is_slow`, reminders that had to be stopped in
    /// time may have been faster.
    pub(super) fn verdict(&self, expected: &Expected, is_slow: bool) -> Vec<String> {
        let mut faults = self.faults.clone();
        for (about, to) in &expected.mails {
            match self.arrivals.get(about) {
                None => faults.push(format!("{} to {to} is missing", describe(*about))),
                Some(arrival) if arrival.to != [to.as_str()] => {
                    faults.push(format!(
                        "{} went to {} instead of {to}",
                        describe(*about),
                        arrival.to.join(", ")
                    ));
                }
                Some(_) => {}
            }
        }
        for (about, arrival) in &self.arrivals {
            if arrival.count > 1 {
                faults.push(format!("{} arrived {} times", describe(*about), arrival.count));
            }
            let is_tolerated = is_slow && expected.stopped.contains(about);
            if !expected.mails.contains_key(about) && !is_tolerated {
                faults.push(format!(
                    "{} went to {}, who must not get it",
                    describe(*about),
                    arrival.to.join(", ")
                ));
            }
        }
        faults.sort();
        faults
    }
}

fn about(subject: &str) -> Option<About> {
    SUBJECTS.into_iter().find_map(|(automation, start, end)| {
        let order = subject.strip_prefix(start)?.strip_suffix(end)?.parse().ok()?;
        Some((automation, order))
    })
}

fn describe((automation, order): About) -> String {
    match automation {
        Automation::ThankYou => format!("the thank-you for order {order}"),
        Automation::OrderReceipt => format!("the receipt for order {order}"),
        Automation::CartReminder => format!("the reminder of basket {order}"),
    }
}

/// Marketing mail can be unsubscribed from with one click (RFC 8058); transactional mail says nothing of it.
fn class_faults(mail: &Captured, automation: Automation) -> impl Iterator<Item = String> {
    let marketing = automation.is_marketing();
    let has = |name| header(mail, name).is_some();
    let unsubscribe = ["List-Unsubscribe", "List-Unsubscribe-Post"]
        .into_iter()
        .filter(move |name| has(name) != marketing);
    let unsubscribe = unsubscribe.map(move |name| format!("has {} {name}", if marketing { "no" } else { "a" }));
    let sender = SENDERS[usize::from(!marketing)];
    let from = header(mail, "From").unwrap_or_default();
    let from = (!from.contains(sender)).then(|| format!("is from {from} instead of {sender}"));
    unsubscribe.chain(from)
}

/// The value of a header.
pub(super) fn header<'a>(mail: &'a Captured, name: &str) -> Option<&'a str> {
    let found = mail.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use chappe_kit::Clock;

    use super::*;

    const UNSUBSCRIBE: &str =
        "List-Unsubscribe: <https://t.example/u/x>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";

    fn verdict(mails: &[(&str, &str, &str)], expected: &[(About, &str)]) -> Vec<String> {
        let mailbox = Mailbox::new(Clock::system());
        for (to, subject, headers) in mails {
            let from = SENDERS[usize::from(headers.is_empty())];
            let raw = format!("From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\n{headers}\r\nHi\r\n");
            mailbox.deliver(from.to_owned(), vec![(*to).to_owned()], raw.into_bytes());
        }
        let mut judge = Judge::default();
        judge.collect(&mailbox);
        let mails = expected.iter().map(|(about, to)| (*about, (*to).to_owned()));
        judge.verdict(
            &Expected {
                mails: mails.collect(),
                ..Expected::default()
            },
            false,
        )
    }

    const RECEIPT: About = (Automation::OrderReceipt, 7);
    const THANKS: About = (Automation::ThankYou, 7);

    #[test]
    fn what_had_to_arrive_and_did_is_no_fault() {
        let mails = [
            ("a@b.example", "Your receipt for order 7", ""),
            ("a@b.example", "Thank you for order 7", UNSUBSCRIBE),
        ];
        assert!(verdict(&mails, &[(RECEIPT, "a@b.example"), (THANKS, "a@b.example")]).is_empty());
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        let receipt = ("a@b.example", "Your receipt for order 7", "");
        assert_eq!(
            verdict(&[], &[(RECEIPT, "a@b.example")]),
            ["the receipt for order 7 to a@b.example is missing"]
        );
        assert_eq!(
            verdict(&[receipt, receipt], &[(RECEIPT, "a@b.example")]),
            ["the receipt for order 7 arrived 2 times"]
        );
        assert_eq!(
            verdict(&[receipt], &[]),
            ["the receipt for order 7 went to a@b.example, who must not get it"]
        );
        assert_eq!(
            verdict(&[receipt], &[(RECEIPT, "c@d.example")]),
            ["the receipt for order 7 went to a@b.example instead of c@d.example"]
        );
        assert_eq!(
            verdict(&[("a@b.example", "Surprise", "")], &[]),
            ["nobody asked for the mail \"Surprise\" to a@b.example"]
        );
        let bare = verdict(
            &[("a@b.example", "Thank you for order 7", "")],
            &[(THANKS, "a@b.example")],
        );
        assert_eq!(bare.len(), 3, "{bare:?}");
    }
}
