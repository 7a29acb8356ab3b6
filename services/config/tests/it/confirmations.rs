//! Recipients outside the team's domains: asked once, and nothing else until they confirm.

use std::time::Duration;

use tonic::Code;
use watchbell_config::{ConfirmationAsker, Migrator};
use watchbell_contracts::api::{ChannelApi, PreferenceApi, RoutingApi, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::resolve_channel_request::Selector;
use watchbell_contracts::config::v1::{
    ApplyTeamConfigRequest, Channel, ConfigActorKind, ConfirmRecipientRequest, EmailDestination,
    ExportTeamConfigRequest, GetChannelRequest, GetIntegrationStatusRequest, GetTeamSnapshotRequest,
    InspectRecipientConfirmationRequest, InspectRecipientConfirmationResponse, ListOptOutsRequest,
    ResendRecipientConfirmationRequest, ResendRecipientConfirmationResponse, ResolveChannelRequest,
    ResolveDraftChannelRequest, Role, TeamSnapshot, UpdateChannelRequest, UpdateComplianceRecipientsRequest,
};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_egress::EgressPolicy;
use watchbell_model::confirmation::Confirmation;
use watchbell_model::ids::TeamId;
use watchbell_model::secret::Secret;
use watchbell_model::shard::ShardId;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_runtime::auth::internal_request;
use watchbell_store::{Store, store_tests};

use crate::dispatcher::DispatcherStandIn;
use crate::history::newest_change;
use crate::support::{Config, UNSUBSCRIBE_KEY, of_team};

const DAY: Duration = Duration::from_secs(86_400);
const STRANGER: &str = "stranger@elsewhere.example";

/// A team with one member, and the platform's mail server.
struct Stage {
    config: Config,
    dispatcher: DispatcherStandIn,
    team: TeamId,
}

// === impl Stage ===

impl Stage {
    async fn new(store: &Store) -> Self {
        let key = watchbell_config::sealing::Keyring::generate_key();
        let config = Config::with(store, key, vec![], EgressPolicy::default(), |settings| {
            settings.platform_mail = true;
        });
        let dispatcher = DispatcherStandIn::attached(&config);
        let team = config.team().await;
        config.member(team, "ada@acme.example", Role::Owner).await;
        Self {
            config,
            dispatcher,
            team,
        }
    }

    async fn channel(&self, recipients: &[&str]) -> Channel {
        let made = self.config.create(self.team, email(recipients)).await;
        made.unwrap().channel.unwrap()
    }

    /// A new team, whose shard has none of these.
    async fn team_on_another_shard(&self, others: &[TeamId]) -> TeamId {
        loop {
            let team = self.config.team().await;
            if others
                .iter()
                .all(|other| ShardId::of(*other) != ShardId::of(team))
            {
                return team;
            }
        }
    }

    async fn tick(&self) -> u64 {
        let asker = ConfirmationAsker::new(self.config.service.clone());
        asker.tick().await.unwrap()
    }

    /// The link of the newest email that asked, and whom it went to.
    fn asked(&self) -> (String, Confirmation) {
        let taken = self.dispatcher.taken();
        let request = taken.last().unwrap();
        let event = request.event.as_ref().unwrap();
        assert_eq!(event.r#type, "recipient.confirmation");
        let Payload::DataJson(json) = event.payload.as_ref().unwrap() else {
            panic!("JSON")
        };
        let data: serde_json::Value = serde_json::from_slice(json).unwrap();
        let Some(Target::Address(target)) = &request.routes[0].target else {
            panic!("an address")
        };
        assert_eq!(request.routes.len(), 1);
        let confirmation = Confirmation {
            team: self.team,
            address: target.address.parse().unwrap(),
            nonce: data["confirmation"].as_str().unwrap().parse().unwrap(),
        };
        let keys = UnsubscribeKeys::new([Secret::from(UNSUBSCRIBE_KEY)]).unwrap();
        (confirmation.sign(&keys), confirmation)
    }

    async fn inspect(&self, token: &str) -> InspectRecipientConfirmationResponse {
        let request = InspectRecipientConfirmationRequest {
            token: token.to_owned(),
        };
        let answer = self
            .config
            .service
            .inspect_recipient_confirmation(tonic::Request::new(request))
            .await;
        answer.unwrap().into_inner()
    }

    async fn confirm(&self, token: &str) -> bool {
        let request = ConfirmRecipientRequest {
            token: token.to_owned(),
        };
        let answer = self
            .config
            .service
            .confirm_recipient(tonic::Request::new(request))
            .await;
        answer.unwrap().into_inner().confirmed
    }

    async fn resend(&self, address: &str) -> Result<ResendRecipientConfirmationResponse, tonic::Status> {
        let request = ResendRecipientConfirmationRequest {
            address: address.to_owned(),
            ..Default::default()
        };
        let answer = self
            .config
            .service
            .resend_recipient_confirmation(of_team(request, self.team))
            .await?;
        Ok(answer.into_inner())
    }

    async fn snapshot(&self) -> TeamSnapshot {
        let request = GetTeamSnapshotRequest {
            team_id: self.team.to_string(),
        };
        let answer = self
            .config
            .service
            .get_team_snapshot(internal_request(request))
            .await;
        answer.unwrap().into_inner().snapshot.unwrap()
    }

    /// Who the services send to, of a channel.
    async fn sent_to(&self, channel: &Channel) -> Vec<String> {
        let snapshot = self.snapshot().await;
        let seen = snapshot
            .channels
            .iter()
            .find(|seen| seen.id == channel.id)
            .unwrap();
        let request = ResolveChannelRequest {
            team_id: self.team.to_string(),
            selector: Some(Selector::ChannelId(channel.id.clone())),
        };
        let resolved = self
            .config
            .service
            .resolve_channel(internal_request(request))
            .await;
        let resolved = resolved.unwrap().into_inner().channel.unwrap();
        assert_eq!(recipients(seen), recipients(&resolved));
        recipients(seen)
    }

    /// Who of a channel is shown as not confirmed.
    async fn unconfirmed(&self, channel: &Channel) -> Vec<String> {
        let request = GetChannelRequest {
            channel_id: channel.id.clone(),
            ..Default::default()
        };
        let got = self.config.service.get_channel(of_team(request, self.team)).await;
        let Some(Destination::Email(email)) = got.unwrap().into_inner().channel.unwrap().destination else {
            panic!("email")
        };
        email
            .unconfirmed_recipients
            .into_iter()
            .map(|one| one.address)
            .collect()
    }
}

fn email(recipients: &[&str]) -> Channel {
    Channel {
        display_name: format!("to {}", recipients.join(" ")),
        destination: Some(Destination::Email(EmailDestination {
            recipients: recipients.iter().map(ToString::to_string).collect(),
            ..EmailDestination::default()
        })),
        ..Channel::default()
    }
}

fn recipients(channel: &Channel) -> Vec<String> {
    match &channel.destination {
        Some(Destination::Email(email)) => email.recipients.clone(),
        _ => panic!("email"),
    }
}

store_tests! {
    migrator = Migrator;

    async fn a_stranger_gets_one_email_and_nothing_else_until_it_confirms(store: Store) {
        let stage = Stage::new(&store).await;
        let channel = stage.channel(&["bob@acme.example", STRANGER]).await;
        assert_eq!(recipients(&channel), ["bob@acme.example", STRANGER], "as it was configured");
        assert_eq!(stage.unconfirmed(&channel).await, [STRANGER]);
        assert_eq!(stage.sent_to(&channel).await, ["bob@acme.example"]);
        assert_eq!((stage.tick().await, stage.tick().await), (1, 0));
        let (token, confirmation) = stage.asked();
        assert_eq!(confirmation.address.as_str(), STRANGER);

        let before = stage.snapshot().await.revision;
        let found = stage.inspect(&token).await;
        assert_eq!((found.team_display_name.as_str(), found.confirmed, found.outdated), ("Acme", false, false));
        assert_eq!(found.masked_address, "s***@elsewhere.example");
        assert_eq!(stage.snapshot().await.revision, before, "looking changes nothing");
        assert!(stage.confirm(&token).await && stage.confirm(&token).await, "twice is once");
        let newest = newest_change(&stage.config, stage.team).await;
        assert_eq!((newest.method.as_str(), newest.actor.unwrap().kind()), ("ConfirmRecipient", ConfigActorKind::EmailLink));
        assert_eq!(stage.sent_to(&channel).await, ["bob@acme.example", STRANGER]);
        assert!(stage.unconfirmed(&channel).await.is_empty());
        assert!(stage.inspect(&token).await.confirmed);
        let again = stage.channel(&[STRANGER]).await;
        assert_eq!(stage.sent_to(&again).await, [STRANGER], "confirmed for the team");
        assert_eq!(stage.tick().await, 0);
    }

    async fn the_teams_own_addresses_need_not_confirm_but_public_domains_do(store: Store) {
        let stage = Stage::new(&store).await;
        stage.config.member(stage.team, "eve@gmail.com", Role::Member).await;
        let channel = stage.channel(&["list@acme.example", "Eve@gmail.com", "mallory@gmail.com"]).await;
        assert_eq!(stage.unconfirmed(&channel).await, ["mallory@gmail.com"]);
    }

    async fn whom_one_team_asked_another_must_ask_itself(store: Store) {
        let stage = Stage::new(&store).await;
        stage.channel(&[STRANGER]).await;
        stage.tick().await;
        let (token, _) = stage.asked();
        stage.confirm(&token).await;
        let other = stage.config.team().await;
        let made = stage.config.create(other, email(&[STRANGER])).await.unwrap().channel.unwrap();
        let Some(Destination::Email(shown)) = made.destination else { panic!("email") };
        assert_eq!(shown.unconfirmed_recipients.len(), 1);
    }

    async fn receipts_digests_and_documents_ask_as_well(store: Store) {
        let stage = Stage::new(&store).await;
        let request = UpdateComplianceRecipientsRequest {
            recipients: vec![STRANGER.to_owned(), "ada@acme.example".to_owned()],
            ..Default::default()
        };
        stage.config.service.update_compliance_recipients(of_team(request, stage.team)).await.unwrap();
        let document = "version: 1\ndigest:\n  recipients: [weekly@elsewhere.example]\n";
        let request = ApplyTeamConfigRequest { document: document.to_owned(), ..Default::default() };
        stage.config.service.apply_team_config(of_team(request, stage.team)).await.unwrap();
        let snapshot = stage.snapshot().await;
        assert_eq!(snapshot.compliance_recipients, ["ada@acme.example"]);
        assert_eq!(snapshot.unconfirmed_compliance_recipients, [STRANGER]);
        assert!(snapshot.digest.unwrap().recipients.is_empty());
        let request = ListOptOutsRequest { team_id: stage.team.to_string() };
        let told = stage.config.service.list_opt_outs(internal_request(request)).await.unwrap().into_inner();
        assert_eq!((told.compliance_recipients.len(), told.digest_recipients.len()), (1, 0));
        assert_eq!(told.unconfirmed_recipients.len(), 2);
        let request = GetIntegrationStatusRequest::default();
        let status = stage.config.service.get_integration_status(of_team(request, stage.team)).await.unwrap();
        let shown: Vec<_> = status.into_inner().unconfirmed_recipients.into_iter().map(|one| one.address).collect();
        assert_eq!(shown, [STRANGER, "weekly@elsewhere.example"]);
        let request = ExportTeamConfigRequest::default();
        let exported = stage.config.service.export_team_config(of_team(request, stage.team)).await.unwrap();
        let exported = exported.into_inner().document;
        assert!(exported.contains("weekly@elsewhere.example") && !exported.contains("confirm"), "{exported}");
        assert_eq!(stage.tick().await, 2);
    }

    async fn who_was_a_recipient_before_stays_one(store: Store) {
        let stage = Stage::new(&store).await;
        let without = Config::with(&store, stage.config.key.clone(), vec![], EgressPolicy::default(), |settings| {
            settings.platform_mail = true;
            settings.confirm_recipients = false;
        });
        let made = without.create(stage.team, email(&[STRANGER])).await.unwrap().channel.unwrap();
        let again = Channel {
            display_name: "again".to_owned(),
            ..email(&[STRANGER])
        };
        let second = stage.config.create(stage.team, again).await.unwrap().channel.unwrap();
        for channel in [&made, &second] {
            assert_eq!(stage.sent_to(channel).await, [STRANGER]);
        }
        assert_eq!(stage.tick().await, 0);
    }

    async fn one_mailbox_under_many_names_keeps_no_other_recipient_waiting(store: Store) {
        const BEHIND: &str = "zoe@elsewhere.example";
        let stage = Stage::new(&store).await;
        for list in 0..4 {
            let names: Vec<_> = (0..40).map(|name| format!("victim+{list}x{name}@elsewhere.example")).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let channel = Channel { display_name: format!("list {list}"), ..email(&names) };
            stage.config.create(stage.team, channel).await.unwrap();
        }
        stage.config.clock.advance(Duration::from_secs(1));
        stage.channel(&[BEHIND]).await;
        assert_eq!(stage.tick().await, 5 + 1, "five a day to one mailbox, and the other one");
        assert_eq!(stage.asked().1.address.as_str(), BEHIND);
        assert_eq!(stage.tick().await, 0);
    }

    async fn teams_take_turns_and_none_stops_or_floods_the_others(store: Store) {
        let stage = Stage::new(&store).await;
        let name = |list: usize, number: usize| format!("r{number}@list{list}.example");
        for list in 0..2 {
            let names: Vec<_> = (0..40).map(|number| name(list, number)).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let channel = Channel { display_name: format!("list {list}"), ..email(&names) };
            stage.config.create(stage.team, channel).await.unwrap();
        }
        let small = stage.team_on_another_shard(&[stage.team]).await;
        let exhausted = stage.team_on_another_shard(&[stage.team, small]).await;
        let away = stage.team_on_another_shard(&[stage.team, small, exhausted]).await;
        for team in [small, exhausted, away] {
            let strangers: Vec<_> = (0..3).map(|number| format!("s{number}@{}.example", team.as_uuid())).collect();
            let strangers: Vec<_> = strangers.iter().map(String::as_str).collect();
            let channel = Channel { display_name: "strangers".to_owned(), ..email(&strangers) };
            stage.config.create(team, channel).await.unwrap();
        }
        stage.dispatcher.refuse(exhausted, Code::ResourceExhausted);
        stage.dispatcher.refuse(away, Code::Unavailable);
        assert_eq!(stage.tick().await, 80 + 3);
        for team in [exhausted, away] {
            assert_eq!(stage.dispatcher.refusals(team), 1, "tried once in a run");
        }
        let taken = stage.dispatcher.taken();
        let last = taken.iter().rposition(|request| request.team_id == small.to_string());
        assert!(last.unwrap() < 23, "behind one turn of the large team at most: {last:?}");
    }

    async fn nothing_is_asked_for_an_attempt_that_is_not_kept(store: Store) {
        let stage = Stage::new(&store).await;
        let request = watchbell_contracts::config::v1::CreateChannelRequest {
            channel: Some(email(&[STRANGER])),
            validate_only: true,
            ..Default::default()
        };
        stage.config.service.create_channel(of_team(request, stage.team)).await.unwrap();
        assert_eq!(stage.tick().await, 0);
    }

    async fn a_link_ends_and_another_takes_its_place_three_times_at_most(store: Store) {
        let stage = Stage::new(&store).await;
        let channel = stage.channel(&[STRANGER]).await;
        let early = stage.resend(STRANGER).await.unwrap_err();
        assert_eq!(early.code(), Code::FailedPrecondition, "the first is about to be sent");
        stage.tick().await;
        let (first, _) = stage.asked();
        stage.config.clock.advance(14 * DAY);
        assert!(stage.inspect(&first).await.outdated && !stage.confirm(&first).await);
        assert_eq!(stage.unconfirmed(&channel).await, [STRANGER], "still waiting");
        assert_eq!(stage.resend("STRANGER@elsewhere.example").await.unwrap().recipient.unwrap().sent_count, 1);
        stage.tick().await;
        let (second, _) = stage.asked();
        assert!(!stage.confirm(&first).await, "an older link");
        stage.resend(STRANGER).await.unwrap();
        stage.tick().await;
        let refused = stage.resend(STRANGER).await.unwrap_err();
        assert!(refused.message().contains("3 emails"), "{refused}");
        assert!(!stage.confirm(&second).await);
        let (third, _) = stage.asked();
        assert!(stage.confirm(&third).await);
        assert_eq!(stage.resend(STRANGER).await.unwrap_err().code(), Code::NotFound);
    }

    async fn taking_off_and_naming_again_sends_no_second_email(store: Store) {
        let stage = Stage::new(&store).await;
        let channel = stage.channel(&[STRANGER]).await;
        stage.tick().await;
        let (token, _) = stage.asked();
        for recipients in [&["ada@acme.example"][..], &[STRANGER]] {
            let changed = Channel { id: channel.id.clone(), ..email(recipients) };
            let request = UpdateChannelRequest { channel: Some(changed), ..Default::default() };
            stage.config.service.update_channel(of_team(request, stage.team)).await.unwrap();
            assert_eq!(stage.tick().await, 0);
            let listed = recipients == [STRANGER];
            assert_eq!(stage.inspect(&token).await.outdated, !listed);
        }
        assert!(stage.confirm(&token).await);
    }

    async fn many_teams_and_tags_send_one_mailbox_few_emails(store: Store) {
        let stage = Stage::new(&store).await;
        for number in 0..8 {
            let team = stage.config.team().await;
            let address = format!("stranger+{number}@elsewhere.example");
            stage.config.create(team, email(&[&address])).await.unwrap();
        }
        assert_eq!((stage.tick().await, stage.tick().await), (5, 0));
        stage.config.clock.advance(DAY);
        assert_eq!(stage.tick().await, 3);
    }

    async fn a_draft_reaches_no_stranger(store: Store) {
        let stage = Stage::new(&store).await;
        let request = ResolveDraftChannelRequest {
            team_id: stage.team.to_string(),
            channel: Some(email(&["ada@acme.example", STRANGER])),
        };
        let draft = stage.config.service.resolve_draft_channel(internal_request(request)).await.unwrap();
        assert_eq!(recipients(&draft.into_inner().channel.unwrap()), ["ada@acme.example"]);
    }

    async fn without_a_mail_server_of_the_platforms_nobody_is_asked(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let made = config.create(team, email(&[STRANGER])).await.unwrap().channel.unwrap();
        let Some(Destination::Email(shown)) = made.destination else { panic!("email") };
        assert!(shown.unconfirmed_recipients.is_empty());
    }

    async fn a_link_of_a_team_that_is_gone_confirms_nothing(store: Store) {
        let stage = Stage::new(&store).await;
        stage.channel(&[STRANGER]).await;
        stage.tick().await;
        let (token, _) = stage.asked();
        let request = watchbell_contracts::config::v1::DeleteTeamRequest {
            team_id: stage.team.to_string(),
            ..Default::default()
        };
        stage.config.service.delete_team(crate::support::platform(request)).await.unwrap();
        assert!(stage.inspect(&token).await.outdated && !stage.confirm(&token).await);
        let request = ConfirmRecipientRequest { token: format!("{token}x") };
        let forged = stage.config.service.confirm_recipient(tonic::Request::new(request)).await.unwrap_err();
        assert_eq!(forged.code(), Code::InvalidArgument);
    }
}
