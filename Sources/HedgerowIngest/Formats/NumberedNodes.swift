import HedgerowCore

/// How many nodes a file may make by saying a number.
///
/// A number of few bytes can stand for billions of nodes, which would be written before anything shows
/// that nothing is known of them. Graphs of that size have an edge, or a value, of every few of their
/// nodes; so beyond a limit somebody else than the number must speak of them.
package enum NumberedNodes {
  /// Nodes of which nothing else needs to speak.
  package static let emptyLimit = 1 << 24
  /// Of more nodes there must be an entry, or a byte, for every so many.
  static let span = 16

  /// What is said of nodes beside their number.
  package enum Evidence {
    case entries(Int)
    /// Of files of edges and columns, as they are on disk.
    case bytes(Int)
  }

  /// What is wrong with a number of nodes; nil when it may be.
  package static func fault(_ count: Int, _ evidence: Evidence) -> String? {
    guard count >= 0, count <= 1 << 32 else {
      return "has a size of \(count): a node type holds 0 to 2^32 nodes"
    }
    let (amount, unit) =
      switch evidence {
      case .entries(let count): (count, "entries")
      case .bytes(let count): (count, "bytes of edges and columns")
      }
    guard count > emptyLimit, amount < count / span else { return nil }
    return
      "has a size of \(count), but \(amount) \(unit): of more than \(emptyLimit) nodes there must "
      + "be one for every \(span)"
  }
}
