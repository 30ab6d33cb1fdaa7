//! Calls about microgrids, meters, readings and terms.

mod charge_line;
mod hand_over_meter;
mod leave_microgrid;
mod pay_tab;
mod rate_meter;
mod read_meter;
mod register_meter;
mod register_microgrid;
mod resume_microgrid;
mod retire_meter;
mod set_mandate;
mod set_member;
mod set_terms;
mod submit_readings;
mod swap_meter;

pub use charge_line::ChargeLine;
pub use hand_over_meter::HandOverMeter;
pub use leave_microgrid::LeaveMicrogrid;
pub use pay_tab::PayTab;
pub use rate_meter::RateMeter;
pub use read_meter::ReadMeter;
pub use register_meter::RegisterMeter;
pub use register_microgrid::RegisterMicrogrid;
pub use resume_microgrid::ResumeMicrogrid;
pub use retire_meter::RetireMeter;
pub use set_mandate::{Mandate, SetMandate};
pub use set_member::SetMember;
pub use set_terms::SetTerms;
pub use submit_readings::SubmitReadings;
pub use swap_meter::SwapMeter;

mod binding;
mod fees;
mod swap;
mod tariff;
mod terms;

pub use binding::MeterBinding;
pub use fees::{Fees, LineKind, TAXES_MAX, Tax};
pub use swap::MeterSwap;
pub use tariff::Prices;
pub use terms::{ClearingRule, DISPUTE_VOTES_MAX, LossRule, NOTICE_MS_MAX, TariffBand, Terms, WINDOW_MS_MAX};

use crate::{Address, Amount, Hash};

/// Most bands of a tariff.
pub const BANDS_MAX: usize = 24;
/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;
/// Highest price in base units per kWh: with energies below 2^63 Wh every sum of money fits 128 bits.
pub const PRICE_MAX: Amount = Amount(1_000_000_000_000_000_000);
/// Most readings in one call.
pub const READINGS_MAX: usize = 128;

calls! {
    /// Calls to the energy module.
    Energy(EnergyCall) {
        register_microgrid: RegisterMicrogrid = 0,
        register_meter: RegisterMeter = 1,
        submit_readings: SubmitReadings = 2,
        set_terms: SetTerms = 3,
        set_member: SetMember = 4,
        pay_tab: PayTab = 5,
        swap_meter: SwapMeter = 6,
        set_mandate: SetMandate = 7,
        resume_microgrid: ResumeMicrogrid = 8,
        read_meter: ReadMeter = 9,
        retire_meter: RetireMeter = 10,
        leave_microgrid: LeaveMicrogrid = 11,
        hand_over_meter: HandOverMeter = 12,
        rate_meter: RateMeter = 13,
        charge_line: ChargeLine = 14,
    }
}

/// The id of the microgrid that `operator` registers with `reference`.
#[must_use]
pub fn microgrid_id(operator: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::MICROGRID, &[operator.as_bytes(), reference.as_bytes()])
}
