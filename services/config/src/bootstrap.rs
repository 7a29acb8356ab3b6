//! The first key. On a database without any key nobody could ever call, so one is made with every scope, and handed
//! to the operator once.

use watchbell_domain::ids::KeyId;
use watchbell_domain::secret::Secret;
use watchbell_runtime::auth::{Scope, hash_key};

use crate::error::Result;
use crate::keys;
use crate::service::Service;
use crate::store::entities::api_key;
use crate::store::{api_keys, join};

impl Service {
    /// Makes a platform key with every scope if the database has no key at all. The key is returned this once, for
    /// the operator to keep; replicas that start together make one between them.
    ///
    /// # Errors
    /// The database's.
    pub async fn bootstrap(&self) -> Result<Option<Secret>> {
        let key = keys::generate();
        let made = self.adopt_platform_key("bootstrap", &key).await?;
        Ok(made.then_some(key))
    }

    /// Like [`Service::bootstrap`] with a key that the operator chose. Answers whether it was taken: on a database
    /// that has keys nothing changes.
    ///
    /// # Errors
    /// The database's.
    pub async fn adopt_platform_key(&self, display_name: &str, key: &Secret) -> Result<bool> {
        let transaction = self.store().begin().await?;
        api_keys::lock_all_teams(&transaction).await?;
        if api_keys::exists_all_teams(&transaction).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        let now = self.now();
        let row = api_key::Model {
            id: KeyId::generate(now).as_uuid(),
            team_id: None,
            display_name: display_name.to_owned(),
            scopes: join(Scope::ALL),
            key_sha256: hash_key(key.expose()).to_vec(),
            create_time: now,
            expire_time: None,
        };
        api_keys::insert(&transaction, row).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
