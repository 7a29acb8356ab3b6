//! The table of hostile URLs, none of which gets out, and of public ones, which must not be refused for their shape.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use watchbell_egress::{EgressPolicy, Guard, HttpClient, SendError};

use crate::support::Scripted;

const HOSTILE: &[&str] = &[
    // Loopback, in every spelling that some client somewhere reads as such.
    "https://127.0.0.1/",
    "https://127.0.0.1:8443/hook",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.255.255.254/",
    "https://2130706433/",
    "https://2130706433./",
    "https://0x7f000001/",
    "https://0X7F000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0x7f.1/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://0177.0.0.01/",
    "https://00000177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.0x1/",
    "https://0x7f.0.1/",
    "https://127.0x000001/",
    "https://①②⑦.⓪.⓪.①/",
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://127．0．0．1/",
    "https://127｡0｡0｡1/",
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.%31/",
    "https://12\u{ad}7.0.0.1/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://LocalHost:443/",
    "https://localhost./",
    "https://localhost../",
    "https://ｌｏｃａｌｈｏｓｔ/",
    "https://loc%61lhost/",
    "https://foo.localhost/",
    "https://foo.bar.localhost./",
    "https://localhost.localdomain/",
    "https://localhost6.localdomain6/",
    "https://ip6-localhost/",
    "https://ip6-loopback/",
    // Unspecified.
    "https://0/",
    "https://0.0.0.0/",
    "https://00/",
    "https://0x0/",
    "https://0.1/",
    "https://0.255.255.255/",
    // Private, shared, link-local.
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://167772161/",
    "https://0xa000001/",
    "https://012.0.0.1/",
    "https://10.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://0xac100001/",
    "https://192.168.0.1/",
    "https://192.168.257/",
    "https://3232235521/",
    "https://0xc0.0xa8.0.1/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://100.100.100.200/latest/meta-data/",
    "https://169.254.0.1/",
    "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "https://169.254.170.2/v2/credentials/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0xa9.0xfe.0xa9.0xfe/",
    "https://0251.0376.0251.0376/",
    "https://0251.254.169.254/",
    "https://169.16689662/",
    "https://168.63.129.16/machine?comp=goalstate",
    // Reserved, documentation, benchmarking, multicast, broadcast, 6to4 relays.
    "https://192.0.0.1/",
    "https://192.0.0.192/opc/v1/instance/",
    "https://192.0.2.10/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://198.51.100.7/",
    "https://203.0.113.7/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://4294967295/",
    // IPv6, and IPv4 inside it.
    "https://[::]/",
    "https://[::1]/",
    "https://[::1]:8443/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "https://[::127.0.0.1]/",
    "https://[::7f00:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::FFFF:7F00:0001]/",
    "https://[0:0:0:0:0:ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[64:ff9b::8.8.8.8]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[100::1]/",
    "https://[2001::1]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[2001:10::1]/",
    "https://[2001:db8::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a00:1::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[fd20:ce::254]/computeMetadata/v1/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[4000::1]/",
    "https://[::ffff:127.0.0.1/",
    // Names of metadata services, of internal networks, of nothing.
    "https://metadata/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://METADATA.GOOGLE.INTERNAL/",
    "https://metadata.google.internal./",
    "https://metadata.goog/",
    "https://instance-data/latest/meta-data/",
    "https://instance-data.ec2.internal/",
    "https://kubernetes/",
    "https://kubernetes.default.svc/",
    "https://kubernetes.default.svc.cluster.local/",
    "https://printer.local/",
    "https://vault.corp/",
    "https://nas.lan/",
    "https://router.home/",
    "https://router.home.arpa/",
    "https://1.0.0.127.in-addr.arpa/",
    "https://wiki.intranet/",
    "https://db.private/",
    "https://abcdefghij.onion/",
    "https://intranet/",
    "https://example.com./",
    "https://./",
    "https://../",
    "https://%00/",
    "https://256.256.256.256/",
    "https://1.2.3.4.5/",
    "https://127.0.0.1.0x0/",
    "https://-/",
    // User names and passwords, and what looks like one host and is another.
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://:@example.com/",
    "https://@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com:443@169.254.169.254/",
    "https://127.0.0.1#@example.com/",
    "https://127.0.0.1?@example.com/",
    "https://example.com%40127.0.0.1/",
    "https://example.com\\@127.0.0.1/",
    "https://127.0.0.1\\.example.com/",
    "https:\\\\127.0.0.1/",
    "https:/127.0.0.1/",
    "https:127.0.0.1",
    "https:///127.0.0.1/",
    "https:////127.0.0.1/",
    "https://exam\tple.com/",
    "https://example.com\r\nHost: 127.0.0.1/",
    "https://example.com/\nx",
    " https://example.com/",
    "https://example.com /",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:-1/",
    "https://example.com:http/",
    "https://[example.com]/",
    "https://exa<mple.com/",
    "https://exa mple.com/",
    "https://xn--/",
    "https://xn--a/",
    "https://",
    "https://:443/",
    "https://?x",
    "https://#x",
    // Schemes, plain HTTP among them.
    "http://example.com/",
    "http://93.184.216.34/",
    "HTTP://example.com/",
    "http://[2606:2800:220:1:248:1893:25c8:1946]/",
    "http://127.0.0.1/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/stats",
    "ws://example.com/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:///var/run/docker.sock",
    "jar:https://example.com/!/",
    "//example.com/",
    "/hook",
    "example.com",
    "example.com:443",
    "",
];

const PUBLIC: &[&str] = &[
    "https://example.com",
    "https://example.com/",
    "HTTPS://EXAMPLE.COM/Hook",
    "https://example.com:8443/hook?token=a%20b&x=%2F#part",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "https://contoso.webhook.office.com/webhookb2/0f3e@1a2b/IncomingWebhook/3c4d/5e6f",
    "https://prod-12.westeurope.logic.azure.com:443/workflows/0f3e/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=x_y-z",
    "https://default0f3e.4b.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/0f/triggers/manual/paths/invoke?api-version=1&sig=x",
    "https://discord.com/api/webhooks/1/abc_def-ghi",
    "https://events.pagerduty.com/v2/enqueue",
    "https://api.eu.opsgenie.com/v2/alerts",
    "https://splunk.example.co.uk:8088/services/collector/event",
    "https://münchen.example.org/hook",
    "https://xn--mnchen-3ya.example.org/hook",
    "https://例え.テスト/",
    "https://a.b.c.d.e.f.example.net/",
    "https://under_score.example.com/",
    "https://1password.example.com/",
    "https://10.example.com/",
    "https://127.0.0.1.example.com/",
    "https://localhost.example.com/",
    "https://internal.example.com/",
    "https://metadata.example.com/",
    "https://local.example.com/x@y",
    "https://example.com/a/../b/./c",
    "https://example.com/?redirect=http://127.0.0.1/",
    "https://example.com/path;v=1,2?a=[1]&b={2}|3",
    "https://8.8.8.8/",
    "https://1.1.1.1:8443/hook",
    "https://134744072/",
    "https://93.184.216.34/",
    "https://172.32.0.1/",
    "https://100.128.0.1/",
    "https://[2606:4700:4700::1111]/",
    "https://[2a00:1450:4001:82a::200e]:443/hook",
    "https://[::ffff:8.8.8.8]/",
];

#[test]
fn no_hostile_url_passes_by_its_shape() {
    assert!(HOSTILE.len() >= 120);
    let policy = EgressPolicy::default();
    let passed: Vec<_> = HOSTILE
        .iter()
        .filter(|url| policy.check_url(url).is_ok())
        .collect();
    assert!(passed.is_empty(), "{passed:?} passed");
}

#[test]
fn no_public_url_is_refused_for_its_shape() {
    assert!(PUBLIC.len() >= 30);
    let policy = EgressPolicy::default();
    for url in PUBLIC {
        assert_eq!(policy.check_url(url).map(drop), Ok(()), "{url:?}");
    }
}

/// An allow-list opens its own networks only: names are then judged by their addresses, and these are public ones.
#[tokio::test]
async fn an_allow_list_for_another_network_lets_no_hostile_url_pass() {
    let policy = EgressPolicy::allowing(["10.99.0.0/16".parse().unwrap()]);
    let guard = Guard::with_resolver(policy, Scripted::new(&[&["93.184.216.34"]]));
    let mut passed = Vec::new();
    for url in HOSTILE {
        if guard.admit_url(url).await.is_ok() {
            passed.push(url);
        }
    }
    assert!(passed.is_empty(), "{passed:?} passed");
}

/// Even a URL that was let through under another policy (or written into the database by hand) is stopped at the
/// connection.
#[tokio::test]
async fn the_client_itself_dials_no_hostile_url() {
    let anything = EgressPolicy::allowing(["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
    let resolver = Scripted::new(&[&["127.0.0.1"]]);
    let client = HttpClient::new(Guard::with_resolver(EgressPolicy::default(), resolver));
    let mut tried = 0;
    for url in HOSTILE.iter().filter_map(|url| anything.check_url(url).ok()) {
        let sent = client
            .post(&url, HeaderMap::new(), Bytes::new(), Duration::from_secs(5))
            .await;
        assert!(matches!(sent, Err(SendError::Refused(_))), "{url} gave {sent:?}");
        tried += 1;
    }
    assert!(tried >= 100, "only {tried} were tried");
}
