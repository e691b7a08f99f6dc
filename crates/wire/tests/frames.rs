//! The format of frames: golden bytes, refusals with their reason, and random bytes.

use callboard_wire::envelope::{HEADER_BYTES, MAGIC, TRAILER_BYTES};
use callboard_wire::v1::guard::{Command, Ending, Fence, Isolation, Refusal, Report, Start, Step};
use callboard_wire::{Decoder, Error, PAYLOAD_BYTES_MAX, Schema, decode, encode};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

fn start() -> Command {
    Command::Start(Start {
        program: b"/bin/sh".to_vec(),
        args: vec![b"-c".to_vec(), b"true".to_vec()],
        isolation: Isolation::Auto,
        fence: Fence { epoch: 7, deadline_ms: 2_000, kill_after_ms: 30_000 },
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Replaces the checksum by the right one, so that a test reaches what comes after it.
fn sealed(mut frame: Vec<u8>) -> Vec<u8> {
    frame.truncate(frame.len() - TRAILER_BYTES);
    let checksum = crc32c::crc32c(&frame);
    frame.extend_from_slice(&checksum.to_le_bytes());
    frame
}

#[track_caller]
fn check_golden<T: Schema + PartialEq + std::fmt::Debug>(value: &T, golden: &str) {
    let frame = encode(value).expect("a small struct");
    assert_eq!(hex(&frame), golden);
    assert_eq!(&decode::<T>(&frame).expect("our own frame"), value);
}

#[test]
fn golden_bytes_of_guard_v1_never_change() {
    GOLDEN_COMMANDS.iter().zip(commands()).for_each(|(golden, it)| check_golden(&it, golden));
    GOLDEN_REPORTS.iter().zip(reports()).for_each(|(golden, it)| check_golden(&it, golden));
    assert_eq!(GOLDEN_COMMANDS.len(), commands().len());
    assert_eq!(GOLDEN_REPORTS.len(), reports().len());
}

fn commands() -> Vec<Command> {
    vec![
        start(),
        Command::Stop { grace_ms: 5_000 },
        Command::Kill,
        Command::Freeze,
        Command::Thaw,
        Command::Confirm { epoch: 8, deadline_ms: 0 },
    ]
}

fn reports() -> Vec<Report> {
    vec![
        Report::Started { pid: 4_242, isolation: Isolation::PidNamespace },
        Report::Refused(Refusal { step: Step::Program, errno: 2, text: "missing".to_owned() }),
        Report::Exited(Ending::Code(-1)),
        Report::Exited(Ending::Signal(9)),
        Report::Exited(Ending::Unknown),
        Report::Frozen { by_deadline: true },
        Report::Thawed,
        Report::Gone,
    ]
}

const GOLDEN_COMMANDS: [&str; 6] = [
    "01cb01010100001a00000000072f62696e2f736802022d6304747275650007fbd007fb307567483716",
    "01cb01010100000400000001fb8813cf9433b4",
    "01cb010101000001000000027d20dc31",
    "01cb010101000001000000037ea3b7c3",
    "01cb0101010000010000000495c77d17",
    "01cb01010100000300000005080005d85b97",
];

const GOLDEN_REPORTS: [&str; 8] = [
    "01cb02010100000500000000fb921001d306613e",
    "01cb02010100000b000000010204076d697373696e67f0f1c500",
    "01cb020101000003000000020001878046df",
    "01cb0201010000030000000201126b2ceacf",
    "01cb0201010000020000000202304205f5",
    "01cb0201010000020000000301b329f7f5",
    "01cb020101000001000000048b3d6b4f",
    "01cb0201010000010000000588be00bd",
];

#[test]
fn every_cut_of_a_frame_is_truncated() {
    let frame = encode(&start()).expect("a small struct");
    for length in 0..frame.len() {
        let error = decode::<Command>(&frame[..length]).expect_err("a cut frame");
        assert!(matches!(error, Error::Truncated { have, .. } if have == length), "{error:?}");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let frame = encode(&start()).expect("a small struct");
    for bit in 0..frame.len() * 8 {
        let mut damaged = frame.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(decode::<Command>(&damaged).is_err(), "bit {bit}");
    }
    let mut damaged = frame;
    damaged[HEADER_BYTES] ^= 1;
    assert!(matches!(decode::<Command>(&damaged), Err(Error::WrongChecksum { .. })));
}

#[test]
fn each_refusal_names_its_reason() {
    let frame = encode(&start()).expect("a small struct");
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = frame.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        decode::<Command>(&sealed(changed)).expect_err("a changed frame")
    };
    assert_eq!(with(0, &[0, 0]), Error::WrongMagic { found: 0 });
    assert_eq!(with(2, &[9, 9]), Error::UnknownSchema { expected: 0x0101, found: 0x0909 });
    let unknown = |version| Error::UnknownVersion { schema: 0x0101, version, known: 1 };
    assert_eq!(with(4, &[2, 0]), unknown(2));
    assert_eq!(with(4, &[0, 0]), unknown(0));
    assert_eq!(with(6, &[1]), Error::UnknownFlags { flags: 1 });
    let too_large = Error::TooLarge { length: u32::MAX as usize, limit: PAYLOAD_BYTES_MAX };
    assert_eq!(with(7, &[0xff; 4]), too_large);
    assert!(matches!(with(HEADER_BYTES, &[99]), Error::Malformed { schema: 0x0101, .. }));
}

#[test]
fn left_over_bytes_are_refused_inside_and_after_the_frame() {
    let mut frame = encode(&Command::Kill).expect("a small struct");
    let mut longer = frame.clone();
    longer.push(0);
    assert_eq!(decode::<Command>(&longer), Err(Error::LeftOver { schema: 0x0101, left: 1 }));

    frame.insert(HEADER_BYTES + 1, 0);
    frame[7] += 1;
    let inside = decode::<Command>(&sealed(frame));
    assert_eq!(inside, Err(Error::LeftOver { schema: 0x0101, left: 1 }));
}

#[test]
fn oversize_struct_is_not_written() {
    let args = vec![vec![0; PAYLOAD_BYTES_MAX]];
    let Command::Start(start) = start() else { panic!("a start") };
    let error = encode(&Command::Start(Start { args, ..start })).expect_err("too large");
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Newer {
    name: String,
    count: u32,
}

#[derive(Serialize, Deserialize)]
struct Older {
    name: String,
}

impl Schema for Older {
    const ID: u16 = 0x7f01;
    const VERSION: u16 = 1;
}

impl Schema for Newer {
    const ID: u16 = 0x7f01;
    const VERSION: u16 = 2;

    fn upcast(version: u16, payload: &[u8]) -> Result<Self, Error> {
        match version {
            1 => callboard_wire::envelope::decode_payload::<Older>(Self::ID, payload)
                .map(|Older { name }| Self { name, count: 0 }),
            _ => Err(Error::UnknownVersion { schema: Self::ID, version, known: Self::VERSION }),
        }
    }
}

#[test]
fn older_version_is_upcast_and_newer_is_refused() {
    let older = encode(&Older { name: "a".to_owned() }).expect("a small struct");
    assert_eq!(decode::<Newer>(&older), Ok(Newer { name: "a".to_owned(), count: 0 }));
    let newer = encode(&Newer { name: "a".to_owned(), count: 3 }).expect("a small struct");
    assert!(matches!(decode::<Older>(&newer), Err(Error::UnknownVersion { version: 2, .. })));
}

#[test]
fn stream_is_cut_into_frames_at_any_chunk_size() {
    let stream: Vec<u8> = commands().iter().flat_map(|it| encode(it).expect("small")).collect();
    for size in 1..stream.len() {
        let mut decoder = Decoder::default();
        let mut seen = Vec::new();
        for chunk in stream.chunks(size) {
            decoder.feed(chunk);
            while let Some(command) = decoder.take::<Command>().expect("our own frames") {
                seen.push(command);
            }
        }
        assert_eq!(seen, commands(), "chunks of {size}");
        assert!(decoder.is_empty());
    }
}

/// How many random strings: `PROPTEST_CASES=1000000` is the soak.
fn random_strings() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(100_000), failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(random_strings())]

    /// Half of them get a right header and checksum, so that the codec sees them too.
    #[test]
    fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..96), framed: bool) {
        if framed {
            let mut frame = MAGIC.to_le_bytes().to_vec();
            frame.extend_from_slice(&Command::ID.to_le_bytes());
            frame.extend_from_slice(&Command::VERSION.to_le_bytes());
            frame.push(0);
            frame.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            frame.append(&mut bytes);
            frame.extend_from_slice(&[0; TRAILER_BYTES]);
            bytes = sealed(frame);
        }
        if let Ok(command) = decode::<Command>(&bytes) {
            prop_assert_eq!(decode::<Command>(&encode(&command).expect("it was decoded")), Ok(command));
        }
        let mut decoder = Decoder::default();
        decoder.feed(&bytes);
        let _ = decoder.take::<Report>();
    }
}
