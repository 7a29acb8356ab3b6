//! Health and readiness.

use super::*;

#[tokio::test]
async fn health_and_readyz_follow_the_conditions() {
    let world = World::new(None).await;
    let database = world.readiness.condition("dispatcher", "database");
    let inbox = "watchbell.dispatcher.v1.InboxService";
    assert_eq!(world.health(inbox).await, Ok(ServingStatus::Serving));
    assert!(world.get("/readyz").await.starts_with("HTTP/1.1 200"));
    database.down("connection refused");
    assert_eq!(world.health(inbox).await, Ok(ServingStatus::NotServing));
    let readyz = world.operators_get("/readyz").await;
    assert!(readyz.starts_with("HTTP/1.1 503") && readyz.contains("dispatcher database: connection refused"));
    let readyz = world.get("/readyz").await;
    assert!(
        readyz.starts_with("HTTP/1.1 503") && !readyz.contains("database"),
        "{readyz}"
    );
    assert!(
        world.get("/healthz").await.starts_with("HTTP/1.1 200"),
        "alive all the same"
    );
    assert_eq!(
        world.health("watchbell.config.v1.TeamService").await,
        Err(Code::NotFound)
    );
}

#[tokio::test]
async fn only_what_takes_another_start_fails_healthz() {
    let world = World::new(None).await;
    let sweeper = world.readiness.condition("dispatcher", "dispatcher.sweeper");
    world
        .readiness
        .condition("dispatcher", "database")
        .down("connection refused");
    sweeper.lost("has died");
    let healthz = world.get("/healthz").await;
    assert!(
        healthz.starts_with("HTTP/1.1 503") && !healthz.contains("sweeper"),
        "{healthz}"
    );
    let healthz = world.operators_get("/healthz").await;
    assert!(
        healthz.starts_with("HTTP/1.1 503") && healthz.contains("dispatcher dispatcher.sweeper: has died"),
        "{healthz}"
    );
    assert!(!healthz.contains("database"), "{healthz}");
    assert!(world.operators_get("/readyz").await.contains("has died"));
}
