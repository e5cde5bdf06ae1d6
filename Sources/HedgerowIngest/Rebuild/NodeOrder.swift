/// How the nodes of each type are numbered in a store that is rebuilt.
///
/// What is sampled together should lie together: a row then shares its pages with rows that are
/// wanted too. Which order does that best depends on the graph.
public enum NodeOrder: String, Sendable, CaseIterable {
  /// As they are; deleted nodes leave no gap.
  case input
  /// By falling number of edges of all types, then as they are: the rows that most samples read lie in
  /// few pages.
  case degree
  /// As a breadth-first search reaches them that begins at the node with the most edges and goes along
  /// all relations, then from the next one that was not reached.
  case bfs
  /// Reverse Cuthill-McKee (Cuthill, McKee 1969; George 1971) on the same: from a node with the fewest
  /// edges, each node's neighbors by rising number of edges, and the whole backwards. Neighbors get
  /// numbers close to each other.
  case rcm
}
