/// What a mail is for, by the names of the resources that send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    Marketing,
    Transactional,
}

impl Class {
    pub(super) const ALL: [Self; 2] = [Self::Marketing, Self::Transactional];

    /// The name of its sender, its template and its automation, and the subject of its mails.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Transactional => "transactional",
        }
    }

    /// The event that triggers it.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::Marketing => "signed_up",
            Self::Transactional => "paid",
        }
    }
}

/// The automation that shows in which order events were heard: one of them begins a long wait, one ends it.
pub(super) const HOLD: &str = "hold";
pub(super) const BEGINS: &str = "reserved";
pub(super) const ENDS: &str = "released";

/// The attribute of its events that numbers those of one person.
pub(super) const TURN: &str = "turn";

/// Everything a project needs, as YAML.
pub(super) fn resources() -> String {
    let [marketing, transactional] = Class::ALL.map(class);
    let sender = Class::Transactional.name();
    format!(
        "{marketing}---\n{transactional}---
apiVersion: chappe/v1
kind: Automation
metadata: {{ name: {HOLD} }}
spec:
  state: RUNNING
  trigger: {{ event: {BEGINS} }}
  cancelOn: [{{ event: {ENDS} }}]
  steps: [{{ delay: 1d }}, {{ send: {{ template: {sender}, sender: {sender} }} }}]
"
    )
}

fn class(class: Class) -> String {
    let (name, event) = (class.name(), class.event());
    format!(
        "\
apiVersion: chappe/v1
kind: Sender
metadata: {{ name: {name} }}
spec: {{ address: {name}@shop.example, name: The Shop, class: {name} }}
---
apiVersion: chappe/v1
kind: Template
metadata: {{ name: {name} }}
spec: {{ subject: {name}, text: Thank you. }}
---
apiVersion: chappe/v1
kind: Automation
metadata: {{ name: {name} }}
spec:
  state: RUNNING
  trigger: {{ event: {event} }}
  steps: [{{ send: {{ template: {name}, sender: {name} }} }}]
"
    )
}
