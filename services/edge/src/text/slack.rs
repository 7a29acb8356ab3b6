//! The words of "Add to Slack".

pub(crate) const GO: &str = "Continue to Slack";
pub(crate) const CONFIGURE: &str = "Change or remove it in Slack";
pub(crate) const SETTINGS: &str = "Notification settings";

pub(crate) fn install_heading(team: &str) -> String {
    format!("Add Slack to {team}")
}

pub(crate) const INSTALL: &str = "Slack asks which channel alerts go to, and to let messages be posted there. Nothing else is asked for: \
     no messages are read, and no other channel is touched.";

pub(crate) fn suggest(channel: &str) -> String {
    format!("Not sure which channel? {channel} is a good name: make it in Slack first, then pick it there.")
}

pub(crate) fn until(time: &str) -> String {
    format!("This page works once, until {time}.")
}

pub(crate) fn added_heading(channel: &str) -> String {
    format!("{channel} is connected")
}

pub(crate) fn reconnected_heading(channel: &str) -> String {
    format!("{channel} is connected again")
}

pub(crate) fn added(team: &str, channel: &str, workspace: &str) -> String {
    match workspace {
        "" => format!("{team} can send alerts to {channel} in Slack from now on."),
        workspace => {
            format!("{team} can send alerts to {channel} in the Slack workspace {workspace} from now on.")
        }
    }
}

pub(crate) const IS_DEFAULT: &str =
    "It is the default Slack channel: alerts that no rule sends elsewhere go there.";
pub(crate) const IS_NOT_DEFAULT: &str =
    "Another channel is the default, so alerts go here when a rule sends them here.";
pub(crate) const IS_PAUSED: &str = "It is paused, though: alerts go there when it is activated again.";

pub(crate) const CANCELLED_HEADING: &str = "Nothing was added";
pub(crate) const CANCELLED: &str = "You cancelled at Slack, and nothing has changed.";

pub(crate) const EXPIRED_HEADING: &str = "That took too long";
pub(crate) const EXPIRED: &str = "For safety, adding to Slack has to be finished within ten minutes. Nothing was added: begin again in the platform.";

pub(crate) const USED_HEADING: &str = "This was done already";
pub(crate) const USED: &str = "Adding to Slack works once each time it is begun. If the channel is not among your channels, begin again in the platform.";

pub(crate) const REFUSED_HEADING: &str = "Slack did not agree";

pub(crate) fn refused(why: &str) -> String {
    format!(
        "{}. Nothing was added. You can begin again in the platform.",
        why.trim_end_matches('.')
    )
}

pub(crate) const APP_HEADING: &str = "Slack is not set up right";
pub(crate) const APP: &str = "Slack does not accept this installation’s Slack app, and nothing was added. Whoever runs the platform finds \
     the reason in its log.";

pub(crate) const NO_APP_HEADING: &str = "Slack is not set up here";
pub(crate) const NO_APP: &str =
    "This installation has no Slack app. A channel can still be connected by the URL of an incoming webhook.";

pub(crate) const NOT_ALLOWED_HEADING: &str = "You may not add channels";
pub(crate) const NOT_ALLOWED: &str =
    "This needs the permission to manage integrations, which Owners and Admins have. Ask one of them.";

pub(crate) const INVALID_HEADING: &str = "This link is not valid";
pub(crate) const INVALID: &str =
    "It may have been cut off when it was copied. Open “Add to Slack” in the platform’s integrations.";

pub(crate) const ELSEWHERE_HEADING: &str = "Another browser began this";
pub(crate) const ELSEWHERE: &str = "For safety, adding to Slack has to be finished in the browser in which it was begun. Nothing was added: open “Add to \
     Slack” in the platform’s integrations here, with cookies allowed.";

pub(crate) const SIGN_IN_HEADING: &str = "Begin in the platform";
pub(crate) const SIGN_IN: &str =
    "Open “Add to Slack” in the platform’s integrations: it leads here with a link of your own.";

pub(crate) const AWAY_HEADING: &str = "That did not work just now";
pub(crate) const AWAY: &str =
    "Slack or a part of this service does not answer. Nothing was added: please begin again in a minute.";
