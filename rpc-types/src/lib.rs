//! What the interface speaks.
