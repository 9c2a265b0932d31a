//! YAML documents with the place of every value, so that a fault points at file, line and column.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use chappe_kit::did_you_mean;
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value, json};

/// The one version of the documents.
const API_VERSION: &str = "chappe/v1";

/// What a document has.
const MEMBERS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

/// One resource and where its values stand.
#[derive(Debug)]
pub(crate) struct Document {
    file: String,
    kind: String,
    name: String,
    spec: Value,
    places: HashMap<String, Place>,
}

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug)]
struct Place {
    line: usize,
    column: usize,
}

impl Document {
    /// The document as the gateway takes it.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "kind": self.kind, "name": self.name, "spec": self.spec })
    }

    /// `file:line:column` of a path such as `spec.steps[1].delay`, or of the nearest thing around it.
    pub(crate) fn place(&self, path: &str) -> String {
        let mut path = path;
        loop {
            if let Some(Place { line, column }) = self.places.get(path) {
                return format!("{}:{line}:{column}", self.file);
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None if path.is_empty() => return self.file.clone(),
                None => path = "",
            }
        }
    }
}

/// Reads files, and directories for the `.yaml` and `.yml` files in them.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for path in files(paths)? {
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        documents.extend(parse(&path.display().to_string(), &text)?);
    }
    if documents.is_empty() {
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!(
            "there is no document in {}; documents begin with apiVersion: {API_VERSION} and stand in .yaml or .yml files",
            paths.join(", ")
        );
    }
    Ok(documents)
}

fn unreadable(path: &Path, error: &io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::InvalidData => anyhow!("{} is not UTF-8: save it as UTF-8", path.display()),
        _ => anyhow!("cannot read {}: {error}", path.display()),
    }
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut found: Vec<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        found.retain(|path| is_yaml(path));
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Parses the documents of one file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Document>> {
    let nodes = MarkedYaml::load_from_str(text).map_err(|error| {
        let (line, column) = (error.marker().line(), error.marker().col() + 1);
        anyhow::anyhow!("{file}:{line}:{column}: {}", error.info())
    })?;
    let nodes = nodes
        .iter()
        .filter(|node| !matches!(node.data, YamlData::Value(Scalar::Null)));
    nodes.map(|node| document(file, node)).collect()
}

fn document(file: &str, node: &MarkedYaml<'_>) -> Result<Document> {
    let mut places = HashMap::new();
    let value = convert(node, String::new(), &mut places).with_context(|| file.to_owned())?;
    let at = |path: &str| {
        let Place { line, column } = places
            .get(path)
            .or_else(|| places.get(""))
            .copied()
            .unwrap_or(Place { line: 1, column: 1 });
        format!("{file}:{line}:{column}")
    };
    let Value::Object(mut members) = value else {
        bail!(
            "{}: a document is a mapping with apiVersion, kind, metadata and spec",
            at("")
        );
    };
    if let Some(unknown) = unknown(&members, &MEMBERS) {
        bail!(
            "{}: unknown key {unknown}{}; a document has {}",
            at(unknown),
            did_you_mean(unknown, MEMBERS),
            MEMBERS.join(", ")
        );
    }
    if members.get("apiVersion").and_then(Value::as_str) != Some(API_VERSION) {
        bail!("{}: apiVersion must be {API_VERSION}", at("apiVersion"));
    }
    let Some(kind) = members.get("kind").and_then(Value::as_str) else {
        bail!("{}: kind is missing", at("kind"));
    };
    let metadata = members.get("metadata").and_then(Value::as_object);
    if let Some(unknown) = metadata.and_then(|metadata| unknown(metadata, &["name"])) {
        bail!(
            "{}: unknown key {unknown}; metadata has a name and nothing else",
            at(&format!("metadata.{unknown}"))
        );
    }
    let name = match metadata.and_then(|metadata| metadata.get("name")) {
        None | Some(Value::Null) => bail!("{}: metadata.name is missing", at("metadata")),
        Some(Value::String(name)) if !name.trim().is_empty() => name.clone(),
        Some(_) => bail!(
            "{}: metadata.name must be text that is not blank; put quotes around a number",
            at("metadata.name")
        ),
    };
    let kind = kind.to_owned();
    let spec = members.remove("spec").unwrap_or_else(|| json!({}));
    if !spec.is_object() {
        bail!("{}: spec must be a mapping", at("spec"));
    }
    Ok(Document {
        file: file.to_owned(),
        kind,
        name,
        spec,
        places,
    })
}

fn unknown<'a>(members: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    members.keys().map(String::as_str).find(|key| !known.contains(key))
}

/// The node as JSON, every value's place noted under its path. A member's place is that of its key.
fn convert(node: &MarkedYaml<'_>, path: String, places: &mut HashMap<String, Place>) -> Result<Value> {
    let place = place(node);
    places.entry(path.clone()).or_insert(place);
    Ok(match &node.data {
        YamlData::Value(scalar) => convert_scalar(scalar),
        YamlData::Sequence(items) => {
            let items = items.iter().enumerate();
            let converted = items.map(|(n, item)| convert(item, format!("{path}[{n}]"), places));
            Value::Array(converted.collect::<Result<_>>()?)
        }
        YamlData::Mapping(members) => {
            let mut object = Map::new();
            for (key, value) in members {
                let Some(name) = key.data.as_str() else {
                    let Place { line, column } = self::place(key);
                    bail!("{line}:{column}: a key must be text; put quotes around it");
                };
                let below = if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}.{name}")
                };
                places.insert(below.clone(), self::place(key));
                object.insert(name.to_owned(), convert(value, below, places)?);
            }
            Value::Object(object)
        }
        YamlData::Tagged(_, inner) => convert(inner, path, places)?,
        YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
            bail!("{}:{}: this value cannot be read", place.line, place.column)
        }
    })
}

fn convert_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(*flag),
        Scalar::Integer(number) => Value::from(*number),
        Scalar::FloatingPoint(number) => Number::from_f64(number.into_inner()).map_or(Value::Null, Value::Number),
        Scalar::String(text) => Value::String(text.to_string()),
    }
}

fn place(node: &MarkedYaml<'_>) -> Place {
    Place {
        line: node.span.start.line(),
        column: node.span.start.col() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
apiVersion: chappe/v1
kind: Automation
metadata: { name: thanks }
spec:
  steps:
    - delay: 10m
    - brunch: { if: {} }
---
apiVersion: chappe/v1
kind: Template
metadata:
  name: news
spec: { subject: \"Hi {{ firstname }}\", html: |
    <p>Hello</p> }
";

    #[test]
    fn values_keep_their_place() {
        let documents = parse("a.yaml", &TEXT.replace(", html: |\n    <p>Hello</p> }", " }")).unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].place("spec.steps[1].brunch"), "a.yaml:7:7");
        assert_eq!(documents[0].place("spec.steps[1].brunch.if.x"), "a.yaml:7:17");
        assert_eq!(documents[0].place("spec.state"), "a.yaml:4:1");
        let bare = "apiVersion: chappe/v1\nkind: A\nmetadata: { name: a }\n";
        assert_eq!(parse("a.yaml", bare).unwrap()[0].place("spec.subject"), "a.yaml:1:1");
        assert_eq!(documents[1].to_json()["spec"]["subject"], "Hi {{ firstname }}");
    }

    #[test]
    fn faults_of_the_envelope_have_a_place() {
        let cases = [
            ("kind: A\n", "a.yaml:1:1: apiVersion must be chappe/v1"),
            (
                "apiVersion: chappe/v1\nkind: A\nmetadata: {}\n",
                "a.yaml:3:1: metadata.name is missing",
            ),
            (
                "apiVersion: chappe/v1\nkindd: A\n",
                "a.yaml:2:1: unknown key kindd (did you mean kind?); a document has apiVersion, kind, metadata, spec",
            ),
            (
                "apiVersion: chappe/v1\nkind: A\nmetadata: { name: 7 }\n",
                "a.yaml:3:13: metadata.name must be text",
            ),
            (
                "apiVersion: chappe/v1\nkind: A\nmetadata: { name: '' }\n",
                "a.yaml:3:13: metadata.name must be text",
            ),
            (
                "apiVersion: chappe/v1\nkind: A\nmetadata: { name: a, labels: [] }\n",
                "a.yaml:3:22: unknown key labels; metadata has a name",
            ),
            ("- a\n", "a.yaml:1:1: a document is a mapping"),
            ("a: [1,\n", "a.yaml:"),
        ];
        for (text, expected) in cases {
            let error = parse("a.yaml", text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
