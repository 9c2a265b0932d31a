//! The setting that says where a peer is.

use http::{
    Uri,
    uri::{Authority, Scheme},
};

use crate::Error;

/// Port of a URL that names none (RFC 9110 §4.2.1).
const DEFAULT_PORT: u16 = 80;

/// One URL of the setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// What calls say they are for.
    pub(super) authority: Authority,
    /// A name, or an IP address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// One URL, or several separated by commas.
pub(super) fn parse(setting: &str) -> Result<Vec<Address>, Error> {
    setting.split(',').map(|url| one(url.trim())).collect()
}

fn one(url: &str) -> Result<Address, Error> {
    let wrong = |why: &str| {
        let message = format!("{url} is not an address such as http://host:50051: {why}");
        Error::invalid("PEER_ADDRESS", message)
    };
    let uri: Uri = url.parse().map_err(|error| wrong(&format!("{error}")))?;
    if uri.scheme() != Some(&Scheme::HTTP) {
        return Err(wrong("it must begin with http://"));
    }
    let authority = uri.authority().cloned().ok_or_else(|| wrong("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("peers take no user and no password"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(wrong("nothing may follow the port"));
    }
    let port = authority.as_str().trim_start_matches(authority.host());
    let port = port.strip_prefix(':').map_or(Ok(DEFAULT_PORT), str::parse);
    let port = port.map_err(|_| wrong("its port is no number from 0 to 65535"))?;
    Ok(Address {
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        port,
        authority,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(setting: &str) -> Vec<(String, u16)> {
        let addresses = parse(setting).unwrap();
        addresses
            .into_iter()
            .map(|address| (address.host, address.port))
            .collect()
    }

    #[test]
    fn a_setting_is_one_url_or_a_list_of_them() {
        let of = |host: &str, port| (host.to_owned(), port);
        assert_eq!(read("http://identity:50051"), [of("identity", 50051)]);
        assert_eq!(
            read("http://a.b.svc.cluster.local.:1/"),
            [of("a.b.svc.cluster.local.", 1)]
        );
        assert_eq!(
            read("http://10.0.0.1:1, http://[::1]:2"),
            [of("10.0.0.1", 1), of("::1", 2)]
        );
        assert_eq!(read("http://identity"), [of("identity", 80)]);
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for wrong in [
            "",
            "identity",
            "identity:50051",
            "https://identity:50051",
            "http://identity:50051/v1",
            "http://me@identity:50051",
            "http://a:1,",
            "http://a:99999",
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.message().contains("http://host:50051"), "{wrong}: {error}");
        }
    }
}
