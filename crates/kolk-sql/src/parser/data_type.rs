//! Types as written: `INT`, `DECIMAL(10, 2)`, `STRUCT<name STRING, tags ARRAY<STRING>>`.

use super::Parser;
use crate::ast::{TypeName, TypeNameKind};
use crate::error::{Problem, Result};
use crate::lexer::Symbol;

impl Parser<'_> {
    /// A type.
    pub(super) fn data_type(&mut self) -> Result<TypeName> {
        self.nested(Self::data_type_here)
    }

    fn data_type_here(&mut self) -> Result<TypeName> {
        let start = self.peek().span;
        let kind = if self.is_word("ARRAY") && self.opens_angle(1) {
            self.bump();
            self.expect_symbol(Symbol::Less)?;
            let item = self.data_type()?;
            self.expect_symbol(Symbol::Greater)?;
            TypeNameKind::Array(Box::new(item))
        } else if self.is_word("MAP") && self.opens_angle(1) {
            self.bump();
            self.expect_symbol(Symbol::Less)?;
            let key = self.data_type()?;
            self.expect_symbol(Symbol::Comma)?;
            let value = self.data_type()?;
            self.expect_symbol(Symbol::Greater)?;
            TypeNameKind::Map(Box::new(key), Box::new(value))
        } else if self.is_word("STRUCT") && self.opens_angle(1) {
            self.bump();
            TypeNameKind::Struct(self.struct_fields()?)
        } else if (self.is_word("DECIMAL") || self.is_word("DEC"))
            && self.is_symbol_at(1, Symbol::LeftParen)
        {
            self.bump();
            self.bump();
            let precision = self.integer("the precision: a number of digits", "")?;
            self.expect_symbol(Symbol::Comma)?;
            let scale = self.integer("the scale: a number of digits", "")?;
            self.expect_symbol(Symbol::RightParen)?;
            TypeNameKind::Decimal { precision, scale }
        } else {
            let name = self.ident("a type")?;
            // ksqlDB takes VARCHAR(STRING), but no length.
            if self.is_symbol(Symbol::LeftParen) {
                if !(self.is_word_at(1, "STRING") && self.is_symbol_at(2, Symbol::RightParen)) {
                    let message = format!("{name} takes no parameters");
                    return Err(Problem::new(self.peek().span, message, "leave them out")
                        .help("only DECIMAL(all digits, digits behind the point) has parameters"));
                }
                self.at += 3;
            }
            TypeNameKind::Named(name)
        };
        Ok(TypeName { kind, span: self.span_from(start) })
    }

    fn opens_angle(&self, ahead: usize) -> bool {
        self.is_symbol_at(ahead, Symbol::Less) || self.is_symbol_at(ahead, Symbol::NotEqual)
    }

    /// `<name type, …>`; `STRUCT<>` has none.
    fn struct_fields(&mut self) -> Result<Vec<(crate::ast::Ident, TypeName)>> {
        if self.eat_symbol(Symbol::NotEqual) {
            return Ok(Vec::new());
        }
        self.expect_symbol(Symbol::Less)?;
        if self.eat_symbol(Symbol::Greater) {
            return Ok(Vec::new());
        }
        let fields = self.separated(|parser| {
            let name = parser.ident("a field's name")?;
            Ok((name, parser.data_type()?))
        })?;
        self.expect_symbol(Symbol::Greater)?;
        Ok(fields)
    }
}
