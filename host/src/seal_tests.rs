#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

#[test]
fn every_altered_field_keeps_the_seal_shut() {
    let other =
        KeyFile::seal(&SecretKey::from_seed([8; 32]), None, &password("correct"), KdfParams::INSECURE_FAST)
            .unwrap();
    let good =
        KeyFile::seal(&SecretKey::from_seed([7; 32]), None, &password("correct"), KdfParams::INSECURE_FAST)
            .unwrap();
    let flip = |hex: &str| {
        if let Some(rest) = hex.strip_prefix('0') { format!("1{rest}") } else { format!("0{}", &hex[1..]) }
    };
    let table: [(&str, KeyFile); 7] = [
        ("key and address", KeyFile { address: other.address, public_key: other.public_key, ..good.clone() }),
        ("path", KeyFile { path: Some("m/0'".into()), ..good.clone() }),
        ("passes", KeyFile { kdf_params: KdfParams { passes: 2, ..good.kdf_params }, ..good.clone() }),
        ("salt", KeyFile { salt: flip(&good.salt), ..good.clone() }),
        ("nonce", KeyFile { nonce: flip(&good.nonce), ..good.clone() }),
        ("ciphertext", KeyFile { ciphertext: flip(&good.ciphertext), ..good.clone() }),
        ("truncated", KeyFile { ciphertext: good.ciphertext[2..].into(), ..good.clone() }),
    ];
    for (what, file) in table {
        assert!(matches!(file.open(&password("correct")), Err(SealError::WrongPassword { .. })), "{what}");
    }
    assert!(good.open(&password("correct")).is_ok());
}

#[test]
fn malformed_files_are_refused_before_any_work() {
    let good = KeyFile::seal(&SecretKey::from_seed([7; 32]), None, &password("x"), KdfParams::INSECURE_FAST)
        .unwrap();
    let parse = |file: &KeyFile| KeyFile::parse(&serde_json::to_vec(file).unwrap(), Path::new("k.json"));
    assert_eq!(parse(&good).unwrap(), good);
    assert!(matches!(parse(&KeyFile { version: 2, ..good.clone() }), Err(SealError::Version { got: 2 })));
    for bad in [
        KeyFile { kdf: "none".into(), ..good.clone() },
        KeyFile { cipher: "none".into(), ..good.clone() },
        KeyFile { public_key: PublicKey([3; 32]), ..good.clone() },
        KeyFile { salt: "00".into(), ..good.clone() },
        KeyFile { ciphertext: "zz".into(), ..good.clone() },
    ] {
        assert!(matches!(parse(&bad), Err(SealError::Format { .. })), "{bad:?}");
    }
    for text in ["", "{}", "[1]", "{\"version\":1,\"extra\":2}"] {
        assert!(matches!(KeyFile::parse(text.as_bytes(), Path::new("k")), Err(SealError::Format { .. })));
    }
}

#[test]
fn hostile_parameters_are_refused_without_spending_them() {
    let good = KeyFile::seal(&SecretKey::from_seed([7; 32]), None, &password("x"), KdfParams::INSECURE_FAST)
        .unwrap();
    for (memory_kib, passes, lanes) in [
        (100 << 20, 1, 1), // 100 GiB
        (u32::MAX, u32::MAX, u32::MAX),
        (64, u32::MAX, 1),
        (1 << 20, 64, 1), // each inside, their product not
        (1 << 20, 1, 17),
        (8, 1, 2),
        (64, 0, 1),
        (64, 1, 0),
    ] {
        let file = KeyFile { kdf_params: KdfParams { memory_kib, passes, lanes }, ..good.clone() };
        let parsed = KeyFile::parse(&serde_json::to_vec(&file).unwrap(), Path::new("k.json"));
        assert!(matches!(parsed, Err(SealError::KdfBounds { .. })), "{memory_kib} {passes} {lanes}");
        assert!(matches!(file.open(&password("x")), Err(SealError::KdfBounds { .. })));
    }
}

#[test]
fn the_strong_parameters_are_within_the_limits_and_work() {
    let file =
        KeyFile::seal(&SecretKey::from_seed([7; 32]), None, &password("x"), KdfParams::STRONG).unwrap();
    assert_eq!(file.open(&password("x")).unwrap().seed(), &[7; 32]);
}
