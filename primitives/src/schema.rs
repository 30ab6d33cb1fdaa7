//! JSON shapes of the types that write themselves: decimal strings, hex, bech32m. All others derive theirs.

use crate::{BoundedBytes, BoundedVec, Validator, ValidatorSet};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Gives a type that is written as text its shape: a name and the pattern of the text.
macro_rules! text_schema {
    ($($type:ty: $name:expr, $pattern:expr;)*) => { $(
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    )* };
}
pub(crate) use text_schema;

/// An unsigned integer of 64 bits and more: in JSON a decimal string.
#[derive(Debug)]
pub struct Decimal;

/// Bytes: in JSON hex, two digits each.
#[derive(Debug)]
pub struct Hex;

/// Any number of bytes in hex.
const HEX: &str = "^(0x)?([0-9a-fA-F]{2})*$";

text_schema! {
    Decimal: "Decimal", "^[0-9]+$";
    Hex: "Hex", HEX;
    crate::Hash: "Hash", "^(0x)?[0-9a-fA-F]{64}$";
    crate::PublicKey: "PublicKey", "^(0x)?[0-9a-fA-F]{64}$";
    crate::Signature: "Signature", "^(0x)?[0-9a-fA-F]{128}$";
    crate::Address: "Address", "^wat1[02-9ac-hj-np-z]+$";
}

impl<const N: usize> JsonSchema for BoundedBytes<N> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Hex{N}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": HEX })
    }
}

impl<T: JsonSchema, const N: usize> JsonSchema for BoundedVec<T, N> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}List{N}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>(), "maxItems": N })
    }
}

impl JsonSchema for ValidatorSet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ValidatorSet".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<Validator>::json_schema(generator)
    }
}
