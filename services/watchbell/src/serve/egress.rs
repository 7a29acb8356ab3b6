//! Egress as the settings have it: what may be reached, and whose certificates are believed.

use std::sync::Arc;

use watchbell_egress::{Authorities, DnsResolver, EgressPolicy, Guard};
use watchbell_runtime::settings::{EgressSettings, SettingsError};

/// The certificate authorities that the operator adds to the public ones, in PEM.
pub(super) fn authorities(settings: &EgressSettings) -> Result<Option<Vec<u8>>, SettingsError> {
    let Some(path) = &settings.ca_file else {
        return Ok(None);
    };
    let failed = |why: String| SettingsError::new("egress.ca_file", format!("{}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    Authorities::with_pem(&pem).map_err(|error| failed(error.to_string()))?;
    Ok(Some(pem))
}

/// What the settings allow to be reached, and believed.
pub(super) fn guard(settings: &EgressSettings, authorities: Option<&[u8]>) -> Result<Guard, SettingsError> {
    let policy = EgressPolicy::allowing(settings.allow.iter().copied());
    let guard = match settings.name_servers.as_slice() {
        [] => Guard::new(policy),
        servers => Guard::with_resolver(policy, Arc::new(DnsResolver::asking_at(servers))),
    };
    let Some(pem) = authorities else {
        return Ok(guard);
    };
    let authorities = Authorities::with_pem(pem)
        .map_err(|error| SettingsError::new("egress.ca_file", error.to_string()))?;
    Ok(guard.trusting(authorities))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_cannot_be_read_end_the_start_and_name_the_setting() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let settings = |path: &std::path::Path| EgressSettings {
            ca_file: Some(path.to_owned()),
            ..EgressSettings::default()
        };
        std::fs::write(&file, "no certificates").unwrap();
        for path in [file.as_path(), dir.path(), &dir.path().join("missing.pem")] {
            let error = authorities(&settings(path)).unwrap_err().to_string();
            assert!(error.contains("egress.ca_file"), "{error}");
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
        assert_eq!(authorities(&EgressSettings::default()).unwrap(), None);
    }
}
