use super::*;

#[test]
fn tags_are_distinct() {
    for (i, a) in ALL.iter().enumerate() {
        assert!(ALL[i + 1..].iter().all(|b| a != b), "{} is used twice", a.as_str());
    }
}
