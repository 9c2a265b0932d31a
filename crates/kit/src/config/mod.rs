//! Configuration: defaults, then a file, then the environment, then flags. Unknown keys are errors.

mod env;
mod secret;

use std::path::Path;

use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    providers::{Format, Serialized, Yaml},
    value::{Dict, Map},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;

pub use secret::Secret;

/// Prefix of environment variables that are configuration. Two underscores separate levels, so that one
/// may stand inside a name, and so that what Kubernetes injects for a Service never passes for ours.
pub const ENV_PREFIX: &str = "CHAPPE__";

const ENVIRONMENT: &str = "environment";
const COMMAND_LINE: &str = "command line";

/// Reads a configuration: the defaults, the YAML file if one is named, the variables, and last the flags
/// (a JSON object of only what was given).
pub fn load<C>(
    defaults: &C,
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    flags: &serde_json::Value,
) -> Result<C, Error>
where
    C: Serialize + DeserializeOwned,
{
    let defaults = Unmasked(defaults).to_json()?;
    let variables = env::overlay(variables, &defaults)?;
    let mut figment = Figment::from(Serialized::defaults(defaults));
    if let Some(path) = file {
        if !path.is_file() {
            return Err(invalid(format!("there is no configuration file {}", path.display())));
        }
        figment = figment.merge(Yaml::file_exact(path));
    }
    figment = figment
        .merge(Layer(ENVIRONMENT, &variables))
        .merge(Layer(COMMAND_LINE, flags));
    figment.extract().map_err(|error| invalid(describe(&error)))
}

/// The configuration as YAML-compatible JSON with every secret masked.
pub fn dump<C: Serialize>(config: &C) -> Result<String, Error> {
    serde_json::to_string_pretty(config).map_err(Error::internal)
}

/// What the standard library says of a listener's address.
const NO_ADDRESS: &str = "invalid socket address syntax";

/// A layer whose faults are told by its name.
struct Layer<'a>(&'static str, &'a serde_json::Value);

impl Provider for Layer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Serialized::defaults(self.1).data()
    }
}

/// Names every fault of an extraction: the key, what is wrong, and where it came from.
fn describe(error: &figment::Error) -> String {
    let lines = error.clone().into_iter().map(|fault| {
        let path = fault.path.join(".");
        let what = match &fault.kind {
            Kind::UnknownField(name, known) => {
                format!("there is no such setting{}", told(name, known))
            }
            Kind::UnknownVariant(word, known) => format!("{word} is not known{}", told(word, known)),
            // What stands in the place of a section may be a secret that belongs into it.
            Kind::InvalidType(_, expected) if expected.starts_with("struct ") => {
                "is a section; set what is below it".to_owned()
            }
            Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
                format!("found {found}, expected {}", in_words(expected))
            }
            Kind::Message(text) if text == NO_ADDRESS => {
                "an IP address and a port are needed, such as 127.0.0.1:8080".to_owned()
            }
            other => other.to_string(),
        };
        let at = if path.is_empty() {
            String::new()
        } else {
            format!("{path}: ")
        };
        format!("{at}{what}{}", place(&fault))
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn told(word: &str, known: &[&'static str]) -> String {
    let meant = crate::did_you_mean(word, known.iter().copied());
    format!("{meant}; known here: {}", known.join(", "))
}

/// The words that serde and Rust have for what people write in a file.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "i64" => "a whole number",
        "f64" => "a number",
        "a string" => "text",
        other => other,
    }
}

fn place(fault: &figment::Error) -> String {
    let Some(metadata) = &fault.metadata else {
        return String::new();
    };
    let file = metadata.source.as_ref().and_then(figment::Source::file_path);
    match (file, &*metadata.name) {
        (Some(file), _) => format!(" (in {})", file.display()),
        (None, ENVIRONMENT) => {
            let name = fault.path.join("__").to_ascii_uppercase();
            format!(" (variable {ENV_PREFIX}{name})")
        }
        (None, COMMAND_LINE) => " (on the command line)".to_owned(),
        _ => String::new(),
    }
}

fn invalid(message: String) -> Error {
    Error::invalid("CONFIG", message)
}

/// Serializes secrets in clear, so that defaults pass through the layers unharmed.
struct Unmasked<'a, C>(&'a C);

impl<C: Serialize> Unmasked<'_, C> {
    fn to_json(&self) -> Result<serde_json::Value, Error> {
        secret::in_clear(|| serde_json::to_value(self.0)).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Config {
        database: Database,
        log: String,
    }

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Database {
        url: Secret,
        max_connections: u32,
    }

    impl Default for Database {
        fn default() -> Self {
            Self {
                url: Secret::from("sqlite:x"),
                max_connections: 8,
            }
        }
    }

    fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn later_layers_win() {
        let directory = tempfile();
        let file = directory.join("chappe.yaml");
        std::fs::write(&file, "database: { max_connections: 4 }\nlog: warn\n").unwrap();
        let env = vars(&[
            ("CHAPPE__DATABASE__MAX_CONNECTIONS", "16"),
            ("CHAPPE_IDENTITY_PORT", "tcp://10.0.0.1"),
        ]);
        let config = load(
            &Config::default(),
            Some(&file),
            env,
            &serde_json::json!({"log": "debug"}),
        )
        .unwrap();
        assert_eq!(config.database.max_connections, 16);
        assert_eq!(config.log, "debug");
        assert_eq!(config.database.url.expose(), "sqlite:x");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn unknown_keys_are_named() {
        let error = load(
            &Config::default(),
            None,
            vars(&[("CHAPPE__DATABASE__POOL", "1")]),
            &serde_json::json!({}),
        )
        .unwrap_err();
        assert_eq!(
            error.message(),
            "database.pool: there is no such setting; known here: url, max_connections (variable CHAPPE__DATABASE__POOL)"
        );
    }

    #[test]
    fn a_fault_names_its_layer_and_what_was_meant() {
        let of = |variable: &str, flags: serde_json::Value| {
            let error = load(&Config::default(), None, vars(&[(variable, "many")]), &flags);
            error.unwrap_err().message().to_owned()
        };
        assert_eq!(
            of("CHAPPE__DATABSE__URL", serde_json::json!({})),
            "databse: there is no such setting (did you mean database?); known here: database, log (variable \
             CHAPPE__DATABSE)"
        );
        assert_eq!(
            of("CHAPPE__DATABASE__MAX_CONNECTIONS", serde_json::json!({})),
            "database.max_connections: found string \"many\", expected a whole number, not negative (variable \
             CHAPPE__DATABASE__MAX_CONNECTIONS)"
        );
        assert_eq!(
            of("CHAPPE__LOG", serde_json::json!({"database": "postgres://u:p@h"})),
            "database: is a section; set what is below it (on the command line)"
        );
    }

    #[test]
    fn text_that_looks_like_a_number_stays_text() {
        let digits = "1".repeat(64);
        let env = vars(&[("CHAPPE__DATABASE__URL", &digits), ("CHAPPE__LOG", "7")]);
        let config = load(&Config::default(), None, env, &serde_json::json!({})).unwrap();
        assert_eq!(config.database.url.expose(), digits);
        assert_eq!(config.log, "7");
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_shown() {
        let directory = tempfile();
        let file = directory.join("chappe.yaml");
        std::fs::write(&file, "database: { url: 123456789 }\n").unwrap();
        let error = load(&Config::default(), Some(&file), vars(&[]), &serde_json::json!({})).unwrap_err();
        assert!(error.message().starts_with("database.url: must be text"), "{error}");
        assert!(!error.message().contains("123456789"), "{error}");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_dump_masks_secrets() {
        let config = Config {
            database: Database {
                url: Secret::from("postgres://u:p@h/d"),
                ..Default::default()
            },
            ..Default::default()
        };
        let dump = dump(&config).unwrap();
        assert!(!dump.contains("u:p"), "{dump}");
        assert!(dump.contains("max_connections"));
    }

    #[test]
    fn a_secret_may_be_in_a_file() {
        let directory = tempfile();
        let file = directory.join("url");
        std::fs::write(&file, "postgres://secret\n").unwrap();
        let env = vars(&[("CHAPPE__DATABASE__URL_FILE", file.to_str().unwrap())]);
        let config = load(&Config::default(), None, env, &serde_json::json!({})).unwrap();
        assert_eq!(config.database.url.expose(), "postgres://secret");
        std::fs::remove_dir_all(directory).unwrap();
    }

    fn tempfile() -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("chappe-config-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        path
    }
}
