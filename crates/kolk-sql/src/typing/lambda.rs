//! Lambda functions: their parameters get types from the collection that they are called on.

use super::{Operand, Typing, convert, implicit, is_null};
use crate::ast::{Expr, Ident};
use crate::catalog::{unique, written};
use crate::error::{Problem, Result};
use crate::function::{Bindings, Pattern};
use crate::source::Span;
use kolk::expression::{Expression, Kind};
use kolk::schema::DataType;

/// A lambda function as written.
pub(super) struct Lambda<'e> {
    pub(super) parameters: &'e [Ident],
    pub(super) body: &'e Expr,
    pub(super) span: Span,
}

/// A parameter of a lambda function around an expression; its number is its position among all of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    name: String,
    data_type: DataType,
}

impl Typing<'_> {
    /// The parameter that a name means: the innermost of its name.
    pub(super) fn parameter(&self, name: &Ident) -> Option<Expression> {
        let names = self.scope.names;
        let number = self
            .parameters
            .iter()
            .rposition(|parameter| crate::catalog::matches(&parameter.name, name, names))?;
        let Parameter { name, data_type } = self.parameters[number].clone();
        Some(Expression { kind: Kind::Parameter { number, name }, data_type })
    }

    /// The function, typed. What it gives binds the letter of its result; a letter that has a type already may become wider.
    pub(super) fn lambda(
        &self,
        lambda: &Lambda<'_>,
        (of, result): (&[Pattern], &Pattern),
        bindings: &mut Bindings,
    ) -> Result<Expression> {
        let body = self.body(lambda, of, bindings)?;
        let Operand { expression, span } = body;
        let known =
            result.letter().and_then(|letter| Some((letter, bindings.get(letter)?.clone())));
        let expression = match (result, known) {
            (Pattern::Boolean, _) => self.truth(expression, span)?,
            (_, Some((letter, known))) => {
                match convert::widened(&known, &expression.data_type) {
                    Some(wider) if wider != known && !is_null(&expression) => {
                        // It is computed anew from the wider state.
                        bindings.set(letter, wider.clone());
                        let again = self.body(lambda, of, bindings)?;
                        implicit(again.expression, &wider, self.timezone, span)?
                    }
                    _ => implicit(expression, &known, self.timezone, span)?,
                }
            }
            (_, None) if is_null(&expression) => {
                return Err(Problem::new(
                    span,
                    "the function gives NULL, which has no type",
                    "here",
                )
                .help("CAST(NULL AS STRING)"));
            }
            (_, None) => {
                if let Some(letter) = result.letter() {
                    bindings.set(letter, expression.data_type.clone());
                }
                expression
            }
        };
        let names = lambda.parameters.iter().map(|name| written(name, self.scope.names));
        let data_type = expression.data_type.clone();
        let kind = Kind::Lambda {
            first: self.parameters.len(),
            parameters: names.collect(),
            body: Box::new(expression),
        };
        Ok(Expression { kind, data_type })
    }

    fn body(&self, lambda: &Lambda<'_>, of: &[Pattern], bindings: &Bindings) -> Result<Operand> {
        let mut known: Vec<(String, Span)> = Vec::new();
        let mut parameters = self.parameters.to_vec();
        for (name, pattern) in lambda.parameters.iter().zip(of) {
            let text = written(name, self.scope.names);
            let others = known.iter().map(|(name, span)| (name.as_str(), *span));
            unique(&text, name.span, others, self.scope.names)?;
            let data_type = pattern.data_type(bindings).unwrap_or(DataType::String);
            parameters.push(Parameter { name: text.clone(), data_type });
            known.push((text, name.span));
        }
        let inner = Typing { parameters: &parameters, ..*self };
        inner.operand(lambda.body)
    }

    fn truth(&self, expression: Expression, span: Span) -> Result<Expression> {
        if is_null(&expression) || expression.data_type == DataType::Boolean {
            return implicit(expression, &DataType::Boolean, self.timezone, span);
        }
        let found = expression.data_type.to_string();
        let message = format!("the function must give a BOOLEAN, this is {found}");
        Err(Problem::new(span, message, found).help("compare it with something"))
    }
}
