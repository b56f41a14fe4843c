//! Carts that were filled and not paid within half an hour: an operator of one's own, with state and timers.

mod support;

use kolk::dsl::{Emitter, Process, Program, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a cart waits for its payment, in milliseconds.
const PATIENCE_MS: i64 = 30 * 60 * 1000;

/// What a user does with a cart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Action {
    pub(crate) user: String,
    pub(crate) kind: Kind,
    /// In cents.
    pub(crate) amount: i64,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Add,
    Pay,
}

/// A cart that nobody pays.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Abandoned {
    pub(crate) user: String,
    pub(crate) items: i32,
    /// In cents.
    pub(crate) amount: i64,
}

/// What is remembered of a user's cart.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cart {
    items: i32,
    amount: i64,
    /// When it was touched last, in milliseconds since 1970.
    touched: i64,
}

/// Waits for payments. All it knows is in its state: it may be stopped at any time, and goes on elsewhere.
#[derive(Debug)]
struct Carts;

impl Process for Carts {
    type Input = Action;
    type Output = Abandoned;

    fn process(&mut self, action: Action, out: &mut Emitter<'_, Abandoned>) -> Result<(), String> {
        let key = action.user.as_bytes();
        if action.kind == Kind::Pay {
            out.state().remove(key);
            return Ok(());
        }
        let mut cart: Cart = out.state().get(key)?.unwrap_or_default();
        cart.items += 1;
        cart.amount += action.amount;
        cart.touched = cart.touched.max(out.time());
        out.state().put(key, &cart)?;
        out.timer(cart.touched + PATIENCE_MS, key);
        Ok(())
    }

    fn timer(&mut self, key: &[u8], out: &mut Emitter<'_, Abandoned>) -> Result<(), String> {
        // It was paid, or touched again since this timer was set.
        let Some(cart) = out.state().get::<Cart>(key)? else { return Ok(()) };
        if cart.touched + PATIENCE_MS > out.time() {
            return Ok(());
        }
        out.state().remove(key);
        let user = String::from_utf8_lossy(key).into_owned();
        out.emit(&Abandoned { user, items: cart.items, amount: cart.amount })
    }
}

/// `cart-actions` → `abandoned-carts`; the actions of a user meet in one task.
pub(crate) fn program() -> Program {
    let program = Program::new();
    program
        .typed_stream::<Action>("cart-actions")
        .event_time("at", Duration::from_secs(10))
        .process("carts", ["user"], || Carts)
        .to("abandoned-carts");
    program
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    support::run("abandoned-carts", &program())
}
