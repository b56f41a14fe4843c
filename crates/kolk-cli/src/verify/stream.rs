//! Records of a Kinesis stream, as the checks see them.

use super::{Plan, Report};
use crate::session::Context;
use crate::settings::ConnectionArgs;
use clap::Args;

/// A stream in place of a topic.
#[derive(Debug, Args)]
pub(super) struct StreamOptions {
    /// The Kinesis stream, in place of --topic (builds with `--features kinesis`)
    #[arg(long, value_name = "STREAM", conflicts_with = "topic")]
    pub(super) kinesis: Option<String>,
    /// The stream's region; without it AWS_REGION, or the profile's
    #[arg(long, requires = "kinesis")]
    region: Option<String>,
    /// A URL in place of the region's
    #[arg(long, requires = "kinesis", value_name = "URL")]
    endpoint: Option<String>,
    /// The profile of `~/.aws` with the credentials, unless AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set
    #[arg(long, requires = "kinesis", value_name = "NAME")]
    profile: Option<String>,
}

/// Reads the stream, and the topic that it is compared with, and checks them.
///
/// # Errors
/// What the service or the cluster refuses.
#[cfg(not(feature = "kinesis"))]
pub(super) fn check(
    _options: &StreamOptions,
    _plan: &Plan,
    _connection: &ConnectionArgs,
    _context: &Context,
) -> anyhow::Result<Report> {
    let failure = crate::failure::Failure::usage("this build of kolk has no connector 'kinesis'");
    Err(failure.help("build it with `cargo build --release --features kinesis`").into())
}

#[cfg(feature = "kinesis")]
pub(super) use with_kinesis::check;

#[cfg(feature = "kinesis")]
mod with_kinesis {
    use super::{ConnectionArgs, Context, Plan, Report, StreamOptions};
    use crate::session::Session;
    use crate::verify::{Check, Entry, Shards, read};
    use kolk::topology::Target;
    use kolk_connectors::kinesis::{Shard, Stream};

    /// Reads the stream, and the topic that it is compared with, and checks them.
    ///
    /// # Errors
    /// What the service or the cluster refuses.
    pub(in crate::verify) fn check(
        options: &StreamOptions,
        plan: &Plan,
        connection: &ConnectionArgs,
        context: &Context,
    ) -> anyhow::Result<Report> {
        let stream = Stream::open(&target(options))?;
        let mut check = Check::of_shards(plan, shards(stream.shards()));
        let mut offsets = vec![0; stream.shards().len()];
        let goes_on = || !context.stop.is_wanted();
        let mut rest = Vec::new();
        stream.read(&goes_on, &mut |record| {
            let (value, bin) = match &plan.bins {
                Some(name) => apart(record.data, name, &mut rest),
                None => (record.data, None),
            };
            check.record(&Entry {
                partition: i32::try_from(record.shard).unwrap_or(i32::MAX),
                offset: offsets[record.shard],
                timestamp: record.arrived_ms,
                key: Some(record.partition_key.as_bytes()),
                value: Some(value),
                bin,
            });
            offsets[record.shard] += 1;
        })?;
        if let Some(against) = &plan.against {
            let session = Session::open(connection, context)?;
            let session = session.reading(&[("isolation.level", "read_committed")])?;
            let against = session.topic(against)?;
            read(&session, &against, plan, context, |entry| check.against(entry))?;
        }
        Ok(check.finish())
    }

    fn target(options: &StreamOptions) -> Target {
        let given = [
            ("stream", &options.kinesis),
            ("region", &options.region),
            ("endpoint", &options.endpoint),
            ("profile", &options.profile),
        ];
        let given = given.into_iter().filter_map(|(name, value)| {
            value.as_ref().map(|value| (name.to_owned(), value.clone()))
        });
        Target { options: given.collect(), ..Target::default() }
    }

    fn shards(shards: &[Shard]) -> Shards {
        let number = |at: &usize| i32::try_from(*at).unwrap_or(i32::MAX);
        Shards {
            names: shards.iter().map(|shard| shard.id.clone()).collect(),
            ancestors: shards.iter().map(|it| it.ancestors.iter().map(number).collect()).collect(),
        }
    }

    /// A record's data without the bin that the connector has put into it as its last field, and the bin's number.
    fn apart<'a>(
        data: &'a [u8],
        name: &str,
        rest: &'a mut Vec<u8>,
    ) -> (&'a [u8], Option<&'a [u8]>) {
        let field = format!("{}:", serde_json::Value::from(name));
        let inside = data.strip_suffix(b"}").unwrap_or(data);
        let digits = inside.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (before, number) = inside.split_at(inside.len() - digits);
        let Some(before) = before.strip_suffix(field.as_bytes()) else { return (data, None) };
        rest.clear();
        rest.extend_from_slice(before.strip_suffix(b",").unwrap_or(before));
        rest.push(b'}');
        (rest, Some(number))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_bin_is_taken_out_as_it_was_put_in() {
            let apart = |data: &str| {
                let mut rest = Vec::new();
                let (value, bin) = apart(data.as_bytes(), "bin", &mut rest);
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                (text(value), bin.map(text))
            };
            let bin = |number: &str| Some(number.to_owned());
            assert_eq!(apart(r#"{"a": 1,"bin":12}"#), (r#"{"a": 1}"#.to_owned(), bin("12")));
            assert_eq!(apart(r#"{"bin":3}"#), ("{}".to_owned(), bin("3")));
            for other in [r#"{"a": 1}"#, "text", "", r#"{"cabin":1}"#] {
                assert_eq!(apart(other), (other.to_owned(), None));
            }
        }
    }
}
