//! The form in which the reference signs and writes values: JSON without spaces, all of it ASCII.

use super::datum::Datum;
use alloc::string::String;
use core::fmt::Write as _;

/// A value in canonical form: no spaces, maps in the order that they came in, everything beyond ASCII as `\uXXXX`,
/// floats in their shortest digits with a point or an exponent.
#[must_use]
pub fn to_json(datum: &Datum) -> String {
    let mut out = String::new();
    write_datum(&mut out, datum);
    out
}

fn write_datum(out: &mut String, datum: &Datum) {
    match datum {
        Datum::Null => out.push_str("null"),
        Datum::Bool(true) => out.push_str("true"),
        Datum::Bool(false) => out.push_str("false"),
        Datum::Number(number) => out.push_str(number.as_str()),
        Datum::Text(text) => write_text(out, text),
        Datum::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separate(out, at);
                write_datum(out, item);
            }
            out.push(']');
        }
        Datum::Map(items) => {
            out.push('{');
            for (at, (name, item)) in items.iter().enumerate() {
                separate(out, at);
                write_text(out, name);
                out.push(':');
                write_datum(out, item);
            }
            out.push('}');
        }
    }
}

fn separate(out: &mut String, at: usize) {
    if at > 0 {
        out.push(',');
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='\u{7f}' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}"); // a string takes everything
                }
            }
        }
    }
    out.push('"');
}
