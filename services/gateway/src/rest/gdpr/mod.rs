//! `/1.{0,1}/{APP_KEY}/gdpr`, and the archives that its answers link to.

mod archive;
mod create;
mod list;
mod object;
mod view;

use axum::routing::{get, post};

use super::{Routes, both};

pub(super) use archive::url as archive_url;

pub(super) fn routes() -> Routes {
    ["/1.0/{app_key}", "/1.1/{app_key}"]
        .iter()
        .fold(Routes::new(), |routes, line| {
            let routes = both(routes, &format!("{line}/gdpr/request"), post(create::handle));
            let routes = both(
                routes,
                &format!("{line}/gdpr/request/{{request_id}}"),
                get(view::handle),
            );
            both(routes, &format!("{line}/gdpr/requests"), get(list::handle))
        })
}

/// Archives can be large.
pub(super) fn long_routes() -> Routes {
    both(Routes::new(), "/gdpr/archives/{file}", get(archive::handle))
}
