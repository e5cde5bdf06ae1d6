import Glibc
import HedgerowCore
import HedgerowLMDB
import HedgerowMapped
import HedgerowStore
import HedgerowTestSupport
import Testing

/// A store with all kinds of segments, compacted, and copies of it to damage.
private struct Patient {
  let directory = TemporaryDirectory()
  var random: RandomStream
  let model: ReferenceStore
  private(set) var path = ""
  private var copyCount = 0
  // The copies are made of its files.
  private let store: GraphStore

  /// - Parameter changes: commits that no segment holds.
  init(seed: UInt64, changes: Int = 0) throws {
    random = RandomStream(seed: seed)
    var made = try RandomStore(at: directory("s"), seed: seed)
    try made.change(1500)
    try made.store.compact()
    // Keys behind the dictionary, rows behind the ranges.
    try made.change(200)
    try made.store.compact()
    let build = try made.store.beginBuild()
    for (column, type) in [
      ("age", RandomStore.user), ("group", .init("user")), ("raw", .init("item")),
    ] {
      try build.buildIndex(of: column, of: type)
    }
    try build.publish()
    for _ in 0..<changes { try made.change(10) }
    store = made.store
    model = made.model
  }

  var segments: [String] {
    get throws { try FileSystem.names(in: directory("s/segments")) }
  }

  /// Begins with another copy of the store.
  mutating func renew() throws {
    if !path.isEmpty { try FileSystem.removeTree(path) }
    copyCount += 1
    path = directory("copy\(copyCount)")
    // As a backup, but in a hurry.
    try FileSystem.makeDirectory(path)
    for name in ["segments", "generations"] { try FileSystem.makeDirectory("\(path)/\(name)") }
    for name in try segments.map({ "segments/\($0)" }) + ["data.mdb"] {
      write(TemporaryDirectory.contents(directory("s/\(name)")), to: "\(path)/\(name)")
    }
  }

  enum Harm: CaseIterable { case bit, header, table, short, missing }

  mutating func harm(_ name: String, _ harm: Harm) throws {
    let file = "\(path)/segments/\(name)"
    if harm == .missing { return try FileSystem.removeFile(file) }
    var bytes = TemporaryDirectory.contents(file)
    var place = 0
    switch harm {
    case .bit:
      // A byte of a section.
      let end = Int(bytes[48]) | Int(bytes[49]) << 8 | Int(bytes[50]) << 16
      place = 4096 + Int(random.next(below: UInt64(max(1, end - 4096))))
    case .header: place = Int(random.next(below: 160))
    case .table: place = bytes.count - 1 - Int(random.next(below: 8))
    default: break
    }
    if harm == .short {
      bytes.removeLast(1 + Int(random.next(below: UInt64(bytes.count))))
    } else {
      bytes[place] ^= 1 << UInt8(random.next(below: 8))
    }
    write(bytes, to: file)
  }

  func write(_ bytes: [UInt8], to file: String) {
    let descriptor = fopen(file, "w")!
    fwrite(bytes, 1, bytes.count, descriptor)
    fclose(descriptor)
  }

  func difference() throws -> String? {
    try model.difference(from: GraphStore.open(at: path, .readOnly).snapshot())
  }

  /// All files with their contents.
  func files() throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in try FileSystem.names(in: "\(path)/segments") {
      files[name] = TemporaryDirectory.contents("\(path)/segments/\(name)")
    }
    files["data.mdb"] = TemporaryDirectory.contents("\(path)/data.mdb")
    return files
  }
}

@Suite struct RepairTests {
  @Test(arguments: [0, 20]) func whatIsThereTwiceIsMadeAgain(changes: Int) throws {
    let seed = printedSeed()
    var patient = try Patient(seed: seed, changes: changes)
    for name in try patient.segments
    where name.hasPrefix("adjacency") || name.hasPrefix("index") {
      for harm in Patient.Harm.allCases {
        try patient.renew()
        try patient.harm(name, harm)
        let version = try GraphStore.open(at: patient.path, .readOnly).version
        let report = try StoreRepair.repair(at: patient.path, losses: .refuse)
        #expect(
          report.isWhole && report.isWritten && report.repaired.count == 1,
          "\(name) \(harm): \(report)")
        #expect(report.version == version && report.repaired.first?.place == name)
        #expect(try StoreVerifier.verify(at: patient.path).isClean)
        #expect(try patient.difference() == nil, "\(name) \(harm)")
      }
    }
  }

  @Test func aWholeIndexIsMadeAgain() throws {
    let seed = printedSeed()
    var patient = try Patient(seed: seed, changes: 10)
    for index in ["in", "out"] {
      try patient.renew()
      let names = try patient.segments.filter { $0.contains("-\(index)-") }
      #expect(names.count > 8)
      for name in names { try patient.harm(name, .missing) }
      // One range at a time.
      let report = try StoreRepair.repair(at: patient.path, losses: .refuse, memory: 1)
      #expect(report.isWhole && report.repaired.count == names.count, "\(report)")
      #expect(try patient.difference() == nil)
      // And the store goes on as before.
      let store = try GraphStore.open(at: patient.path)
      try store.compact()
      #expect(try StoreVerifier.verify(store).isClean)
      #expect(try patient.difference() == nil)
    }
  }

  @Test func edgesThatAreDamagedTwiceAreNotMadeUp() throws {
    let seed = printedSeed()
    var patient = try Patient(seed: seed)
    // The first ranges, where the nodes with many edges are.
    let names = try patient.segments.filter { $0.hasPrefix("adjacency-1-") && $0.contains("r0000") }
    #expect(names.count == 2)
    try patient.renew()
    for name in names { try patient.harm(name, .bit) }
    let before = try patient.files()
    let report = try StoreRepair.repair(at: patient.path, losses: .accept)
    #expect(!report.isWhole && !report.isWritten && report.repaired.isEmpty, "\(report)")
    #expect(report.unrepairable.first?.what.contains("damaged files of both indices") == true)
    #expect(try patient.files() == before)
    // Ranges that have no edge between them are no loss.
    try patient.renew()
    let sends = try patient.segments.filter { $0.hasPrefix("adjacency-3-") }
    for name in sends.suffix(1) { try patient.harm(name, .bit) }
    #expect(try StoreRepair.repair(at: patient.path, losses: .refuse).isWhole)
  }

  @Test func theSortedSideOfKeysIsMadeAgain() throws {
    let seed = printedSeed()
    var patient = try Patient(seed: seed, changes: 5)
    var outcomes: Set<Bool> = []
    for name in try patient.segments where name.hasPrefix("keys") {
      for round in 0..<9 {
        try patient.renew()
        try patient.harm(name, round < 8 ? .bit : .table)
        let before = try patient.files()
        let report = try StoreRepair.repair(at: patient.path, losses: .accept)
        outcomes.insert(report.isWhole)
        if report.isWhole {
          #expect(report.repaired.map(\.place) == [name], "\(report)")
          #expect(try StoreVerifier.verify(at: patient.path).isClean)
          #expect(try patient.difference() == nil)
        } else {
          #expect(report.unrepairable.map(\.place) == [name] && round < 8, "\(report)")
          #expect(try patient.files() == before)
        }
      }
    }
    #expect(outcomes == [true, false])
  }

  @Test func lostValuesBecomeNullWhenThatIsAccepted() throws {
    let seed = printedSeed()
    var patient = try Patient(seed: seed)
    for name in try patient.segments where name.hasPrefix("column") || name.hasPrefix("edge-column")
    {
      try patient.renew()
      try patient.harm(name, [.bit, .missing, .short, .header][Int(patient.random.next(below: 4))])
      let before = try patient.files()
      let refused = try StoreRepair.repair(at: patient.path, losses: .refuse)
      #expect(!refused.isWhole && !refused.isWritten && refused.repaired.isEmpty, "\(refused)")
      #expect(try patient.files() == before)
      let version = try GraphStore.open(at: patient.path, .readOnly).version
      let report = try StoreRepair.repair(at: patient.path, losses: .accept)
      // The times of edges decide on their order.
      let parts = name.split(separator: "-").compactMap { Int($0) }
      if name.hasPrefix("edge-column-3-0-") {
        #expect(!report.isWhole && report.unrepairable.count == 1, "\(report)")
        #expect(try patient.files() == before)
        continue
      }
      #expect(report.isWhole && report.lost.map(\.place) == [name], "\(name): \(report)")
      #expect(report.version == version + 1)
      #expect(try StoreVerifier.verify(at: patient.path).isClean)
      var model = patient.model
      let rows = try #require(name.split(separator: "-").first { $0.hasPrefix("r0") })
      let range = Int(rows.dropFirst())!
      if name.hasPrefix("column") {
        let schema = RandomStore.schema.nodes[parts[0]]
        for id in model.nodes[schema.type]!.keys.indices where id >> 6 == range {
          model.nodes[schema.type]!.values[id][schema.properties[parts[1]].name] = nil
        }
      } else {
        let schema = RandomStore.schema.edges[parts[0]]
        for place in model.edges[schema.type]!.indices
        where Int(model.edges[schema.type]![place].source) >> 6 == range {
          model.edges[schema.type]![place].values[schema.properties[parts[1]].name] = nil
        }
      }
      let store = try GraphStore.open(at: patient.path)
      #expect(try model.difference(from: store.snapshot()) == nil, "\(name)")
      try store.write { _ = try $0.insert(RandomStore.user, key: "later") }
      try store.compact()
      #expect(try StoreVerifier.verify(store).isClean)
    }
  }

  @Test func lostCategoriesGetNames() throws {
    let seed = printedSeed()
    var patient = try Patient(seed: seed)
    let names = try patient.segments.filter { $0.contains("dictionary") }
    #expect(names.count == 2)
    for name in names {
      try patient.renew()
      try patient.harm(name, .missing)
      #expect(try !StoreRepair.repair(at: patient.path, losses: .refuse).isWhole)
      let report = try StoreRepair.repair(at: patient.path, losses: .accept)
      #expect(report.isWhole && report.lost.count == 1, "\(report)")
      #expect(try StoreVerifier.verify(at: patient.path).isClean)
      let snapshot = try GraphStore.open(at: patient.path, .readOnly).snapshot()
      if name.hasPrefix("dictionary") {
        let texts = try snapshot.categories(of: "group", of: RandomStore.user)
        #expect(!texts.isEmpty && texts == texts.indices.map { "lost-\($0)" })
      }
    }
  }

  @Test func countsAndLeftoversArePutRight() throws {
    let seed = printedSeed()
    var patient = try Patient(seed: seed, changes: 3)
    try patient.renew()
    patient.write([1, 2, 3], to: "\(patient.path)/segments/column-9-9-r0000-99.seg")
    patient.write([1], to: "\(patient.path)/segments/keys-0-99.seg.partial")
    do {
      let environment = try LMDBEnvironment.open(patient.path, .readWrite)
      let counts = Table<[UInt8], [UInt8]>("counts")
      try environment.write { txn in
        var wrong: [([UInt8], [UInt8])] = []
        try txn.forEach(in: counts) { key, value in
          var value = value
          value[7] ^= 5
          wrong.append((key, value))
        }
        for (key, value) in wrong { try txn.put(value, for: key, in: counts) }
      }
    }
    #expect(try !StoreVerifier.verify(at: patient.path).isClean)
    let report = try StoreRepair.repair(at: patient.path, losses: .refuse)
    #expect(report.isWhole && report.repaired.count == 2 + 6, "\(report)")
    #expect(try StoreVerifier.verify(at: patient.path).isClean)
    #expect(try patient.difference() == nil)
    let again = try StoreRepair.repair(at: patient.path, losses: .refuse)
    #expect(again.isWhole && !again.isWritten && again.repaired.isEmpty, "\(again)")
  }

  @Test func damagedTablesAreForABackup() throws {
    let seed = printedSeed()
    var patient = try Patient(seed: seed, changes: 3)
    var found = 0
    // Many bytes are of pages that nobody reads.
    for _ in 0..<200 where found < 5 {
      try patient.renew()
      var bytes = TemporaryDirectory.contents("\(patient.path)/data.mdb")
      bytes[Int(patient.random.next(below: UInt64(bytes.count)))] ^= 8
      patient.write(bytes, to: "\(patient.path)/data.mdb")
      guard try !StoreVerifier.verify(at: patient.path).isClean else { continue }
      found += 1
      let report = try StoreRepair.repair(at: patient.path, losses: .accept)
      #expect(!report.isWhole && !report.isWritten && !report.unrepairable.isEmpty, "\(report)")
      let isAsBefore = TemporaryDirectory.contents("\(patient.path)/data.mdb") == bytes
      #expect(isAsBefore)
    }
    #expect(found > 0)
  }

  /// What it holds is not there to be counted.
  @Test func aTableOfAnotherNameIsForABackup() throws {
    let seed = printedSeed()
    var patient = try Patient(seed: seed, changes: 3)
    for table in ["deleted", "keys.ids", "counts", "meta", "log"] {
      try patient.renew()
      let path = "\(patient.path)/data.mdb"
      var bytes = TemporaryDirectory.contents(path)
      let name = Array(table.utf8)
      // As LMDB keeps a name: behind its length, and before the record of its tree.
      var places: [Int] = []
      for place in 8..<bytes.count - name.count
      where bytes[place..<place + name.count].elementsEqual(name)
        && bytes[place - 2..<place].elementsEqual([UInt8(name.count), 0])
      {
        places.append(place)
      }
      for place in places { bytes[place + name.count - 1] ^= 8 }
      patient.write(bytes, to: path)
      try #require(try !StoreVerifier.verify(at: patient.path).isClean, "\(table)")
      let report = try StoreRepair.repair(at: patient.path, losses: .accept)
      #expect(
        report.unrepairable.contains { $0.what == "table '\(table)' is missing" },
        "\(table): \(report)")
      #expect(!report.isWhole && !report.isWritten && report.repaired.isEmpty, "\(report)")
      let isAsBefore = TemporaryDirectory.contents(path) == bytes
      #expect(isAsBefore)
    }
  }
}
