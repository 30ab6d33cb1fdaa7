use crate::{Hash, domain};

/// The nonce of a token's commitment where issuer and device derive it, each from the secret that both have: so the
/// device can reveal it, though a token has no room for it.
///
/// - `prf`: SipHash-2-4 under the device's key. The starting code is no part of it.
/// - Only for keys that are random, of 128 bits, and one device's alone. With a key that a batch shares, whoever has it
///   would know the nonces of the others: such devices' nonces come from a secret of the issuer's.
#[must_use]
pub fn derived_nonce(prf: impl Fn(&[u8]) -> u64, device: &Hash, count: u32) -> Hash {
    let word = |number: u8| {
        let tag = domain::PAYGO_NONCE.as_str().as_bytes();
        prf(&[tag, device.as_bytes(), &count.to_le_bytes(), &[number]].concat()).to_le_bytes()
    };
    // Hashed once more, so that what stands on the chain is no output of the function that makes tokens.
    Hash::of(domain::PAYGO_NONCE, &[&word(0), &word(1), &word(2), &word(3)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issuer and device must agree for ever: changing this strands every commitment that is not redeemed yet.
    #[test]
    fn it_depends_on_key_device_and_count_alone() {
        let prf = |key: u64| {
            move |message: &[u8]| {
                message.iter().fold(key, |sum, byte| {
                    (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(7)
                })
            }
        };
        let nonce = |key, device, count| derived_nonce(prf(key), &Hash([device; 32]), count);
        assert_eq!(nonce(1, 2, 3), nonce(1, 2, 3));
        for other in [nonce(9, 2, 3), nonce(1, 9, 3), nonce(1, 2, 9)] {
            assert_ne!(other, nonce(1, 2, 3));
        }
    }
}
