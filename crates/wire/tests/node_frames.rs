//! Golden bytes of the frames between nodes.

use callboard_wire::v1::node::{Answer, Beat, Call};
use callboard_wire::{Schema, decode, encode};

#[track_caller]
fn check_golden<T: Schema + PartialEq + std::fmt::Debug>(value: &T, golden: &str) {
    let frame = encode(value).expect("a small struct");
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden);
    assert_eq!(&decode::<T>(&frame).expect("our own frame"), value);
}

#[test]
fn golden_bytes_of_node_v1_never_change() {
    let call = Call { actor: "agent/a".into(), deadline_ms: 5_000, command: b"{}".to_vec() };
    check_golden(&call, "01cb01020100000e000000076167656e742f61fb8813027b7da92788b6");
    let beat = Beat { node: "n".into(), incarnation: [7; 16], sequence: 300, report: None };
    check_golden(
        &beat,
        "01cb030201000016000000016e07070707070707070707070707070707fb2c0100537cc9d5",
    );
    let answers = [
        Answer::Done(vec![1, 2]),
        Answer::NotFound,
        Answer::NotHere,
        Answer::BadCommand("b".into()),
        Answer::Rejected { text: "t".into(), json: "{}".into() },
        Answer::Full,
        Answer::Stopped,
        Answer::TimedOut,
        Answer::OutcomeUnknown,
        Answer::Unavailable("u".into()),
        Answer::Failed("f".into()),
    ];
    let golden = [
        "01cb020201000004000000000201026d3266bc",
        "01cb02020100000100000001be253563",
        "01cb020201000001000000024ad66570",
        "01cb020201000003000000030162aa844da7",
        "01cb020201000006000000040174027b7dbd2d05e2",
        "01cb02020100000100000005a1b2afa4",
        "01cb020201000001000000065541ffb7",
        "01cb0202010000010000000756c29445",
        "01cb0202010000010000000872fe871b",
        "01cb020201000003000000090175e64be714",
        "01cb0202010000030000000a01660ebfc7fd",
    ];
    assert_eq!(answers.len(), golden.len());
    for (answer, golden) in answers.iter().zip(golden) {
        check_golden(answer, golden);
    }
}
