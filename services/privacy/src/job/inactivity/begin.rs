//! A planned run that no brake holds begins to delete.

use chappe_kit::Error;

use super::{Fence, save};
use crate::{
    app::App,
    domain::run::{Run, State},
};

pub(super) async fn step(app: &App, fence: &Fence, run: &mut Run) -> Result<(), Error> {
    run.state = State::Deleting;
    save(app, fence, run).await
}
