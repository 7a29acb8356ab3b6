//! `inbox`: the notification centre as one member sees it.

use clap::Subcommand;
use tokio_stream::StreamExt as _;
use tonic::Request;
use watchbell_contracts::dispatcher::v1::{
    ArchiveRequest, GetUnreadCountRequest, ListNotificationsRequest, ListNotificationsResponse,
    MarkAllReadRequest, MarkReadRequest, MarkUnreadRequest, Notification, UnarchiveRequest, WatchRequest,
};

use crate::failure::Outcome;
use crate::input;
use crate::session::{Named, Session};
use crate::text::{self, Style, Table};

/// The inbox.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The newest notifications first
    List {
        /// Whose inbox, by id or email
        #[arg(long)]
        member: String,
        /// Only unread ones
        #[arg(long)]
        unread: bool,
        /// Archived ones, too
        #[arg(long)]
        archived: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = input::limit)]
        limit: usize,
    },
    /// How many are unread
    Count {
        /// Whose inbox, by id or email
        #[arg(long)]
        member: String,
    },
    /// Mark notifications as read; all of them when none is named
    Read {
        /// Whose inbox, by id or email
        #[arg(long)]
        member: String,
        /// ntf_…
        ids: Vec<String>,
    },
    /// Mark notifications as unread again
    Unread {
        /// Whose inbox, by id or email
        #[arg(long)]
        member: String,
        /// ntf_…
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Bring archived notifications back
    Unarchive {
        /// Whose inbox, by id or email
        #[arg(long)]
        member: String,
        /// ntf_…
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Put notifications away
    Archive {
        /// Whose inbox, by id or email
        #[arg(long)]
        member: String,
        /// ntf_…
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// New notifications as they come in
    Watch {
        /// Whose inbox, by id or email
        #[arg(long)]
        member: String,
        /// Go on after this cursor; from now on when left out
        #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "CURSOR")]
        after: i64,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let out = session.out;
    let team_id = session.team();
    match command {
        Command::List {
            member,
            unread,
            archived,
            limit,
        } => {
            let member_id = session.id_of(Named::Member, &member).await?;
            let request = ListNotificationsRequest {
                team_id,
                member_id,
                unread_only: unread,
                include_archived: archived,
                ..ListNotificationsRequest::default()
            };
            let all: ListNotificationsResponse = session
                .list(
                    "watchbell.dispatcher.v1.InboxService",
                    "ListNotifications",
                    &request,
                    limit,
                )
                .await?;
            out.show("watchbell.dispatcher.v1.ListNotificationsResponse", &all, || {
                let now = session.now();
                let mut table =
                    Table::new(&["", "RECEIVED", "SEVERITY", "TYPE", "TITLE", "ID"]).keep(&[1, 5]);
                for notification in &all.notifications {
                    table.row([
                        mark(notification).to_owned(),
                        text::brief(notification.create_time.as_ref(), now),
                        out.style.severity(text::severity(notification.severity)),
                        notification.event_type.clone(),
                        notification.title.clone(),
                        notification.id.clone(),
                    ]);
                }
                table.render(out.style, out.width, "nothing in the inbox")
            })
        }
        Command::Count { member } => {
            let request = GetUnreadCountRequest {
                team_id,
                member_id: session.id_of(Named::Member, &member).await?,
            };
            let answer = session
                .inbox()
                .get_unread_count(session.ask(request))
                .await?
                .into_inner();
            out.show("watchbell.dispatcher.v1.GetUnreadCountResponse", &answer, || {
                format!("{} unread\n", answer.unread_count)
            })
        }
        Command::Read { member, ids } if ids.is_empty() => {
            let request = MarkAllReadRequest {
                team_id,
                member_id: session.id_of(Named::Member, &member).await?,
            };
            session.inbox().mark_all_read(session.ask(request)).await?;
            out.print("everything is read\n")
        }
        Command::Read { member, ids } => {
            let member_id = session.id_of(Named::Member, &member).await?;
            let request = MarkReadRequest {
                team_id,
                member_id,
                notification_ids: ids,
            };
            let answer = session
                .inbox()
                .mark_read(session.ask(request))
                .await?
                .into_inner();
            out.show("watchbell.dispatcher.v1.MarkReadResponse", &answer, || {
                format!("{} unread\n", answer.unread_count)
            })
        }
        Command::Unread { member, ids } => {
            let member_id = session.id_of(Named::Member, &member).await?;
            let request = MarkUnreadRequest {
                team_id,
                member_id,
                notification_ids: ids,
            };
            let answer = session
                .inbox()
                .mark_unread(session.ask(request))
                .await?
                .into_inner();
            out.show("watchbell.dispatcher.v1.MarkUnreadResponse", &answer, || {
                format!("{} unread\n", answer.unread_count)
            })
        }
        Command::Unarchive { member, ids } => {
            let member_id = session.id_of(Named::Member, &member).await?;
            let request = UnarchiveRequest {
                team_id,
                member_id,
                notification_ids: ids,
            };
            session.inbox().unarchive(session.ask(request)).await?;
            out.print("brought back\n")
        }
        Command::Archive { member, ids } => {
            let member_id = session.id_of(Named::Member, &member).await?;
            let request = ArchiveRequest {
                team_id,
                member_id,
                notification_ids: ids,
            };
            session.inbox().archive(session.ask(request)).await?;
            out.print("archived\n")
        }
        Command::Watch { member, after } => {
            let member_id = session.id_of(Named::Member, &member).await?;
            let request = WatchRequest {
                team_id,
                member_id,
                after_cursor: after,
                ..WatchRequest::default()
            };
            let mut news = session.inbox().watch(Request::new(request)).await?.into_inner();
            while let Some(message) = news.next().await {
                let message = message?;
                if message.reset {
                    eprintln!(
                        "cursor {after} is not part of this inbox any more; showing what is new from now on"
                    );
                }
                let Some(notification) = message.notification else {
                    continue;
                };
                out.line("watchbell.dispatcher.v1.Notification", &notification, || {
                    line(&notification, out.style)
                })?;
            }
            Ok(())
        }
    }
}

const fn mark(notification: &Notification) -> &'static str {
    match (notification.archived, notification.read) {
        (true, _) => "▫",
        (false, true) => " ",
        (false, false) => "●",
    }
}

fn line(notification: &Notification, style: Style) -> String {
    format!(
        "{}  {}  {}  {}  {}",
        style.faint(&text::clock_time(notification.create_time.as_ref())),
        style.severity(text::severity(notification.severity)),
        notification.event_type,
        notification.title,
        style.faint(&format!("cursor {}", notification.cursor)),
    )
}
