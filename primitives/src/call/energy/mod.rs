//! Calls about microgrids, meters, readings, markets, deals and disputes.

mod pay_tab;
mod register_meter;
mod register_microgrid;
mod set_collection;
mod set_member;
mod set_terms;
mod submit_readings;
mod swap_meter;

pub use pay_tab::PayTab;
pub use register_meter::RegisterMeter;
pub use register_microgrid::RegisterMicrogrid;
pub use set_collection::SetCollection;
pub use set_member::SetMember;
pub use set_terms::SetTerms;
pub use submit_readings::SubmitReadings;
pub use swap_meter::SwapMeter;

mod binding;
mod swap;
mod tariff;
mod terms;

pub use binding::MeterBinding;
pub use swap::MeterSwap;
pub use tariff::Prices;
pub use terms::{
    BANDS_MAX, ClearingRule, DAY_MINUTES, DISPUTE_VOTES_MAX, LossRule, PRICE_MAX, TariffBand, Terms,
    WINDOW_MS_MAX,
};

use super::deals::{AbortDeal, AcceptDeal, AuthoriseDeal, CloseDeal, ConfirmDeal, ReportUsage, RequestDeal};
use super::disputes::{DecideDispute, OpenDispute};
use super::market::{CancelOrder, PlaceOrder};
use crate::{Address, Hash};

/// Most readings in one call.
pub const READINGS_MAX: usize = 128;

calls! {
    /// Calls to the energy module, to markets, deals and disputes.
    Energy(EnergyCall) {
        register_microgrid: RegisterMicrogrid = 0,
        register_meter: RegisterMeter = 1,
        submit_readings: SubmitReadings = 2,
        set_terms: SetTerms = 3,
        set_member: SetMember = 4,
        place_order: PlaceOrder = 5,
        cancel_order: CancelOrder = 6,
        pay_tab: PayTab = 7,
        swap_meter: SwapMeter = 8,
        request_deal: RequestDeal = 9,
        accept_deal: AcceptDeal = 10,
        confirm_deal: ConfirmDeal = 11,
        authorise_deal: AuthoriseDeal = 12,
        report_usage: ReportUsage = 13,
        close_deal: CloseDeal = 14,
        abort_deal: AbortDeal = 15,
        open_dispute: OpenDispute = 16,
        decide_dispute: DecideDispute = 17,
        set_collection: SetCollection = 18,
    }
}

/// The id of the microgrid that `operator` registers with `reference`.
#[must_use]
pub fn microgrid_id(operator: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::MICROGRID, &[operator.as_bytes(), reference.as_bytes()])
}
