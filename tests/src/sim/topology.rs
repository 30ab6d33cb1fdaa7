//! Who is linked with whom.

use super::plan::Plan;

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
    /// All links between nodes, lower index first.
    pub(super) fn links(self, plan: &Plan) -> Vec<(usize, usize)> {
        let nodes = plan.nodes();
        let pairs = (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b)));
        pairs.filter(|(a, b)| self.links_two(plan, *a, *b)).collect()
    }

    fn links_two(self, plan: &Plan, a: usize, b: usize) -> bool {
        if self == Self::Mesh {
            return true;
        }
        let n = plan.validators;
        match (plan.place_of(a), plan.place_of(b)) {
            // A twin stands where its original stands, but hears only others.
            (Some(x), Some(y)) => self.adjacent(n, x, y),
            // A follower has two peers of which one is honest.
            (Some(x), None) => x == 0 || x == b % n,
            (None, Some(y)) => y == 0 || y == a % n,
            (None, None) => false,
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
