//! Block Kit's limits. <https://docs.slack.dev/reference/block-kit/blocks>
//!
//! Only what Watchbell could send is known in detail; an unknown block is refused, as Slack refuses it.

use serde_json::Value;

const MAX_BLOCKS: usize = 50;
const MAX_ATTACHMENTS: usize = 100;
const MAX_TEXT: usize = 40_000;

/// What Slack would say about a message: nothing, or its word for what is wrong.
pub(super) fn check_message(message: &Value) -> Result<(), &'static str> {
    let message = message.as_object().ok_or("invalid_payload")?;
    let text = match message.get("text") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(_) => return Err("invalid_payload"),
    };
    let blocks = list(message.get("blocks"), "invalid_blocks")?;
    let attachments = list(message.get("attachments"), "invalid_attachments")?;
    if text.is_empty() && blocks.is_empty() && attachments.is_empty() {
        return Err("no_text");
    }
    if text.chars().count() > MAX_TEXT {
        return Err("msg_too_long");
    }
    if attachments.len() > MAX_ATTACHMENTS {
        return Err("too_many_attachments");
    }
    check_blocks(blocks)?;
    for attachment in attachments {
        let attachment = attachment.as_object().ok_or("invalid_attachments")?;
        if attachment.get("color").is_some_and(|color| !is_colour(color)) {
            return Err("invalid_attachments");
        }
        check_blocks(list(attachment.get("blocks"), "invalid_blocks")?)?;
    }
    Ok(())
}

fn check_blocks(blocks: &[Value]) -> Result<(), &'static str> {
    let fine = blocks.len() <= MAX_BLOCKS && blocks.iter().all(|block| block_is_fine(block).is_some());
    if fine { Ok(()) } else { Err("invalid_blocks") }
}

/// `None` when anything about the block is wrong; Slack's answer does not say more either.
fn block_is_fine(block: &Value) -> Option<()> {
    optional_text(block.get("block_id"), 255)?;
    match block.get("type")?.as_str()? {
        "divider" => Some(()),
        "header" => text_object(block.get("text")?, 150, true),
        "markdown" => plain(block.get("text")?, 12_000),
        "section" => section(block),
        "context" => {
            for element in elements(block, 10)? {
                match element.get("type")?.as_str()? {
                    "image" => image(element)?,
                    _ => text_object(element, 3000, false)?,
                }
            }
            Some(())
        }
        "actions" => {
            for element in elements(block, 25)? {
                button(element)?;
            }
            Some(())
        }
        "image" => image(block),
        _ => None,
    }
}

fn section(block: &Value) -> Option<()> {
    if let Some(text) = block.get("text") {
        text_object(text, 3000, false)?;
    }
    if let Some(fields) = block.get("fields") {
        let fields = fields.as_array()?;
        within(fields.len(), 10)?;
        for field in fields {
            text_object(field, 2000, false)?;
        }
    } else {
        block.get("text")?;
    }
    match block.get("accessory") {
        None => Some(()),
        Some(accessory) if accessory.get("type")?.as_str()? == "image" => image(accessory),
        Some(accessory) => button(accessory),
    }
}

fn button(element: &Value) -> Option<()> {
    if element.get("type")?.as_str()? != "button" {
        return None;
    }
    text_object(element.get("text")?, 75, true)?;
    optional_text(element.get("url"), 3000)?;
    optional_text(element.get("action_id"), 255)?;
    optional_text(element.get("value"), 2000)?;
    match element.get("style") {
        None => Some(()),
        Some(style) => matches!(style.as_str()?, "primary" | "danger").then_some(()),
    }
}

fn image(element: &Value) -> Option<()> {
    plain(element.get("image_url")?, 3000)?;
    plain(element.get("alt_text")?, 2000)
}

fn elements(block: &Value, most: usize) -> Option<&Vec<Value>> {
    let elements = block.get("elements")?.as_array()?;
    within(elements.len(), most)?;
    Some(elements)
}

fn text_object(value: &Value, most: usize, plain_only: bool) -> Option<()> {
    match value.get("type")?.as_str()? {
        "plain_text" => {}
        "mrkdwn" if !plain_only => {}
        _ => return None,
    }
    plain(value.get("text")?, most)
}

fn plain(value: &Value, most: usize) -> Option<()> {
    within(value.as_str()?.chars().count(), most)
}

fn optional_text(value: Option<&Value>, most: usize) -> Option<()> {
    value.map_or(Some(()), |value| plain(value, most))
}

/// At least one, at most `most`.
fn within(count: usize, most: usize) -> Option<()> {
    (1..=most).contains(&count).then_some(())
}

fn is_colour(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        matches!(text, "good" | "warning" | "danger")
            || text.strip_prefix('#').is_some_and(|hex| {
                matches!(hex.len(), 3 | 6) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
    })
}

fn list<'a>(value: Option<&'a Value>, word: &'static str) -> Result<&'a [Value], &'static str> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mrkdwn(length: usize) -> Value {
        json!({"type": "mrkdwn", "text": "x".repeat(length)})
    }

    fn plain_text(length: usize) -> Value {
        json!({"type": "plain_text", "text": "x".repeat(length)})
    }

    #[test]
    fn every_limit_holds_at_its_edge_and_breaks_one_beyond() {
        let blocks = |n: usize| vec![json!({"type": "divider"}); n];
        let section = |length| json!({"type": "section", "text": mrkdwn(length)});
        let fields = |n, length| json!({"type": "section", "fields": vec![mrkdwn(length); n]});
        let header = |length| json!({"type": "header", "text": plain_text(length)});
        let context = |n: usize| json!({"type": "context", "elements": vec![mrkdwn(5); n]});
        let button = |label, url: usize| {
            json!({"type": "actions", "elements": [
                {"type": "button", "text": plain_text(label), "url": "u".repeat(url)}]})
        };
        let actions = |n: usize| json!({"type": "actions", "elements": vec![json!({"type": "button", "text": plain_text(1)}); n]});
        let cases = [
            (blocks(50), blocks(51)),
            (vec![section(3000)], vec![section(3001)]),
            (vec![section(1)], vec![section(0)]),
            (vec![fields(10, 2000)], vec![fields(11, 1)]),
            (vec![fields(1, 2000)], vec![fields(1, 2001)]),
            (vec![header(150)], vec![header(151)]),
            (vec![context(10)], vec![context(11)]),
            (vec![button(75, 3000)], vec![button(76, 1)]),
            (vec![button(1, 3000)], vec![button(1, 3001)]),
            (vec![actions(25)], vec![actions(26)]),
            (
                vec![section(1)],
                vec![json!({"type": "header", "text": mrkdwn(1)})],
            ),
            (vec![section(1)], vec![json!({"type": "section"})]),
            (vec![section(1)], vec![json!({"type": "carousel"})]),
        ];
        for (good, bad) in cases {
            assert_eq!(
                check_message(&json!({"text": "t", "blocks": good})),
                Ok(()),
                "{good:?}"
            );
            let message = json!({"attachments": [{"color": "#d00000", "blocks": bad}]});
            assert_eq!(check_message(&message), Err("invalid_blocks"), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_message_has_no_text() {
        assert_eq!(check_message(&json!({})), Err("no_text"));
        assert_eq!(check_message(&json!({"text": ""})), Err("no_text"));
        assert_eq!(check_message(&json!([])), Err("invalid_payload"));
        assert_eq!(
            check_message(&json!({"attachments": vec![json!({"text": "t"}); 101]})),
            Err("too_many_attachments")
        );
    }
}
