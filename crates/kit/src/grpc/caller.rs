//! Who calls, and for which project.
//!
//! Every call between services carries a token: the caller's name, the tenant, an expiry and a MAC under
//! a key derived from the mesh's master key. A tenant is therefore never a bare header that anybody on
//! the network could set.

use std::time::Duration;

use chappe_ids::ProjectId;

use crate::{
    Error, ErrorKind, MasterKey, Timestamp,
    keys::Key,
    skew::{MAX_SKEW, Skew},
};

/// Metadata key of the token.
pub(crate) const TOKEN_HEADER: &str = "x-chappe-call";
/// How long a token is good: the longest deadline, plus the skew of two clocks.
const TOKEN_LIFE: Duration = Duration::from_mins(1).saturating_add(MAX_SKEW);
/// The reason of a token that comes from another time.
pub(crate) const CLOCKS_DIFFER: &str = "CLOCKS_DIFFER";
/// Bytes of the MAC that travel.
const TAG_BYTES: usize = 16;

/// Who is on the other end of a call that a handler serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    origin: Origin,
    project: Option<ProjectId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Service,
    Client,
}

impl Caller {
    /// A service of the mesh.
    pub const fn service(project: Option<ProjectId>) -> Self {
        Self {
            origin: Origin::Service,
            project,
        }
    }

    /// A client of a project, known by its REST key.
    pub const fn client(project: ProjectId) -> Self {
        Self {
            origin: Origin::Client,
            project: Some(project),
        }
    }

    /// The caller of a request, as the authentication layer found it.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self, Error> {
        request.extensions().get::<Self>().copied().ok_or_else(unauthenticated)
    }

    /// The project the call is for.
    pub fn project(self) -> Result<ProjectId, Error> {
        self.project
            .ok_or_else(|| Error::invalid("PROJECT_MISSING", "the call names no project"))
    }

    /// Refuses clients: for calls that cover all projects.
    pub fn require_service(self) -> Result<(), Error> {
        match self.origin {
            Origin::Service => Ok(()),
            Origin::Client => Err(Error::new(
                ErrorKind::PermissionDenied,
                "INTERNAL_METHOD",
                "this method is internal to the mesh",
            )),
        }
    }
}

/// The project of a request: what almost every handler asks first.
pub fn project_of<T>(request: &tonic::Request<T>) -> Result<ProjectId, Error> {
    Caller::of(request)?.project()
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    /// The service that calls.
    pub service: &'a str,
    /// The project it calls for.
    pub project: Option<ProjectId>,
}

/// Mints and checks tokens.
#[derive(Clone, Debug)]
pub struct CallKey(Key);

impl CallKey {
    /// The key of this mesh.
    pub fn new(master: &MasterKey) -> Self {
        Self(master.derive("call"))
    }

    /// A token by which `service` calls for `project`.
    pub fn mint(&self, service: &str, project: Option<ProjectId>, now: Timestamp) -> String {
        let expires = (now + TOKEN_LIFE).micros();
        let project = project.map(|project| project.to_string()).unwrap_or_default();
        let claims = format!("1.{service}.{project}.{expires}");
        let tag = data_encoding::HEXLOWER.encode(&self.0.mac(claims.as_bytes())[..TAG_BYTES]);
        format!("{claims}.{tag}")
    }

    /// What a token of this mesh says, while it is good: from a little before it was made, by our clock, until it expires.
    pub fn verify<'a>(&self, token: &'a str, now: Timestamp) -> Result<Claims<'a>, Error> {
        let (claims, tag) = token.rsplit_once('.').ok_or_else(unauthenticated)?;
        let tag = data_encoding::HEXLOWER
            .decode(tag.as_bytes())
            .map_err(|_| unauthenticated())?;
        if tag.len() != TAG_BYTES || !self.0.verify(claims.as_bytes(), &tag) {
            return Err(Error::new(
                ErrorKind::Unauthenticated,
                "KEYS_DIFFER",
                "the caller's token was not made with the key of this service: give both the same keys.master",
            ));
        }
        let parts: Vec<&str> = claims.split('.').collect();
        let ["1", service, project, expires] = parts[..] else {
            return Err(unauthenticated());
        };
        let project = Some(project)
            .filter(|text| !text.is_empty())
            .map(str::parse)
            .transpose();
        let project = project.map_err(|_| unauthenticated())?;
        let expires: i64 = expires.parse().map_err(|_| unauthenticated())?;
        let minted = Timestamp::from_micros(expires) - TOKEN_LIFE;
        if expires < now.micros() || minted > now + MAX_SKEW {
            let skew = Skew::between(minted, now);
            return Err(Error::new(
                ErrorKind::Unauthenticated,
                CLOCKS_DIFFER,
                format!("the caller's clock is {skew} that of this service: synchronise both (NTP)"),
            ));
        }
        Ok(Claims { service, project })
    }
}

/// No credential, or a wrong one: the answer says no more.
pub(crate) fn unauthenticated() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "UNAUTHENTICATED",
        "the call carries no valid credential",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn key() -> CallKey {
        CallKey::new(&MasterKey::new([1; 32]))
    }

    #[test]
    fn a_token_names_its_caller_and_its_project() {
        let project = ProjectId::from_uuid(uuid::Uuid::from_u128(9));
        let token = key().mint("ingestion", Some(project), NOW);
        let claims = Claims {
            service: "ingestion",
            project: Some(project),
        };
        assert_eq!(key().verify(&token, NOW).unwrap(), claims);
    }

    #[test]
    fn another_project_breaks_the_token() {
        let project = ProjectId::from_uuid(uuid::Uuid::from_u128(9));
        let other = ProjectId::from_uuid(uuid::Uuid::from_u128(8));
        let token = key()
            .mint("ingestion", Some(project), NOW)
            .replace(&project.to_string(), &other.to_string());
        assert!(key().verify(&token, NOW).is_err());
    }

    #[test]
    fn another_caller_breaks_the_token() {
        let token = key().mint("ingestion", None, NOW).replace("ingestion", "privacy");
        assert!(key().verify(&token, NOW).is_err());
    }

    #[test]
    fn a_token_from_another_time_says_whose_clock_is_where() {
        let token = key().mint("ingestion", None, NOW);
        let at = |now| key().verify(&token, now).map(drop);
        assert!(at(NOW + TOKEN_LIFE).is_ok());
        assert!(at(NOW - MAX_SKEW).is_ok());
        let hour = Duration::from_hours(1);
        for (now, told) in [(NOW + hour, "60 min behind that"), (NOW - hour, "60 min ahead of that")] {
            let refused = at(now).unwrap_err();
            assert_eq!(refused.reason(), CLOCKS_DIFFER);
            assert!(refused.message().contains(told), "{refused}");
        }
        assert_eq!(at(NOW + TOKEN_LIFE * 2).unwrap_err().reason(), CLOCKS_DIFFER);
    }

    #[test]
    fn another_mesh_is_a_stranger() {
        let token = CallKey::new(&MasterKey::new([2; 32])).mint("ingestion", None, NOW);
        assert_eq!(key().verify(&token, NOW).unwrap_err().reason(), "KEYS_DIFFER");
    }
}
