//! The keys that come with an installation. On a database without any key nobody could ever call, so its first one comes
//! from the process: what it made at its first start, or what the operator chose. Either has every scope.

use watchbell_model::ids::KeyId;
use watchbell_model::secret::Secret;
use watchbell_runtime::auth::{Scope, hash_key};

use crate::error::Result;
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::api_key;
use crate::store::{Resource, api_keys, join};

impl Service {
    /// Whether nobody could call yet.
    ///
    /// # Errors
    /// The database's.
    pub async fn has_no_key(&self) -> Result<bool> {
        Ok(!api_keys::exists_all_teams(self.store().reader()).await?)
    }

    /// Makes this the platform's first key, unless the database has keys. Answers whether it is a platform key
    /// afterwards: of replicas that start together, one has its own taken.
    ///
    /// # Errors
    /// The database's.
    pub async fn adopt_first_key(&self, key: &Secret) -> Result<bool> {
        self.adopt("bootstrap", key, true).await
    }

    /// Makes sure that this is a platform key, whatever others there are. Answers whether it is: a team's key does not
    /// become the platform's.
    ///
    /// # Errors
    /// The database's.
    pub async fn adopt_key(&self, key: &Secret) -> Result<bool> {
        self.adopt("operator", key, false).await
    }

    async fn adopt(&self, display_name: &str, key: &Secret, first_only: bool) -> Result<bool> {
        let hash = hash_key(key.expose());
        let now = self.now();
        let change = Change::begin_platform(self.store(), now).await?;
        let connection = change.connection();
        api_keys::lock_all_teams(connection).await?;
        let known = api_keys::by_hash_all_teams(connection, &hash).await?;
        if known.is_some() || (first_only && api_keys::exists_all_teams(connection).await?) {
            return Ok(known.is_some_and(|key| key.team_id.is_none()));
        }
        let row = api_key::Model {
            id: KeyId::generate(now).as_uuid(),
            team_id: None,
            display_name: display_name.to_owned(),
            scopes: join(Scope::ALL),
            key_sha256: hash.to_vec(),
            create_time: now,
            expire_time: None,
            creator: None,
            last_use_time: None,
        };
        api_key::Entity::add(connection, &row).await?;
        self.finish(change, false).await?;
        Ok(true)
    }
}
