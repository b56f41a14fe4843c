//! Secrets that a program names and does not hold: `${env:NAME}` and `${file:PATH}`.

use crate::environment::Environment;
use crate::failure::Failure;
use kolk::topology::{Operator, Topology};
use std::fs;

/// Puts the secrets of connectors in their place.
///
/// # Errors
/// [`Failure`] naming a variable or file that is not there; never the secret.
pub(crate) fn resolve(topology: &mut Topology, environment: &Environment) -> Result<(), Failure> {
    for node in topology.queries.iter_mut().flat_map(|query| &mut query.nodes) {
        let Operator::Sink(sink) = &mut node.operator else { continue };
        let Some(connector) = &mut sink.connector else { continue };
        for (option, value) in &mut connector.target.secrets.0 {
            *value = one(option, value, environment)?;
        }
    }
    Ok(())
}

fn one(option: &str, text: &str, environment: &Environment) -> Result<String, Failure> {
    let inside = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    match inside.and_then(|inside| inside.split_once(':')) {
        Some(("env", name)) => environment.get(name).map(str::to_owned).ok_or_else(|| {
            Failure::usage(format!("{option} is in the variable {name}, which is not set"))
        }),
        Some(("file", path)) => {
            let text = fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("{option} is in {path}, which cannot be read: {error}"))
            })?;
            Ok(text.trim_end_matches(['\n', '\r']).to_owned())
        }
        Some((what, _)) => Err(Failure::usage(format!(
            "{option} = '${{{what}:…}}': a secret is in ${{env:NAME}} or in ${{file:PATH}}"
        ))),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_from_variables_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "from a file\n").unwrap();
        let environment = Environment::from([("SECRET", "from a variable")]);
        let of = |text: &str| one("password", text, &environment);
        assert_eq!(of("${env:SECRET}").unwrap(), "from a variable");
        assert_eq!(of(&format!("${{file:{}}}", path.display())).unwrap(), "from a file");
        assert_eq!(of("plain").unwrap(), "plain");
        let error = of("${env:MISSING}").unwrap_err().to_string();
        assert!(error.contains("MISSING") && error.contains("password"), "{error}");
        assert!(of("${file:/nowhere/at/all}").is_err());
        assert!(of("${vault:x}").is_err());
    }
}
