//! Tokens of links: what nobody has signed is refused, and what was signed reads back.

use std::sync::LazyLock;

use watchbell_model::alert_link::AlertLink;
use watchbell_model::secret::Secret;
use watchbell_model::unsubscribe::{Subscription, Unsubscribe, UnsubscribeKeys};

static KEYS: LazyLock<UnsubscribeKeys> = LazyLock::new(|| keys("a key of enough bytes"));
static OTHER_KEYS: LazyLock<UnsubscribeKeys> = LazyLock::new(|| keys("another key of enough bytes"));

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    assert!(KEYS.verify(text).is_err(), "a made-up token is taken");
    assert!(
        AlertLink::verify(&KEYS, text).is_err(),
        "a made-up token is taken"
    );
    let Ok(address) = text.parse() else { return };
    let what = Unsubscribe {
        team: "team_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
        subscription: Subscription::DigestRecipient { address },
    };
    let token = KEYS.sign(&what);
    assert_eq!(KEYS.verify(&token).as_ref(), Ok(&what));
    assert!(OTHER_KEYS.verify(&token).is_err());
    for at in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(KEYS.verify(&altered).is_err(), "{token}, altered at {at}");
    }
}

fn keys(secret: &str) -> UnsubscribeKeys {
    UnsubscribeKeys::new([Secret::new(secret)]).unwrap()
}
