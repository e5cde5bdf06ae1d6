import HedgerowCore
import HedgerowStore

/// The steps of `tools/make-golden-store` that no command does.
enum GoldenStore {
  private static let thing: NodeType = "thing"
  private static let number: NodeType = "number"
  private static let token: NodeType = "token"
  private static let dot: NodeType = "dot"
  private static let near = EdgeType("thing", "near", "thing")
  private static let rates = EdgeType("number", "rates", "thing")
  private static let next = EdgeType("dot", "next", "dot")

  /// Of more than 400 bytes, which the tables of changes keep otherwise than shorter ones.
  private static let longKey = String(repeating: "long ", count: 90)

  /// An empty store whose ranges are small, so that few nodes lie in several.
  static func begin(at path: String) throws {
    _ = try GraphStore.create(at: path, rangeBits: 6)
  }

  /// What is folded into segments by the compaction that follows.
  static func changeBeforeCompaction(at path: String) throws {
    let store = try GraphStore.open(at: path)
    store.compactsAutomatically = false
    try store.write { txn in
      let id = try txn.insert(thing, key: "folded", ["i32": 77, "cat": "green", "s": "folded"])
      try txn.connect(try txn.node(number, key: "7"), rates, id, ["stars": 4, "at": 3500])
    }
    try store.write { txn in
      let nodes = (try txn.node(dot, key: "0"), try txn.node(dot, key: "1"))
      try txn.disconnect(nodes.0, next, nodes.1)
      try txn.delete(dot, try txn.node(dot, key: "129"))
    }
  }

  /// What stays beside the segments: one commit for each kind of change.
  static func change(at path: String) throws {
    let store = try GraphStore.open(at: path)
    store.compactsAutomatically = false
    // Nodes of each kind of key, with values in columns of each kind.
    try store.write { txn in
      _ = try txn.insert(
        thing, key: "live",
        [
          "b": true, "i8": -1, "i16": -2, "i32": -3, "i64": -4, "u8": 5, "f16": 0.5, "bf16": 2,
          "f32": 0.75, "f64": 0.2, "cat": "violet", "s": "lebt \u{e4}", "raw": .bytes([1, 2, 255]),
          "ts": 11, "tms": 12, "tus": 13, "tns": 14, "q": -1.5, "x": [0.5, 1, 1.5],
          "vq": [0.25, -0.25], "vu8": [1, 2], "vf16": [0.5, 0.25], "vbf": [1, 2], "vf64": [3, 4],
          "vi8": [-1, 1], "vi16": [-2, 2], "vi32": [-3, 3], "vi64": [-4, 4],
        ])
      _ = try txn.insert(thing, key: longKey)
      _ = try txn.insert(number, key: "-12")
      _ = try txn.insert(token, key: "00000000-0000-4000-8000-0000000000ff")
      _ = try txn.insert(dot, key: "1000", ["low": 99])
    }
    try store.write { txn in
      let b = try txn.node(thing, key: "b")
      try txn.set("i32", of: thing, b, to: 2222)
      try txn.set("s", of: thing, b, to: "changed")
      try txn.set("cat", of: thing, b, to: "green")
      try txn.set("f64", of: thing, b, to: nil)
      try txn.set("added", of: thing, b, to: 43)
    }
    try store.write { txn in
      let number7 = try txn.node(number, key: "7")
      let a = try txn.node(thing, key: "a")
      // A parallel edge more, one of the segments less, and values that change.
      try txn.connect(
        number7, rates, a, ["stars": 1, "at": 9000, "w": 0.5, "memo": "new", "tag": "live"])
      try txn.disconnect(number7, rates, a, parallel: 0)
      try txn.set("memo", from: number7, rates, to: try txn.node(thing, key: "b"), "revised")
      try txn.set(
        "at", from: number7, rates, to: try txn.node(thing, key: "c"), parallel: 0, 100)
    }
    try store.write { txn in
      let (a, live) = (try txn.node(thing, key: "a"), try txn.node(thing, key: "live"))
      try txn.connect(a, near, live, ["weight": 0.125])
      try txn.connect(a, near, live, ["weight": 0.25])
      try txn.connect(live, near, live)
      try txn.connect(try txn.node(dot, key: "1000"), next, try txn.node(dot, key: "64"))
    }
    // A node with its edges goes; another one goes and comes again.
    try store.write { txn in
      try txn.delete(thing, try txn.node(thing, key: "d"))
      try txn.delete(number, try txn.node(number, key: "-5"))
    }
    try store.write { txn in _ = try txn.insert(number, key: "-5") }
    try store.write { txn in
      let live = try txn.node(thing, key: "live")
      try txn.insert(live, of: thing, into: "train")
      try txn.insert(live, of: thing, into: "mine")
      try txn.remove(try txn.node(thing, key: "a"), of: thing, from: "train")
      try txn.makeSet("empty", of: token)
      try txn.dropSet("test", of: thing)
    }
  }
}
