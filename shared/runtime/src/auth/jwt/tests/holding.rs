//! Reading the keys, and having them while the provider is away.

use super::*;

#[tokio::test]
async fn a_new_key_is_taken_at_once_and_one_that_is_taken_back_is_refused_after_the_next_reading() {
    let world = World::running();
    let old = world.ed.token(&claims());
    assert!(world.accepts(&old).await);
    let new = SigningKey::ed25519("new");
    world.provider.publish(&[&world.ed, &new]);
    assert!(world.accepts(&new.token(&claims())).await);
    assert!(world.accepts(&old).await);
    assert_eq!(world.provider.asked(), 2);

    world.provider.publish(&[&new]);
    assert_eq!(
        world.refresh().await,
        Duration::from_secs(600),
        "when to read them again"
    );
    assert!(!world.accepts(&old).await);
    assert!(world.accepts(&new.token(&claims())).await);
    world.provider.publish(&[]);
    world.refresh().await;
    assert!(
        !world.accepts(&new.token(&claims())).await,
        "a provider may take all keys back"
    );
}

#[tokio::test]
async fn a_storm_of_keys_that_nobody_knows_has_the_keys_read_once_in_thirty_seconds() {
    let world = World::running();
    assert!(world.accepts(&world.ed.token(&claims())).await);
    let strangers: Vec<_> = (0..50)
        .map(|n| SigningKey::ed25519(&format!("stranger {n}")))
        .collect();
    for asked in 2..5 {
        let tokens: Vec<_> = strangers.iter().map(|key| key.token(&claims())).collect();
        let calls = tokens.iter().map(|token| world.accepts(token));
        assert!(join_all(calls).await.iter().all(|accepted| !accepted));
        for token in &tokens {
            assert!(!world.accepts(token).await);
        }
        assert_eq!(world.provider.asked(), asked);
        world.clock.advance(Duration::from_secs(29));
        assert!(!world.accepts(&tokens[0]).await);
        assert_eq!(world.provider.asked(), asked);
        world.clock.advance(Duration::from_secs(1));
    }
    assert!(
        world.accepts(&world.ed.token(&claims())).await,
        "and others are not touched"
    );
}

#[tokio::test]
async fn all_who_miss_the_same_key_wait_for_one_reading_even_if_the_first_of_them_leaves() {
    let world = World::running();
    assert!(world.accepts(&world.ed.token(&claims())).await);
    let new = SigningKey::ed25519("new");
    world.provider.publish(&[&new]);
    let token = new.token(&claims());
    world.provider.answers.forget_permits(usize::MAX);
    {
        let first = world.accepts(&token);
        futures::pin_mut!(first);
        assert!(first.as_mut().now_or_never().is_none());
    }
    let calls = join_all((0..10).map(|_| world.accepts(&token)));
    futures::pin_mut!(calls);
    assert!(futures::poll!(&mut calls).is_pending());
    world.provider.answers.add_permits(1);
    assert!(calls.await.into_iter().all(|accepted| accepted));
    assert_eq!(world.provider.asked(), 2);
}

#[tokio::test]
async fn whoever_comes_before_the_first_reading_has_ended_waits_for_it() {
    let world = World::running();
    let token = world.ed.token(&claims());
    let calls = join_all((0..10).map(|_| world.accepts(&token))).await;
    assert!(calls.into_iter().all(|accepted| accepted));
    assert_eq!(world.provider.asked(), 1);
}

#[tokio::test]
async fn without_a_provider_members_are_told_to_wait_until_there_is_one() {
    let world = World::new();
    world.provider.goes_away();
    assert_eq!(world.refresh().await, Duration::from_secs(5), "when to try again");
    tokio::spawn(world.tokens.jwks_refresher().run(world.stop.clone()));
    let token = world.ed.token(&claims());
    assert!(world.is_told_to_wait(&token).await);
    assert!(world.is_told_to_wait(&token).await);
    assert_eq!(
        world.judge("nonsense").await,
        Err(TokenError::Malformed),
        "what no key could mend is refused"
    );
    world.provider.publish(&[&world.ed]);
    world.refresh().await;
    assert!(world.accepts(&token).await);
}

#[tokio::test]
async fn the_keys_that_are_known_are_used_for_a_day_while_the_provider_is_away() {
    let world = World::new();
    world.refresh().await;
    let token = world.ed.token(&but("exp", json!(NOW + 1_000_000)));
    let unknown = SigningKey::ed25519("new").token(&claims());
    // As many bytes as are asked for.
    let long = |keys: Value, length: usize| {
        let document = json!({"keys": keys}).to_string();
        " ".repeat(length - document.len()) + &document
    };
    let too_long = long(json!([]), MAX_KEY_SET + 1);
    for wrong in [None, Some("<html>"), Some(&too_long)] {
        match wrong {
            None => world.provider.goes_away(),
            Some(document) => world.provider.says(document),
        }
        world.clock.advance(Duration::from_secs(6 * 60 * 60));
        assert_eq!(world.refresh().await, Duration::from_secs(5));
        assert!(world.accepts(&token).await);
    }
    tokio::spawn(world.tokens.jwks_refresher().run(world.stop.clone()));
    assert!(world.is_told_to_wait(&unknown).await, "it may be a good one");
    world.clock.advance(Duration::from_secs(6 * 60 * 60));
    world.refresh().await;
    assert!(world.is_told_to_wait(&token).await, "keys of yesterday are none");
    world.provider.says(long(json!([world.ed.jwk()]), MAX_KEY_SET));
    world.refresh().await;
    assert!(world.accepts(&token).await, "the longest document that is taken");
}

#[tokio::test]
async fn a_file_is_read_anew_each_time_and_must_be_there_at_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    assert!(KeyFile::open(&path).await.is_err());
    std::fs::write(&path, "no keys").unwrap();
    assert!(KeyFile::open(&path).await.is_err());
    std::fs::write(&path, vec![b' '; MAX_KEY_SET + 100]).unwrap();
    assert!(
        KeyFile::open(&path)
            .await
            .is_err_and(|why| why.to_string().contains("longer"))
    );
    std::fs::write(&path, "{\"keys\": []}").unwrap();
    let file = KeyFile::open(&path).await.unwrap();
    std::fs::write(&path, "{\"keys\": [1]}").unwrap();
    assert_eq!(file.fetch().await.unwrap(), b"{\"keys\": [1]}");
}

#[tokio::test]
async fn the_loop_ends_when_it_is_told_to() {
    let world = World::new();
    let running = tokio::spawn(world.tokens.jwks_refresher().run(world.stop.clone()));
    assert!(world.accepts(&world.ed.token(&claims())).await);
    world.stop.cancel();
    running.await.unwrap();
}
