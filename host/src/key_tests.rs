#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_key_survives_its_file_and_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meter.key");
    let public = generate(&path).unwrap();
    assert_eq!(load(&path).unwrap().public(), public);
    assert!(matches!(generate(&path), Err(KeyError::File(FileError::Io { action: "create", .. }))));
    assert_eq!(load(&path).unwrap().public(), public);
}

#[test]
fn loose_permissions_and_other_content_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meter.key");
    generate(&path).unwrap();
    for mode in [0o604, 0o640, 0o666] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Mode { mode: got, .. }) if got == mode));
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    for text in ["", "abcd", &"g".repeat(64), &"a".repeat(66)] {
        std::fs::write(&path, text).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Content { .. })), "{text}");
    }
}

#[test]
fn only_handed_over_credentials_may_have_a_group() {
    let dir = Some(OsStr::new("/run/credentials/wattle-light.service"));
    assert_eq!(others(Path::new("/run/credentials/wattle-light.service/house.key"), dir), 0o037);
    for (path, dir) in [
        ("/run/credentials/other.service/house.key", dir),
        ("/etc/wattle/house.key", dir),
        ("/etc/wattle/house.key", None),
        ("/etc/wattle/house.key", Some(OsStr::new(""))),
    ] {
        assert_eq!(others(Path::new(path), dir), 0o077, "{path}");
    }
}
