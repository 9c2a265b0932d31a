//! The archive of a review: a zip with one file per document, and a summary.

use std::{
    collections::BTreeMap,
    io::{Cursor, Write as _},
};

use chappe_kit::Error;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// What the services hold about a person: documents by service and file name.
#[derive(Debug, Default)]
pub(crate) struct Documents(BTreeMap<(&'static str, String), Vec<u8>>);

impl Documents {
    /// Adds a document, or the next part of one.
    pub(crate) fn add(&mut self, service: &'static str, file_name: String, content: &[u8]) {
        self.0
            .entry((service, file_name))
            .or_default()
            .extend_from_slice(content);
    }

    /// Whether no document says anything: an empty list or object is how a service says that it has nothing.
    pub(crate) fn say_nothing(&self) -> bool {
        let nothing: [&[u8]; 4] = [b"", b"[]", b"{}", b"null"];
        self.0.values().all(|content| nothing.contains(&content.trim_ascii()))
    }

    /// The zip. `summary` gets a list of the documents.
    pub(crate) fn zip(&self, mut summary: serde_json::Map<String, serde_json::Value>) -> Result<Vec<u8>, Error> {
        let listed = self.0.iter().map(|((service, file), content)| {
            serde_json::json!({ "service": service, "file": format!("{service}/{file}"), "bytes": content.len() })
        });
        summary.insert("documents".to_owned(), listed.collect());
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let mut file = |name: &str, content: &[u8]| -> Result<(), Error> {
            zip.start_file(name, options).map_err(Error::internal)?;
            zip.write_all(content).map_err(Error::internal)
        };
        file(
            "summary.json",
            &serde_json::to_vec_pretty(&summary).map_err(Error::internal)?,
        )?;
        for ((service, name), content) in &self.0 {
            file(&format!("{service}/{name}"), content)?;
        }
        Ok(zip.finish().map_err(Error::internal)?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_document_are_joined_in_order() {
        let mut documents = Documents::default();
        documents.add("profile-store", "events.ndjson".to_owned(), b"{\"n\":1}\n");
        documents.add("profile-store", "events.ndjson".to_owned(), b"{\"n\":2}\n");
        assert_eq!(documents.0.values().next().unwrap(), b"{\"n\":1}\n{\"n\":2}\n");
    }

    #[test]
    fn empty_documents_say_nothing() {
        let mut documents = Documents::default();
        assert!(documents.say_nothing());
        documents.add("identity", "identifiers.json".to_owned(), b"[ ]".trim_ascii());
        assert!(
            !documents.say_nothing(),
            "only the forms that serde_json prints count as empty"
        );
        let mut documents = Documents::default();
        documents.add("identity", "identifiers.json".to_owned(), b"[]\n");
        documents.add("profile-store", "profile.json".to_owned(), b"null");
        documents.add("profile-store", "events.ndjson".to_owned(), b"");
        assert!(documents.say_nothing());
        documents.add("profile-store", "events.ndjson".to_owned(), b"{\"n\":1}\n");
        assert!(!documents.say_nothing());
    }
}
