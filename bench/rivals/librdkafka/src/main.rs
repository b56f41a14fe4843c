//! Reads or writes N records with librdkafka, for `bench client` to measure from outside.
//!
//! ```text
//! rival-librdkafka consume batch|poll BOOTSTRAP TOPIC PARTITIONS RECORDS
//! rival-librdkafka produce batch|single BOOTSTRAP TOPIC PARTITIONS RECORDS POOL
//! rival-librdkafka version
//! ```
//!
//! What it prints is what the bench's own worker prints: `records=N touched=SUM`.

mod consume;
mod pool;
mod produce;

use std::process::ExitCode;

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["version"] => {
            println!("{}", rdkafka::util::get_rdkafka_version().1);
            Ok(())
        }
        ["consume", mode, bootstrap, topic, partitions, records] => {
            with_counts(partitions, records, |partitions, records| match mode {
                "batch" => consume::by_batch(bootstrap, topic, partitions, records),
                "poll" => consume::by_poll(bootstrap, topic, partitions, records),
                _ => Err(format!("no mode `{mode}`")),
            })
        }
        ["produce", mode, bootstrap, topic, partitions, records, pool] => {
            with_counts(partitions, records, |_, records| {
                let pool = pool::read(pool)?;
                match mode {
                    "batch" => produce::by_batch(bootstrap, topic, records, &pool),
                    "single" => produce::one_by_one(bootstrap, topic, records, &pool),
                    _ => Err(format!("no mode `{mode}`")),
                }
            })
        }
        _ => Err("see the comment at the head of main.rs".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("rival-librdkafka: {why}");
            ExitCode::FAILURE
        }
    }
}

fn with_counts(partitions: &str, records: &str, run: impl FnOnce(i32, u64) -> Outcome) -> Outcome {
    let partitions = partitions.parse().map_err(|_| "PARTITIONS is a number".to_owned())?;
    let records = records.parse().map_err(|_| "RECORDS is a number".to_owned())?;
    run(partitions, records)
}
