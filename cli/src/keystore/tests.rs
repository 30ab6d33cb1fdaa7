//! Official vectors, and what a hostile or careless key file must not get away with.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use super::derive::{self, Node};
use super::{Keystore, KeystoreError};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use wattle_host::FileError;
use wattle_host::seal::{KdfParams, KeyFile, Password, SealError};
use wattle_primitives::{PublicKey, SecretKey};

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

fn keystore() -> (tempfile::TempDir, Keystore) {
    let dir = tempfile::tempdir().unwrap();
    let keystore = Keystore::new(dir.path().join("keys"));
    (dir, keystore)
}

fn store(keystore: &Keystore, name: &str, seed: u8) -> KeyFile {
    let secret = SecretKey::from_seed([seed; 32]);
    keystore.store(name, &secret, None, &password("correct"), KdfParams::INSECURE_FAST).unwrap()
}

#[test]
fn slip_0010_ed25519_vectors() {
    const H: u32 = 2_147_483_647;
    let seed1 = "000102030405060708090a0b0c0d0e0f";
    let seed2 = "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a2\
                 9f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542";
    let table: [(&str, &[u32], &str, &str, &str); 12] = [
        /* seed, path (hardened), chain code, private, public */
        (
            seed1,
            &[],
            "90046a93de5380a72b5e45010748567d5ea02bbf6522f979e05c0d8d8ca9fffb",
            "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
            "a4b2856bfec510abab89753fac1ac0e1112364e7d250545963f135f2a33188ed",
        ),
        (
            seed1,
            &[0],
            "8b59aa11380b624e81507a27fedda59fea6d0b779a778918a2fd3590e16e9c69",
            "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
            "8c8a13df77a28f3445213a0f432fde644acaa215fc72dcdf300d5efaa85d350c",
        ),
        (
            seed1,
            &[0, 1],
            "a320425f77d1b5c2505a6b1b27382b37368ee640e3557c315416801243552f14",
            "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2",
            "1932a5270f335bed617d5b935c80aedb1a35bd9fc1e31acafd5372c30f5c1187",
        ),
        (
            seed1,
            &[0, 1, 2],
            "2e69929e00b5ab250f49c3fb1c12f252de4fed2c1db88387094a0f8c4c9ccd6c",
            "92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9",
            "ae98736566d30ed0e9d2f4486a64bc95740d89c7db33f52121f8ea8f76ff0fc1",
        ),
        (
            seed1,
            &[0, 1, 2, 2],
            "8f6d87f93d750e0efccda017d662a1b31a266e4a6f5993b15f5c1f07f74dd5cc",
            "30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662",
            "8abae2d66361c879b900d204ad2cc4984fa2aa344dd7ddc46007329ac76c429c",
        ),
        (
            seed1,
            &[0, 1, 2, 2, 1_000_000_000],
            "68789923a0cac2cd5a29172a475fe9e0fb14cd6adb5ad98a3fa70333e7afa230",
            "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
            "3c24da049451555d51a7014a37337aa4e12d41e485abccfa46b47dfb2af54b7a",
        ),
        (
            seed2,
            &[],
            "ef70a74db9c3a5af931b5fe73ed8e1a53464133654fd55e7a66f8570b8e33c3b",
            "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012",
            "8fe9693f8fa62a4305a140b9764c5ee01e455963744fe18204b4fb948249308a",
        ),
        (
            seed2,
            &[0],
            "0b78a3226f915c082bf118f83618a618ab6dec793752624cbeb622acb562862d",
            "1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635",
            "86fab68dcb57aa196c77c5f264f215a112c22a912c10d123b0d03c3c28ef1037",
        ),
        (
            seed2,
            &[0, H],
            "138f0b2551bcafeca6ff2aa88ba8ed0ed8de070841f0c4ef0165df8181eaad7f",
            "ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4",
            "5ba3b9ac6e90e83effcd25ac4e58a1365a9e35a3d3ae5eb07b9e4d90bcf7506d",
        ),
        (
            seed2,
            &[0, H, 1],
            "73bd9fff1cfbde33a1b846c27085f711c0fe2d66fd32e139d3ebc28e5a4a6b90",
            "3757c7577170179c7868353ada796c839135b3d30554bbb74a4b1e4a5a58505c",
            "2e66aa57069c86cc18249aecf5cb5a9cebbfd6fadeab056254763874a9352b45",
        ),
        (
            seed2,
            &[0, H, 1, H - 1],
            "0902fe8a29f9140480a00ef244bd183e8a13288e4412d8389d140aac1794825a",
            "5837736c89570de861ebc173b1086da4f505d4adb387c6a1b1342d5e4ac9ec72",
            "e33c0f7d81d843c572275f287498e8d408654fdf0d1e065b84e2e6f157aab09b",
        ),
        (
            seed2,
            &[0, H, 1, H - 1, 2],
            "5d70af781f3a37b829f0d060924d5e960bdc02e85423494afc0b1a41bbe196d4",
            "551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d",
            "47150c75db263559a70d5778bf36abbab30fb061ad69f69ece61a72b0cfa4fc0",
        ),
    ];
    for (seed, path, chain_code, private, public) in table {
        let node = Node::master(&hex::decode(seed).unwrap()).descend(path).unwrap();
        assert_eq!(hex::encode(node.chain_code()), chain_code, "chain code of {path:?}");
        assert_eq!(hex::encode(node.secret().seed()), private, "private key of {path:?}");
        assert_eq!(node.secret().public().to_string(), public, "public key of {path:?}");
    }
    assert!(Node::master(&[1; 64]).child(1 << 31).is_err(), "there is no hardened form");
}

#[test]
fn bip_39_english_vectors() {
    let rows: Vec<Vec<&str>> =
        include_str!("bip39_english.txt").lines().skip(1).map(|line| line.split('|').collect()).collect();
    assert_eq!(rows.len(), 24);
    for row in rows {
        let [entropy, words, seed] = row[..] else { panic!("three fields") };
        let mnemonic = derive::parse(words).unwrap();
        assert_eq!(hex::encode(mnemonic.to_entropy()), entropy);
        assert_eq!(hex::encode(mnemonic.to_seed("TREZOR")), seed, "{words}");
    }
}

#[test]
fn words_in_any_case_give_the_pinned_account() {
    let words = "abandon ".repeat(23) + "art";
    let (secret, path) = derive::account(&derive::parse(&words).unwrap(), "", 0).unwrap();
    let (shouted, _) =
        derive::account(&derive::parse(&format!("  {}\n", words.to_uppercase())).unwrap(), "", 0).unwrap();
    let (next, _) = derive::account(&derive::parse(&words).unwrap(), "", 1).unwrap();
    let (guarded, _) = derive::account(&derive::parse(&words).unwrap(), "extra", 0).unwrap();
    assert_eq!(path, "m/44'/1463899220'/0'");
    assert_eq!(secret.public(), shouted.public());
    // Pinned: a change here would lose users their money.
    assert_eq!(secret.public().to_string(), PINNED_ACCOUNT_0);
    let all: std::collections::BTreeSet<PublicKey> =
        [secret, next, guarded].iter().map(SecretKey::public).collect();
    assert_eq!(all.len(), 3);
}

const PINNED_ACCOUNT_0: &str = "a44c94987b1bb3aa107520c3f96387deb7682d4e03b4612a588b85515ec7dc6b";

#[test]
fn new_mnemonics_have_24_words_and_differ() {
    let (a, b) = (derive::generate().unwrap(), derive::generate().unwrap());
    assert_eq!((a.word_count(), b.word_count()), (derive::WORDS, derive::WORDS));
    assert_ne!(a.to_string(), b.to_string());
}

#[test]
fn errors_about_words_never_repeat_them() {
    for (text, want) in [
        ("abandon abandon", "2 words"),
        (&*("abandon ".repeat(11) + "secretword"), "word 12"),
        (&*"abandon ".repeat(12), "checksum"),
    ] {
        let error = derive::parse(text).expect_err("refused").to_string();
        assert!(error.contains(want), "{error}");
        assert!(!error.contains("abandon") && !error.contains("secretword"), "{error}");
    }
}

#[test]
fn a_stored_key_opens_with_its_password_only() {
    let (_dir, keystore) = keystore();
    let stored = store(&keystore, "alice", 7);
    let (name, found) = keystore.find(&stored.address.to_string()).unwrap();
    assert_eq!((name.as_str(), &found), ("alice", &stored));
    assert_eq!(found.open(&password("correct")).unwrap().seed(), &[7; 32]);
    for wrong in ["", "Correct", "correct "] {
        let error = found.open(&password(wrong)).err().expect("refused");
        assert!(matches!(error, SealError::WrongPassword { .. }), "{error}");
    }
    store(&keystore, "bob", 8);
    let names: Vec<String> = keystore.list().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert_eq!(std::fs::read_dir(keystore.dir()).unwrap().count(), 2, "no draft is left behind");
}

#[test]
fn a_key_is_never_overwritten() {
    let (_dir, keystore) = keystore();
    let first = store(&keystore, "alice", 7);
    let secret = SecretKey::from_seed([9; 32]);
    let again = keystore.store("alice", &secret, None, &password("x"), KdfParams::INSECURE_FAST);
    assert!(matches!(again, Err(KeystoreError::Exists { .. })));
    assert_eq!(keystore.find("alice").unwrap().1, first);
}

#[test]
fn names_cannot_leave_the_directory() {
    let (_dir, keystore) = keystore();
    for name in ["", ".", "..", "../x", "a/b", "a.b", "ä", "a b", &"x".repeat(65)] {
        let secret = SecretKey::from_seed([9; 32]);
        let stored = keystore.store(name, &secret, None, &password("x"), KdfParams::INSECURE_FAST);
        assert!(matches!(stored, Err(KeystoreError::Name { .. })), "{name:?}");
        assert!(matches!(keystore.find(name), Err(KeystoreError::Name { .. })), "{name:?}");
    }
}

#[test]
fn files_are_private_and_looser_ones_are_refused() {
    let (_dir, keystore) = keystore();
    store(&keystore, "alice", 7);
    let path = keystore.dir().join("alice.json");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    assert_eq!((mode(&path), mode(keystore.dir())), (0o600, 0o700));
    for loose in [0o640, 0o604, 0o620, 0o601, 0o666] {
        set(&path, loose);
        let error = keystore.find("alice").expect_err("refused");
        assert!(
            matches!(error, KeystoreError::File(FileError::LooseMode { mode, .. }) if mode == loose),
            "{error}"
        );
    }
    set(&path, 0o400);
    assert!(keystore.find("alice").is_ok());
    set(keystore.dir(), 0o755);
    assert!(matches!(
        keystore.find("alice"),
        Err(KeystoreError::File(FileError::LooseMode { mode: 0o755, .. }))
    ));
}

#[test]
fn a_file_too_large_for_a_key_is_none() {
    let (_dir, keystore) = keystore();
    store(&keystore, "big", 1);
    std::fs::write(keystore.dir().join("big.json"), vec![b' '; 1 << 20]).unwrap();
    assert!(matches!(keystore.find("big"), Err(KeystoreError::Seal(SealError::Format { .. }))));
}
