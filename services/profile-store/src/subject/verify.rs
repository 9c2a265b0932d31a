use chappe_kit::Error;
use chappe_proto::privacy::VerifyErasedResponse;

use super::Person;
use crate::{App, store};

pub(super) async fn handle(app: &App, person: &Person) -> Result<VerifyErasedResponse, Error> {
    let custom_id = person.custom_id.as_deref();
    let remaining = store::subject::remaining(app.db.read(), person.project, &person.profiles, custom_id).await?;
    Ok(VerifyErasedResponse { remaining })
}
