//! The shape of a mailbox (RFC 5321 §4.1.2, with the UTF-8 of RFC 6531). The point is what must not pass: anything that
//! could end the command it stands in or begin another.

/// Octets of a local part (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// Octets of a domain (RFC 5321 §4.5.3.1.2).
const MAX_DOMAIN: usize = 255;

/// Checks `local@domain`. The fault completes the sentence "the address …".
pub(super) fn check(address: &str) -> Result<(), &'static str> {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Err("has no @");
    };
    if local.len() > MAX_LOCAL {
        return Err("has more than 64 octets before the @");
    }
    if domain.len() > MAX_DOMAIN {
        return Err("has more than 255 octets after the @");
    }
    if !(is_dot_string(local) || is_quoted_string(local)) {
        return Err("has a local part that is neither words with dots nor a quoted string");
    }
    if !(is_domain(domain) || is_address_literal(domain)) {
        return Err("has a domain that is neither a host name nor an address in brackets");
    }
    Ok(())
}

fn is_dot_string(local: &str) -> bool {
    local
        .split('.')
        .all(|word| !word.is_empty() && word.chars().all(|c| is_word(c) || "!#$%&'*+-/=?^_`{|}~".contains(c)))
}

fn is_quoted_string(local: &str) -> bool {
    let Some(inside) = local.strip_prefix('"').and_then(|it| it.strip_suffix('"')) else {
        return false;
    };
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        let printable = |c: char| !c.is_control();
        match c {
            '"' => return false,
            '\\' if !chars.next().is_some_and(printable) => return false,
            _ if !printable(c) => return false,
            _ => {}
        }
    }
    local.len() > 1
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| is_word(c) || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.split('.').all(is_label)
}

fn is_address_literal(domain: &str) -> bool {
    let inside = domain.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inside.is_some_and(|inside| {
        let v6 = inside.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:"));
        match v6 {
            Some(tag) => inside[tag.len()..].parse::<std::net::Ipv6Addr>().is_ok(),
            None => inside.parse::<std::net::Ipv4Addr>().is_ok(),
        }
    })
}

/// Letters and digits of any script. Control characters, spaces and separators of any script are none.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mailboxes_pass() {
        for address in [
            "a@b",
            "first.last+tag@mail.example.com",
            "o'neil!#$%&*/=?^_`{|}~-@example.com",
            r#""a b"@example.com"#,
            r#""a\"@\\b"@example.com"#,
            "jörg@bücher.example",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@xn--bcher-kva.example",
            "a@under_score.example",
        ] {
            assert_eq!(check(address), Ok(()), "{address}");
        }
    }

    #[test]
    fn what_could_leave_its_command_does_not() {
        for address in [
            "",
            "a",
            "@b",
            "a@",
            "a@b\r\nRCPT TO:<c@d>",
            "a\r\n@b",
            "a@b\n",
            "a\0@b",
            "a@b> SIZE=1",
            "<a@b>",
            "a b@c",
            "a@b c",
            "a..b@c",
            ".a@b",
            "a@b..c",
            "a@-b",
            "a@b\u{85}",
            "a@b\u{2028}c",
            r#""a"b"@c"#,
            r#""a\"@c"#,
            r#"""#,
            r#""@c"#,
            "\"a\r\nDATA\"@c",
            "\"a\\\r\"@c",
            "a@[127.0.0.1",
            "a@[x]>",
        ] {
            assert!(check(address).is_err(), "{address:?}");
        }
        assert!(check(&format!("{}@b", "a".repeat(65))).is_err());
        assert!(check(&format!("a@{}", "b".repeat(256))).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_passes_holds_a_control_character(address in r#"[a"@\\ .\r\n\x00<>\[\]]{1,12}"#) {
            if check(&address).is_ok() {
                prop_assert!(!address.chars().any(char::is_control));
                prop_assert!(address.starts_with('"') || !address.contains(['<', '>', ' ']));
            }
        }
    }
}
