//! The flags that all kinds of channels share, and how they change a channel.

use std::time::Duration;

use clap::Args;
use watchbell_contracts::config::v1::{
    Channel, DeliveryPolicy, EventFilter, QuietHours, QuietWindow, StormControl,
};
use watchbell_model::convert::{self, FromWire as _};
use watchbell_model::{Category, Severity};

use crate::failure::{Failure, Outcome};
use crate::input;

/// What every kind of channel has.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ChannelOptions {
    /// For your own reference
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// When to hold: '22:00-07:00' or 'Mon-Fri 22:00-07:00'; give it several times for several windows
    #[arg(long = "quiet", value_parser = input::window, value_name = "WINDOW", help_heading = "Quiet hours")]
    quiet: Vec<QuietWindow>,
    /// The zone of the windows, such as Europe/Berlin; the team's when left out
    #[arg(long, value_name = "ZONE", help_heading = "Quiet hours")]
    quiet_zone: Option<String>,
    /// Severities that pass anyway; critical when left out
    #[arg(long, value_name = "SEVERITY", value_parser = input::word::<Severity>, value_delimiter = ',', help_heading = "Quiet hours")]
    quiet_pass: Vec<Severity>,
    /// One summary at the end instead of many messages (true or false)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Quiet hours")]
    coalesce: Option<bool>,
    /// On a default channel: these types alert instead of the catalog's policy
    #[arg(
        long = "trigger-type",
        value_name = "PATTERN",
        value_delimiter = ',',
        help_heading = "What alerts"
    )]
    trigger_types: Vec<String>,
    /// On a default channel: only these severities alert
    #[arg(long = "trigger-severity", value_name = "SEVERITY", value_parser = input::word::<Severity>, value_delimiter = ',', help_heading = "What alerts")]
    trigger_severities: Vec<Severity>,
    /// On a default channel: only these categories alert
    #[arg(long = "trigger-category", value_name = "CATEGORY", value_parser = input::word::<Category>, value_delimiter = ',', help_heading = "What alerts")]
    trigger_categories: Vec<Category>,
    /// On a default channel: only these sources alert
    #[arg(
        long = "trigger-source",
        value_name = "SOURCE",
        value_delimiter = ',',
        help_heading = "What alerts"
    )]
    trigger_sources: Vec<String>,
    /// On a default channel: a CEL expression that must be true
    #[arg(long = "trigger-expr", value_name = "CEL", help_heading = "What alerts")]
    trigger_expression: Option<String>,
    /// Fold what exceeds so many messages in a window: 20/1m, or off
    #[arg(long, value_parser = input::storm, value_name = "COUNT/WINDOW", help_heading = "How to carry")]
    storm: Option<StormControl>,
    /// Waits before each retry: 1m,5m,30m,2h,12h
    #[arg(long, value_parser = input::duration, value_name = "DURATIONS", value_delimiter = ',', help_heading = "How to carry")]
    retry: Vec<Duration>,
    /// How long one attempt may take
    #[arg(long, value_parser = input::duration, value_name = "DURATION", help_heading = "How to carry")]
    timeout: Option<Duration>,
    /// Attempts at the same time
    #[arg(long, value_name = "COUNT", help_heading = "How to carry")]
    concurrency: Option<u32>,
    /// Attempts per second
    #[arg(long, value_name = "RATE", help_heading = "How to carry")]
    max_per_second: Option<f64>,
}

impl ChannelOptions {
    /// Puts what was given into a channel; says what that was, as paths of an update mask.
    ///
    /// # Errors
    /// A part of quiet hours without any window.
    pub(crate) fn put(self, channel: &mut Channel) -> Outcome<Vec<String>> {
        let mut paths = Vec::new();
        if let Some(description) = self.description.clone() {
            channel.description = description;
            paths.push("description".to_owned());
        }
        self.put_quiet_hours(channel, &mut paths)?;
        self.put_triggers(channel, &mut paths);
        if let Some(storm) = self.storm {
            channel.storm_control = Some(storm);
            paths.push("storm_control".to_owned());
        }
        self.put_delivery(channel, &mut paths);
        Ok(paths)
    }

    fn put_quiet_hours(&self, channel: &mut Channel, paths: &mut Vec<String>) -> Outcome {
        let given = !self.quiet.is_empty()
            || self.quiet_zone.is_some()
            || !self.quiet_pass.is_empty()
            || self.coalesce.is_some();
        if !given {
            return Ok(());
        }
        let mut quiet = channel.quiet_hours.take().unwrap_or_default();
        if !self.quiet.is_empty() {
            quiet.windows.clone_from(&self.quiet);
        }
        if quiet.windows.is_empty() {
            return Err(Failure::usage("quiet hours need a window: --quiet 22:00-07:00"));
        }
        if let Some(zone) = &self.quiet_zone {
            quiet.time_zone.clone_from(zone);
        }
        if !self.quiet_pass.is_empty() {
            quiet.passing_severities = self
                .quiet_pass
                .iter()
                .map(|severity| severity.to_wire())
                .collect();
        }
        if let Some(coalesce) = self.coalesce {
            quiet.coalesce = coalesce;
        }
        channel.quiet_hours = Some(QuietHours { ..quiet });
        paths.push("quiet_hours".to_owned());
        Ok(())
    }

    fn put_triggers(&self, channel: &mut Channel, paths: &mut Vec<String>) {
        let triggers = EventFilter {
            types: self.trigger_types.clone(),
            severities: self
                .trigger_severities
                .iter()
                .map(|severity| severity.to_wire())
                .collect(),
            categories: self
                .trigger_categories
                .iter()
                .map(|category| category.to_wire())
                .collect(),
            sources: self.trigger_sources.clone(),
            expression: self.trigger_expression.clone().unwrap_or_default(),
        };
        if triggers != EventFilter::default() {
            channel.triggers = Some(triggers);
            paths.push("triggers".to_owned());
        }
    }

    fn put_delivery(&self, channel: &mut Channel, paths: &mut Vec<String>) {
        let mut delivery: DeliveryPolicy = channel.delivery.take().unwrap_or_default();
        let before = paths.len();
        if !self.retry.is_empty() {
            delivery.retry_delays = self.retry.iter().map(|delay| convert::duration(*delay)).collect();
            paths.push("delivery.retry_delays".to_owned());
        }
        if let Some(timeout) = self.timeout {
            delivery.timeout = Some(convert::duration(timeout));
            paths.push("delivery.timeout".to_owned());
        }
        if let Some(count) = self.concurrency {
            delivery.max_concurrency = count;
            paths.push("delivery.max_concurrency".to_owned());
        }
        if let Some(rate) = self.max_per_second {
            delivery.max_per_second = rate;
            paths.push("delivery.max_per_second".to_owned());
        }
        if paths.len() > before || delivery != DeliveryPolicy::default() {
            channel.delivery = Some(delivery);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_is_changed() {
        let mut channel = Channel {
            quiet_hours: Some(QuietHours {
                windows: vec![input::window("22:00-07:00").unwrap()],
                time_zone: "Europe/Berlin".to_owned(),
                ..QuietHours::default()
            }),
            ..Channel::default()
        };
        let options = ChannelOptions {
            coalesce: Some(true),
            retry: vec![Duration::from_secs(1)],
            ..ChannelOptions::default()
        };
        assert_eq!(
            options.put(&mut channel).unwrap(),
            ["quiet_hours", "delivery.retry_delays"]
        );
        let quiet = channel.quiet_hours.unwrap();
        assert!(quiet.coalesce && quiet.time_zone == "Europe/Berlin" && quiet.windows.len() == 1);
        assert_eq!(channel.delivery.unwrap().retry_delays.len(), 1);
    }

    #[test]
    fn quiet_hours_need_a_window() {
        let options = ChannelOptions {
            quiet_zone: Some("UTC".to_owned()),
            ..ChannelOptions::default()
        };
        assert_eq!(options.put(&mut Channel::default()).unwrap_err().exit_code(), 2);
        assert!(
            ChannelOptions::default()
                .put(&mut Channel::default())
                .unwrap()
                .is_empty()
        );
    }
}
