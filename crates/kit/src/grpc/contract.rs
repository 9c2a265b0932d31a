//! What the contracts say about making a call once more.

use std::{collections::HashMap, sync::LazyLock};

use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto, method_options::IdempotencyLevel};

/// A method whose request is one message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// `package.Service/Method`.
    pub(super) name: String,
    /// Doing it twice is doing it once: its `idempotency_level`.
    pub(super) is_idempotent: bool,
}

static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    let contracts = FileDescriptorSet::decode(chappe_proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let files = contracts.file.iter();
    let services = files.flat_map(|file| file.service.iter().map(|service| (file.package(), service)));
    let methods = services.flat_map(|(package, service)| service.method.iter().map(move |m| (package, service, m)));
    methods
        .filter(|(_, _, method)| !method.client_streaming())
        .map(|(package, service, method)| describe(package, service, method))
        .collect()
});

/// The method behind the path of a request. Absent where the request is a stream or the method is none of ours.
pub(super) fn method(path: &str) -> Option<&'static Method> {
    METHODS.get(path)
}

fn describe(package: &str, service: &ServiceDescriptorProto, method: &MethodDescriptorProto) -> (String, Method) {
    let name = format!("{package}.{}/{}", service.name(), method.name());
    let level = method
        .options
        .as_ref()
        .map(prost_types::MethodOptions::idempotency_level);
    let is_idempotent = level.is_some_and(|level| level != IdempotencyLevel::IdempotencyUnknown);
    (format!("/{name}"), Method { name, is_idempotent })
}

#[cfg(test)]
mod tests {
    use chappe_proto::edges::EDGES;

    use super::*;

    #[test]
    fn the_contracts_say_what_may_be_repeated() {
        let is_idempotent = |path| method(path).unwrap().is_idempotent;
        assert!(is_idempotent("/chappe.profile.v1.ProfileService/GetProfiles"));
        assert!(is_idempotent("/chappe.email.v1.EmailService/Enqueue"));
        assert!(!is_idempotent("/chappe.identity.v1.IdentityService/CreateProject"));
        assert_eq!(method("/grpc.health.v1.Health/Check"), None);
    }

    /// A method that joins them was thought about: its second call does something again, or has another answer.
    #[test]
    fn few_methods_are_not_marked() {
        let mut unmarked: Vec<&str> = EDGES.iter().map(|edge| edge.method).collect();
        unmarked.retain(|name| !method(&format!("/{name}")).unwrap().is_idempotent);
        unmarked.sort_unstable();
        unmarked.dedup();
        assert_eq!(
            unmarked,
            [
                "chappe.email.v1.EmailService/Cancel",
                "chappe.identity.v1.IdentityService/CreateProject",
                "chappe.identity.v1.IdentityService/CreateRestKey",
                "chappe.ingestion.v1.IngestionService/UpdateProfiles",
                "chappe.privacy.v1.PrivacyService/CreateRequest",
            ]
        );
    }
}
