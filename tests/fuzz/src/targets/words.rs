//! Small texts: ids, patterns, addresses, severities, times of day. Each reads back as it is written.

use watchbell_model::ids::{ChannelId, EventId, MemberId, TeamId};
use watchbell_model::mention::{SlackGroupId, SlackUserId};
use watchbell_model::quiet_hours::LocalTime;
use watchbell_model::{EmailAddress, EventPattern, EventType};

use crate::input::reads_back;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    event_types(text);
    reads_back::<LocalTime>(text);
    reads_back::<SlackUserId>(text);
    reads_back::<SlackGroupId>(text);
    if let Some(address) = reads_back::<EmailAddress>(text) {
        let text = address.as_str();
        assert!(text.len() <= 320 && !text.contains(char::is_control), "{address}");
    }
    if let Some(id) = reads_back::<EventId>(text) {
        let visible = id.as_str().bytes().all(|byte| byte.is_ascii_graphic());
        assert!(visible && (1..=128).contains(&id.as_str().len()), "{id}");
    }
    // A TypeID is written in one way only, so nothing that is read may differ from it.
    let ids = [
        reads_back::<TeamId>(text).map(|id| id.to_string()),
        reads_back::<MemberId>(text).map(|id| id.to_string()),
        reads_back::<ChannelId>(text).map(|id| id.to_string()),
    ];
    let read: Vec<_> = ids.into_iter().flatten().collect();
    assert!(
        read.len() <= 1 && read.iter().all(|id| id == text),
        "{text} is read as {read:?}"
    );
}

/// The first line is a pattern, the second a type that it may match.
fn event_types(text: &str) {
    let (pattern, name) = text.split_once('\n').unwrap_or((text, "finding.created"));
    let (Some(pattern), Some(name)) = (reads_back::<EventPattern>(pattern), reads_back::<EventType>(name))
    else {
        return;
    };
    let written = pattern.to_string();
    let expected = match written.strip_suffix('*') {
        Some(group) => name.as_str().starts_with(group),
        None => name.as_str() == written,
    };
    assert_eq!(pattern.matches(&name), expected, "{pattern} and {name}");
}
