//! Which event names concern the automations of a project.

use std::collections::BTreeSet;

use super::definition::Definition;

/// Names of events that enter or cancel under any of the definitions.
pub(crate) fn names<'a>(definitions: impl IntoIterator<Item = &'a Definition>) -> BTreeSet<String> {
    let matches = definitions
        .into_iter()
        .flat_map(|definition| std::iter::once(&definition.trigger).chain(&definition.cancel_on));
    matches.map(|wanted| wanted.event.clone()).collect()
}
