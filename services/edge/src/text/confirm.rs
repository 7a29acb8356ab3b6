//! The words of confirming that one wants a team's emails.

pub(crate) const CONFIRM: &str = "Confirm";

/// A team as the page calls it.
fn team(name: &str) -> String {
    match name {
        "" => "the team".to_owned(),
        name => format!("“{name}”"),
    }
}

pub(crate) fn ask_heading(name: &str) -> String {
    format!("Get emails of {}?", team(name))
}

pub(crate) fn ask(name: &str, address: &str, brand: &str) -> String {
    format!(
        "{}, a team at {brand}, has named {address} to get its notifications by email. Nothing is sent until you \
         confirm, and every email has a link to stop it.",
        team(name)
    )
}

pub(crate) const OR_NOT: &str =
    "If you do not know the team, or do not want its emails, close this page: nothing changes.";

pub(crate) const CONFIRMED_HEADING: &str = "Confirmed";

pub(crate) fn confirmed(name: &str, address: &str) -> String {
    format!(
        "{address} gets the emails of {} from now on. Each of them has a link to stop it.",
        team(name)
    )
}

pub(crate) const OUTDATED: &str = "It is too old, or the address is no longer among the recipients. Nothing is sent to it. \
     If you want the emails, ask the team to name your address again.";
