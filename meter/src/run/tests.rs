use super::*;

/// A devnet runs light nodes as tasks on several threads.
#[test]
fn a_light_node_can_move_between_threads() {
    fn moves<T: Send>(_: &T) {}
    moves(&run(crate::config::least(), std::future::pending()));
}
