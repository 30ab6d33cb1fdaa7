//! Who is linked with whom.

/// The shape of the validators' network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Everybody with everybody.
    Mesh,
    /// Each with its two neighbours.
    Ring,
    /// All with validator 0, which is honest and always a member.
    Star,
}

impl Topology {
    /// All links between nodes, lower index first. `places`: each node's place among the `n` validators, followers
    /// have none.
    pub(super) fn links(self, n: usize, places: &[Option<usize>]) -> Vec<(usize, usize)> {
        let pairs = (0..places.len()).flat_map(|a| (a + 1..places.len()).map(move |b| (a, b)));
        pairs.filter(|(a, b)| self.links_two(n, (*a, places[*a]), (*b, places[*b]))).collect()
    }

    const fn links_two(self, n: usize, a: (usize, Option<usize>), b: (usize, Option<usize>)) -> bool {
        match (a, b) {
            _ if matches!(self, Self::Mesh) => true,
            // A twin stands where its original stands, but hears only others.
            ((_, Some(x)), (_, Some(y))) => self.adjacent(n, x, y),
            // A follower has two peers of which one is honest.
            ((_, Some(x)), (b, None)) => x == 0 || x == b % n,
            ((a, None), (_, Some(y))) => y == 0 || y == a % n,
            ((_, None), (_, None)) => false,
        }
    }

    const fn adjacent(self, n: usize, x: usize, y: usize) -> bool {
        match self {
            Self::Mesh => true,
            Self::Ring => x != y && ((x + 1) % n == y || (y + 1) % n == x),
            Self::Star => x != y && (x == 0 || y == 0),
        }
    }
}
