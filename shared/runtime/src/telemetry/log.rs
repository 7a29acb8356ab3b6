//! Log lines as JSON objects, with the ids of their trace. Fields of the enclosing spans (the RPC, the team) are in
//! `span`.

use std::{fmt, io, str};

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::bounded::Remark;

/// Formats events as JSON. Its layer must use [`Members`] for spans.
pub(super) struct JsonLines;

/// Formats a span's fields as members of a JSON object, each after a comma: later fields are only appended, and most
/// spans end without any log line.
pub(super) struct Members;

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'a str,
    target: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    span: Map<String, Value>,
}

impl<S> FormatEvent<S, Members> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, Members>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);

        let mut span = Map::new();
        for around in ctx
            .event_scope()
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            span.insert("name".to_owned(), around.name().into());
            // Fields that were formatted, from the outermost span in; the inner ones win.
            if let Some(members) = around.extensions().get::<FormattedFields<Members>>()
                && let Ok(known) = Members::read(members)
            {
                span.extend(known);
            }
        }

        // The span's context is current while the span is entered.
        let ids = Context::map_current(|current| {
            let context = current.span().span_context().clone();
            context
                .is_valid()
                .then(|| (context.trace_id().to_string(), context.span_id().to_string()))
        });
        let (trace_id, span_id) = ids.unzip();
        let line = Line {
            timestamp: timestamp()?,
            level: event.metadata().level().as_str(),
            target: event.metadata().target(),
            message: fields.message,
            trace_id,
            span_id,
            fields: fields.rest,
            span,
        };
        line.write(writer.by_ref())
    }
}

impl Remark for JsonLines {
    fn remark(&self, writer: Writer<'_>, metadata: &Metadata<'_>, text: &str) -> fmt::Result {
        let line = Line {
            timestamp: timestamp()?,
            level: metadata.level().as_str(),
            target: metadata.target(),
            message: text.to_owned(),
            trace_id: None,
            span_id: None,
            fields: Map::new(),
            span: Map::new(),
        };
        line.write(writer)
    }
}

fn timestamp() -> Result<String, fmt::Error> {
    let mut timestamp = String::with_capacity(32);
    SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
    Ok(timestamp)
}

// === impl Line ===

impl Line<'_> {
    fn write(&self, mut writer: Writer<'_>) -> fmt::Result {
        let line = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

// === impl Members ===

impl Members {
    fn read(members: &str) -> serde_json::Result<Map<String, Value>> {
        serde_json::from_str(&format!("{{{}}}", members.strip_prefix(',').unwrap_or(members)))
    }
}

impl<'w> FormatFields<'w> for Members {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut member = Member {
            writer,
            written: Ok(()),
        };
        fields.record(&mut member);
        member.written
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// Writes one member after another.
struct Member<'w> {
    writer: Writer<'w>,
    written: fmt::Result,
}

impl Member<'_> {
    fn put(&mut self, field: &Field, value: impl Serialize) {
        // These fields are for the tracer; a reader has the RPC's name, kind and status in other fields.
        if field.name().starts_with("otel.") {
            return;
        }
        self.written = self.written.and_then(|()| {
            write!(self.writer, ",\"{}\":", field.name())?;
            serde_json::to_writer(Text(&mut self.writer), &value).map_err(|_| fmt::Error)
        });
    }
}

impl Visit for Member<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

/// A writer of text as `serde_json` wants it, which writes whole characters.
struct Text<'a, 'w>(&'a mut Writer<'w>);

impl io::Write for Text<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.rest.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
