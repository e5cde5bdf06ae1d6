import CHedgerowKernels
import HedgerowCore
import HedgerowLMDB
import HedgerowMapped
import HedgerowTestSupport
import Testing

@testable import HedgerowStore

/// Whether this build writes format 1 as the build that froze it did, byte for byte.
///
/// Readers are held by ``GoldenStoreTests``; this is of writers. A build may come to write other bytes,
/// of the same layout: then the ones that are here must still be read, and those of the new build by the
/// builds before.
@Suite struct WrittenBytesTests {
  private static let user: NodeType = "user"
  private static let item: NodeType = "item"
  private static let rates = EdgeType("user", "rates", "item")

  private func makeStore(at path: String) throws -> GraphStore {
    let store = try GraphStore.create(at: path, rangeBits: 6)
    try store.changeSchema { change in
      try change.add(
        NodeSchema(
          Self.user,
          properties: [PropertySchema("name", .string), PropertySchema("group", .categorical)]))
      try change.add(
        NodeSchema(
          Self.item, properties: [PropertySchema("x", .vector(element: .float32, width: 2))]),
        keys: .int64)
      try change.add(
        EdgeSchema(
          Self.rates,
          properties: [PropertySchema("stars", .int8), PropertySchema("at", .timestamp(.seconds))],
          timeColumn: "at"))
      try change.add(PropertySchema("age", .int16), to: Self.user, default: 30)
    }
    try store.write { txn in
      let ann = try txn.insert(Self.user, key: "ann", ["name": "Ann", "group": "g1"])
      let bob = try txn.insert(Self.user, key: "bob", ["group": "g2"])
      let item = try txn.insert(Self.item, key: "-7", ["x": [1, 0.5]])
      try txn.connect(ann, Self.rates, item, ["stars": 5, "at": 20])
      try txn.connect(bob, Self.rates, item, ["stars": 3, "at": 10])
      try txn.insert(bob, of: Self.user, into: "train")
    }
    try store.compact()
    try store.write { txn in
      let (ann, bob) = (try txn.node(Self.user, key: "ann"), try txn.node(Self.user, key: "bob"))
      let item = try txn.node(Self.item, key: "-7")
      let cy = try txn.insert(Self.user, key: "cy", ["name": "C", "group": "g3"])
      try txn.set("age", of: Self.user, ann, to: 31)
      try txn.set("stars", from: ann, Self.rates, to: item, nil)
      try txn.connect(cy, Self.rates, item, ["at": 15])
      try txn.insert(cy, of: Self.user, into: "train")
      try txn.delete(Self.user, bob)
      _ = try txn.insert(Self.user, key: String(repeating: "k", count: 401))
    }
    return store
  }

  /// A line for each entry of a table but the store record's: table, key and value.
  private func entries(_ store: GraphStore) throws -> [String] {
    func text(_ bytes: [UInt8]) -> String { HexadecimalText.encode(bytes).dropFirst(2).description }
    return try store.environment.read { (txn) throws in
      var lines: [String] = []
      for name in txn.tableNames where name != "meta" && !name.hasPrefix("catalog") {
        try txn.forEach(in: Table<[UInt8], [UInt8]>(name)) { key, value in
          lines.append("\(name) \(text(key)) \(text(value))")
        }
      }
      return lines
    }
  }

  /// A line for each segment file: its name, its length, and a checksum of all but the store's
  /// identity and what depends on it.
  private func segments(_ path: String) throws -> [String] {
    try FileSystem.names(in: "\(path)/segments").sorted().map { name in
      var bytes = TemporaryDirectory.contents("\(path)/segments/\(name)")
      for place in [16..<32, 4092..<4096] {
        bytes.replaceSubrange(place, with: [UInt8](repeating: 0, count: place.count))
      }
      let checksum = bytes.withUnsafeBytes { hr_crc32c(0, $0.baseAddress, $0.count) }
      return "\(name) \(bytes.count) \(String(checksum, radix: 16))"
    }
  }

  @Test func tables() throws {
    let directory = TemporaryDirectory()
    let found = try entries(makeStore(at: directory("s")))
    let first = String(repeating: "6b", count: 400)
    let long = first + "6b"
    let wanted = [
      "categories 000000000100000002 6733",
      "cells 00000000000000000000000002 0143",
      "cells 00000000010000000000000002 0102000000",
      "cells 00000000020000000000000000 011f00",
      "cells 01000000000000000000000000 00",
      "counts 000000 00000000000000040000000000000001",
      "counts 000001 00000000000000010000000000000000",
      "counts 010000 00000000000000020000000000000003",
      "deleted 00000000 3a3000000100000000000000100000000100",
      "delta 0000000000000100000000000000000000000000 ",
      "delta 0000000000000200000000010000000000000002 000100000009010f00000000000000",
      "delta 0000010000000000000001000000000000000000 ",
      "delta 0000010000000000000002010000000000000002 0f00000000000000",
      "keys 00006379 00000002",
      "keys 0000\(first)737f55e26823ca7500000191 00000003",
      "keys.ids 000000000002 6379",
      "keys.ids 000000000003 \(long)",
      "log 000000000000000100000000 0c00000012616464206e6f6465207479706520757365720c0000001"
        + "2616464206e6f64652074797065206974656d0c0000001d6164642065646765207479706520757365723"
        + "a72617465733a6974656d0c0000001361646420636f6c756d6e20757365722e616765",
      "log 000000000000000200000000 0100000000000000000003616e6e000300000001000000000400000"
        + "00267310300000000000000000400000003416e6e0100000000000100000003626f62000300000001000"
        + "000010400000002673201000100000000000000022d370003000100000000000005000000023f8000003"
        + "f00000004000000000000000000000002000102000000000000001400000200000000000000050400000"
        + "0000001000000000002000102000000000000000a0000020000000000000003090000000000057472616"
        + "96e0700000000000100000005747261696e",
      "log 000000000000000300000000 0100000000000200000002637900030000000100000002040000000"
        + "2673303000000000000000204000000014303000000020000000002000000000000001f0600000000000"
        + "0000000000000000000000004000000000002000000000001000102000000000000000f0700000000000"
        + "200000005747261696e0500000000000100000000000000000800000000000100000005747261696e020"
        + "000000000010100000000000300000191\(long)00",
      "manifest 000000000000000000 00000000000000000001000000000000000200000000000000020000"
        + "00000000001040000000000000",
      "manifest 010000000000000000 01000000000000000001000000000000000100000000000000020000"
        + "00000000001450000000000000",
      "manifest 020000000000000000 02000000000000000001000000000000000200000000000000000000"
        + "00000000001040000000000000",
      "manifest 020000000100000000 02000000010000000001000000000000000200000000000000000000"
        + "00000000000820000000000000",
      "manifest 020001000000000000 02000100000000000001000000000000000100000000000000000000"
        + "00000000000820000000000000",
      "manifest 030000000000000000 03000000000000000001000000000000000200000000000000020000"
        + "00000000000820000000000000",
      "manifest 030000000100000000 03000000010000000001000000000000000200000000000000020000"
        + "00000000000820000000000000",
      "manifest 040000000000000000 04000000000000000001000000000000000200000000000000000000"
        + "00000000001040000000000000",
      "manifest 040001000000000000 04000100000000000001000000000000000100000000000000000000"
        + "00000000000c30000000000000",
      "manifest 050000000100000000 05000000010000000001000000000000000200000000000000000000"
        + "00000000000c30000000000000",
      "sets 0000747261696e000000 3a3000000100000000000000100000000200",
    ]
    for (found, wanted) in zip(found, wanted) { #expect(found == wanted) }
    #expect(found.count == wanted.count)
  }

  @Test func files() throws {
    let directory = TemporaryDirectory()
    _ = try makeStore(at: directory("s"))
    let found = try segments(directory("s"))
    let wanted = [
      "adjacency-0-in-r0000-1.seg 20500 ff143444",
      "adjacency-0-out-r0000-1.seg 16400 626ed7a1",
      "column-0-0-r0000-1.seg 16400 f624b13e",
      "column-0-1-r0000-1.seg 8200 8de7e2cb",
      "column-1-0-r0000-1.seg 8200 e0e14807",
      "dictionary-0-1-1.seg 12300 4fb69c15",
      "edge-column-0-0-r0000-1.seg 8200 90f19715",
      "edge-column-0-1-r0000-1.seg 8200 91c2ed32",
      "keys-0-1.seg 16400 49ab3e76",
      "keys-1-1.seg 12300 bec16a89",
    ]
    for (found, wanted) in zip(found, wanted) { #expect(found == wanted) }
    #expect(found.count == wanted.count)
  }
}
