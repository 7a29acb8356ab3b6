//! The links in emails, which need no login.

use tonic::Request;
use watchbell_config::Migrator;
use watchbell_contracts::api::{ChannelApi, PreferenceApi};
use watchbell_contracts::config::v1::{
    Channel, EmailDestination, GetChannelRequest, GetPreferencesRequest, InspectUnsubscribeTokenRequest,
    Preference, PreferenceSetting, Role, UnsubscribeRequest, UpdatePreferencesRequest, channel::Destination,
};
use watchbell_contracts::event::v1::Severity;
use watchbell_domain::Topic;
use watchbell_domain::ids::{MemberId, TeamId};
use watchbell_domain::unsubscribe::{Subscription, Unsubscribe, UnsubscribeKeys};
use watchbell_store::store_tests;

use crate::support::{Config, UNSUBSCRIBE_KEY, of_team, platform, violated};

fn token(team: TeamId, subscription: Subscription) -> String {
    UnsubscribeKeys::new([UNSUBSCRIBE_KEY.into()])
        .unwrap()
        .sign(&Unsubscribe { team, subscription })
}

async fn findings(config: &Config, team: TeamId, member_id: &str) -> Preference {
    let request = GetPreferencesRequest {
        team_id: team.to_string(),
        member_id: member_id.to_owned(),
    };
    let all = config
        .service
        .get_preferences(platform(request))
        .await
        .unwrap()
        .into_inner()
        .preferences;
    all.into_iter()
        .find(|preference| preference.topic == "findings")
        .unwrap()
}

/// As a mail client calls: nobody in particular.
async fn click(config: &Config, token: &str, all_topics: bool, undo: bool) -> Vec<String> {
    let request = UnsubscribeRequest {
        token: token.to_owned(),
        all_topics,
        undo,
    };
    config
        .service
        .unsubscribe(Request::new(request))
        .await
        .unwrap()
        .into_inner()
        .topics
}

store_tests! {
    migrator = Migrator;

    async fn one_click_turns_the_topic_off_and_another_turns_it_back(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let member = config.member(team, "ann@acme.example", Role::Member).await;
        let id: MemberId = member.id.parse().unwrap();
        let low = Preference {
            topic: "findings".to_owned(),
            setting: PreferenceSetting::Severities.into(),
            severities: vec![Severity::Low.into()],
            is_default: false,
        };
        let said = UpdatePreferencesRequest {
            team_id: team.to_string(),
            member_id: member.id.clone(),
            preferences: vec![low.clone()],
        };
        config.service.update_preferences(platform(said)).await.unwrap();
        let token = token(team, Subscription::Topic { member: id, topic: Topic::Findings });

        let inspect = InspectUnsubscribeTokenRequest { token: token.clone() };
        let shown = config.service.inspect_unsubscribe_token(Request::new(inspect)).await.unwrap().into_inner();
        assert_eq!((shown.masked_address.as_str(), shown.topic.as_str()), ("a***@acme.example", "findings"));
        assert_eq!(findings(&config, team, &member.id).await, low, "looking changes nothing");

        assert_eq!(click(&config, &token, false, false).await, ["findings"]);
        assert_eq!(findings(&config, team, &member.id).await.setting(), PreferenceSetting::Off);
        assert!(click(&config, &token, false, false).await.is_empty(), "done already");
        assert_eq!(click(&config, &token, false, true).await, ["findings"]);
        assert_eq!(findings(&config, team, &member.id).await, low);
        assert!(click(&config, &token, false, true).await.is_empty());
    }

    async fn every_topic_can_be_left_at_once(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let member = config.member(team, "ann@acme.example", Role::Owner).await;
        let id = member.id.parse().unwrap();
        let token = token(team, Subscription::Topic { member: id, topic: Topic::Findings });
        assert_eq!(click(&config, &token, true, false).await.len(), Topic::ALL.len());
        let off = findings(&config, team, &member.id).await;
        assert_eq!((off.setting(), off.is_default), (PreferenceSetting::Off, false));
        click(&config, &token, true, true).await;
        assert!(findings(&config, team, &member.id).await.is_default);
    }

    async fn an_address_leaves_an_email_channel(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let email = EmailDestination {
            recipients: vec!["a@acme.example".to_owned(), "b@acme.example".to_owned()],
            smtp: None,
        };
        let channel = Channel {
            display_name: "mail".to_owned(),
            destination: Some(Destination::Email(email)),
            ..Channel::default()
        };
        let channel = config.create(team, channel).await.unwrap().channel.unwrap();
        let subscription = Subscription::ChannelRecipient {
            channel: channel.id.parse().unwrap(),
            address: "a@acme.example".parse().unwrap(),
        };
        let token = token(team, subscription);
        let recipients = async || {
            let request = GetChannelRequest { channel_id: channel.id.clone(), ..GetChannelRequest::default() };
            let got = config.service.get_channel(of_team(request, team)).await.unwrap().into_inner();
            let Some(Destination::Email(email)) = got.channel.unwrap().destination else { panic!("email") };
            email.recipients
        };
        click(&config, &token, false, false).await;
        assert_eq!(recipients().await, ["b@acme.example"]);
        click(&config, &token, false, true).await;
        assert_eq!(recipients().await, ["b@acme.example", "a@acme.example"]);
    }

    async fn a_forged_link_does_nothing_and_one_of_a_member_gone_is_done(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let gone = MemberId::from_uuid(uuid::Uuid::nil());
        let subscription = Subscription::Topic { member: gone, topic: Topic::Findings };
        assert!(click(&config, &token(team, subscription.clone()), false, false).await.is_empty());
        let keys = UnsubscribeKeys::new(["somebody-elses-long-key".into()]).unwrap();
        let forged = keys.sign(&Unsubscribe { team, subscription });
        for token in [forged, String::new()] {
            let request = UnsubscribeRequest { token, ..UnsubscribeRequest::default() };
            assert_eq!(violated(config.service.unsubscribe(Request::new(request)).await), ["token"]);
        }
    }
}
