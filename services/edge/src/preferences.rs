//! The page of all topics, opened by the link of an email. Its token proves who reads it; what it changes is that
//! member's email preferences and nothing else, only those that were changed on the page, and only to less: whoever has
//! an old email must not turn anything on.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use minijinja::{Value, context};
use tonic::Status;
use watchbell_contracts::config::v1::{
    InspectUnsubscribeTokenResponse, Preference, PreferenceSetting, UnsubscribeRequest,
};
use watchbell_contracts::event::v1::Severity;
use watchbell_model::Severity as DomainSeverity;
use watchbell_model::brand::Brand;
use watchbell_model::convert::FromWire as _;
use watchbell_model::preference::Preference as Word;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::Problem;

use crate::Edge;
use crate::page::Button;
use crate::text;
use crate::unsubscribe::{Token, address, is_member};

/// Where severities can be chosen. Elsewhere all events of a topic are alike, or nearly so.
const WITH_SEVERITIES: [&str; 2] = ["atlas_alerts", "findings"];
/// Where failures alone can be chosen.
const WITH_FAILURES: [&str; 1] = ["scans"];
/// From most to least, as people look for them.
const SEVERITIES: [Severity; 5] = [
    Severity::Critical,
    Severity::High,
    Severity::Medium,
    Severity::Low,
    Severity::Info,
];

/// `GET /preferences`
pub(crate) async fn show(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    match edge.member_of(&token).await {
        Ok(found) if found.outdated => edge.outdated(&found),
        Ok(found) => edge.preferences_page(&token, &found, None),
        Err(status) => edge.failure(&status, None),
    }
}

/// `POST /preferences`: the form of the page.
pub(crate) async fn save(State(edge): State<Edge>, Query(token): Query<Token>, body: Bytes) -> Response {
    match edge.save(&token, &body).await {
        Ok((found, _)) if found.outdated => edge.outdated(&found),
        Ok((found, status)) => edge.preferences_page(&token, &found, Some(status)),
        Err(status) => {
            let again = Button {
                action: token.path("/preferences"),
                label: text::AGAIN,
            };
            // The button cannot repeat what was chosen; with an empty form it only shows the page again.
            edge.failure(&status, Some(again))
        }
    }
}

// === impl Edge ===

impl Edge {
    /// What the token stands for, when it stands for a member, who alone has preferences.
    async fn member_of(&self, token: &Token) -> Result<InspectUnsubscribeTokenResponse, Status> {
        let found = self.inspect(token.text()).await?;
        if is_member(&found) || found.outdated {
            Ok(found)
        } else {
            Err(Problem::not_found("member", "of this link").into())
        }
    }

    async fn save(
        &self,
        token: &Token,
        form: &[u8],
    ) -> Result<(InspectUnsubscribeTokenResponse, &'static str), Status> {
        let mut found = self.member_of(token).await?;
        let preferences = changes(&found.preferences, form);
        if preferences.is_empty() {
            return Ok((found, text::NOTHING_TO_SAVE));
        }
        let is_more = |wanted: &Preference| {
            !found
                .preferences
                .iter()
                .any(|before| before.topic == wanted.topic && is_within(wanted, before))
        };
        if preferences.iter().any(is_more) {
            return Ok((found, text::MORE_NEEDS_LOGIN));
        }
        let request = UnsubscribeRequest {
            token: token.text().to_owned(),
            preferences,
            ..UnsubscribeRequest::default()
        };
        let response = self.preferences.unsubscribe(internal_request(request)).await?;
        found.preferences = response.into_inner().preferences;
        Ok((found, text::SAVED))
    }

    fn preferences_page(
        &self,
        token: &Token,
        found: &InspectUnsubscribeTokenResponse,
        status: Option<&'static str>,
    ) -> Response {
        let brand = self.pages.brand();
        let page = context! {
            title => text::PREFERENCES_TITLE,
            heading => text::preferences_heading(address(found)),
            lead => text::PREFERENCES_LEAD,
            status => status,
            action => token.path("/preferences"),
            topics => found.preferences.iter().map(|preference| topic(preference, brand)).collect::<Vec<Value>>(),
            save => text::SAVE,
            all => text::ALL_OFF,
            all_action => token.path("/unsubscribe/all"),
        };
        self.pages.page(StatusCode::OK, "preferences.html", page)
    }
}

fn topic(preference: &Preference, brand: &Brand) -> Value {
    let words = text::topic(&preference.topic);
    let choices = choices(preference).into_iter().map(|setting| {
        let chosen = setting == preference.setting();
        context! { value => setting.as_str_name(), label => text::setting(setting), chosen => chosen }
    });
    let severities = choices_of_severity(preference).into_iter().map(|severity| {
        // Of a topic that is on, every one is.
        let chosen = preference.setting() != PreferenceSetting::Severities
            || preference.severities().any(|of| of == severity);
        let word = DomainSeverity::from_wire(severity.into()).ok().flatten();
        let label = word.map_or("", |word| brand.severity_word(word));
        context! { value => severity.as_str_name(), label => label, chosen => chosen }
    });
    context! {
        key => preference.topic.as_str(),
        name => words.name,
        about => words.about,
        choices => choices.collect::<Vec<Value>>(),
        severities => severities.collect::<Vec<Value>>(),
        severities_label => text::severities_of(words.name),
    }
}

/// What is offered: what is set now, and less.
fn choices(preference: &Preference) -> Vec<PreferenceSetting> {
    use PreferenceSetting::{Failures, Off, On, Severities};
    let topic = preference.topic.as_str();
    let now = preference.setting();
    let less = |topics: &[&str]| now == On && topics.contains(&topic);
    let mut choices = vec![Off];
    if now == Failures || less(&WITH_FAILURES) {
        choices.push(Failures);
    }
    if now == On {
        choices.push(On);
    }
    // Last, since the severities themselves follow.
    if now == Severities || less(&WITH_SEVERITIES) {
        choices.push(Severities);
    }
    choices
}

/// Severities that are on.
fn choices_of_severity(preference: &Preference) -> Vec<Severity> {
    if !choices(preference).contains(&PreferenceSetting::Severities) {
        return Vec::new();
    }
    let all = preference.setting() == PreferenceSetting::On;
    let is_on = |severity: &Severity| all || preference.severities().any(|on| on == *severity);
    SEVERITIES.into_iter().filter(is_on).collect()
}

/// Whether one asks for no more than the other. What cannot be read asks for more.
fn is_within(wanted: &Preference, before: &Preference) -> bool {
    let word = |preference| Word::read(preference).ok().and_then(|(_, word)| word);
    word(wanted)
        .zip(word(before))
        .is_some_and(|(wanted, before)| wanted.is_within(before))
}

/// Preferences that the form changes. What it does not name, or names wrongly, stays.
fn changes(current: &[Preference], form: &[u8]) -> Vec<Preference> {
    let fields: Vec<_> = url::form_urlencoded::parse(form).collect();
    let values = |name: String| {
        fields
            .iter()
            .filter(move |(field, _)| *field == name)
            .map(|(_, value)| &**value)
    };
    let changed = current.iter().filter_map(|before| {
        let setting =
            values(format!("setting.{}", before.topic)).find_map(PreferenceSetting::from_str_name)?;
        if setting == PreferenceSetting::Unspecified {
            return None;
        }
        let mut after = Preference {
            topic: before.topic.clone(),
            ..Preference::default()
        };
        after.set_setting(setting);
        if setting == PreferenceSetting::Severities {
            let chosen: Vec<_> = values(format!("severity.{}", before.topic))
                .filter_map(Severity::from_str_name)
                .collect();
            // No severity at all is nothing at all.
            if chosen.is_empty() {
                after.set_setting(PreferenceSetting::Off);
            }
            after.severities = chosen.into_iter().map(i32::from).collect();
        }
        (!same(before, &after)).then_some(after)
    });
    changed.collect()
}

fn same(one: &Preference, other: &Preference) -> bool {
    let sorted = |preference: &Preference| {
        let mut severities = preference.severities.clone();
        severities.sort_unstable();
        severities
    };
    one.setting == other.setting
        && (one.setting() != PreferenceSetting::Severities || sorted(one) == sorted(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preference(topic: &str, setting: PreferenceSetting, severities: &[Severity]) -> Preference {
        Preference {
            topic: topic.to_owned(),
            setting: setting.into(),
            severities: severities.iter().map(|severity| i32::from(*severity)).collect(),
            is_default: true,
        }
    }

    #[test]
    fn only_what_was_changed_is_sent() {
        use PreferenceSetting::{Failures, Off, On, Severities};
        let current = [
            preference("findings", Severities, &[Severity::High, Severity::Critical]),
            preference("scans", Failures, &[]),
            preference("marketing", Off, &[]),
            preference("sla", On, &[]),
        ];
        let as_shown = "setting.findings=PREFERENCE_SETTING_SEVERITIES&severity.findings=SEVERITY_CRITICAL\
            &severity.findings=SEVERITY_HIGH&setting.scans=PREFERENCE_SETTING_FAILURES\
            &setting.marketing=PREFERENCE_SETTING_OFF&setting.sla=PREFERENCE_SETTING_ON";
        assert_eq!(changes(&current, as_shown.as_bytes()), []);
        let changed = "setting.findings=PREFERENCE_SETTING_SEVERITIES&severity.findings=SEVERITY_LOW\
            &setting.scans=PREFERENCE_SETTING_ON&setting.nonsense=PREFERENCE_SETTING_ON&setting.sla=whatever";
        let changed = changes(&current, changed.as_bytes());
        assert_eq!(changed.len(), 2);
        assert_eq!(
            (changed[0].setting(), changed[0].severities.as_slice()),
            (Severities, &[i32::from(Severity::Low)][..])
        );
        assert_eq!((changed[1].topic.as_str(), changed[1].setting()), ("scans", On));
        let none = changes(&current, b"setting.findings=PREFERENCE_SETTING_SEVERITIES");
        assert_eq!(none[0].setting(), Off);
    }
}
