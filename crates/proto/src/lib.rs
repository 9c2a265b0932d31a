//! The generated contracts of the mesh, and the few conversions that every reader of them needs.

pub mod edges;
mod json;

pub use json::{from_struct, to_struct};

macro_rules! package {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)*) => {$(
        $(#[$doc])*
        pub mod $name {
            #[doc(hidden)]
            pub mod v1 {
                #![allow(missing_docs, clippy::all, clippy::pedantic)]
                tonic::include_proto!($path);
            }
            pub use v1::*;
        }
    )*};
}

/// The protobuf package tree, so that generated paths between packages resolve.
pub mod chappe {
    package! {
        /// Values, resources and subjects, shared by all.
        types = "chappe.types.v1";
        /// Projects, keys, and who is who.
        identity = "chappe.identity.v1";
        /// Profiles, events and the feed.
        profile = "chappe.profile.v1";
        /// Every write of data.
        ingestion = "chappe.ingestion.v1";
        /// Automations and their entries.
        automation = "chappe.automation.v1";
        /// Senders, templates and messages.
        email = "chappe.email.v1";
        /// Review, erasure and inactivity.
        privacy = "chappe.privacy.v1";
    }
}

/// `google.api`, for the annotations of what a gateway exposes.
pub mod google {
    /// HTTP rules.
    pub mod api {
        #![allow(missing_docs, clippy::all, clippy::pedantic)]
        tonic::include_proto!("google.api");
    }
}

pub use chappe::{automation, email, identity, ingestion, privacy, profile, types};

/// All contracts as an encoded `FileDescriptorSet`, for reflection and for gateways.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Every public gRPC service: the crate that serves it and its full name.
pub const SERVICES: [(&str, &str); 6] = [
    ("identity", "chappe.identity.v1.IdentityService"),
    ("profile-store", "chappe.profile.v1.ProfileService"),
    ("ingestion", "chappe.ingestion.v1.IngestionService"),
    ("automation", "chappe.automation.v1.AutomationService"),
    ("email-sender", "chappe.email.v1.EmailService"),
    ("privacy", "chappe.privacy.v1.PrivacyService"),
];
