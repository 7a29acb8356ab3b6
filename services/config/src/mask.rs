//! Update masks (AIP-134): which fields of an update take the place of the current ones. Without a mask every field
//! that is set does; `*` replaces the whole message. It works on any message by reflection, nested paths included;
//! fields that are output only are restored by whoever stores the message.

use prost::Message;
use prost_reflect::{DynamicMessage, Kind, ReflectMessage};
use prost_types::FieldMask;
use watchbell_contracts::json::descriptor;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::problem::Problem;

/// `current`, with what `mask` names taken from `update`. `name` is the full name of the message's type, `field`
/// where the update stands in the request.
///
/// # Errors
/// A path that the message does not have is a violation of `update_mask`.
pub(crate) fn merge<M: Message + Default>(
    name: &str,
    current: &M,
    update: &M,
    mask: Option<&FieldMask>,
) -> Result<M, Problem> {
    let descriptor = descriptor(name).map_err(Problem::internal)?;
    let dynamic = |message: &M| {
        DynamicMessage::decode(descriptor.clone(), message.encode_to_vec().as_slice())
            .map_err(Problem::internal)
    };
    let (mut merged, update) = (dynamic(current)?, dynamic(update)?);
    match mask {
        None => update
            .fields()
            .for_each(|(field, value)| merged.set_field(&field, value.clone())),
        Some(mask) if mask.paths == ["*"] => merged = update,
        Some(mask) => {
            let mut violations = Violations::new();
            for (index, path) in mask.paths.iter().enumerate() {
                let segments: Vec<_> = path.split('.').collect();
                if !copy(&mut merged, &update, &segments) {
                    violations.add(
                        format!("update_mask.paths[{index}]"),
                        reason::UNKNOWN_VALUE,
                        format!(
                            "`{}` is no field of {name}",
                            path.chars().take(100).collect::<String>()
                        ),
                    );
                }
            }
            violations.into_result(())?;
        }
    }
    M::decode(merged.encode_to_vec().as_slice()).map_err(Problem::internal)
}

/// Whether the path exists.
fn copy(target: &mut DynamicMessage, source: &DynamicMessage, path: &[&str]) -> bool {
    let Some((head, rest)) = path.split_first() else {
        return false;
    };
    let Some(field) = target.descriptor().get_field_by_name(head) else {
        return false;
    };
    if rest.is_empty() {
        if source.has_field(&field) {
            target.set_field(&field, source.get_field(&field).into_owned());
        } else {
            target.clear_field(&field);
        }
        return true;
    }
    if field.is_list() || field.is_map() || !matches!(field.kind(), Kind::Message(_)) {
        return false;
    }
    let below = source.get_field(&field);
    match (target.get_field_mut(&field).as_message_mut(), below.as_message()) {
        (Some(target), Some(source)) => copy(target, source, rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use watchbell_contracts::config::v1::channel::Destination;
    use watchbell_contracts::config::v1::{Channel, HttpHeader, QuietHours, WebhookDestination};

    use super::*;

    const NAME: &str = "watchbell.config.v1.Channel";

    fn channel(name: &str, description: &str, url: &str) -> Channel {
        Channel {
            display_name: name.to_owned(),
            description: description.to_owned(),
            destination: Some(Destination::Webhook(WebhookDestination {
                url: url.to_owned(),
                headers: vec![HttpHeader {
                    name: "a".to_owned(),
                    value: "b".to_owned(),
                }],
                ..WebhookDestination::default()
            })),
            ..Channel::default()
        }
    }

    fn merged(update: &Channel, paths: Option<&[&str]>) -> Result<Channel, Problem> {
        let mask = paths.map(|paths| FieldMask {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        });
        merge(
            NAME,
            &channel("old", "kept", "https://old"),
            update,
            mask.as_ref(),
        )
    }

    #[test]
    fn without_a_mask_what_is_set_is_changed() {
        let update = Channel {
            display_name: "new".to_owned(),
            ..Channel::default()
        };
        assert_eq!(
            merged(&update, None).unwrap(),
            channel("new", "kept", "https://old")
        );
    }

    #[test]
    fn a_path_changes_its_field_alone_and_clears_what_is_unset() {
        let update = channel("new", "", "https://new");
        assert_eq!(
            merged(&update, Some(&["description"])).unwrap(),
            channel("old", "", "https://old")
        );
        assert_eq!(
            merged(&update, Some(&["webhook.url"])).unwrap(),
            channel("old", "kept", "https://new")
        );
        assert_eq!(
            merged(&Channel::default(), Some(&["quiet_hours"])).unwrap(),
            channel("old", "kept", "https://old")
        );
        let quiet = Channel {
            quiet_hours: Some(QuietHours {
                coalesce: true,
                ..QuietHours::default()
            }),
            ..Channel::default()
        };
        assert!(
            merged(&quiet, Some(&["quiet_hours.coalesce"]))
                .unwrap()
                .quiet_hours
                .unwrap()
                .coalesce
        );
    }

    #[test]
    fn a_star_replaces_everything() {
        let update = channel("new", "", "https://new");
        assert_eq!(merged(&update, Some(&["*"])).unwrap(), update);
    }

    #[test]
    fn an_unknown_path_is_a_violation() {
        let update = channel("new", "", "https://new");
        for path in [
            "nonsense",
            "webhook.nonsense",
            "display_name.x",
            "webhook.headers.name",
            "",
        ] {
            match merged(&update, Some(&["description", path])) {
                Err(Problem::Invalid(violations)) => {
                    assert_eq!(
                        violations.iter().next().unwrap().field,
                        "update_mask.paths[1]",
                        "{path}"
                    );
                }
                other => panic!("{path}: {other:?}"),
            }
        }
    }
}
