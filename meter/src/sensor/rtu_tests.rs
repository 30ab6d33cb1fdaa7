#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use tokio::io::duplex;

const VOLTS: Block = Block { function: Function::Input, address: 0, count: 2 };
const ANSWER: [u8; 9] = [0x01, 0x04, 0x04, 0x43, 0x66, 0x33, 0x34, 0x1B, 0x38];

async fn answered(bytes: &[u8]) -> Result<Vec<u16>, Failure> {
    let (mut ours, mut theirs) = duplex(64);
    theirs.write_all(bytes).await.unwrap();
    ask(&mut ours, 1, Question::Read(VOLTS)).await
}

#[tokio::test]
async fn the_published_frames_are_written_and_read() {
    assert_eq!(Question::Read(VOLTS).request(1), [0x01, 0x04, 0x00, 0x00, 0x00, 0x02, 0x71, 0xCB]);
    assert_eq!(Question::Read(VOLTS).answer_bytes(), 9);
    assert_eq!(answered(&ANSWER).await.unwrap(), [0x4366, 0x3334]);
    let after_noise = [&[0x00, 0xFF][..], &ANSWER].concat();
    assert_eq!(answered(&after_noise).await.unwrap(), [0x4366, 0x3334]);
}

#[tokio::test]
async fn everything_else_is_an_error() {
    let with_crc = |body: &[u8]| [body, &crc16(body).to_le_bytes()].concat();
    let mut flipped = ANSWER;
    flipped[4] ^= 1;
    let table = [
        (flipped.to_vec(), "Checksum"),
        (with_crc(&[2, 4, 4, 0, 0, 0, 0]), "Unit { asked: 1, got: 2 }"),
        (with_crc(&[1, 3, 4, 0, 0, 0, 0]), "Function { asked: 4, got: 3 }"),
        (with_crc(&[1, 0x83, 2]), "Function { asked: 4, got: 131 }"),
        (with_crc(&[1, 4, 2, 0, 0]), "Length { asked: 4, got: 2 }"),
        (with_crc(&[1, 0x84, 2]), "Exception(IllegalDataAddress)"),
        (vec![1, 0x84, 2, 0, 0], "Checksum"),
        (vec![0; 20], "Noise"),
    ];
    for (bytes, want) in table {
        let got = format!("{:?}", answered(&bytes).await.unwrap_err());
        assert!(got.contains(want), "{got}, not {want}, for {bytes:02x?}");
    }
}

#[tokio::test]
async fn draining_ends_with_silence_or_gives_up() {
    let (quiet, max) = (Duration::from_millis(50), Duration::from_millis(200));
    let (mut ours, mut theirs) = duplex(64);
    theirs.write_all(&ANSWER).await.unwrap();
    assert_eq!(drain(&mut ours, quiet, max).await.unwrap(), ANSWER.len());
    let mut noise = tokio::io::join(tokio::io::repeat(0x55), tokio::io::sink());
    assert!(drain(&mut noise, quiet, max).await.is_err());
}

#[tokio::test]
async fn a_coil_is_written_as_published_and_only_its_own_echo_counts() {
    const ON: [u8; 8] = [0x11, 0x05, 0x00, 0xAC, 0xFF, 0x00, 0x4E, 0x8B];
    let with_crc = |body: &[u8]| [body, &crc16(body).to_le_bytes()].concat();
    for (answer, want) in [
        (ON.to_vec(), "Ok(())"),
        (with_crc(&[0x11, 5, 0, 0xAC, 0, 0]), "Err(Frame(Echo))"),
        (with_crc(&[0x11, 5, 0, 0xAD, 0xFF, 0]), "Err(Frame(Echo))"),
        (with_crc(&[0x12, 5, 0, 0xAC, 0xFF, 0]), "Err(Frame(Unit { asked: 17, got: 18 }))"),
        (with_crc(&[0x11, 1, 0, 0xAC, 0xFF, 0]), "Err(Frame(Function { asked: 5, got: 1 }))"),
        (with_crc(&[0x11, 0x85, 2]), "Err(Exception(IllegalDataAddress))"),
    ] {
        let (mut ours, mut theirs) = duplex(64);
        theirs.write_all(&answer).await.unwrap();
        let question = Question::WriteCoil { coil: 0xAC, on: true };
        let got = ask(&mut ours, 0x11, question).await.map(drop);
        assert_eq!(format!("{got:?}"), want);
        let mut asked = [0; 8];
        theirs.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, ON);
    }
}
