public import HedgerowCore

/// What to read, and how.
///
/// ```swift
/// var options = IngestOptions()
/// options.nodes = [.init("paper", "nodes.tsv")]
/// options.edges = [.init(EdgeType("paper", "cites", "paper"), "edges.tsv")]
/// options.undirected = [EdgeType("paper", "cites", "paper")]
/// ```
/// A path may be `-` for standard input, once; files that begin like gzip or zstd are decompressed. Edges
/// may also be a `.npy` array of keys of shape (2, n) or (n, 2), or `x.npz:NAME`.
public struct IngestOptions: Sendable {
  /// How one delimited file is laid out, where that differs from what the options say for all.
  public struct FileLayout: Sendable {
    public var delimiter: UInt8?
    public var header: Header?
    /// Begins lines that say nothing; 0 for none.
    public var comment: UInt8?
    /// Names of the columns, typed or not; an empty one leaves a column out.
    public var columns: [String]?
    public var choice = ColumnChoice()
    /// What messages call the file, instead of by its path.
    var name: String?
    /// For a file that was made of another one: where it is kept which lines of that one its own are of.
    var lines: String?
    /// What of the file is read; all of it unless given.
    var stretch: FileStretch?
    /// A row without a key is none, and no fault.
    var skipsRowsWithoutKey = false
    /// Other files of the type may have columns that this one has not; they are null for its rows.
    var mayLackColumns = false
    public init() {}
  }

  /// Which columns of a file are taken, and as what. Columns are meant by their names in the header,
  /// or those that ``FileLayout/columns`` gives, or `column_1`, `column_2` ... where there are none.
  public struct ColumnChoice: Sendable {
    /// The key of a node; of several columns, the texts with the separator between them.
    public var key: [String] = []
    /// The keys of an edge's ends, each of one column or of several.
    public var source: [String] = []
    public var target: [String] = []
    /// Between the columns of a key; no field of them may have it.
    public var separator = UInt8(ascii: "|")
    /// Kinds, as a typed header has them.
    public var kinds: [String: String] = [:]
    /// New names.
    public var names: [String: String] = [:]
    /// The columns that become properties; all unless given.
    public var only: Set<String>?
    public var without: Set<String> = []
    /// Columns that the file does not have, named as in a header, with one value for all rows.
    public var constants: [Constant] = []
    public init() {}

    public struct Constant: Sendable {
      public var column: String
      public var value: String
      public init(_ column: String, _ value: String) {
        self.column = column
        self.value = value
      }
    }
  }

  public struct NodeFile: Sendable {
    public var type: NodeType
    public var path: String
    public var layout = FileLayout()
    public init(_ type: NodeType, _ path: String) {
      self.type = type
      self.path = path
    }
  }

  public struct EdgeFile: Sendable {
    public var type: EdgeType
    public var path: String
    public var layout = FileLayout()
    public init(_ type: EdgeType, _ path: String) {
      self.type = type
      self.path = path
    }
  }

  /// A file that says by itself what types there are.
  public struct GraphFile: Sendable {
    public var path: String
    /// Told by the name and the first line when it is nil.
    public var format: GraphFormat?
    public init(_ path: String, as format: GraphFormat? = nil) {
      self.path = path
      self.format = format
    }
  }

  /// A file of members of sets: a column `id` with keys of nodes and a column `set` with names. A line
  /// without a key makes the set and puts nothing into it.
  public struct SetFile: Sendable {
    public var type: NodeType
    public var path: String
    public var layout = FileLayout()
    public init(_ type: NodeType, _ path: String) {
      self.type = type
      self.path = path
    }
  }

  /// A NumPy array of offsets that says which nodes lead to which one: those of the source type from
  /// `offsets[i]` up to `offsets[i + 1]` to node i of the target type, by these numbers as keys.
  public struct OffsetFile: Sendable {
    public var type: EdgeType
    public var path: String
    public init(_ type: EdgeType, _ path: String) {
      self.type = type
      self.path = path
    }
  }

  /// A NumPy array that becomes a column: a vector column from two dimensions, a scalar one from one.
  public struct FeatureFile: Sendable {
    public var type: NodeType
    public var column: String
    /// A `.npy` file, a `.npz` archive with one array, or `x.npz:NAME`.
    public var path: String
    /// What messages call the array, instead of by its path.
    var name: String?
    /// What the array's elements become: `float32`, `float16`, `bfloat16` or codes with a scale; as
    /// they are unless given. An int8 array is taken as the codes.
    public var element: PropertyKind?
    public init(
      _ type: NodeType, _ column: String, _ path: String, as element: PropertyKind? = nil
    ) {
      self.type = type
      self.column = column
      self.path = path
      self.element = element
    }
  }

  public struct NodeColumn: Hashable, Sendable {
    public var type: NodeType
    public var column: String
    public init(_ type: NodeType, _ column: String) {
      self.type = type
      self.column = column
    }
  }

  public struct EdgeColumn: Hashable, Sendable {
    public var type: EdgeType
    public var column: String
    public init(_ type: EdgeType, _ column: String) {
      self.type = type
      self.column = column
    }
  }

  /// Whether the first line names the columns.
  public enum Header: Sendable {
    /// It does if it has a known or typed name, or is not numeric where the next lines are.
    case automatic
    case present
    case absent
  }

  /// What to do with an edge to a node that its type's node file does not list.
  public enum MissingNodes: String, Sendable, CaseIterable {
    /// Make the node, with null in every column.
    case create
    /// Leave the edge out and count it.
    case skip
    /// Treat the edge's line as a bad one.
    case fail
  }

  /// What to do with a row of nodes whose key an earlier row has, or a node of the store.
  public enum DuplicateNodes: String, Sendable, CaseIterable {
    /// Treat it as a bad line.
    case fail
    /// Leave it out.
    case keepFirst = "keep-first"
    /// Its values replace those of the earlier one, null included.
    case keepLast = "keep-last"
    /// Its values replace those of the earlier one where it has some.
    case merge
  }

  /// What to do with a line that cannot be used.
  public enum BadLines: String, Sendable, CaseIterable {
    /// Stop, and leave the store as it was.
    case fail
    /// Leave the line out, count it, and keep the first messages of each file.
    case report
  }

  /// What to do with an edge between two nodes that have one of its type already in the input.
  public enum ParallelEdges: String, Sendable, CaseIterable {
    /// Store all of them.
    case keep
    /// Store the first that is listed.
    case first
    /// Refuse the input.
    case fail
  }

  /// What a column says of several edges between two nodes that become one.
  public enum Combination: String, Sendable, CaseIterable {
    case sum, max, min
    /// How many there are: a column that the files do not have.
    case count
  }

  /// Edges of a type between the same two nodes become one; other columns are those of the first.
  public struct EdgeCombination: Sendable {
    public var column: EdgeColumn
    public var combination: Combination
    public init(_ type: EdgeType, _ column: String, _ combination: Combination) {
      self.column = EdgeColumn(type, column)
      self.combination = combination
    }
  }

  /// What to do with a type that the store has.
  public enum ExistingTypes: Sendable {
    /// Refuse it: only new types come in. Edges may lead to nodes that are there.
    case refuse
    /// Add to it. Its nodes keep their ids and values, and come before the new ones.
    case append
  }

  /// How rows of feature matrices are scaled.
  public enum Normalization: String, Sendable, CaseIterable {
    case none
    /// Less the matrix's least element, each row divided by its sum, or by 1 where that is less: as
    /// `NormalizeFeatures` of PyTorch Geometric. Stored as float32.
    case row
  }

  /// Several files of one type are read as if they were one.
  public var nodes: [NodeFile] = []
  public var edges: [EdgeFile] = []
  public var graphs: [GraphFile] = []
  public var features: [FeatureFile] = []
  public var offsets: [OffsetFile] = []
  /// Columns whose values become named sets of nodes.
  public var splits: [NodeColumn] = []
  /// Those of them whose fields are lists of names with `;` between them.
  var listSplits: Set<NodeColumn> = []
  public var sets: [SetFile] = []
  /// Edge types within one node type that are stored in both directions.
  public var undirected: Set<EdgeType> = []
  /// All edge types within one node type are.
  public var isUndirected = false
  /// But for these.
  var directed: Set<EdgeType> = []
  /// The column by which samples of an edge type respect time; at most one a type.
  public var times: [EdgeColumn] = []
  /// The column by which samples of an edge type are weighted; at most one a type.
  public var weights: [EdgeColumn] = []
  /// Between fields; nil to tell by the file's name and first lines. A space stands for any number.
  public var delimiter: UInt8?
  /// Begins lines that say nothing; nil for `#` or `%` where a file begins with it; 0 for none.
  public var comment: UInt8?
  public var header: Header = .automatic
  /// Names, typed or not, for the columns of a type's files; an empty name leaves a column out.
  /// Such files have no header unless ``header`` is `present`.
  public var nodeColumns: [NodeType: [String]] = [:]
  public var edgeColumns: [EdgeType: [String]] = [:]
  public var normalization: Normalization = .none
  public var missingNodes: MissingNodes = .create
  public var duplicateNodes: DuplicateNodes = .fail
  public var badLines: BadLines = .fail
  /// A new file for all lines that are left out, as `edges.tsv:17: has 1 column where 2 are expected`.
  /// It is there when the run has ended, also when it has failed.
  public var badLinesPath: String?
  public var parallelEdges: ParallelEdges = .keep
  /// Edge types whose parallel edges become one, whatever ``parallelEdges`` says.
  public var combinations: [EdgeCombination] = []
  /// Edge types that must not have any.
  var distinctTypes: Set<EdgeType> = []
  public var existingTypes: ExistingTypes = .refuse
  /// How the nodes of a new store are numbered: `input` as files list them, others as ``Rebuild`` does.
  public var order: NodeOrder = .input

  /// How far the reading of edges has come is kept so often, for a run that goes on after a kill.
  var checkpointSeconds = 1.0

  public init() {}
}
