import HedgerowCore
import HedgerowMapped
import HedgerowRoaring
import HedgerowStore

/// Reads a file of members of sets, after the nodes of its type have their ids.
struct SetBuild {
  let runner: PassRunner
  let builder: GenerationBuilder
  let faults: Faults
  let file: InputFile
  let keys: NodeKeys
  /// The store as it is, when it has the type.
  let present: Snapshot?
  /// For look-ups on disk.
  let memory: Int

  /// Sets as they are gathered, by the order of their first line.
  private struct Gathered {
    var names: [String] = []
    var numbers: [String: Int] = [:]
    var members: [[UInt32]] = []
    var sets: [RoaringBitmap] = []

    mutating func number(of name: String) -> Int {
      if let known = numbers[name] { return known }
      numbers[name] = names.count
      names.append(name)
      members.append([])
      sets.append(RoaringBitmap())
      return names.count - 1
    }

    mutating func flush() {
      for index in members.indices where !members[index].isEmpty {
        members[index].withUnsafeBufferPointer { sets[index].insert(contentsOf: $0) }
        members[index].removeAll(keepingCapacity: true)
      }
    }
  }

  /// A line whose node is found later.
  private struct Waiting {
    var set: Int
    var place: UInt32
    var line: Int
  }

  func run() throws {
    guard
      let column = file.layout.propertyColumns.first(where: {
        file.layout.columns[$0].name == "set"
      })
    else {
      throw HedgerowError(
        .badData, "has no column 'set': a file of sets has the columns id and set", at: file.name)
    }
    var gathered = Gathered()
    let queries = keys.isResident ? nil : KeyQueries(keys, memory: memory)
    var waiting: [Waiting] = []
    let keyColumn = file.layout.keyColumns[0]
    try runner.run(file, .read) { chunk in
      chunk.split(file.layout)
      chunk.checkText()
    } consume: { chunk, _ in
      try faults.add(chunk, of: file)
      var lines = LineCounter(chunk)
      for row in 0..<chunk.rowCount {
        let line = lines.line(of: row)
        let name = String(decoding: chunk.key(row, column), as: UTF8.self)
        guard Identifier.isValid(name) else {
          try faults.add(
            "has \(chunk.quote(row, column)) where the name of a set belongs", in: file.name,
            line: line)
          continue
        }
        let set = gathered.number(of: name)
        guard set < NodeBuild.setLimit else {
          throw HedgerowError(
            .badData, "has more than \(NodeBuild.setLimit) names of sets",
            at: "\(file.name):\(line)")
        }
        let key = chunk.key(row, keyColumn)
        if key.isEmpty { continue }
        if let queries {
          if !queries.fits(count: 1, byteCount: key.count + 16) {
            try answer(queries, &waiting, into: &gathered)
          }
          let place = keys.withEncoded(field: key) { $0.map { queries.add($0) } }
          guard let place else {
            try addUnknown(line: line)
            continue
          }
          waiting.append(Waiting(set: set, place: place, line: line))
        } else {
          let id = id(of: key)
          guard id != .max else {
            try addUnknown(line: line)
            continue
          }
          gathered.members[set].append(id)
        }
      }
      gathered.flush()
    }
    if let queries { try answer(queries, &waiting, into: &gathered) }
    for (name, members) in zip(gathered.names, gathered.sets) {
      let stored = try present?.set(named: name, of: keys.type) ?? RoaringBitmap()
      try builder.setMembers(name, of: keys.type, stored.union(members))
    }
  }

  private func id(of key: UnsafeBufferPointer<UInt8>) -> UInt32 {
    keys.withEncoded(field: key) { encoded in
      guard let encoded else { return .max }
      guard keys.form == .integers else { return keys.id(text: encoded) }
      var id = UInt32.max
      withUnsafePointer(to: keys.decoded(encoded)) {
        keys.ids(integers: UnsafeBufferPointer(start: $0, count: 1), into: &id)
      }
      return id
    }
  }

  private func answer(
    _ queries: KeyQueries, _ waiting: inout [Waiting], into gathered: inout Gathered
  ) throws {
    let ids = try queries.answer()
    for line in waiting {
      let id = ids[Int(line.place)]
      if id == .max {
        try addUnknown(line: line.line)
      } else {
        gathered.members[line.set].append(id)
      }
    }
    queries.removeAll()
    waiting.removeAll(keepingCapacity: true)
    gathered.flush()
  }

  private func addUnknown(line: Int) throws {
    try faults.add(
      "names a node that is not among the nodes of type '\(keys.type)'", in: file.name,
      line: line)
  }
}
