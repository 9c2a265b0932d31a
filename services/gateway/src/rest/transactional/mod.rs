//! `/1.{0,1}/{APP_KEY}/transactional`.

mod send;

use axum::routing::post;

use super::{Routes, both};

pub(super) fn routes() -> Routes {
    let routes = both(Routes::new(), "/1.0/{app_key}/transactional/send", post(send::handle));
    both(routes, "/1.1/{app_key}/transactional/send", post(send::handle))
}
