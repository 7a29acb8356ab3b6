//! A request for each RPC, as protobuf JSON. `$channel` and the like stand for the ids of things, `$team` for a team.

/// Every RPC by its short name, and what is asked.
pub(super) const REQUESTS: &[(&str, &str)] = &[
    (
        "RouterService/Emit",
        r#"{"team_id": "$team", "event": {"type": "user.login", "data": {}}}"#,
    ),
    (
        "RouterService/EmitBatch",
        r#"{"team_id": "$team", "events": [{"type": "user.login", "data": {}}]}"#,
    ),
    (
        "RouterService/EmitStream",
        r#"{"team_id": "$team", "event": {"type": "user.login", "data": {}}}"#,
    ),
    ("RouterService/Backtest", r#"{"team_id": "$team"}"#),
    (
        "RouterService/Reroute",
        r#"{"team_id": "$team", "channel_ids": ["$channel"], "validate_only": true}"#,
    ),
    ("RouterService/CheckTeamConfig", r#"{"team_id": "$team"}"#),
    (
        "RouterService/Explain",
        r#"{"team_id": "$team", "event": {"type": "user.login", "data": {}}}"#,
    ),
    ("TeamService/GetSelf", "{}"),
    ("TeamService/ListTeams", "{}"),
    ("TeamService/GetTeam", r#"{"team_id": "$team"}"#),
    (
        "TeamService/CreateTeam",
        r#"{"team": {"display_name": "New"}, "validate_only": true}"#,
    ),
    (
        "TeamService/UpdateTeam",
        r#"{"team": {"id": "$team", "display_name": "Acme"}, "update_mask": "displayName", "validate_only": true}"#,
    ),
    ("TeamService/DeleteTeam", r#"{"team_id": "$nowhere"}"#),
    ("TeamService/ListMembers", r#"{"team_id": "$team"}"#),
    (
        "TeamService/GetMember",
        r#"{"team_id": "$team", "member_id": "$member"}"#,
    ),
    (
        "TeamService/CreateMember",
        r#"{"team_id": "$team", "member": {"email": "new@acme.example", "role": "ROLE_MEMBER"}, "validate_only": true}"#,
    ),
    (
        "TeamService/UpdateMember",
        r#"{"team_id": "$team", "member": {"id": "$member", "display_name": "Ann"}, "update_mask": "displayName", "validate_only": true}"#,
    ),
    (
        "TeamService/DeleteMember",
        r#"{"team_id": "$team", "member_id": "$member"}"#,
    ),
    ("TeamService/ListApiKeys", r#"{"team_id": "$team"}"#),
    ("TeamService/CreateApiKey", r#"{"team_id": "$team"}"#),
    (
        "TeamService/DeleteApiKey",
        r#"{"team_id": "$team", "api_key_id": "$key"}"#,
    ),
    (
        "TeamService/CreatePortalSession",
        r#"{"team_id": "$team", "member_id": "$member"}"#,
    ),
    ("TeamService/GetIntegrationStatus", r#"{"team_id": "$team"}"#),
    ("TeamService/ListConfigChanges", r#"{"team_id": "$team"}"#),
    (
        "TeamService/RevertConfigChange",
        r#"{"team_id": "$team", "revision": "3", "validate_only": true}"#,
    ),
    ("ChannelService/ListChannels", r#"{"team_id": "$team"}"#),
    (
        "ChannelService/GetChannel",
        r#"{"team_id": "$team", "channel_id": "$channel"}"#,
    ),
    (
        "ChannelService/CreateChannel",
        r#"{"team_id": "$team", "channel": {"display_name": "new", "in_app": {}}, "validate_only": true}"#,
    ),
    (
        "ChannelService/UpdateChannel",
        r#"{"team_id": "$team", "channel": {"id": "$channel", "display_name": "new"}, "update_mask": "displayName", "validate_only": true}"#,
    ),
    (
        "ChannelService/DeleteChannel",
        r#"{"team_id": "$team", "channel_id": "$channel"}"#,
    ),
    (
        "ChannelService/SetDefaultChannel",
        r#"{"team_id": "$team", "channel_id": "$email"}"#,
    ),
    (
        "ChannelService/RotateWebhookSecret",
        r#"{"team_id": "$team", "channel_id": "$channel"}"#,
    ),
    (
        "ChannelService/ReenableChannel",
        r#"{"team_id": "$team", "channel_id": "$channel"}"#,
    ),
    ("ChannelService/BeginSlackInstall", r#"{"team_id": "$team"}"#),
    ("ChannelService/InspectSlackInstall", r#"{"state": "made up"}"#),
    (
        "ChannelService/CompleteSlackInstall",
        r#"{"state": "made up", "code": "made up"}"#,
    ),
    ("RoutingService/ListRules", r#"{"team_id": "$team"}"#),
    (
        "RoutingService/GetRule",
        r#"{"team_id": "$team", "rule_id": "$rule"}"#,
    ),
    (
        "RoutingService/CreateRule",
        r#"{"team_id": "$team", "rule": {"display_name": "new", "send": {"channel_ids": ["$email"]}}, "validate_only": true}"#,
    ),
    (
        "RoutingService/UpdateRule",
        r#"{"team_id": "$team", "rule": {"id": "$rule", "display_name": "new"}, "update_mask": "displayName", "validate_only": true}"#,
    ),
    (
        "RoutingService/DeleteRule",
        r#"{"team_id": "$team", "rule_id": "$rule"}"#,
    ),
    (
        "RoutingService/MoveRule",
        r#"{"team_id": "$team", "rule_id": "$rule", "position": 1}"#,
    ),
    ("RoutingService/ListMentionRules", r#"{"team_id": "$team"}"#),
    (
        "RoutingService/GetMentionRule",
        r#"{"team_id": "$team", "mention_rule_id": "$mention_rule"}"#,
    ),
    (
        "RoutingService/CreateMentionRule",
        r#"{"team_id": "$team", "mention_rule": {"types": ["*"], "mentions": [{"here": true}]}, "validate_only": true}"#,
    ),
    (
        "RoutingService/UpdateMentionRule",
        r#"{"team_id": "$team", "mention_rule": {"id": "$mention_rule", "types": ["*"]}, "update_mask": "types", "validate_only": true}"#,
    ),
    (
        "RoutingService/DeleteMentionRule",
        r#"{"team_id": "$team", "mention_rule_id": "$mention_rule"}"#,
    ),
    (
        "RoutingService/ApplyTeamConfig",
        r#"{"team_id": "$team", "document": "version: 1", "validate_only": true}"#,
    ),
    ("RoutingService/ExportTeamConfig", r#"{"team_id": "$team"}"#),
    ("SilenceService/ListSilences", r#"{"team_id": "$team"}"#),
    (
        "SilenceService/GetSilence",
        r#"{"team_id": "$team", "silence_id": "$silence"}"#,
    ),
    (
        "SilenceService/CreateSilence",
        r#"{"team_id": "$team", "silence": {"comment": "no end"}, "validate_only": true}"#,
    ),
    (
        "SilenceService/ExpireSilence",
        r#"{"team_id": "$team", "silence_id": "$silence"}"#,
    ),
    (
        "PreferenceService/GetPreferences",
        r#"{"team_id": "$team", "member_id": "$member"}"#,
    ),
    (
        "PreferenceService/UpdatePreferences",
        r#"{"team_id": "$team", "member_id": "$member", "preferences": [{"topic": "sla", "setting": "PREFERENCE_SETTING_ON"}]}"#,
    ),
    (
        "PreferenceService/GetComplianceRecipients",
        r#"{"team_id": "$team"}"#,
    ),
    (
        "PreferenceService/UpdateComplianceRecipients",
        r#"{"team_id": "$team", "recipients": ["ann@acme.example"]}"#,
    ),
    ("PreferenceService/GetDigestSettings", r#"{"team_id": "$team"}"#),
    (
        "PreferenceService/UpdateDigestSettings",
        r#"{"team_id": "$team", "settings": {"cron": "0 9 * * MON"}}"#,
    ),
    (
        "PreferenceService/InspectUnsubscribeToken",
        r#"{"token": "made up"}"#,
    ),
    ("PreferenceService/Unsubscribe", r#"{"token": "made up"}"#),
    (
        "PreferenceService/InspectRecipientConfirmation",
        r#"{"token": "made up"}"#,
    ),
    ("PreferenceService/ConfirmRecipient", r#"{"token": "made up"}"#),
    (
        "PreferenceService/ResendRecipientConfirmation",
        r#"{"team_id": "$team", "address": "ann@acme.example"}"#,
    ),
    ("CatalogService/ListEventTypes", r#"{"team_id": "$team"}"#),
    (
        "CatalogService/GetEventType",
        r#"{"team_id": "$team", "name": "$event_type"}"#,
    ),
    (
        "CatalogService/CreateEventType",
        r#"{"team_id": "$team", "event_type": {"name": "backup.failed", "title": "A backup failed"}, "validate_only": true}"#,
    ),
    (
        "CatalogService/UpdateEventType",
        r#"{"team_id": "$team", "event_type": {"name": "$event_type", "title": "New"}, "update_mask": "title", "validate_only": true}"#,
    ),
    (
        "CatalogService/DeleteEventType",
        r#"{"team_id": "$team", "name": "$event_type"}"#,
    ),
    ("SnapshotService/GetTeamSnapshot", r#"{"team_id": "$team"}"#),
    (
        "SnapshotService/GetPastTeamSnapshot",
        r#"{"team_id": "$team", "as_of_time": "2100-01-01T00:00:00Z"}"#,
    ),
    (
        "SnapshotService/DraftTeamSnapshot",
        r#"{"team_id": "$team", "document": "version: 1"}"#,
    ),
    ("SnapshotService/FollowChanges", "{}"),
    ("SnapshotService/WatchChanges", "{}"),
    (
        "SnapshotService/ResolveChannel",
        r#"{"team_id": "$team", "channel_id": "$channel"}"#,
    ),
    (
        "SnapshotService/ResolveDraftChannel",
        r#"{"team_id": "$team", "channel": {"display_name": "draft", "email": {"recipients": ["ann@example.com"]}}}"#,
    ),
    ("SnapshotService/Authenticate", r#"{"key_sha256": "$key_sha256"}"#),
    (
        "SnapshotService/ReportChannelHealth",
        r#"{"team_id": "$team", "channel_id": "$channel", "health": "CHANNEL_HEALTH_HEALTHY"}"#,
    ),
    (
        "SnapshotService/ReportExpressionFailures",
        r#"{"team_id": "$team"}"#,
    ),
    ("SnapshotService/ListAllTeams", "{}"),
    ("SnapshotService/ListOptOuts", r#"{"team_id": "$team"}"#),
    ("SnapshotService/LocateTeam", r#"{"team_id": "$team"}"#),
    ("CellService/ListCells", "{}"),
    (
        "CellService/AddCell",
        r#"{"cell": {"name": "eu", "addresses": ["http://127.0.0.1:1"]}, "validate_only": true}"#,
    ),
    ("CellService/MoveTeam", r#"{"team_id": "$team", "to_cell": "eu"}"#),
    ("CellService/GetCellMove", r#"{"team_id": "$team"}"#),
    (
        "DispatcherService/Submit",
        r#"{"team_id": "$team", "event": {"id": "made-up", "type": "user.login", "data": {}}}"#,
    ),
    (
        "DispatcherService/SendTest",
        r#"{"team_id": "$team", "channel_id": "$channel"}"#,
    ),
    (
        "DispatcherService/RenderPreview",
        r#"{"team_id": "$team", "channel_id": "$channel", "event": {"type": "finding.created"}}"#,
    ),
    (
        "DispatcherService/ListDeliveries",
        r#"{"team_id": "$team", "channel_id": "$channel"}"#,
    ),
    (
        "DispatcherService/GetDelivery",
        r#"{"team_id": "$team", "delivery_id": "$delivery"}"#,
    ),
    (
        "DispatcherService/GetDeliveryStats",
        r#"{"team_id": "$team", "filter": {"channel_id": "$channel"}}"#,
    ),
    (
        "DispatcherService/Replay",
        r#"{"team_id": "$team", "delivery_id": "$delivery"}"#,
    ),
    (
        "DispatcherService/Recover",
        r#"{"team_id": "$team", "channel_id": "$channel", "start_time": "2026-01-01T00:00:00Z"}"#,
    ),
    (
        "DispatcherService/CancelDeliveries",
        r#"{"team_id": "$team", "filter": {"channel_id": "$channel"}, "start_time": "2026-01-01T00:00:00Z"}"#,
    ),
    (
        "DispatcherService/CancelDelivery",
        r#"{"team_id": "$team", "delivery_id": "$delivery"}"#,
    ),
    (
        "DispatcherService/ListEvents",
        r#"{"team_id": "$team", "types": ["$event_type"]}"#,
    ),
    (
        "DispatcherService/GetEvent",
        r#"{"team_id": "$team", "event_id": "$event"}"#,
    ),
    (
        "DispatcherService/StreamEvents",
        r#"{"team_id": "$team", "from_beginning": true}"#,
    ),
    (
        "DispatcherService/WatchDeliveries",
        r#"{"team_id": "$team", "channel_id": "$channel"}"#,
    ),
    (
        "DispatcherService/AddDeliveries",
        r#"{"team_id": "$team", "run_id": "a run", "validate_only": true, "is_last": true, "events": [{"event_id": "$event"}]}"#,
    ),
    (
        "DispatcherService/ExplainAlert",
        r#"{"team_id": "$team", "event_id": "evt-none"}"#,
    ),
    ("DispatcherService/GetChannelStats", r#"{"team_id": "$team"}"#),
    ("DispatcherService/WatchOwners", "{}"),
    ("TeamMoveService/DescribeCell", "{}"),
    (
        "TeamMoveService/GetTeamMove",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q"}"#,
    ),
    (
        "TeamMoveService/PrepareArrival",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q", "move_id": "01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    ),
    (
        "TeamMoveService/BeginDeparture",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q", "move_id": "01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    ),
    (
        "TeamMoveService/ImportRows",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q", "move_id": "01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    ),
    (
        "TeamMoveService/ReadRows",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q", "move_id": "01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    ),
    (
        "TeamMoveService/FreezeTeam",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q", "move_id": "01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    ),
    (
        "TeamMoveService/LeaveCell",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q", "move_id": "01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    ),
    (
        "TeamMoveService/ActivateTeam",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q", "move_id": "01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    ),
    (
        "TeamMoveService/RemoveRows",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q", "move_id": "01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    ),
    (
        "TeamMoveService/CancelTeamMove",
        r#"{"team_id": "team_01h455vb4pex5vsknk084sn02q", "move_id": "01890a5d-ac96-774b-bcce-b302099a8057"}"#,
    ),
    ("AlertService/ListAlerts", r#"{"team_id": "$team"}"#),
    (
        "AlertService/GetAlert",
        r#"{"team_id": "$team", "key": "$alert"}"#,
    ),
    (
        "AlertService/AcknowledgeAlert",
        r#"{"team_id": "$team", "key": "$alert"}"#,
    ),
    (
        "AlertService/SnoozeAlert",
        r#"{"team_id": "$team", "key": "$alert", "end_time": "$soon"}"#,
    ),
    (
        "AlertService/ResolveAlert",
        r#"{"team_id": "$team", "key": "$alert"}"#,
    ),
    ("AlertService/InspectAlertLink", r#"{"token": "made up"}"#),
    ("AlertService/AcknowledgeAlertByLink", r#"{"token": "made up"}"#),
    ("AlertService/WatchAlerts", r#"{"team_id": "$team"}"#),
    (
        "InboxService/ListNotifications",
        r#"{"team_id": "$team", "member_id": "$member"}"#,
    ),
    (
        "InboxService/GetUnreadCount",
        r#"{"team_id": "$team", "member_id": "$member"}"#,
    ),
    (
        "InboxService/MarkRead",
        r#"{"team_id": "$team", "member_id": "$member", "notification_ids": ["$notification"]}"#,
    ),
    (
        "InboxService/MarkUnread",
        r#"{"team_id": "$team", "member_id": "$member", "notification_ids": ["$notification"]}"#,
    ),
    (
        "InboxService/MarkAllRead",
        r#"{"team_id": "$team", "member_id": "$member"}"#,
    ),
    (
        "InboxService/Archive",
        r#"{"team_id": "$team", "member_id": "$member", "notification_ids": ["$notification"]}"#,
    ),
    (
        "InboxService/Unarchive",
        r#"{"team_id": "$team", "member_id": "$member", "notification_ids": ["$notification"]}"#,
    ),
    (
        "InboxService/Watch",
        r#"{"team_id": "$team", "member_id": "$member"}"#,
    ),
    ("DigestService/PreviewDigest", r#"{"team_id": "$team"}"#),
    ("DigestService/SendDigest", r#"{"team_id": "$team"}"#),
    ("DigestService/ListDigestRuns", r#"{"team_id": "$team"}"#),
];
