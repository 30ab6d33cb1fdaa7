//! Where this crate departs from the references on purpose: each of their defects by name.

use core::fmt;

/// An implementation of OpenPAYGO, or its documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// PyPI `openpaygo` 0.6.3.
    Python,
    /// PyPI `openpaygo-token` 2.4.0, its predecessor.
    Legacy,
    /// The C firmware, OpenPAYGO-HW.
    C,
    /// The JavaScript library.
    JavaScript,
    /// The Go library.
    Go,
    /// The documentation of the standard.
    Docs,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "Python 0.6.3",
            Self::Legacy => "legacy 2.4.0",
            Self::C => "C",
            Self::JavaScript => "JavaScript",
            Self::Go => "Go",
            Self::Docs => "docs",
        })
    }
}

macro_rules! divergences {
    ($($name:ident $([$reference:ident])+ $text:literal)+) => {
        /// A defect of a reference that is not reproduced here. The differential tests count each by name, and fail
        /// on a difference that has none.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Divergence {
            $(#[doc = $text] $name,)+
        }

        impl Divergence {
            /// Every divergence, in the order of the README.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// Who has the defect.
            #[must_use]
            pub const fn references(self) -> &'static [Reference] {
                match self {
                    $(Self::$name => &[$(Reference::$reference),+],)+
                }
            }

            /// The reference's behaviour, and the one here.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

divergences! {
    UsedCountsLost [Python]
        "Given no used counts, or an empty list, it returns none: older tokens are taken again, or raise. Here they are kept."
    LastCountReplays [Python] [Legacy]
        "The token of the last count is taken again when the list of used counts lacks it. Here the last count is used."
    OlderTokenLowersCount [Python]
        "Returns the count of an older token as the device's, so that tokens between are taken again. Here it never falls."
    OlderSync [Python] [Legacy]
        "Takes a SYNC from up to 63 (legacy: 29) counts back again and again, and goes back to it. Refused by an own device."
    SpecialAtEvenCount [Python] [Legacy]
        "Decodes 998 and 999 at an even count as an ADD of so many units. Here such a token is invalid."
    SpecialAtAnyCount [C]
        "Takes 998 and 999 at an even count for DISABLE and SYNC. Modelled by the profile, never issued."
    ReservedValue [Python] [Legacy]
        "Decodes 996 and 997, which are reserved, as credit. Here such a token is invalid."
    CountZero [Python] [Legacy]
        "Takes the bare starting code for an ADD at count 0. Refused here, as by the C firmware."
    ExtendedInvalidRaises [Python]
        "An extended token that is not the device's raises an exception. Here it is invalid."
    ExtendedSpecial [Python]
        "Decodes an extended DISABLE or SYNC, which it encodes, as a SET of 998 or 999; 999 also from 63 counts back."
    ExtendedValueReserved [Python]
        "Encodes extended ADD and SET of 998 and 999, which cannot be told from DISABLE and SYNC. Refused here."
    LegacyExtended [Legacy]
        "Extended tokens have no type, counts go up by one, and only the first 30 are tried. Modelled as raw tokens."
    ZeroStartingCode [Python]
        "Takes starting code 0 for none, and derives one. Here 0 is a starting code."
    RestrictedAlias [Python] [Legacy]
        "Reads restricted digits modulo 4, so that 5 is 1 and 0 is 4. Here other digits than 1 to 4 are an error."
    LenientInput [Python] [Legacy]
        "Reads signs and underscores as part of a number, and counts spaces as digits. Here only spaces may be among digits."
    NegativeValue [Python] [Legacy]
        "Encodes negative values, as others modulo 1,000. Here they are no values."
    ValueUnchecked [Legacy]
        "Encodes values above 995, reserved ones among them. Refused here."
    DividerOnSpecial [Python]
        "Divides the 998 of DISABLE and the 999 of SYNC by the value divider. Here they have no value."
    FloatRounding [Python]
        "Multiplies value and divider as binary floats: 0.285 * 100 is less than 28.5. Here the arithmetic is exact."
    CountsUnbounded [Python] [Legacy]
        "Makes tokens beyond count 65,535 for devices that count in 16 bits. Bounded here by the profile."
    OlderThanWindow [Python] [Legacy] [C]
        "Tells a token of any age from an invalid one. A Device here knows those of 16 counts back, older ones are invalid."
    UsedBitsShifted [C]
        "Shifts bits that are not normalized when it marks a count as used, so used ADDs are taken again."
    UsedInverted [JavaScript]
        "Takes used counts for unused ones."
    NarrowCount [Go]
        "Counts in 8 bits, and cannot decode."
    WindowsInDocs [Docs]
        "Names 30 counts ahead and 10 back; implementations look 64 ahead and 16 back. So it is here."
    BitsInDocs [Docs]
        "Drops the top two bits of a hash; implementations drop the bottom two. So it is here."
    SecondsLeftNegated [Python]
        "Answers 0 active seconds to a device with time left: the difference has the wrong sign."
    CollectionTimeName [Python]
        "Shortens data_collection_timestamp to dtc, where the protocol has dct. Both are read here, dct is written."
    LocalTime [Python]
        "Adds intervals in the server's time zone, so steps are off by an hour across a change of the clock. Here in UTC."
    ResendRefused [Python]
        "Refuses a request with the last count, so a device whose answer was lost never gets one. Here it is answered again."
    CondensedMapNames [Python]
        "Leaves short names in data that is a map, and so finds no token count there. Here they are read."
    NonFiniteNumber [Python]
        "Reads NaN and Infinity, which are no JSON, and numbers beyond a float. Refused here."
    LoneSurrogate [Python]
        "Reads half a surrogate pair, which is no text. Refused here."
    DuplicateName [Python]
        "Of a name that stands twice it takes the last value. Refused here."
    AmbiguousDataAuth [Python]
        "Takes any split of the digits of timestamp and count for signed by da. Here only one split is billable."
    UnsignedFormat [Python]
        "Believes a data format and a collection time that no method signs. Here such a request is not billable."
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
