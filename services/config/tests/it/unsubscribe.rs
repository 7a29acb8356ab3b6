//! The links in emails, which need no login.

use tonic::Request;
use watchbell_config::Migrator;
use watchbell_contracts::api::{ChannelApi, PreferenceApi, TeamApi};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    Channel, EmailDestination, GetChannelRequest, GetDigestSettingsRequest, GetPreferencesRequest,
    InspectUnsubscribeTokenRequest, Member, Preference, PreferenceSetting, Role, UnsubscribeRequest,
    UpdateChannelRequest, UpdateMemberRequest, UpdatePreferencesRequest,
};
use watchbell_contracts::event::v1::Severity;
use watchbell_model::Topic;
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::unsubscribe::{Subscription, Unsubscribe, UnsubscribeKeys};
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
        preferences: vec![],
    };
    config
        .service
        .unsubscribe(Request::new(request))
        .await
        .unwrap()
        .into_inner()
        .topics
}

fn mail(recipients: &[String]) -> Destination {
    Destination::Email(EmailDestination {
        recipients: recipients.to_vec(),
        smtp: None,
        ..EmailDestination::default()
    })
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
        let token = token(team, Subscription::Topic { member: id, address: "ann@acme.example".parse().unwrap(), topic: Topic::Findings });

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
        let token = token(team, Subscription::Topic { member: id, address: "ann@acme.example".parse().unwrap(), topic: Topic::Findings });
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
        ..EmailDestination::default()
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

    async fn an_undo_takes_back_only_what_its_own_link_did(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let member = config.member(team, "ann@acme.example", Role::Member).await;
        let id: MemberId = member.id.parse().unwrap();
        let link = |topic| token(team, Subscription::Topic { member: id, address: "Ann@acme.example".parse().unwrap(), topic });
        let (findings_link, sla_link) = (link(Topic::Findings), link(Topic::Sla));
        click(&config, &findings_link, false, false).await;
        assert!(click(&config, &sla_link, true, true).await.is_empty(), "another link's action");
        let said = UpdatePreferencesRequest {
            team_id: team.to_string(),
            member_id: member.id.clone(),
            preferences: vec![Preference {
                topic: "findings".to_owned(),
                setting: PreferenceSetting::Off.into(),
                ..Preference::default()
            }],
        };
        config.service.update_preferences(platform(said)).await.unwrap();
        assert!(click(&config, &findings_link, false, true).await.is_empty(), "the member has said so since");
        click(&config, &sla_link, false, false).await;
        config.clock.advance(std::time::Duration::from_secs(8 * 86_400));
        assert!(click(&config, &sla_link, false, true).await.is_empty(), "a week is over");
    }

    async fn a_link_brings_no_recipient_back_whom_configuration_took_off(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let address = |name: &str| format!("{name}@acme.example");
        let mut channel = Channel {
            display_name: "mail".to_owned(),
            destination: Some(mail(&[address("a"), address("b"), address("c")])),
            ..Channel::default()
        };
        channel = config.create(team, channel).await.unwrap().channel.unwrap();
        let id = channel.id.parse().unwrap();
        let link = |name: &str| {
            token(team, Subscription::ChannelRecipient { channel: id, address: address(name).parse().unwrap() })
        };
        let update = async |recipients: &[String]| {
            let update = Channel { id: channel.id.clone(), destination: Some(mail(recipients)), ..Channel::default() };
            let request = UpdateChannelRequest {
                channel: Some(update),
                update_mask: Some(prost_types::FieldMask { paths: vec!["email.recipients".to_owned()] }),
                ..UpdateChannelRequest::default()
            };
            config.service.update_channel(of_team(request, team)).await.unwrap();
        };
        let recipients = async || {
            let request = GetChannelRequest { channel_id: channel.id.clone(), ..GetChannelRequest::default() };
            let got = config.service.get_channel(of_team(request, team)).await.unwrap().into_inner();
            let Some(Destination::Email(email)) = got.channel.unwrap().destination else { panic!("email") };
            email.recipients
        };
        update(&[address("b"), address("c")]).await;
        click(&config, &link("a"), false, true).await;
        assert_eq!(recipients().await, [address("b"), address("c")], "an admin took it off");
        click(&config, &link("b"), false, false).await;
        click(&config, &link("c"), false, false).await;
        click(&config, &link("b"), false, true).await;
        assert_eq!(recipients().await, [address("b")], "other links are no configuration");
        update(&[address("d")]).await;
        click(&config, &link("c"), false, true).await;
        assert_eq!(recipients().await, [address("d")], "configuration has the last word");
    }

    async fn a_link_of_an_emptied_digest_list_brings_nobody_back(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let subscription = Subscription::DigestRecipient { address: "cfo@acme.example".parse().unwrap() };
        click(&config, &token(team, subscription), false, true).await;
        let request = GetDigestSettingsRequest { team_id: team.to_string() };
        let settings = config.service.get_digest_settings(platform(request)).await.unwrap().into_inner();
        assert!(settings.settings.unwrap().recipients.is_empty());
    }

    async fn links_of_a_former_address_change_and_show_nothing(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let member = config.member(team, "ann@acme.example", Role::Member).await;
        let id: MemberId = member.id.parse().unwrap();
        let subscription =
            Subscription::Topic { member: id, address: "ann@acme.example".parse().unwrap(), topic: Topic::Findings };
        let old = token(team, subscription);
        let moved = Member { email: "ann@elsewhere.example".to_owned(), ..member.clone() };
        let request = UpdateMemberRequest { member: Some(moved), ..UpdateMemberRequest::default() };
        config.service.update_member(of_team(request, team)).await.unwrap();

        let inspect = InspectUnsubscribeTokenRequest { token: old.clone() };
        let shown = config.service.inspect_unsubscribe_token(Request::new(inspect)).await.unwrap().into_inner();
        assert!(shown.outdated && shown.member_id.is_empty() && shown.preferences.is_empty());
        assert_eq!(shown.masked_address, "a***@acme.example", "the address of the email, not the new one");
        assert!(click(&config, &old, true, false).await.is_empty());
        assert!(findings(&config, team, &member.id).await.is_default);
    }

    async fn by_a_link_mail_only_becomes_less(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let member = config.member(team, "ann@acme.example", Role::Member).await;
        let id: MemberId = member.id.parse().unwrap();
        let subscription =
            Subscription::Topic { member: id, address: "ann@acme.example".parse().unwrap(), topic: Topic::Findings };
        let link = token(team, subscription);
        let wish = |topic: &str, setting: PreferenceSetting, severities: &[Severity]| Preference {
            topic: topic.to_owned(),
            setting: setting.into(),
            severities: severities.iter().map(|severity| i32::from(*severity)).collect(),
            is_default: false,
        };
        let ask = async |preferences| {
            let request = UnsubscribeRequest { token: link.clone(), preferences, ..UnsubscribeRequest::default() };
            config.service.unsubscribe(Request::new(request)).await
        };
        let more = vec![
            wish("marketing", PreferenceSetting::On, &[]),
            wish("sla", PreferenceSetting::Off, &[]),
            wish("scans", PreferenceSetting::On, &[]),
            wish("findings", PreferenceSetting::Severities, &[Severity::Critical, Severity::Low]),
            wish("exceptions", PreferenceSetting::Unspecified, &[]),
        ];
        assert_eq!(
            violated(ask(more).await),
            ["preferences[0]", "preferences[2]", "preferences[3]", "preferences[4]"]
        );
        assert!(findings(&config, team, &member.id).await.is_default);
        let critical = wish("findings", PreferenceSetting::Severities, &[Severity::Critical]);
        let less = ask(vec![critical.clone()]).await.unwrap().into_inner();
        assert_eq!((less.topics, less.changed), (vec!["findings".to_owned()], true));
        assert_eq!(findings(&config, team, &member.id).await, critical);
        assert_eq!(click(&config, &link, false, true).await, ["findings"], "its own action");
        assert!(findings(&config, team, &member.id).await.is_default);
    }

    async fn a_forged_link_does_nothing_and_one_of_a_member_gone_is_done(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let gone = MemberId::from_uuid(uuid::Uuid::nil());
        let subscription = Subscription::Topic { member: gone, address: "ann@acme.example".parse().unwrap(), topic: Topic::Findings };
        assert!(click(&config, &token(team, subscription.clone()), false, false).await.is_empty());
        let keys = UnsubscribeKeys::new(["somebody-elses-long-key".into()]).unwrap();
        let forged = keys.sign(&Unsubscribe { team, subscription });
        for token in [forged, String::new()] {
            let request = UnsubscribeRequest { token, ..UnsubscribeRequest::default() };
            assert_eq!(violated(config.service.unsubscribe(Request::new(request)).await), ["token"]);
        }
    }
}
