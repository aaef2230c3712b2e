//! The resource graph: who needs whom, in which order, and which path takes longest.
use std::collections::{BTreeMap, BTreeSet};

/// A directed graph over `0..len`; an edge goes from what must come first to what waits for it.
#[derive(Debug, Clone, Default)]
pub struct Dag {
    children: Vec<Vec<usize>>,
    parents: Vec<Vec<usize>>,
}

impl Dag {
    /// A graph of `len` nodes without edges.
    pub fn new(len: usize) -> Self {
        Self { children: vec![Vec::new(); len], parents: vec![Vec::new(); len] }
    }

    /// One node more, without edges; its number.
    pub fn node(&mut self) -> usize {
        self.children.push(Vec::new());
        self.parents.push(Vec::new());
        self.children.len() - 1
    }

    /// Must `to` wait for `from`, at once or through others?
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        let (mut stack, mut seen) = (vec![from], BTreeSet::new());
        while let Some(node) = stack.pop() {
            if node == to {
                return true;
            }
            stack.extend(self.children[node].iter().filter(|c| seen.insert(**c)));
        }
        false
    }

    /// `after` waits for `before`. A second equal edge is harmless.
    pub fn edge(&mut self, before: usize, after: usize) {
        if before != after {
            self.children[before].push(after);
            self.parents[after].push(before);
        }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Is there no node?
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// What waits for `node`.
    pub fn children(&self, node: usize) -> &[usize] {
        &self.children[node]
    }

    /// What `node` waits for.
    pub fn parents(&self, node: usize) -> &[usize] {
        &self.parents[node]
    }

    /// Every node after its parents; among those that are free, the one with the smallest key first.
    ///
    /// # Errors
    /// The nodes of one ring, in order, when there is a cycle.
    pub fn order<K: Ord>(&self, key: impl Fn(usize) -> K) -> Result<Vec<usize>, Vec<usize>> {
        let mut waiting: Vec<usize> = self.parents.iter().map(Vec::len).collect();
        let mut free: BTreeSet<(K, usize)> =
            (0..self.len()).filter(|n| waiting[*n] == 0).map(|n| (key(n), n)).collect();
        let mut out = Vec::with_capacity(self.len());
        while let Some((_, node)) = free.pop_first() {
            out.push(node);
            for &child in &self.children[node] {
                waiting[child] -= 1;
                if waiting[child] == 0 {
                    free.insert((key(child), child));
                }
            }
        }
        if out.len() == self.len() { Ok(out) } else { Err(self.ring(&waiting)) }
    }

    /// Follows unfinished parents until a node comes twice.
    fn ring(&self, waiting: &[usize]) -> Vec<usize> {
        let Some(start) = waiting.iter().position(|w| *w > 0) else { return Vec::new() };
        let (mut path, mut seen, mut node) = (Vec::new(), BTreeMap::new(), start);
        loop {
            if let Some(at) = seen.insert(node, path.len()) {
                let mut ring: Vec<usize> = path.split_off(at);
                ring.reverse();
                return ring;
            }
            path.push(node);
            match self.parents[node].iter().find(|p| waiting[**p] > 0) {
                Some(next) => node = *next,
                None => return path,
            }
        }
    }

    /// For each node, the longest time from its start to the end of everything that waits for it, itself included.
    pub fn remaining(&self, order: &[usize], cost: impl Fn(usize) -> u64) -> Vec<u64> {
        let mut out = vec![0; self.len()];
        for &node in order.iter().rev() {
            let below = self.children[node].iter().map(|c| out[*c]).max().unwrap_or(0);
            out[node] = cost(node) + below;
        }
        out
    }

    /// The nodes of the longest path.
    pub fn critical_path(&self, remaining: &[u64]) -> Vec<usize> {
        let roots = (0..self.len()).filter(|n| self.parents[*n].is_empty());
        let longest =
            |nodes: &mut dyn Iterator<Item = usize>| nodes.max_by_key(|n| (remaining[*n], std::cmp::Reverse(*n)));
        let mut out = Vec::new();
        let mut next = longest(&mut roots.into_iter());
        while let Some(node) = next {
            out.push(node);
            next = longest(&mut self.children[node].iter().copied());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_grows_and_knows_what_waits_for_what() {
        let mut dag = Dag::new(2);
        dag.edge(0, 1);
        let third = dag.node();
        dag.edge(1, third);
        assert!(dag.reaches(0, third) && !dag.reaches(third, 0));
    }

    fn diamond() -> Dag {
        let mut dag = Dag::new(4);
        for (a, b) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
            dag.edge(a, b);
        }
        dag
    }

    #[test]
    fn order_is_deterministic_and_follows_edges() {
        assert_eq!(diamond().order(|n| n).unwrap(), [0, 1, 2, 3]);
        assert_eq!(diamond().order(std::cmp::Reverse).unwrap(), [0, 2, 1, 3]);
    }

    #[test]
    fn a_cycle_names_its_ring() {
        let mut dag = diamond();
        dag.edge(3, 1);
        let ring = dag.order(|n| n).unwrap_err();
        assert_eq!(ring.iter().copied().collect::<BTreeSet<_>>(), [1, 3].into());
    }

    #[test]
    fn the_critical_path_is_the_slowest() {
        let dag = diamond();
        let order = dag.order(|n| n).unwrap();
        let remaining = dag.remaining(&order, |n| [5, 1, 60, 2][n]);
        assert_eq!(remaining[0], 67);
        assert_eq!(dag.critical_path(&remaining), [0, 2, 3]);
    }

    #[test]
    fn a_long_chain_needs_no_recursion() {
        let mut dag = Dag::new(20_000);
        (1..20_000).for_each(|n| dag.edge(n - 1, n));
        let order = dag.order(|n| n).unwrap();
        assert_eq!(dag.critical_path(&dag.remaining(&order, |_| 1)).len(), 20_000);
    }
}
