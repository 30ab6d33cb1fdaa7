//! What a process needs of its machine.
