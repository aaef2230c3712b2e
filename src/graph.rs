//! The resource graph: who needs whom, in which order, and which path takes longest.
use petgraph::{Directed, Graph, algo::kosaraju_scc};
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
    #[cfg(any(test, feature = "internals"))]
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

    /// Adds edges in their order, each unless it would close a ring, and says of each whether it was added.
    ///
    /// A path back is looked for only inside of the rings that all of the edges together would close, and from both ends
    /// at once: thousands of edges that close no ring cost no more than to read them.
    pub fn join(&mut self, edges: &[(usize, usize)]) -> Vec<bool> {
        let rings = self.rings(edges);
        let mut add = |&(before, after): &(usize, usize)| {
            let free = rings[before] != rings[after] || !self.leads(after, before, &rings);
            if free {
                self.edge(before, after);
            }
            free
        };
        edges.iter().map(&mut add).collect()
    }

    /// Which nodes would be in one ring with these edges: those of one ring have the same number.
    fn rings(&self, edges: &[(usize, usize)]) -> Vec<usize> {
        let mut out: Vec<usize> = (0..self.len()).collect();
        if edges.is_empty() {
            return out;
        }
        let own =
            self.children.iter().enumerate().flat_map(|(node, children)| children.iter().map(move |c| (node, *c)));
        let graph: Graph<(), (), Directed, usize> = Graph::from_edges(own.chain(edges.iter().copied()));
        for ring in kosaraju_scc(&graph) {
            for node in &ring {
                out[node.index()] = ring[0].index();
            }
        }
        out
    }

    /// Is there a path from `from` to `to`? Both are in one of `rings`, so the whole path is.
    fn leads(&self, from: usize, to: usize, rings: &[usize]) -> bool {
        let inside = |node: &&usize| rings[**node] == rings[from];
        let (mut down, mut below) = (vec![from], BTreeSet::from([from]));
        let (mut up, mut above) = (vec![to], BTreeSet::from([to]));
        if from == to {
            return true;
        }
        while let (Some(lower), Some(upper)) = (down.pop(), up.pop()) {
            #[cfg(test)]
            tests::VISITED.set(tests::VISITED.get() + 2);
            for child in self.children[lower].iter().filter(inside) {
                if above.contains(child) {
                    return true;
                }
                if below.insert(*child) {
                    down.push(*child);
                }
            }
            for parent in self.parents[upper].iter().filter(inside) {
                if below.contains(parent) {
                    return true;
                }
                if above.insert(*parent) {
                    up.push(*parent);
                }
            }
        }
        false
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Is there no node?
    #[cfg(any(test, feature = "internals"))]
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

    thread_local! {
        /// Nodes that searches for paths back have looked at.
        pub(super) static VISITED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

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
    fn edges_are_added_unless_they_close_a_ring() {
        // Every order of every edge between four nodes, against the plain search.
        let all: Vec<(usize, usize)> = (0..16).map(|n| (n / 4, n % 4)).collect();
        for seed in 0..200 {
            let mut edges = all.clone();
            edges.sort_by_key(|(a, b)| (a * 31 + b * 17 + 7) * (seed + 3) % 101);
            let (own, late) = edges.split_at(seed % 5);
            let (mut plain, mut joined) = (Dag::new(4), Dag::new(4));
            for &(before, after) in own.iter().filter(|(a, b)| a < b) {
                plain.edge(before, after);
                joined.edge(before, after);
            }
            let one_by_one = |&(before, after): &(usize, usize)| {
                let free = !plain.reaches(after, before);
                if free {
                    plain.edge(before, after);
                }
                free
            };
            let expected: Vec<bool> = late.iter().map(one_by_one).collect();
            assert_eq!(joined.join(late), expected, "{own:?} {late:?}");
            assert_eq!(joined.children, plain.children);
        }
    }

    #[test]
    fn edges_that_close_no_ring_are_not_searched_for_one() {
        // Pairs that wait for each other, all below one node and above another, and along a chain.
        let searched = |count: usize| {
            VISITED.set(0);
            let mut dag = Dag::new(2 * count + 2);
            for node in 1..=2 * count {
                dag.edge(0, node);
                dag.edge(node, 2 * count + 1);
            }
            (2..=count).for_each(|node| dag.edge(2 * node - 3, 2 * node - 1));
            let pairs = (1..=count).flat_map(|n| [(2 * n - 1, 2 * n), (2 * n, 2 * n - 1)]);
            assert_eq!(dag.join(&pairs.collect::<Vec<_>>()).iter().filter(|added| **added).count(), count);
            VISITED.get()
        };
        assert_eq!(searched(1_000), 10 * searched(100));
    }

    #[test]
    fn a_long_chain_needs_no_recursion() {
        let mut dag = Dag::new(20_000);
        (1..20_000).for_each(|n| dag.edge(n - 1, n));
        let order = dag.order(|n| n).unwrap();
        assert_eq!(dag.critical_path(&dag.remaining(&order, |_| 1)).len(), 20_000);
        assert_eq!(dag.join(&[(19_999, 0), (0, 19_999)]), [false, true]);
    }
}
