import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// Columns of every kind with nulls, drawn at random, beside what the store must say of them.
private struct RandomColumns {
  struct Column {
    var kind: PropertyKind
    var fields: [String] = []
    var values: [PropertyValue?] = []
  }
  var columns: [Column]
  let names: [String]

  static let scale: Float = 0.03125
  static let kinds: [PropertyKind] = [
    .bool, .int8, .int16, .int32, .int64, .uint8, .float16, .bfloat16, .float32, .float64,
    .timestamp(.milliseconds), .categorical, .string, .bytes, .scaledInt8(scale: scale),
    .vector(element: .bfloat16, width: 3), .vector(element: .scaledInt8(scale: scale), width: 5),
    .vector(element: .float16, width: 2), .vector(element: .int16, width: 40),
  ]

  init(_ count: Int, _ random: inout RandomStream) {
    names = Self.kinds.indices.map { "c\($0)" }
    columns = Self.kinds.map { kind in
      var column = Column(kind: kind)
      for _ in 0..<count {
        if random.next(below: 5) == 0 {
          column.fields.append("")
          column.values.append(nil)
        } else {
          let (field, value) = Self.draw(kind, &random)
          column.fields.append(field)
          column.values.append(value)
        }
      }
      return column
    }
  }

  private static func draw(
    _ kind: PropertyKind, _ random: inout RandomStream
  ) -> (String, PropertyValue) {
    func number(_ kind: PropertyKind) -> (String, Double) {
      let real = (random.nextUnit() - 0.5) * 7
      switch kind {
      case .float16: return ("\(real)", Double(Float16(real)))
      // The text is read as a float32 before.
      case .bfloat16: return ("\(Float(real))", Double(Float(BFloat16(Float(real)))))
      case .float32: return ("\(Float(real))", Double(Float(real)))
      case .float64: return ("\(real)", real)
      case .scaledInt8(let scale):
        let code = (real / Double(scale)).rounded(.toNearestOrEven)
        return ("\(real)", code * Double(scale))
      case .uint8:
        let value = random.next(below: 256)
        return ("\(value)", Double(value))
      default:
        let value = Int(random.next(below: 256)) - 128
        return ("\(value)", Double(value))
      }
    }
    switch kind {
    case .bool:
      let value = random.next(below: 2) == 1
      return (value ? "true" : "false", .bool(value))
    case .int64, .timestamp:
      let value = Int64(bitPattern: random.next())
      return ("\(value)", .int(value))
    case .int8, .int16, .int32, .uint8:
      let (field, value) = number(kind)
      return (field, .int(Int64(value)))
    case .categorical:
      let text = "k\(random.next(below: 300))"
      return (text, .text(text))
    case .string:
      let text = String(repeating: "ä", count: Int(random.next(below: 9)) + 1)
      return (text, .text(text))
    case .bytes:
      let bytes = (0..<random.next(below: 12)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      return (HexadecimalText.encode(bytes), .bytes(bytes))
    case .vector(let element, let width):
      let parts = (0..<width).map { _ in number(element) }
      return (parts.map(\.0).joined(separator: ";"), .vector(parts.map { Float($0.1) }))
    default:
      let (field, value) = number(kind)
      return (field, .float(value))
    }
  }

  var header: String { zip(names, columns).map { "\($0):\($1.kind)" }.joined(separator: "\t") }
  func line(_ row: Int) -> String { columns.map { $0.fields[row] }.joined(separator: "\t") }
  func row(_ row: Int) -> [PropertyValue?] { columns.map { $0.values[row] } }
}

@Suite struct ColumnKindTests {
  @Test func everyKindWithNullsComesBackFromNodesAndEdges() throws {
    var random = RandomStream(seed: printedSeed())
    for bits in [6, 18] {
      let workspace = try Workspace()
      let nodeCount = 500
      let edgeCount = 700
      let columns = RandomColumns(nodeCount, &random)
      let edgeColumns = RandomColumns(edgeCount, &random)
      // Edges with rising ends keep their order, so that row i is line i.
      let ends = (0..<edgeCount).map { _ in
        (Int(random.next(below: UInt64(nodeCount))), Int(random.next(below: UInt64(nodeCount))))
      }.sorted { $0 < $1 }
      func nodes(_ rows: Range<Int>) -> String {
        "id\t\(columns.header)\n" + rows.map { "\($0)\t\(columns.line($0))\n" }.joined()
      }
      func edges(_ rows: Range<Int>) -> String {
        "source\ttarget\t\(edgeColumns.header)\n"
          + rows.map { "\(ends[$0].0)\t\(ends[$0].1)\t\(edgeColumns.line($0))\n" }.joined()
      }
      let type = EdgeType("n", "to", "n")
      let path = workspace.storePath
      _ = try GraphStore.create(at: path, rangeBits: bits)
      var options = IngestOptions()
      options.nodes = [.init("n", try workspace.write(nodes(0..<300), to: "n.tsv"))]
      _ = try workspace.ingest(options, into: path)
      options.existingTypes = .append
      options.missingNodes = .fail
      options.nodes = [.init("n", try workspace.write(nodes(300..<nodeCount), to: "n.tsv"))]
      options.edges = [.init(type, try workspace.write(edges(0..<edgeCount), to: "e.tsv"))]
      let graph = try workspace.ingest(options, into: path, memory: 64 << 20).graph
      #expect(graph.schema.nodes[0].properties.map(\.kind) == RandomColumns.kinds)
      let contents = try Contents(graph)
      for row in 0..<nodeCount { #expect(contents.nodes["n"]![row] == columns.row(row)) }
      // Parallel edges keep the order of their lines.
      for row in 0..<edgeCount {
        #expect(contents.out[type]![row].values == edgeColumns.row(row))
      }
      // Through the gather kernel, nulls being zeros.
      for (name, column) in zip(columns.names, columns.columns) where column.kind.element.isNumeric
      {
        let wanted = (0..<100).map { _ in UInt32(random.next(below: UInt64(nodeCount))) }
        var rows = [Float](repeating: .nan, count: wanted.count * column.kind.width)
        try rows.withUnsafeMutableBufferPointer {
          try graph.gather(wanted.span, of: "n", column: name, into: $0)
        }
        let expected = wanted.flatMap { row -> [Float] in
          switch column.values[Int(row)] {
          case .vector(let values): values
          case .float(let value): [Float(value)]
          case .int(let value): [Float(value)]
          default: [Float](repeating: 0, count: column.kind.width)
          }
        }
        #expect(rows == expected, "\(column.kind)")
      }
    }
  }

  @Test func valuesThatAKindDoesNotHoldNameTheirLine() throws {
    for (kind, good, bad) in [
      ("bytes", "0x", "0x0"), ("bytes", "0xfF", "ff"), ("bfloat16", "1e38", "x"),
      ("int8*0.5", "63.7", "63.8"), ("int8*0.5", "-64.2", "-64.3"), ("int8*0.5", "0", "nan"),
      ("int8[2]*0.5", "1;-1", "1;64"), ("bfloat16[2]", "1;2", "1;2;3"),
    ] {
      let workspace = try Workspace()
      var options = IngestOptions()
      let text = "id\tx:\(kind)\n1\t\(good)\n2\t\(bad)\n"
      options.nodes = [.init("n", try workspace.write(text, to: "n.tsv"))]
      let error = #expect(throws: HedgerowError.self) { try workspace.ingest(options) }
      #expect(error?.code == .badData && error?.place?.hasSuffix(":3") == true, "\(kind) \(bad)")
    }
  }

  @Test func arraysBecomeTheElementsThatAreAskedFor() throws {
    let workspace = try Workspace()
    let values: [Float] = [1.0078125, -2, 0.4375, 3.9]
    let codes: [Int8] = [-128, 127, 3, 0]
    let reals = try workspace.write(values, "<f4", width: 2, to: "f.npy")
    let bytes = try workspace.write(codes, "|i1", width: 2, to: "i.npy")
    let list = try workspace.write(values, "<f4", width: nil, to: "l.npy")
    let scaled = PropertyKind.scaledInt8(scale: 0.125)
    var options = IngestOptions()
    options.features = [
      .init("n", "b", reals, as: .bfloat16), .init("n", "s", reals, as: scaled),
      .init("n", "h", reals, as: .float16), .init("n", "i", bytes),
      .init("n", "c", bytes, as: scaled),
    ]
    let path = workspace.storePath
    let graph = try workspace.ingest(options, into: path).graph
    #expect(
      graph.schema.nodes[0].properties.map { "\($0.kind)" } == [
        "bfloat16[2]", "int8[2]*0.125", "float16[2]", "int8[2]", "int8[2]*0.125",
      ])
    let rows = try Contents(graph).nodes["n"]!
    #expect(
      rows[0] == [
        [1.0078125, -2], [1, -2], [1.0078125, -2], [-128, 127], [-16, 15.875],
      ])
    #expect(rows[1][0] == .vector([0.4375, 3.90625]) && rows[1][1] == .vector([0.5, 3.875]))
    // What comes again is made into what is there, and so it is the same.
    options.existingTypes = .append
    options.features = [.init("n", "b", reals), .init("n", "s", reals), .init("n", "c", bytes)]
    #expect(try workspace.ingest(options, into: path).report.addedNodes["n"] == 0)
    func refusal(_ features: [IngestOptions.FeatureFile], into path: String? = nil) -> String {
      var options = IngestOptions()
      options.features = features
      if path != nil { options.existingTypes = .append }
      let error = #expect(throws: HedgerowError.self) {
        try workspace.ingest(options, into: path)
      }
      return error?.message ?? ""
    }
    #expect(refusal([.init("n", "h", reals)], into: path).contains("is float16[2] in the store"))
    #expect(
      refusal([.init("n", "b", reals, as: .float16)], into: path)
        .contains("is bfloat16[2] in the store"))
    #expect(refusal([.init("n", "x", reals, as: .int32)]).contains("not int32"))
    #expect(
      refusal([.init("n", "x", reals, as: .scaledInt8(scale: 0.01))])
        .contains("row 0, column 1 is -2.0, which int8*0.01 does not hold"))
    let large = try workspace.write([1, 1e38] as [Float], "<f4", width: 1, to: "g.npy")
    #expect(
      refusal([.init("n", "x", large, as: .float16)]).contains("row 1, column 0 is 1e+38"))
    options = IngestOptions()
    options.features = [.init("n", "l", list, as: .bfloat16)]
    let scalars = try workspace.ingest(options).graph
    #expect(scalars.schema.nodes[0].properties[0].kind == .bfloat16)
    #expect(try scalars.value(of: "l", of: "n", at: NodeID(3)) == .float(3.90625))
  }
}
