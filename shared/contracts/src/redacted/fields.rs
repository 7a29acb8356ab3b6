//! Fields that no `Debug` shows, by the full name of their message.

/// Secrets, and texts that carry secrets.
pub(crate) const FIELDS: [(&str, &[&str]); 29] = [
    ("watchbell.config.v1.ApplyTeamConfigRequest", &["document"]),
    (
        "watchbell.config.v1.BeginSlackInstallResponse",
        &["authorize_url", "install_url"],
    ),
    (
        "watchbell.config.v1.ChannelSecrets",
        &["url", "smtp_password", "ed25519_private_key"],
    ),
    (
        "watchbell.config.v1.CompleteSlackInstallRequest",
        &["state", "code"],
    ),
    ("watchbell.config.v1.ConfirmRecipientRequest", &["token"]),
    ("watchbell.config.v1.CreateApiKeyResponse", &["key"]),
    ("watchbell.config.v1.CreateChannelResponse", &["signing_secret"]),
    (
        "watchbell.config.v1.CreatePortalSessionResponse",
        &["url", "token"],
    ),
    ("watchbell.config.v1.DraftTeamSnapshotRequest", &["document"]),
    ("watchbell.config.v1.HttpHeader", &["value"]),
    (
        "watchbell.config.v1.InspectRecipientConfirmationRequest",
        &["token"],
    ),
    ("watchbell.config.v1.InspectSlackInstallRequest", &["state"]),
    (
        "watchbell.config.v1.InspectSlackInstallResponse",
        &["authorize_url"],
    ),
    ("watchbell.config.v1.InspectUnsubscribeTokenRequest", &["token"]),
    (
        "watchbell.config.v1.RotateWebhookSecretRequest",
        &["signing_secret"],
    ),
    (
        "watchbell.config.v1.RotateWebhookSecretResponse",
        &["signing_secret"],
    ),
    ("watchbell.config.v1.SigningSecret", &["secret"]),
    ("watchbell.config.v1.SlackDestination", &["webhook_url"]),
    ("watchbell.config.v1.SmtpServer", &["password"]),
    ("watchbell.config.v1.TeamsDestination", &["webhook_url"]),
    ("watchbell.config.v1.UnsubscribeRequest", &["token"]),
    (
        "watchbell.config.v1.WebhookDestination",
        &["url", "signing_secret"],
    ),
    (
        "watchbell.dispatcher.v1.AcknowledgeAlertByLinkRequest",
        &["token"],
    ),
    ("watchbell.dispatcher.v1.InspectAlertLinkRequest", &["token"]),
    ("watchbell.dispatcher.v1.TableRows", &["rows"]),
    ("watchbell.dispatcher.v1.WebhookPreview", &["signing_secret"]),
    ("watchbell.router.v1.BacktestRequest", &["document"]),
    ("watchbell.router.v1.CheckTeamConfigRequest", &["document"]),
    ("watchbell.router.v1.ExplainRequest", &["draft_document"]),
];
