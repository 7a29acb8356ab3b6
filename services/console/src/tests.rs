use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

use super::*;
use crate::assets::{ASSETS, BUILD};

fn console(settings: &ConsoleSettings) -> Router {
    Console::new(settings, &Brand::default(), false).unwrap().router()
}

async fn ask(path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = console(&ConsoleSettings::default())
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    (parts.status, parts.headers, body)
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn any_page_of_the_application_is_the_index_and_is_asked_for_again() {
    let (_, _, index) = ask("/console/", &[]).await;
    for path in [
        "/console",
        "/console/t/team_1/deliveries?state=failed",
        "/console/t/team_1/channels/chn_1",
    ] {
        let (status, headers, body) = ask(path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(body, index, "{path}");
        assert_eq!(value(&headers, "content-type"), "text/html; charset=utf-8");
        assert_eq!(value(&headers, "cache-control"), "no-cache");
        let (status, _, body) = ask(path, &[("if-none-match", value(&headers, "etag"))]).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
    }
}

#[tokio::test]
async fn what_other_pages_load_has_a_name_that_stays_and_is_asked_for_again() {
    for (path, element) in [
        ("/console/inbox.js", "watchbell-inbox"),
        ("/console/embed.js", "watchbell-console"),
    ] {
        let (status, headers, body) = ask(path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(value(&headers, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(value(&headers, "cache-control"), "no-cache");
        assert_eq!(value(&headers, "cross-origin-resource-policy"), "cross-origin");
        assert!(String::from_utf8_lossy(&body).contains(element), "{path}");
        let (status, _, _) = ask(path, &[("if-none-match", value(&headers, "etag"))]).await;
        assert_eq!(status, StatusCode::NOT_MODIFIED, "{path}");
    }
}

#[tokio::test]
async fn files_are_kept_for_good_under_the_hash_of_the_build() {
    for asset in ASSETS.iter().filter(|asset| asset.path != "index.html") {
        let path = format!("/console/{BUILD}/{}", asset.path);
        let (status, headers, plain) = ask(&path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(
            value(&headers, "cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(value(&headers, "x-content-type-options"), "nosniff");
        assert_ne!(
            value(&headers, "content-type"),
            "application/octet-stream",
            "{path}"
        );

        let (_, headers, gzip) = ask(&path, &[("accept-encoding", "br, gzip;q=0.5")]).await;
        assert_eq!(value(&headers, "content-encoding"), "gzip");
        assert_eq!(value(&headers, "vary"), "accept-encoding");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&gzip[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, plain, "{path}");

        let (_, headers, body) = ask(&path, &[("accept-encoding", "gzip;q=0")]).await;
        assert_eq!(value(&headers, "content-encoding"), "");
        assert_eq!(body, plain);
        let weak = format!("\"other\", W/{}", value(&headers, "etag"));
        let (status, _, _) = ask(&path, &[("if-none-match", &weak)]).await;
        assert_eq!(status, StatusCode::NOT_MODIFIED, "{path}");
    }
}

#[tokio::test]
async fn the_page_names_only_files_that_are_there() {
    let (_, _, page) = ask("/console/", &[]).await;
    let page = String::from_utf8(page).unwrap();
    let mut named = 0;
    for part in page
        .split(['"', '\''])
        .filter(|part| part.starts_with("/console/"))
    {
        assert_eq!(ask(part, &[]).await.0, StatusCode::OK, "{part}");
        named += 1;
    }
    assert!(named >= 2, "{page}");
    assert!(!page.contains("\"./"), "an address is still relative: {page}");
}

#[tokio::test]
async fn files_of_another_build_and_paths_that_climb_are_not_there() {
    for path in [
        "/console/0123456789abcdef/assets/app.js",
        "/console/assets/app.js",
        "/console/../healthz",
        "/console/%2e%2e/healthz",
        "/console/t/..%2f..%2fadmin.key",
        "/console/t/..%5cadmin.key",
        "/console/t/%00",
    ] {
        assert_eq!(ask(path, &[]).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let (status, _, _) = ask(&format!("/console/{BUILD}/SOURCE"), &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_inline_runs_and_nobody_frames_it_unless_listed() {
    let (_, headers, page) = ask("/console/", &[]).await;
    let policy = value(&headers, "content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self';",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ] {
        assert!(policy.contains(part), "{part} is not in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(value(&headers, "x-frame-options"), "DENY");
    let page = String::from_utf8(page).unwrap();
    assert!(!page.contains("<style") && !page.contains("style="), "{page}");
    assert!(
        page.matches("<script").count() == page.matches("<script type=\"module\" crossorigin src=").count()
    );

    let settings = ConsoleSettings {
        api_base: Some("https://api.example.com".parse().unwrap()),
        embed_origins: vec!["https://app.example.com".parse().unwrap()],
        ..ConsoleSettings::default()
    };
    let headers = policy::headers(&settings, &Brand::default()).unwrap();
    let policy = value(&headers, "content-security-policy");
    assert!(
        policy.contains("connect-src 'self' https://api.example.com;"),
        "{policy}"
    );
    assert!(
        policy.contains("frame-ancestors https://app.example.com;"),
        "{policy}"
    );
    assert_eq!(value(&headers, "x-frame-options"), "");
}

#[tokio::test]
async fn the_configuration_says_who_speaks_and_how_to_sign_in() {
    let (status, headers, body) = ask("/console/config.json", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(value(&headers, "cache-control"), "no-store");
    let config: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(config["brand"]["name"], "Watchbell");
    assert_eq!(config["api_base"], "");
    assert_eq!(config["keys"], true);
    let keys = |keys, members_sign_in| {
        let settings = ConsoleSettings {
            keys,
            ..ConsoleSettings::default()
        };
        Console::new(&settings, &Brand::default(), members_sign_in)
            .unwrap()
            .0
            .config
            .keys
    };
    assert!(!keys(None, true), "members have their own way");
    assert!(keys(Some(true), true));
    assert!(!keys(Some(false), false));
}

#[test]
fn an_address_that_is_no_origin_is_refused_by_name() {
    let settings = |api_base: Option<&str>, embed: &str| ConsoleSettings {
        api_base: api_base.map(|url| url.parse().unwrap()),
        embed_origins: vec![embed.parse().unwrap()],
        ..ConsoleSettings::default()
    };
    let app = "https://app.example.com";
    assert!(settings(None, app).check().is_ok());
    for (settings, name) in [
        (settings(Some("ftp://api.example.com"), app), "console.api_base"),
        (
            settings(Some("https://api.example.com/v1"), app),
            "console.api_base",
        ),
        (
            settings(None, "https://app.example.com/page"),
            "console.embed_origins",
        ),
        (settings(None, "data:text/html,x"), "console.embed_origins"),
    ] {
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

/// `dist/SOURCE` is written by the build: the same sum over the same files (`web/scripts/source-hash.mjs`).
#[test]
fn what_is_committed_was_built_from_the_sources_beside_it() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let web = crate_dir.join("web");
    let mut files = BTreeMap::new();
    sources(&web, &web, &mut files);
    let mut whole = Sha256::new();
    for (name, sum) in &files {
        whole.update(format!("{sum}  {name}\n"));
    }
    let built = std::fs::read_to_string(crate_dir.join("dist/SOURCE")).unwrap();
    assert_eq!(
        built.trim(),
        hex(&whole.finalize()),
        "services/console/dist is older than services/console/web: run `npm run build` there"
    );
}

fn sources(root: &Path, dir: &Path, files: &mut BTreeMap<String, String>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        match name.as_str() {
            "node_modules" | "src/api/gen" => {}
            _ if path.is_dir() => sources(root, &path, files),
            _ => {
                files.insert(name, hex(&Sha256::digest(std::fs::read(&path).unwrap())));
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn oidc(issuer: &str) -> ConsoleSettings {
    ConsoleSettings {
        oidc: Some(OidcSettings {
            issuer: issuer.parse().unwrap(),
            client_id: "watchbell-console".to_owned(),
            scope: "openid".to_owned(),
            token: OidcToken::AccessToken,
        }),
        ..ConsoleSettings::default()
    }
}

#[tokio::test]
async fn browsers_may_call_the_identity_provider_and_keys_are_off_beside_it() {
    let settings = oidc("https://id.example.com/realms/acme");
    let request = Request::get("/console/config.json").body(Body::empty()).unwrap();
    let response = console(&settings).oneshot(request).await.unwrap();
    let policy = value(response.headers(), "content-security-policy").to_owned();
    assert!(
        policy.contains("connect-src 'self' https://id.example.com;"),
        "{policy}"
    );
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(said["oidc"]["issuer"], "https://id.example.com/realms/acme");
    assert_eq!(
        (&said["oidc"]["token"], &said["keys"]),
        (&"access_token".into(), &false.into())
    );
}

#[test]
fn a_provider_is_reached_by_https_or_on_this_machine() {
    let refused = |settings: &ConsoleSettings| settings.check().map_err(|error| error.to_string());
    assert!(refused(&oidc("https://id.example.com/")).is_ok());
    assert!(refused(&oidc("http://127.0.0.1:8080")).is_ok());
    for wrong in [
        "http://id.example.com/",
        "https://id.example.com/?a=b",
        "data:text/plain,x",
    ] {
        assert!(
            refused(&oidc(wrong)).unwrap_err().contains("console.oidc.issuer"),
            "{wrong}"
        );
    }
    let mut settings = oidc("https://id.example.com/");
    if let Some(oidc) = &mut settings.oidc {
        oidc.scope = "profile".to_owned();
    }
    assert!(refused(&settings).unwrap_err().contains("console.oidc.scope"));
}
