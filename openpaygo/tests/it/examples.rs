//! The examples do what they say.

#[path = "../../examples/redeem.rs"]
mod redeem;
#[path = "../../examples/server.rs"]
mod server;

#[test]
fn the_examples_end_well() {
    redeem::main().unwrap();
    server::main().unwrap();
}
