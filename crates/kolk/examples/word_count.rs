//! How often each word was said: rows are values of serde types, and closures cut them into words.

mod support;

use kolk::dsl::Program;
use kolk::topology::OnBadRecord;
use serde::{Deserialize, Serialize};

/// What was said.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) author: String,
    pub(crate) text: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Word {
    pub(crate) word: String,
}

/// `{"author": "kim", "text": "to be or not"}` in `posts` → `{"word": "to", "count": 1}` and so on in `word-counts`,
/// whose keys are the words. What is no post goes to `posts-unreadable`.
pub(crate) fn program() -> Program {
    let program = Program::new();
    program
        .typed_stream::<Post>("posts")
        .on_bad_record(OnBadRecord::DeadLetter { topic: "posts-unreadable".to_owned() })
        .filter(|post| post.author != "bot")
        .flat_map(|post| {
            let words = post.text.split(|c: char| !c.is_alphanumeric());
            let words = words.filter(|word| !word.is_empty());
            words.map(|word| Word { word: word.to_lowercase() }).collect::<Vec<Word>>()
        })
        .group_by(["word"])
        .count()
        .to("word-counts");
    program
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    support::run("word-count", &program())
}
