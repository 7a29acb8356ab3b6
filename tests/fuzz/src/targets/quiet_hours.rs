//! Quiet hours as JSON, `---`, an instant in seconds.

use chrono::TimeDelta;
use watchbell_model::quiet_hours::QuietHours;

use super::cron::instant_of;
use crate::input::two_parts;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (written, instant) = two_parts(text);
    let Ok(hours) = serde_json::from_str::<QuietHours>(written) else {
        return;
    };
    let again = serde_json::to_string(&hours).unwrap();
    assert_eq!(
        serde_json::from_str::<QuietHours>(&again).unwrap(),
        hours,
        "{again}"
    );
    let Some(now) = instant_of(instant) else { return };
    let Some(end) = hours.holds_until(now) else { return };
    assert!(
        end > now && end - now <= TimeDelta::days(9),
        "{again}: from {now} until {end}"
    );
    assert_eq!(hours.holds_until(end), None, "{again}: quiet at its end, {end}");
    // It is one stretch: every moment of it has the same end.
    for part in 1..8 {
        let within = now + (end - now) * part / 8;
        assert_eq!(hours.holds_until(within), Some(end), "{again}: at {within}");
    }
}
