//! Long and short names of fields.

/// (long, short), as they are written.
const NAMES: &[(&str, &str)] = &[
    ("serial_number", "sn"),
    ("timestamp", "ts"),
    ("request_count", "rc"),
    ("data_collection_timestamp", "dct"),
    ("data_format_id", "df"),
    ("data_format", "dfo"),
    ("data", "d"),
    ("historical_data", "hd"),
    ("accessories", "acc"),
    ("auth", "a"),
    ("token_list", "tkl"),
    ("active_until_timestamp", "auts"),
    ("active_seconds_left", "asl"),
    ("settings", "st"),
    ("extra_data", "ed"),
    ("token_count", "tc"),
    ("active_until_timestamp_requested", "autsr"),
    ("active_seconds_left_requested", "aslr"),
    // The Python reference's spelling: read, never written.
    ("data_collection_timestamp", "dtc"),
];

/// The long name of a field; a name that is none stays as it is.
pub(super) fn long(name: &str) -> &str {
    NAMES.iter().find(|(_, short)| *short == name).map_or(name, |(long, _)| long)
}

/// The short name of a field; a name that has none stays as it is.
pub(super) fn short(name: &str) -> &str {
    NAMES.iter().find(|(long, _)| *long == name).map_or(name, |(_, short)| short)
}
