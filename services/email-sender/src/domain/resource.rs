//! What senders and templates look like. Every fault is told, with its path.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{
    message::Class,
    template::{Compiled, Part},
};

/// Characters of a display name.
const MAX_NAME: usize = 100;

/// A path in the spec and what is wrong there.
pub(crate) type Faults = Vec<(String, String)>;

/// The kinds that this service owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Sender,
    Template,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sender => "Sender",
            Self::Template => "Template",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Sender, Self::Template]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Everything that is wrong with a spec.
    pub(crate) fn check(self, spec: &Map<String, Json>) -> Faults {
        let checked = match self {
            Self::Sender => SenderSpec::parse(spec).map(drop),
            Self::Template => TemplateSpec::parse(spec).and_then(|spec| Compiled::new(&spec).map(drop)),
        };
        checked.err().unwrap_or_default()
    }
}

/// Who a message is from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SenderSpec {
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) reply_to: Option<String>,
    pub(crate) class: Class,
}

impl SenderSpec {
    pub(crate) fn parse(spec: &Map<String, Json>) -> Result<Self, Faults> {
        let mut fields = Fields::new(spec, "spec");
        let address = fields.text("address").filter(|it| fields.address("address", it));
        let name = fields.text("name");
        if name.is_some_and(|name| name.chars().count() > MAX_NAME || name.contains(char::is_control)) {
            fields.fault("name", "has at most 100 characters, and no line breaks");
        }
        let reply_to = fields.text("replyTo").filter(|it| fields.address("replyTo", it));
        let class = fields.text("class");
        if fields.take("dkim").is_some() {
            fields.fault(
                "dkim",
                "is not in this version: let the relay sign, and leave it out here",
            );
        }
        if address.is_none() && !fields.has_fault("address") {
            fields.fault("address", "is missing: write the address that mails come from");
        }
        let class = match class {
            Some("marketing") => Some(Class::Marketing),
            Some("transactional") => Some(Class::Transactional),
            _ if fields.has_fault("class") => None,
            _ => {
                fields.fault("class", "is missing or unknown: write marketing or transactional");
                None
            }
        };
        let faults = fields.finish();
        match (address, class) {
            (Some(address), Some(class)) if faults.is_empty() => Ok(Self {
                address: address.to_owned(),
                name: name.unwrap_or_default().to_owned(),
                reply_to: reply_to.map(ToOwned::to_owned),
                class,
            }),
            _ => Err(faults),
        }
    }

    /// The part behind the @.
    pub(crate) fn domain(&self) -> &str {
        self.address.rsplit('@').next().unwrap_or_default()
    }
}

/// What a message says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TemplateSpec {
    base: Parts,
    languages: BTreeMap<String, Parts>,
}

/// The parts of one language variant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parts(BTreeMap<&'static str, String>);

impl Parts {
    pub(crate) fn get(&self, part: Part) -> Option<&str> {
        self.0.get(part.name()).map(String::as_str)
    }

    fn read(fields: &mut Fields<'_>) -> Self {
        let read = |part: Part| Some((part.name(), fields.text(part.name())?.to_owned()));
        Self(Part::ALL.into_iter().filter_map(read).collect())
    }
}

impl TemplateSpec {
    pub(crate) fn parse(spec: &Map<String, Json>) -> Result<Self, Faults> {
        let mut fields = Fields::new(spec, "spec");
        let base = Parts::read(&mut fields);
        if fields.take("mjml").is_some() {
            fields.fault("mjml", "is not in this version: write html");
        }
        if base.get(Part::Subject).is_none_or(|subject| subject.trim().is_empty()) && !fields.has_fault("subject") {
            fields.fault("subject", "is missing");
        }
        if base.get(Part::Html).is_none() && base.get(Part::Text).is_none() && !fields.has_fault("html") {
            fields.fault("html", "is missing: write html, text or both");
        }
        let mut languages = BTreeMap::new();
        match fields.take("languages") {
            None => {}
            Some(Json::Object(variants)) => {
                for (language, variant) in variants {
                    let path = format!("languages.{language}");
                    if language.len() != 2 || !language.bytes().all(|byte| byte.is_ascii_lowercase()) {
                        fields.fault(&path, "is not a language: write two small letters, such as fr");
                    }
                    let Json::Object(variant) = variant else {
                        fields.fault(&path, "is not an object");
                        continue;
                    };
                    let mut inner = Fields::new(variant, &format!("spec.{path}"));
                    languages.insert(language.clone(), Parts::read(&mut inner));
                    fields.faults.extend(inner.finish());
                }
            }
            Some(_) => fields.fault("languages", "is not an object"),
        }
        let faults = fields.finish();
        if faults.is_empty() {
            Ok(Self { base, languages })
        } else {
            Err(faults)
        }
    }

    /// Path, language and parts of every variant; the base has an empty language.
    pub(crate) fn variants(&self) -> impl Iterator<Item = (String, &str, &Parts)> {
        let languages = self.languages.iter();
        let variants =
            languages.map(|(language, parts)| (format!("spec.languages.{language}"), language.as_str(), parts));
        std::iter::once(("spec".to_owned(), "", &self.base)).chain(variants)
    }
}

/// The fields of an object, each read once; what is left at the end is unknown.
struct Fields<'a> {
    object: &'a Map<String, Json>,
    path: String,
    read: Vec<&'static str>,
    faults: Faults,
}

impl<'a> Fields<'a> {
    fn new(fields: &'a Map<String, Json>, path: &str) -> Self {
        Self {
            object: fields,
            path: path.to_owned(),
            read: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<&'a Json> {
        self.read.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &'static str) -> Option<&'a str> {
        let value = self.take(name)?;
        if !value.is_string() {
            self.fault(name, "is not a text");
        }
        value.as_str()
    }

    fn address(&mut self, name: &str, address: &str) -> bool {
        let hostile = |c: char| c.is_control() || c.is_whitespace() || "<>(),;:\"[]\\".contains(c);
        let (local, domain) = address.rsplit_once('@').unwrap_or_default();
        let good =
            !local.is_empty() && domain.contains(|c: char| c.is_ascii_alphanumeric()) && !address.contains(hostile);
        if !good {
            self.fault(name, "is not an e-mail address such as shop@shop.example");
        }
        good
    }

    fn fault(&mut self, name: &str, message: &str) {
        self.faults.push((format!("{}.{name}", self.path), message.to_owned()));
    }

    fn has_fault(&self, name: &str) -> bool {
        let path = format!("{}.{name}", self.path);
        self.faults.iter().any(|(it, _)| *it == path)
    }

    fn finish(mut self) -> Faults {
        let known = self.read.join(", ");
        let meant = |name| chappe_kit::did_you_mean(name, self.read.iter().copied());
        for name in self.object.keys().filter(|name| !self.read.contains(&name.as_str())) {
            self.faults.push((
                format!("{}.{name}", self.path),
                format!("is not known{}; there are {known}", meant(name)),
            ));
        }
        self.faults
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(kind: Kind, spec: &Json) -> Vec<String> {
        let faults = kind.check(spec.as_object().unwrap());
        faults
            .into_iter()
            .map(|(path, message)| format!("{path} {message}"))
            .collect()
    }

    #[test]
    fn a_good_spec_has_no_faults() {
        let sender = json!({"address": "shop@shop.example", "name": "The Shop", "replyTo": "care@shop.example", "class": "marketing"});
        assert_eq!(faults(Kind::Sender, &sender), Vec::<String>::new());
        let template =
            json!({"subject": "Hi {{ firstname }}", "html": "<p>x</p>", "languages": {"fr": {"subject": "Salut"}}});
        assert_eq!(faults(Kind::Template, &template), Vec::<String>::new());
    }

    #[test]
    fn every_fault_of_a_sender_is_told_at_once() {
        let spec = json!({"address": "shop\r\n@x", "class": "bulk", "dkim": [{}], "color": "red"});
        let paths: Vec<_> = Kind::Sender
            .check(spec.as_object().unwrap())
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(paths, ["spec.address", "spec.dkim", "spec.class", "spec.color"]);
    }

    #[test]
    fn every_fault_of_a_template_is_told_with_line_and_column() {
        let spec = json!({
            "subject": "{{ a | shout }}",
            "html": "<p>\n{% if a %}\n</p>",
            "mjml": "x",
        });
        let mjml = faults(Kind::Template, &spec);
        assert!(mjml[0].starts_with("spec.mjml is not in this version"), "{mjml:?}");
        let mut spec = spec;
        spec.as_object_mut().unwrap().remove("mjml");
        spec["languages"] = json!({"fr": {"subject": "{{ 1 + }}"}});
        let faults = faults(Kind::Template, &spec);
        assert!(
            faults[0].starts_with("spec.subject line 1, column 8: there is no filter shout"),
            "{faults:?}"
        );
        assert!(
            faults[1].starts_with("spec.html line 2, column 1: this if is not closed"),
            "{faults:?}"
        );
        assert!(
            faults[2].starts_with("spec.languages.fr.subject line 1, column 8: a value is missing"),
            "{faults:?}"
        );
    }
}
