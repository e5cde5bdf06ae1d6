import HedgerowCore

/// The columns of a table of ``DGLFolder``, whose meaning follows from all their values.
final class DGLColumns {
  private struct Profile {
    var place: Int
    var name: String
    /// The set that the column is, if all of its values are true or false.
    var set: String?
    /// Whether all values are made of what lists of numbers are.
    var isNumeric = true
    /// Whether any value has several numbers.
    var isList = false
  }

  private var profiles: [Profile] = []
  private var names: NameTable
  private var vector: [UInt8] = []

  /// - Parameter hasSets: whether masks are sets; else they are columns.
  init(_ header: [String], without keys: [Int], reserved: [String], hasSets: Bool) {
    names = NameTable(reserved: reserved)
    for (place, text) in header.enumerated() where !keys.contains(place) {
      // A column without a name numbers the rows.
      if text.isEmpty || text.hasPrefix("Unnamed") { continue }
      var profile = Profile(place: place, name: "")
      if hasSets, text.hasSuffix("_mask"), text.utf8.count > 5 {
        let name = String(text.dropLast(5))
        profile.set = TextLayout.cleanName(name == "val" ? "valid" : name)
      }
      profile.name = names.name(for: text)
      profiles.append(profile)
    }
  }

  private static let listBytes = Set("0123456789+-.eE, ()[]\t\nnaifNAIF".utf8)

  /// Learns from a row.
  func note(_ rows: DelimitedRows) throws {
    for index in profiles.indices {
      try rows.withField(profiles[index].place) { field in
        if profiles[index].set != nil, !field.isEmpty, Self.flag(field) == nil {
          profiles[index].set = nil
        }
        guard profiles[index].isNumeric, !field.isEmpty else { return }
        profiles[index].isNumeric = field.allSatisfy { Self.listBytes.contains($0) }
        if !profiles[index].isList {
          profiles[index].isList = field.contains {
            [UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "(")].contains($0)
          }
        }
      }
    }
  }

  private static func flag(_ field: UnsafeRawBufferPointer) -> Bool? {
    switch String(decoding: field.prefix(8), as: UTF8.self).lowercased() {
    case "1", "1.0", "true": true
    case "0", "0.0", "false": false
    default: nil
    }
  }

  private var kept: [Profile] { profiles.filter { $0.set == nil } }
  var sets: [String] { profiles.compactMap(\.set) }

  var columns: [GraphImport.Column] {
    kept.map { profile in
      profile.isNumeric && profile.isList
        ? .init(profile.name, .float32, isList: true) : .init(profile.name)
    }
  }

  /// Appends the fields of a row, sets aside.
  func append(_ rows: DelimitedRows, to table: TableSpool.Table) {
    for profile in profiles where profile.set == nil {
      rows.withText(profile.place) { field in
        guard let field, profile.isNumeric && profile.isList else { return table.append(field) }
        vector.removeAll(keepingCapacity: true)
        for byte in field {
          switch byte {
          case UInt8(ascii: ","): vector.append(UInt8(ascii: ";"))
          case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["), UInt8(ascii: "]"), ...32:
            break
          default: vector.append(byte)
          }
        }
        // As Python writes a list of one.
        if vector.last == UInt8(ascii: ";") { vector.removeLast() }
        vector.withUnsafeBytes { table.append(list: $0.isEmpty ? nil : $0) }
      }
    }
  }

  /// Calls `body` with the name of each set that a row is a member of.
  func forEachSet(of rows: DelimitedRows, _ body: (String) throws -> Void) throws {
    for profile in profiles {
      guard let set = profile.set else { continue }
      let isMember = try rows.withField(profile.place) { Self.flag($0) } == true
      if isMember { try body(set) }
    }
  }
}
