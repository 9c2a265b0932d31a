//! The built-in mailbox: a real SMTP receiver whose mails can be read over HTTP. Only for trying and
//! developing: it exists in `chappe up` and `chappe demo`, and in memory.

mod mailbox;
mod routes;
mod subject;

pub(crate) use mailbox::{Captured, Mailbox};
pub(crate) use routes::routes;
pub(crate) use subject::CaptureSubject;
