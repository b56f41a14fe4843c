//! Who asks, and where: the options, else the variables and files that AWS's own tools read.
//!
//! Nothing is asked of the machine's metadata service, and no other service for a role: what a program may do is what its
//! surroundings say, and not having it is told at once.

use kolk::topology::Target;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// What a client is made of.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) region: String,
    pub(super) key_id: String,
    pub(super) secret: String,
    pub(super) session_token: Option<String>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Where options are looked up that a statement does not give.
pub(super) struct Surroundings {
    /// A variable of the environment.
    pub(super) variable: fn(&str) -> Option<String>,
    /// The text of a file, if it is there.
    pub(super) file: fn(&PathBuf) -> Option<String>,
}

/// Those of this process.
pub(super) const PROCESS: Surroundings =
    Surroundings { variable, file: |path| std::fs::read_to_string(path).ok() };

#[expect(
    clippy::disallowed_methods,
    reason = "the variables of AWS's tools are part of what the options promise; the command line knows nothing of them"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Finds region and credentials.
///
/// # Errors
/// What is missing, and where it could be said.
pub(super) fn find(target: &Target, around: &Surroundings) -> Result<Access, String> {
    let profile = Profile::read(target, around);
    let region = target.option("region").map(str::to_owned);
    let region = region
        .or_else(|| (around.variable)("AWS_REGION"))
        .or_else(|| (around.variable)("AWS_DEFAULT_REGION"))
        .or_else(|| profile.value("region"))
        // Whoever names a server does not need a region, but the signature does.
        .or_else(|| target.option("endpoint").map(|_| "us-east-1".to_owned()))
        .ok_or("kinesis: there is no region: say region = '…', or set AWS_REGION")?;
    let (key_id, secret, session_token) = credentials(target, around, &profile)?;
    Ok(Access { region, key_id, secret, session_token })
}

type Credentials = (String, String, Option<String>);

fn credentials(
    target: &Target,
    around: &Surroundings,
    profile: &Profile,
) -> Result<Credentials, String> {
    let said = |name: &str| target.secret(name).map(str::to_owned);
    match (said("access_key_id"), said("secret_access_key")) {
        (Some(id), Some(secret)) => return Ok((id, secret, said("session_token"))),
        (None, None) => {}
        _ => return Err("kinesis: access_key_id and secret_access_key go together".to_owned()),
    }
    let of_environment =
        (around.variable)("AWS_ACCESS_KEY_ID").zip((around.variable)("AWS_SECRET_ACCESS_KEY"));
    // A profile that is asked for by name is meant.
    if let (Some((id, secret)), None) = (of_environment, target.option("profile")) {
        return Ok((id, secret, (around.variable)("AWS_SESSION_TOKEN")));
    }
    let of_profile = profile.value("aws_access_key_id").zip(profile.value("aws_secret_access_key"));
    of_profile.map(|(id, secret)| (id, secret, profile.value("aws_session_token"))).ok_or_else(|| {
        format!(
            "kinesis: there are no credentials: say access_key_id and secret_access_key, set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or write them into profile {} of ~/.aws/credentials (for a role: \
             `aws configure export-credentials --format env` prints them)",
            profile.name
        )
    })
}

/// A profile of the two files of AWS's tools.
#[derive(Debug, Default)]
struct Profile {
    name: String,
    values: BTreeMap<String, String>,
}

impl Profile {
    fn read(target: &Target, around: &Surroundings) -> Self {
        let name = target.option("profile").map(str::to_owned);
        let name = name.or_else(|| (around.variable)("AWS_PROFILE"));
        let name = name.unwrap_or_else(|| "default".to_owned());
        let place = |variable: &str, otherwise: &str| {
            let home = || (around.variable)("HOME").map(|home| PathBuf::from(home).join(otherwise));
            (around.variable)(variable).map(PathBuf::from).or_else(home)
        };
        let mut values = BTreeMap::new();
        // The second file wins, as with AWS's tools: credentials belong into it.
        let config = place("AWS_CONFIG_FILE", ".aws/config");
        let credentials = place("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
        for text in [config, credentials].into_iter().flatten().filter_map(|it| (around.file)(&it))
        {
            values.extend(section(&text, &name));
        }
        Self { name, values }
    }

    fn value(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }
}

/// The values under `[name]` or `[profile name]`.
fn section<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (String, String)> + 'a {
    let mut is_ours = false;
    text.lines().map(str::trim).filter_map(move |line| {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            let header = header.trim();
            is_ours = header.strip_prefix("profile").map_or(header, str::trim) == name;
            return None;
        }
        let (key, value) = line.split_once('=').filter(|_| is_ours && !line.starts_with('#'))?;
        Some((key.trim().to_lowercase(), value.trim().to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Surroundings = Surroundings { variable: |_| None, file: |_| None };

    const FILES: Surroundings = Surroundings {
        variable: |name| (name == "HOME").then(|| "/home/me".to_owned()),
        file: |path| match path.to_str()? {
            "/home/me/.aws/config" => Some(
                "[default]\nregion = eu-west-1\n[profile work]\n# region = no\nregion=eu-north-1\n"
                    .to_owned(),
            ),
            "/home/me/.aws/credentials" => Some(
                "[default]\naws_access_key_id = D1\naws_secret_access_key = D2\n\
                 [work]\naws_access_key_id=W1\naws_secret_access_key=W2=\naws_session_token=W3\n"
                    .to_owned(),
            ),
            _ => None,
        },
    };

    const VARIABLES: Surroundings = Surroundings {
        variable: |name| {
            let value = match name {
                "AWS_REGION" => "us-west-2",
                "AWS_ACCESS_KEY_ID" => "E1",
                "AWS_SECRET_ACCESS_KEY" => "E2",
                _ => return (FILES.variable)(name),
            };
            Some(value.to_owned())
        },
        file: FILES.file,
    };

    fn target(options: &[(&str, &str)], secrets: &[(&str, &str)]) -> Target {
        let given = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let secrets = kolk::topology::Secrets(given(secrets));
        Target { options: given(options), secrets, ..Target::default() }
    }

    fn found(target: &Target, around: &Surroundings) -> String {
        match find(target, around) {
            Ok(it) => format!("{} {} {} {:?}", it.region, it.key_id, it.secret, it.session_token),
            Err(why) => why,
        }
    }

    #[test]
    fn the_statement_comes_before_the_environment_and_that_before_files() {
        let own = [("access_key_id", "S1"), ("secret_access_key", "S2")];
        let check = |options: &[_], secrets: &[_], around: &Surroundings, expected: &str| {
            assert_eq!(found(&target(options, secrets), around), expected);
        };
        check(&[("region", "r")], &own, &VARIABLES, "r S1 S2 None");
        check(&[], &[], &VARIABLES, "us-west-2 E1 E2 None");
        check(&[("profile", "work")], &[], &VARIABLES, "us-west-2 W1 W2= Some(\"W3\")");
        check(&[("profile", "work")], &[], &FILES, "eu-north-1 W1 W2= Some(\"W3\")");
        check(&[], &[], &FILES, "eu-west-1 D1 D2 None");
        check(&[("endpoint", "http://127.0.0.1:1")], &own, &NOTHING, "us-east-1 S1 S2 None");
    }

    #[test]
    fn what_is_missing_is_told() {
        let region = [("region", "r")];
        assert!(found(&target(&[], &[]), &NOTHING).contains("there is no region"));
        assert!(found(&target(&region, &[]), &NOTHING).contains("there are no credentials"));
        let half = target(&region, &[("access_key_id", "S1")]);
        assert!(found(&half, &NOTHING).contains("go together"));
        let other = target(&[("profile", "nobody"), ("region", "r")], &[]);
        assert!(found(&other, &VARIABLES).contains("profile nobody"));
    }

    #[test]
    fn secrets_are_not_printed() {
        let own = [("access_key_id", "S1"), ("secret_access_key", "S2")];
        let access = find(&target(&[("region", "r")], &own), &NOTHING).unwrap();
        assert_eq!(format!("{access:?}"), "Access { region: \"r\", .. }");
    }
}
