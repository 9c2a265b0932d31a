//! Compiling and rendering.

use std::{collections::BTreeSet, io, sync::Arc};

use chappe_query::Native;
use minijinja::{
    AutoEscape, Environment, Error, Output, State, UndefinedBehavior,
    syntax::SyntaxConfig,
    value::{Value, ValueKind},
};

use super::{Context, FUEL, Fault, MAX_OUTPUT, MAX_SOURCE, filters, operators, translate::translate};
use crate::domain::resource::TemplateSpec;

/// A part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Subject,
    Preheader,
    Html,
    Text,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self::Subject, Self::Preheader, Self::Html, Self::Text];

    /// Its name in the spec.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Preheader => "preheader",
            Self::Html => "html",
            Self::Text => "text",
        }
    }
}

/// A template that was rendered for somebody.
#[derive(Debug, PartialEq)]
pub(crate) struct Rendered {
    pub(crate) subject: String,
    pub(crate) preheader: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) text: Option<String>,
}

/// Why a template cannot be rendered for somebody. The cause speaks of the template, never of the person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    #[error("the subject is blank")]
    BlankSubject,
    #[error("the {part} fails at run time: {kind:?}")]
    Failed {
        part: &'static str,
        kind: minijinja::ErrorKind,
    },
}

/// A version of a template, ready to be rendered.
#[derive(Debug)]
pub(crate) struct Compiled {
    environment: Environment<'static>,
    /// `language/part`; the language is empty for the base.
    names: BTreeSet<String>,
}

impl Compiled {
    /// Compiles every part. Faults come with their path in the spec.
    pub(crate) fn new(spec: &TemplateSpec) -> Result<Self, Vec<(String, String)>> {
        let mut compiled = Self {
            environment: environment(),
            names: BTreeSet::new(),
        };
        let mut faults = Vec::new();
        for (path, language, parts) in spec.variants() {
            for part in Part::ALL {
                let Some(source) = parts.get(part) else { continue };
                if let Err(fault) = compiled.add(language, part, source) {
                    faults.push((format!("{path}.{}", part.name()), fault));
                }
            }
        }
        if faults.is_empty() { Ok(compiled) } else { Err(faults) }
    }

    fn add(&mut self, language: &str, part: Part, source: &str) -> Result<(), String> {
        if source.len() > MAX_SOURCE {
            return Err("is larger than 512 KiB; leave images out and link to them".to_owned());
        }
        let translated = translate(source, part == Part::Html).map_err(|fault: Fault| fault.describe(source))?;
        let name = key(language, part);
        self.environment
            .add_template_owned(name.clone(), translated)
            .map_err(|error| format!("line {}: {:?}", error.line().unwrap_or(1), error.kind()))?;
        self.names.insert(name);
        Ok(())
    }

    /// Renders for one person, in their language where the template has it.
    pub(crate) fn render(&self, context: &Arc<Context>) -> Result<Rendered, RenderError> {
        let language = context.native(Native::Language).unwrap_or_default();
        let root = Arc::clone(context).into_value();
        let render = |part| self.part(language, part, &root);
        let one_line = |text: String| {
            text.chars()
                .filter(|c| !c.is_control())
                .collect::<String>()
                .trim()
                .to_owned()
        };
        let subject = one_line(render(Part::Subject)?.unwrap_or_default());
        if subject.is_empty() {
            return Err(RenderError::BlankSubject);
        }
        Ok(Rendered {
            subject,
            preheader: render(Part::Preheader)?.map(one_line).filter(|text| !text.is_empty()),
            html: render(Part::Html)?,
            text: render(Part::Text)?,
        })
    }

    fn part(&self, language: &str, part: Part, root: &Value) -> Result<Option<String>, RenderError> {
        let candidates = [key(language, part), key("", part)];
        let Some(name) = candidates.iter().find(|name| self.names.contains(*name)) else {
            return Ok(None);
        };
        let failed = |error: Error| RenderError::Failed {
            part: part.name(),
            kind: error.kind(),
        };
        let template = self.environment.get_template(name).map_err(failed)?;
        let mut out = Bounded(Vec::new());
        template.render_captured_to(root.clone(), &mut out).map_err(failed)?;
        Ok(Some(String::from_utf8_lossy(&out.0).into_owned()))
    }
}

fn key(language: &str, part: Part) -> String {
    format!("{language}/{}", part.name())
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters are a syntax"));
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|name| {
        if name.ends_with("/html") {
            AutoEscape::Html
        } else {
            AutoEscape::None
        }
    });
    environment.set_formatter(format);
    operators::register(&mut environment);
    filters::register(&mut environment);
    environment
}

fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = print(value);
    if value.is_safe() || matches!(state.auto_escape(), AutoEscape::None) {
        out.write_str(&text)?;
    } else {
        out.write_str(&escape_html(&text))?;
    }
    Ok(())
}

/// A value as text: lists joined by commas, objects as nothing, floats in their shortest form.
pub(super) fn print(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None | ValueKind::Map => String::new(),
        ValueKind::Bool => if value.is_true() { "true" } else { "false" }.to_owned(),
        ValueKind::Number if !value.is_integer() => {
            f64::try_from(value.clone()).map_or_else(|_| String::new(), |n| n.to_string())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value
                .try_iter()
                .map(|items| items.map(|item| print(&item)).collect::<Vec<_>>());
            items.unwrap_or_default().join(", ")
        }
        _ => value.to_string(),
    }
}

/// Escapes text for HTML, inside quoted attributes too.
pub(crate) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A buffer that refuses to grow past the limit of one part.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
