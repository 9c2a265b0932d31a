//! Configuration: defaults, then a file, then the environment, then flags. Unknown keys are errors.

mod env;
mod secret;

use std::path::Path;

use figment::{
    Figment,
    providers::{Format, Serialized, Yaml},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;

pub use secret::Secret;

/// Prefix of environment variables that are configuration. Two underscores separate levels, so that one
/// may stand inside a name, and so that what Kubernetes injects for a Service never passes for ours.
pub const ENV_PREFIX: &str = "CHAPPE__";

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
    let mut figment = Figment::from(Serialized::defaults(Unmasked(defaults).to_json()?));
    if let Some(path) = file {
        if !path.is_file() {
            return Err(invalid(format!("there is no configuration file {}", path.display())));
        }
        figment = figment.merge(Yaml::file_exact(path));
    }
    figment = figment
        .merge(Serialized::defaults(env::overlay(variables)?))
        .merge(Serialized::defaults(flags));
    figment.extract().map_err(|error| invalid(describe(&error)))
}

/// The configuration as YAML-compatible JSON with every secret masked.
pub fn dump<C: Serialize>(config: &C) -> Result<String, Error> {
    serde_json::to_string_pretty(config).map_err(Error::internal)
}

/// Names every fault of an extraction: the key, where it came from and what is wrong.
fn describe(error: &figment::Error) -> String {
    let lines = error.clone().into_iter().map(|fault| {
        let path = fault.path.join(".");
        let source = fault.metadata.as_ref().and_then(|metadata| metadata.source.as_ref());
        let place = source.map(|source| format!(" (in {source})")).unwrap_or_default();
        let at = if path.is_empty() {
            String::new()
        } else {
            format!("{path}: ")
        };
        format!("{at}{}{place}", fault.kind)
    });
    lines.collect::<Vec<_>>().join("; ")
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
        assert!(error.message().contains("pool"), "{error}");
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
