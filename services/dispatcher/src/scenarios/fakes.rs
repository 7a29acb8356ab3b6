//! The outside, played: a Config that holds channels, and receivers that answer as a story says.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status};
use watchbell_contracts::api::{BoxStream, SnapshotApi};
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::resolve_channel_request::Selector;
use watchbell_model::clock::SharedClock;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::{ChannelId, MemberId, SilenceId, TeamId};
use watchbell_model::secret::Secret;
use watchbell_model::silence::Silence;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_model::{ChannelKind, Role};

use crate::senders::{AttemptResult, Message, ResolvedChannel, Transport, Via};

/// The keys of links in all stories.
pub(crate) fn link_keys() -> UnsubscribeKeys {
    UnsubscribeKeys::new([Secret::from("a key of many bytes")]).unwrap()
}

/// A Config of channels.
#[derive(Default)]
pub(crate) struct FakeConfig {
    channels: Mutex<HashMap<(TeamId, ChannelId), config::Channel>>,
    opt_outs: Mutex<Vec<config::OptOut>>,
    people: Mutex<config::ListOptOutsResponse>,
    /// The email channel that is the team's mail server, if one is.
    mail_server: Mutex<Option<ChannelId>>,
    silences: Mutex<Vec<config::Silence>>,
    pub(super) away: AtomicBool,
    pub(super) reports: Mutex<Vec<config::ReportChannelHealthRequest>>,
}

// === impl FakeConfig ===

impl FakeConfig {
    pub(crate) fn add(&self, team: TeamId, id: ChannelId, kind: ChannelKind, name: &str) {
        let channel = config::Channel {
            id: id.to_string(),
            team_id: team.to_string(),
            kind: kind.to_wire(),
            display_name: name.to_owned(),
            ..Default::default()
        };
        self.channels.lock().insert((team, id), channel);
    }

    pub(crate) fn change(&self, team: TeamId, id: ChannelId, change: impl FnOnce(&mut config::Channel)) {
        change(self.channels.lock().get_mut(&(team, id)).unwrap());
    }

    pub(super) fn delete(&self, team: TeamId, id: ChannelId) {
        self.channels.lock().remove(&(team, id));
    }

    /// A member turns a topic off.
    pub(super) fn opt_out(&self, member: MemberId, topic: &str) {
        self.opt_outs.lock().push(config::OptOut {
            member_id: member.to_string(),
            topics: vec![topic.to_owned()],
        });
    }

    /// Somebody is a member from now on, under this address.
    pub(super) fn join(&self, member: MemberId, email: &str, is_owner: bool) {
        self.leave(member);
        self.people.lock().members.push(config::Mailbox {
            member_id: member.to_string(),
            email: email.to_owned(),
            is_owner,
        });
    }

    /// A member was removed.
    pub(super) fn leave(&self, member: MemberId) {
        let mut people = self.people.lock();
        people
            .members
            .retain(|mailbox| mailbox.member_id != member.to_string());
    }

    /// Sets who has not confirmed.
    pub(super) fn unconfirmed(&self, addresses: &[&str]) {
        let addresses = addresses.iter().map(|&address| address.to_owned()).collect();
        self.people.lock().unconfirmed_recipients = addresses;
    }

    /// Sets who gets receipts.
    pub(super) fn receipts_to(&self, recipients: &[&str]) {
        let recipients = recipients.iter().map(|&address| address.to_owned()).collect();
        self.people.lock().compliance_recipients = recipients;
    }

    /// Makes an email channel the team's mail server.
    pub(super) fn mail_by(&self, channel: ChannelId) {
        *self.mail_server.lock() = Some(channel);
    }

    /// Somebody makes a silence.
    pub(crate) fn silence(&self, silence: &Silence) {
        self.silences.lock().push(silence.into());
    }

    /// Somebody ends a silence.
    pub(super) fn expire(&self, id: SilenceId, now: DateTime<Utc>) {
        let mut silences = self.silences.lock();
        let silence = silences.iter_mut().find(|silence| silence.id == id.to_string());
        silence.unwrap().end_time = Some(timestamp(now));
    }

    fn here(&self) -> Result<(), Status> {
        match self.away.load(Ordering::Relaxed) {
            true => Err(Status::unavailable("Config is away")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl SnapshotApi for FakeConfig {
    async fn resolve_channel(
        &self,
        request: Request<config::ResolveChannelRequest>,
    ) -> Result<Response<config::ResolveChannelResponse>, Status> {
        self.here()?;
        let request = request.into_inner();
        let team = request.team_id.parse().unwrap();
        let id = match request.selector {
            Some(Selector::ChannelId(id)) => id.parse().unwrap(),
            _ => self
                .mail_server
                .lock()
                .ok_or_else(|| Status::not_found("no default"))?,
        };
        let channels = self.channels.lock();
        let channel = channels.get(&(team, id)).cloned();
        let channel = channel.ok_or_else(|| Status::not_found("no such channel"))?;
        let answer = config::ResolveChannelResponse {
            channel: Some(channel),
            secrets: Some(config::ChannelSecrets::default()),
            revision: 1,
            silences: self.silences.lock().clone(),
        };
        Ok(Response::new(answer))
    }

    async fn get_team_snapshot(
        &self,
        request: Request<config::GetTeamSnapshotRequest>,
    ) -> Result<Response<config::GetTeamSnapshotResponse>, Status> {
        self.here()?;
        let member = |mailbox: config::Mailbox| config::MemberSnapshot {
            member: Some(config::Member {
                id: mailbox.member_id,
                team_id: request.get_ref().team_id.clone(),
                email: mailbox.email,
                role: if mailbox.is_owner {
                    Role::Owner
                } else {
                    Role::Admin
                }
                .to_wire(),
                ..Default::default()
            }),
            preferences: vec![],
        };
        let members = self.people.lock().members.clone();
        let team_id = &request.get_ref().team_id;
        let channels = self.channels.lock();
        let channels = channels.values().filter(|channel| channel.team_id == *team_id);
        let snapshot = config::TeamSnapshot {
            team: Some(config::Team {
                id: team_id.clone(),
                ..Default::default()
            }),
            channels: channels.cloned().collect(),
            members: members.into_iter().map(member).collect(),
            ..Default::default()
        };
        Ok(Response::new(config::GetTeamSnapshotResponse {
            snapshot: Some(snapshot),
        }))
    }

    async fn report_expression_failures(
        &self,
        _: Request<config::ReportExpressionFailuresRequest>,
    ) -> Result<Response<config::ReportExpressionFailuresResponse>, Status> {
        Err(Status::unimplemented("the Router's"))
    }

    async fn report_channel_health(
        &self,
        request: Request<config::ReportChannelHealthRequest>,
    ) -> Result<Response<config::ReportChannelHealthResponse>, Status> {
        self.here()?;
        self.reports.lock().push(request.into_inner());
        Ok(Response::new(config::ReportChannelHealthResponse {}))
    }

    async fn follow_changes(
        &self,
        _: Request<BoxStream<config::FollowChangesRequest>>,
    ) -> Result<Response<BoxStream<config::FollowChangesResponse>>, Status> {
        Err(Status::unimplemented("stories say when something has changed"))
    }

    async fn watch_changes(
        &self,
        _: Request<config::WatchChangesRequest>,
    ) -> Result<Response<BoxStream<config::WatchChangesResponse>>, Status> {
        Err(Status::unimplemented("stories say when something has changed"))
    }

    async fn resolve_draft_channel(
        &self,
        request: Request<config::ResolveDraftChannelRequest>,
    ) -> Result<Response<config::ResolveDraftChannelResponse>, Status> {
        self.here()?;
        let mut channel = request.into_inner().channel.unwrap();
        channel.id = ChannelId::generate(DateTime::UNIX_EPOCH).to_string();
        Ok(Response::new(config::ResolveDraftChannelResponse {
            channel: Some(channel),
            secrets: Some(config::ChannelSecrets::default()),
        }))
    }

    async fn authenticate(
        &self,
        _: Request<config::AuthenticateRequest>,
    ) -> Result<Response<config::AuthenticateResponse>, Status> {
        Err(Status::unimplemented("the Dispatcher never asks"))
    }

    async fn list_opt_outs(
        &self,
        _: Request<config::ListOptOutsRequest>,
    ) -> Result<Response<config::ListOptOutsResponse>, Status> {
        self.here()?;
        Ok(Response::new(config::ListOptOutsResponse {
            opt_outs: self.opt_outs.lock().clone(),
            silences: self.silences.lock().clone(),
            ..self.people.lock().clone()
        }))
    }

    async fn list_all_teams(
        &self,
        _: Request<config::ListAllTeamsRequest>,
    ) -> Result<Response<config::ListAllTeamsResponse>, Status> {
        Err(Status::unimplemented("the Dispatcher never asks"))
    }
}

/// What a receiver was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) event: String,
    pub(super) channel: Option<ChannelId>,
    pub(super) address: Option<String>,
    /// Of a receipt that goes to whoever gets them.
    pub(super) recipients: Vec<String>,
    pub(super) by_platform: bool,
    pub(super) number: u32,
    pub(super) at: DateTime<Utc>,
    /// What its message says of the alert.
    pub(super) standing: Option<String>,
}

/// Receivers that answer as they are told, else with success.
pub(super) struct Receivers {
    clock: SharedClock,
    answers: Mutex<HashMap<ChannelId, VecDeque<AttemptResult>>>,
    always: Mutex<HashMap<ChannelId, AttemptResult>>,
    gates: Mutex<HashMap<ChannelId, Arc<Semaphore>>>,
    carried: watch::Sender<Vec<Carried>>,
}

// === impl Receivers ===

impl Receivers {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            answers: Mutex::default(),
            always: Mutex::default(),
            gates: Mutex::default(),
            carried: watch::Sender::new(Vec::new()),
        }
    }

    /// The next answer of a channel.
    pub(super) fn answer(&self, channel: ChannelId, result: AttemptResult) {
        self.answers.lock().entry(channel).or_default().push_back(result);
    }

    /// Every answer of a channel from now on; `None` for success.
    pub(super) fn always(&self, channel: ChannelId, result: Option<AttemptResult>) {
        let mut always = self.always.lock();
        match result {
            Some(result) => always.insert(channel, result),
            None => always.remove(&channel),
        };
    }

    /// A channel that answers only when the gate is given permits.
    pub(super) fn gate(&self, channel: ChannelId) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.gates.lock().insert(channel, Arc::clone(&gate));
        gate
    }

    /// Everything that was sent so far.
    pub(super) fn carried(&self) -> Vec<Carried> {
        self.carried.borrow().clone()
    }

    /// The events that were sent so far, in order.
    pub(super) fn events(&self) -> Vec<String> {
        self.carried().into_iter().map(|carried| carried.event).collect()
    }

    /// Waits until so much was sent.
    pub(super) async fn until(&self, count: usize) {
        self.carried
            .subscribe()
            .wait_for(|carried| carried.len() >= count)
            .await
            .unwrap();
    }
}

#[async_trait]
impl Transport for Receivers {
    async fn send(&self, outgoing: &Message, channel_of: &ResolvedChannel) -> AttemptResult {
        use watchbell_model::route::Target;
        let channel = outgoing.route.channel_id();
        let address = match &outgoing.route.target {
            Target::Person { address, .. } | Target::Address { address, .. } => Some(address.clone()),
            _ => None,
        };
        let carried = Carried {
            event: outgoing.event.id.to_string(),
            channel,
            address,
            recipients: outgoing.recipients.clone(),
            by_platform: channel_of.via == Via::PlatformMail,
            number: outgoing.attempt_number,
            at: self.clock.now(),
            standing: crate::senders::alert::standing(&outgoing.event),
        };
        self.carried.send_modify(|all| all.push(carried));
        let code = if channel.is_some() { 200 } else { 250 };
        // Mail to people answers under its lane's id, which is the team's.
        let channel = channel.unwrap_or_else(|| ChannelId::from_uuid(outgoing.event.team_id.as_uuid()));
        let gate = self.gates.lock().get(&channel).cloned();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let next = self
            .answers
            .lock()
            .get_mut(&channel)
            .and_then(VecDeque::pop_front);
        let next = next.or_else(|| self.always.lock().get(&channel).cloned());
        next.unwrap_or_else(|| AttemptResult::delivered(code, Duration::from_millis(3)))
    }
}
