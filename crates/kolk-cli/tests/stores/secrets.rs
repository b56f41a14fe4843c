//! Secrets of stores: in no plan, message or total, however they are given. Needs no server.

use crate::embedded::{Kolk, eventually};

/// As the environment, a file, and the program itself have them.
const SECRETS: [&str; 3] = ["from-the-environment", "from-a-file", "from-the-program"];

/// A program with a statement for each kind of store, none of which can be reached: nobody listens at port 1. Each place where a
/// secret can stand in it has `secret`.
fn program(secret: &str) -> String {
    let stores = [
        format!("connector = 'postgresql', host = '127.0.0.1', port = 1, username = 'ann', password = '{secret}', table = 't'"),
        format!("connector = 'postgresql', url = 'postgresql://ann:{secret}@127.0.0.1:1/db', table = 't'"),
        format!(
            "connector = 'cassandra', contact_points = '127.0.0.1:1', username = 'ann', password = '{secret}', keyspace = 'k',
             table = 't', request_timeout_ms = 500"
        ),
        format!(
            "connector = 'kinesis', endpoint = 'http://127.0.0.1:1', access_key_id = '{secret}', secret_access_key = '{secret}',
             session_token = '{secret}', stream = 's', delivery = 'batched', request_timeout_ms = 500"
        ),
    ];
    let declared = "CREATE STREAM visits (id STRING KEY, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON');\n";
    let query = |(number, store): (usize, &String)| {
        format!(
            "CREATE STREAM kept{number} WITH ({store}) AS SELECT id, page FROM visits EMIT CHANGES;\n"
        )
    };
    declared.to_owned() + &stores.iter().enumerate().map(query).collect::<String>()
}

#[test]
fn no_secret_is_ever_shown() {
    let kolk = Kolk::new().with_variable("SECRET", SECRETS[0]);
    kolk.write("secret", &format!("{}\n", SECRETS[1]));
    kolk.ok("topic create visits");
    kolk.produce("--topic visits --key-separator |", "a|{\"page\":\"A\"}\n");
    for (number, secret) in ["${env:SECRET}", "${file:secret}", SECRETS[2]].iter().enumerate() {
        let file = format!("program{number}.sql");
        // Inside of a URL nothing is put in place.
        kolk.write(&file, &program(secret).replace("ann:$", "ann:"));
        hides(&format!("plan of {secret}"), &kolk.ok(&format!("explain {file}")));
        let wrong = program(secret).replace("table = 't'", "tabel = 't'");
        kolk.write("wrong.sql", &wrong);
        let refused = kolk.run("explain wrong.sql").with(2);
        hides(&format!("refusal of {secret}"), &refused.err);

        let running = kolk.start(&format!("run {file} --output json"), "");
        eventually("each store is missed", || {
            let said = running.err();
            ["kept0", "kept1", "kept2", "kept3"].iter().all(|query| {
                said.lines().any(|line| line.contains(query) && line.contains("does not take rows"))
            })
        });
        let ended = running.stop();
        hides(&format!("run with {secret}"), &format!("{}\n{}", ended.out, ended.err));
    }
}

fn hides(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} shows {secret}:\n{text}");
    }
}
