//! A project with its three apps and a first REST key, in one transaction.

use chappe_ids::{AppId, ProjectId};
use chappe_kit::{Error, ErrorKind, grpc::Caller};
use chappe_proto::identity::{AppKeys, CreateProjectRequest, CreateProjectResponse};
use tonic::Request;

use crate::{
    App,
    domain::{public_id, settings::Settings},
    store,
};

const MAX_NAME: usize = 64;
const PLATFORMS: [&str; 3] = ["ios", "android", "web"];

pub(super) async fn handle(app: &App, request: Request<CreateProjectRequest>) -> Result<CreateProjectResponse, Error> {
    Caller::of(&request)?.require_service()?;
    let name = request.into_inner().name;
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(valid) {
        return Err(Error::invalid_field("name", "must be 1 to 64 of a-z, 0-9 and -"));
    }
    let (ids, now) = (&app.runtime.ids, app.runtime.clock.now());
    let project = store::project::Project {
        id: ProjectId::from_uuid(ids.uuid()),
        key: public_id::sortable("project", ids, now),
        name,
        settings: Settings::default(),
        version: 1,
    };
    let rest_key = public_id::secret("rest", ids);
    let hash = app.rest_keys.mac(rest_key.as_bytes());
    let apps = PLATFORMS.map(|platform| store::key::App {
        project: project.id,
        id: AppId::from_uuid(ids.uuid()),
        platform: platform.to_owned(),
        key: public_id::sortable("app", ids, now),
    });
    let created = app.db.write(async |txn| {
        store::project::insert(txn, &project, now).await?;
        store::key::insert_apps(txn, &apps, now).await?;
        store::key::insert_rest_key(txn, &hash, now).await
    });
    created.await.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Error::new(
            ErrorKind::AlreadyExists,
            "PROJECT_EXISTS",
            format!("there is a project {} already", project.name),
        ),
        _ => error,
    })?;
    let [ios, android, web] = apps.map(|app| app.key);
    Ok(CreateProjectResponse {
        project_id: project.id.to_string(),
        project_key: project.key,
        rest_key,
        app_keys: Some(AppKeys { ios, android, web }),
    })
}
