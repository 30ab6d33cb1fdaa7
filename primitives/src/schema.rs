//! JSON shapes of the types that write themselves as text: decimal strings, hex, bech32m. All others derive theirs.

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
pub(crate) const HEX: &str = "^(0x)?([0-9a-fA-F]{2})*$";

text_schema! {
    Decimal: "Decimal", "^[0-9]+$";
    Hex: "Hex", HEX;
}
