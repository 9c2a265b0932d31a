//! `/2.{minor}/profiles`.

mod envelope;
mod update;

use axum::routing::post;

use super::{Routes, both};

pub(super) fn routes() -> Routes {
    both(Routes::new(), "/2.{minor}/profiles/update", post(update::handle))
}
