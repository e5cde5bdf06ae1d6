import HedgerowCore
import HedgerowLMDB

extension StoreState {
  /// Reads the state that a transaction sees.
  ///
  /// - Parameter known: an earlier state, of which types and segments may still hold.
  /// - Throws: `noInput` when there is no store, `newerFormat`, `badData` for an older format,
  ///   `damaged`.
  init(reading txn: KeptTransaction, known: StoreState? = nil, at path: String) throws {
    let tables = StoreTables()
    record = try StoreRecord(reading: txn, at: path)
    var counts: [OwnerKey: Counts] = [:]
    try txn.forEach(in: tables.counts) { counts[$0] = $1 }
    self.counts = counts
    if let known, known.record.layout == record.layout, known.record.uuid == record.uuid {
      catalog = known.catalog
      manifest = known.manifest
    } else {
      var catalog = Catalog()
      try txn.forEach(in: tables.nodes) { _, node in catalog.nodes.append(node.value) }
      try txn.forEach(in: tables.edges) { _, edge in catalog.edges.append(edge.value) }
      var manifest: [SegmentRecord] = []
      try txn.forEach(in: tables.manifest) { _, segment in manifest.append(segment) }
      self.catalog = catalog
      self.manifest = manifest
    }
    guard counts.count == catalog.nodes.count + catalog.edges.count else {
      throw HedgerowError(
        .damaged,
        "\(counts.count) types are counted of \(catalog.nodes.count + catalog.edges.count)",
        at: "data.mdb table \(tables.counts.name)")
    }
  }
}

extension StoreRecord {
  /// - Throws: `newerFormat`, and `badData` for an older one, each saying what to do.
  init(reading txn: KeptTransaction, at path: String) throws {
    let tables = StoreTables()
    let record: StoreRecord?
    do {
      record = try txn.value(for: StoreTables.storeKey, in: tables.store)?.value
    } catch {
      // Of another format nothing else is known: the rest of its record may be of another shape.
      try Self.requireKnownFormat(txn, at: path)
      throw error
    }
    guard let record else {
      throw HedgerowError(.noInput, "not a store: data.mdb has no store record", at: path)
    }
    try Self.requireKnown(record.format, at: path)
    try Self.requireKnown(record.readFeatures, at: path)
    guard record.uuid.count == 16, (6...20).contains(record.rangeBits) else {
      throw HedgerowError(.damaged, "the store record makes no sense", at: path)
    }
    self = record
  }

  /// Throws `newerFormat` for a store that this build may read but not write.
  func requireWritable(at path: String) throws {
    guard let feature = writeFeatures.first else { return }
    throw HedgerowError(
      .newerFormat,
      "the store has '\(feature)', which this build does not know: it can be read, and to write to"
        + " it use a newer hedgerow", at: path)
  }

  private static func requireKnownFormat(_ txn: KeptTransaction, at path: String) throws {
    let tables = StoreTables()
    guard let format = try txn.value(for: StoreTables.storeKey, in: tables.format)?.value.format
    else { return }
    try requireKnown(format, at: path)
    if let features = try txn.value(for: StoreTables.storeKey, in: tables.features)?.value {
      try requireKnown(features.readFeatures, at: path)
    }
  }

  private static func requireKnown(_ format: UInt64, at path: String) throws {
    if format > StoreLayout.format {
      throw HedgerowError(
        .newerFormat,
        "the store has format \(format) and this build reads format \(StoreLayout.format): use a"
          + " newer hedgerow", at: path)
    }
    if format < StoreLayout.format {
      throw HedgerowError(
        .badData,
        "the store has format \(format) and this build reads format \(StoreLayout.format): hedgerow"
          + " upgrade \(path) brings it there", at: path)
    }
  }

  private static func requireKnown(_ features: [String], at path: String) throws {
    guard let feature = features.first else { return }
    throw HedgerowError(
      .newerFormat,
      "the store has '\(feature)', which this build does not know: use a newer hedgerow", at: path)
  }
}
