//! Rules in their order, and mention rules.

use tonic::Code;
use watchbell_config::Migrator;
use watchbell_contracts::api::RoutingApi;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    CreateMentionRuleRequest, CreateRuleRequest, CreateRuleResponse, DeleteRuleRequest, EventFilter,
    ExportTeamConfigRequest, Group, ListRulesRequest, MentionRule, MoveRuleRequest, Role, Rule, SendAction,
    SilenceAction, UpdateRuleRequest,
};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_contracts::event::v1::{ChannelKind, Mention};
use watchbell_model::ids::TeamId;
use watchbell_store::store_tests;

use crate::support::{Config, of_team, refused, violated};

fn silent(name: &str, position: i32) -> Rule {
    Rule {
        display_name: name.to_owned(),
        position,
        action: Some(Action::Silence(SilenceAction::default())),
        ..Rule::default()
    }
}

async fn create(config: &Config, team: TeamId, rule: Rule) -> Result<CreateRuleResponse, tonic::Status> {
    let request = CreateRuleRequest {
        rule: Some(rule),
        ..CreateRuleRequest::default()
    };
    Ok(config
        .service
        .create_rule(of_team(request, team))
        .await?
        .into_inner())
}

/// Names in order; their positions must be 1, 2, 3.
async fn order(config: &Config, team: TeamId) -> Vec<String> {
    let rules = config
        .service
        .list_rules(of_team(ListRulesRequest::default(), team))
        .await
        .unwrap();
    let rules = rules.into_inner().rules;
    assert!(
        rules
            .iter()
            .map(|rule| rule.position)
            .eq(1..=i32::try_from(rules.len()).unwrap())
    );
    rules.into_iter().map(|rule| rule.display_name).collect()
}

store_tests! {
    migrator = Migrator;

    async fn rules_keep_an_order_without_gaps(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let a = create(&config, team, silent("a", 0)).await.unwrap().rule.unwrap();
        create(&config, team, silent("b", 0)).await.unwrap();
        let first = create(&config, team, silent("first", 1)).await.unwrap().rule.unwrap();
        assert_eq!(first.position, 1);
        create(&config, team, silent("last", 99)).await.unwrap();
        assert_eq!(order(&config, team).await, ["first", "a", "b", "last"]);

        let move_a = MoveRuleRequest { rule_id: a.id, position: 3, ..MoveRuleRequest::default() };
        let moved = config.service.move_rule(of_team(move_a, team)).await.unwrap().into_inner();
        assert_eq!(moved.rules.len(), 4);
        assert_eq!(order(&config, team).await, ["first", "b", "a", "last"]);
        let delete = DeleteRuleRequest { rule_id: first.id, ..DeleteRuleRequest::default() };
        config.service.delete_rule(of_team(delete, team)).await.unwrap();
        assert_eq!(order(&config, team).await, ["b", "a", "last"]);
    }

    async fn rules_made_at_once_all_get_a_place(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let names: Vec<_> = (0..5).map(|number| number.to_string()).collect();
        let made = names.iter().map(|name| create(&config, team, silent(name, 1)));
        for outcome in futures::future::join_all(made).await {
            outcome.unwrap();
        }
        assert_eq!(order(&config, team).await.len(), 5);
    }

    async fn a_rule_sends_only_to_channels_of_its_own_team_that_have_no_filter(store: Store) {
        let config = Config::on(&store);
        let (team, other) = (config.team().await, config.team().await);
        let (own, foreign) = (config.slack(team, "#own").await, config.slack(other, "#foreign").await);
        let hook = config.webhook(team, "hook").await;
        let send = |ids: &[&str]| Rule {
            display_name: "r".to_owned(),
            action: Some(Action::Send(SendAction {
                channel_ids: ids.iter().map(|&id| id.to_owned()).collect(),
            })),
            ..Rule::default()
        };
        let fields = violated(create(&config, team, send(&[&own.id, &foreign.id, &hook.id])).await);
        assert_eq!(fields, ["rule.send.channel_ids[1]", "rule.send.channel_ids[2]"]);
        let nameless = Rule { display_name: String::new(), ..send(&["nonsense", &foreign.id]) };
        assert_eq!(violated(create(&config, team, nameless).await), [
            "rule.display_name",
            "rule.send.channel_ids[0]",
            "rule.send.channel_ids[1]",
        ], "all at once");
        create(&config, team, send(&[&own.id])).await.unwrap();
    }

    async fn a_rule_is_checked_before_it_is_kept(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let filter = EventFilter {
            types: vec!["finding.*".to_owned(), "*.created".to_owned()],
            expression: "event.data.score > ".to_owned(),
            ..EventFilter::default()
        };
        let rule = Rule {
            r#match: Some(filter),
            action: Some(Action::Silence(SilenceAction { kinds: vec![ChannelKind::Email.into()] })),
            ..Rule::default()
        };
        assert_eq!(violated(create(&config, team, rule).await), [
            "rule.display_name",
            "rule.match.types[1]",
            "rule.match.expression",
            "rule.silence.kinds[0]",
        ]);
        for expression in ["event.dat.score > 7", "1 + 1", "event.severity > 3"] {
            let filter = EventFilter { expression: expression.to_owned(), ..EventFilter::default() };
            let never = Rule { r#match: Some(filter), ..silent("a", 0) };
            assert_eq!(violated(create(&config, team, never).await), ["rule.match.expression"], "{expression}");
        }
        let without = Rule { action: None, ..silent("a", 0) };
        assert_eq!(violated(create(&config, team, without).await), ["rule.send"]);
        let group = Group { by: vec!["type".to_owned(), "scan_id".to_owned()], wait: None, at_most: 1 };
        let gathers = Rule { group: Some(group), ..silent("a", 0) };
        assert_eq!(violated(create(&config, team, gathers).await), [
            "rule.group.by[1]",
            "rule.group.wait",
            "rule.group.at_most",
            "rule.group",
        ]);
    }

    async fn a_pattern_that_no_event_type_matches_is_warned_of_and_kept(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let rule = |types: [&str; 2]| {
            let types = types.map(str::to_owned).to_vec();
            let filter = EventFilter { types, ..EventFilter::default() };
            Rule { r#match: Some(filter), ..silent("Typing", 0) }
        };
        let made = create(&config, team, rule(["findin.*", "scan.failed"])).await.unwrap();
        assert_eq!(made.warnings, ["The rule “Typing” asks for `findin.*`, which no event type of the catalog matches."]);
        let made = create(&config, team, rule(["finding.*", "*"])).await.unwrap();
        assert!(made.warnings.is_empty());
    }

    async fn an_update_keeps_the_place_and_needs_the_etag_it_names(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        create(&config, team, silent("a", 0)).await.unwrap();
        let b = create(&config, team, silent("b", 0)).await.unwrap().rule.unwrap();
        let request = |name: &str| UpdateRuleRequest {
            rule: Some(Rule {
                id: b.id.clone(),
                etag: b.etag.clone(),
                display_name: name.to_owned(),
                position: 1,
                ..Rule::default()
            }),
            ..UpdateRuleRequest::default()
        };
        let now = config.service.update_rule(of_team(request("c"), team)).await.unwrap().into_inner();
        assert_eq!(now.rule.unwrap().position, 2);
        let stale = config.service.update_rule(of_team(request("d"), team)).await;
        assert_eq!(refused(stale).0, Code::Aborted);
    }

    async fn a_mention_must_be_somebody(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let request = |mentions: Vec<Who>| CreateMentionRuleRequest {
            mention_rule: Some(MentionRule {
                types: vec!["audit.failed".to_owned()],
                mentions: mentions.into_iter().map(|who| Mention { who: Some(who) }).collect(),
                ..MentionRule::default()
            }),
            ..CreateMentionRuleRequest::default()
        };
        let wrong = request(vec![Who::SlackUser("<!channel>".to_owned()), Who::SlackGroup("U012AB3CD".to_owned())]);
        let fields = violated(config.service.create_mention_rule(of_team(wrong, team)).await);
        assert_eq!(fields, ["mention_rule.mentions[0].slack_user", "mention_rule.mentions[1].slack_group"]);
        let right = request(vec![Who::SlackUser("U012AB3CD".to_owned()), Who::Here(true)]);
        config.service.create_mention_rule(of_team(right, team)).await.unwrap();

        let other = config.team().await;
        let stranger = config.member(other, "eve@other.example", Role::Member).await;
        let of_another_team = request(vec![Who::Here(true), Who::MemberId(stranger.id)]);
        let fields = violated(config.service.create_mention_rule(of_team(of_another_team, team)).await);
        assert_eq!(fields, ["mention_rule.mentions[1].member_id"]);
        let ann = config.member(team, "ann@acme.example", Role::Member).await;
        config.service.create_mention_rule(of_team(request(vec![Who::MemberId(ann.id)]), team)).await.unwrap();
        let exported = config.service.export_team_config(of_team(ExportTeamConfigRequest::default(), team)).await;
        let exported = exported.unwrap().into_inner().document;
        assert!(exported.contains("member: ann@acme.example"), "{exported}");
    }
}
