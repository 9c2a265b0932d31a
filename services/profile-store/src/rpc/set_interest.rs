use std::collections::BTreeSet;

use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::profile as pb;
use chappe_query::Name;
use tonic::Request;

use crate::{App, store};

pub(super) async fn handle(
    app: &App,
    request: &Request<pb::SetInterestRequest>,
) -> Result<pb::SetInterestResponse, Error> {
    let project = project_of(request)?;
    let numbered = request.get_ref().event_names.iter().enumerate();
    let names: Result<BTreeSet<_>, _> = numbered
        .map(|(index, name)| {
            let field = || format!("event_names[{index}]");
            let name = Name::parse(name).map_err(|why| Error::invalid_field(field(), why.to_string()))?;
            Ok::<_, Error>(name.into_string())
        })
        .collect();
    let names = names?;
    app.db
        .write(async |txn| store::interest::replace(txn, project, &names).await)
        .await?;
    Ok(pb::SetInterestResponse {})
}
