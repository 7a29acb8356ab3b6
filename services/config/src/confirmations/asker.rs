//! Emails that ask recipients: the loop that sends them, and forgets who is no recipient any more.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde_json::json;
use watchbell_contracts::dispatcher::v1::SubmitRequest;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{AddressTarget, Event, Reason, Route};
use watchbell_model::catalog::notices::RECIPIENT_CONFIRMATION;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::TeamId;
use watchbell_model::route;
use watchbell_model::{Category, ChannelKind, Severity};

use super::{Listed, MAX_A_DAY, PERIOD, shown_name};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::store::entities::confirmation::Model;
use crate::store::{confirmations, teams};
use crate::turns::{Outbox, TURN, Turn, hand_over, take_turns};

const BATCH: u64 = 100;

/// Loop that sends the emails.
#[derive(Debug)]
pub struct ConfirmationAsker {
    service: Service,
    /// Mailboxes that are being asked: one at a time, so that teams together do not ask it too often.
    mailboxes: Mutex<HashSet<String>>,
}

// === impl ConfirmationAsker ===

impl ConfirmationAsker {
    /// An asker of this service's recipients.
    pub fn new(service: Service) -> Self {
        let mailboxes = Mutex::default();
        Self { service, mailboxes }
    }

    /// Sends what is due; answers how much was. Without a Dispatcher everything waits.
    ///
    /// # Errors
    /// The database's.
    pub async fn tick(&self) -> Result<u64> {
        if !self.service.dispatcher().is_attached() || !self.service.confirms_recipients() {
            return Ok(0);
        }
        take_turns(self).await
    }

    fn a_day_ago(&self) -> DateTime<Utc> {
        self.service.now() - TimeDelta::days(1)
    }

    async fn ask(&self, row: Model, team_name: &str, turn: &mut Turn) -> Result<()> {
        if !self.mailboxes.lock().insert(row.mailbox.clone()) {
            // Another team's turn asks it: this one asks in its next.
            turn.settled += 1;
            return Ok(());
        }
        let mailbox = row.mailbox.clone();
        let asked = self.ask_mailbox(row, team_name, turn).await;
        self.mailboxes.lock().remove(&mailbox);
        asked
    }

    async fn ask_mailbox(&self, row: Model, team_name: &str, turn: &mut Turn) -> Result<()> {
        let service = &self.service;
        let (team, reader) = (row.team(), service.store().reader());
        if confirmations::sent_all_teams(reader, &row.mailbox, self.a_day_ago()).await? >= MAX_A_DAY {
            return Ok(());
        }
        let request = self.request(&row, team_name);
        if let Err(pause) = hand_over::<Self>(service.dispatcher(), team, request).await {
            turn.pause = Some(pause);
            return Ok(());
        }
        let sent_count = row.sent_count + 1;
        self.note(Model {
            due: false,
            sent_count,
            send_time: Some(service.now()),
            ..row
        })
        .await?;
        turn.settled += 1;
        turn.sent += 1;
        Ok(())
    }

    /// Forgets who was asked long ago and is no recipient any more.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune(&self) -> Result<u64> {
        let service = &self.service;
        let before = service.now() - PERIOD;
        let (mut forgotten, mut last) = (0, None);
        loop {
            let page = confirmations::stale_all_teams(service.store().reader(), before, last.as_ref(), BATCH)
                .await?;
            for rows in page.chunk_by(|row, next| row.team_id == next.team_id) {
                forgotten += self.forget(rows).await?;
            }
            last = page.into_iter().next_back();
            if last.is_none() {
                return Ok(forgotten);
            }
        }
    }

    /// Forgets who of one team is no recipient any more.
    async fn forget(&self, rows: &[Model]) -> Result<u64> {
        let Some(row) = rows.first() else { return Ok(0) };
        let store = self.service.store();
        let listed = match Listed::read(store.reader(), row.team()).await {
            Ok(listed) => listed,
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) => {
                tracing::error!(team = %row.team(), %error, "confirmations are not pruned");
                return Ok(0);
            }
        };
        let mut forgotten = 0;
        for row in rows.iter().filter(|row| !listed.has(&row.address_key)) {
            confirmations::delete(store.writer(), row).await?;
            forgotten += 1;
        }
        Ok(forgotten)
    }

    /// Writes a row that may have been confirmed or renewed meanwhile: then that stays.
    async fn note(&self, row: Model) -> Result<()> {
        let transaction = self.service.store().begin().await?;
        let now = confirmations::find(&transaction, row.team(), &row.address_key).await?;
        if now.is_some_and(|now| now.nonce == row.nonce && !now.is_confirmed()) {
            confirmations::put(&transaction, row).await?;
        }
        Ok(transaction.commit().await?)
    }

    fn request(&self, row: &Model, team_name: &str) -> SubmitRequest {
        let brand = self.service.brand();
        let event = Event {
            id: format!(
                "{RECIPIENT_CONFIRMATION}:{}:{}",
                row.nonce.simple(),
                row.sent_count
            ),
            r#type: RECIPIENT_CONFIRMATION.to_owned(),
            severity: Severity::Info.to_wire(),
            category: Category::SystemNotification.to_wire(),
            source: brand.source(),
            occurred_at: Some(timestamp(row.ask_time)),
            title: format!("Confirm that you want emails of “{team_name}”"),
            subject: row.address.clone(),
            payload: Some(Payload::DataJson(
                json!({ "team": team_name, "confirmation": row.nonce.to_string() })
                    .to_string()
                    .into_bytes()
                    .into(),
            )),
            ..Event::default()
        };
        let route = Route {
            kind: ChannelKind::Email.to_wire(),
            target: Some(Target::Address(AddressTarget {
                address: row.address.clone(),
                ..AddressTarget::default()
            })),
            reason: Some(Reason {
                code: route::RECIPIENT_CONFIRMATION.to_owned(),
                sentence: "The address is asked once whether it wants the team's emails.".to_owned(),
                rule_id: String::new(),
            }),
            mentions: Vec::new(),
            tells_repeats: false,
            group: None,
            remind: None,
            escalate: None,
        };
        SubmitRequest {
            team_id: row.team().to_string(),
            event: Some(event),
            routes: vec![route],
            ..SubmitRequest::default()
        }
    }
}

impl Outbox for ConfirmationAsker {
    const NAME: &'static str = "confirmation emails";

    async fn teams(&self) -> Result<Vec<TeamId>> {
        let reader = self.service.store().reader();
        confirmations::due_all_teams(reader, self.a_day_ago(), MAX_A_DAY).await
    }

    async fn turn(&self, team: TeamId) -> Result<Turn> {
        let reader = self.service.store().reader();
        let due = confirmations::due(reader, team, self.a_day_ago(), MAX_A_DAY, TURN).await?;
        let listed = Listed::read(reader, team).await?;
        let name = shown_name(&teams::get(reader, team).await?.display_name);
        let mut turn = Turn::default();
        for row in due {
            if listed.has(&row.address_key) {
                self.ask(row, &name, &mut turn).await?;
            } else {
                self.note(Model { due: false, ..row }).await?;
                turn.settled += 1;
            }
            if turn.pause.is_some() {
                break;
            }
        }
        Ok(turn)
    }
}
