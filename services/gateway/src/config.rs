use chappe_kit::Error;

/// Settings of the gateway.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where clients reach the gateway, such as `https://api.example.org`: the beginning of the links it writes.
    /// Absent: `https://` and the `Host` of the request.
    pub public_base_url: Option<String>,
    /// Rate limits.
    pub rate_limits: RateLimits,
}

/// Rate limits.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimits {
    /// Which set of limits applies.
    pub preset: Preset,
}

/// A set of rate limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// None.
    #[default]
    Off,
    /// Those of Batch's public API.
    Batch,
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        match &self.public_base_url {
            Some(url) if !is_url(url) || url.ends_with('/') => Err(Error::invalid_field(
                "gateway.public_base_url",
                "must begin with https:// or http:// and end without a slash",
            )),
            _ => Ok(()),
        }
    }
}
