import Glibc
import Hedgerow

/// What must be known of a Packages file before its packages are written: their names, and which
/// paragraph counts for each.
struct PackageSurvey {
  /// A package of which the list has several versions counts once, as the newest of them.
  private struct Entry {
    var paragraph: UInt32
    var version: String
  }

  private var entries: [String: Entry] = [:]
  private(set) var paragraphCount = 0
  /// Paragraphs of older versions.
  private(set) var duplicateCount = 0
  /// Paragraphs without the name of a package.
  private(set) var namelessCount = 0

  var packageCount: Int { entries.count }

  func isPackage(_ name: String) -> Bool { entries[name] != nil }

  /// Whether a paragraph is the one that counts for its package.
  func isKept(_ name: String, paragraph: Int) -> Bool {
    entries[name].map { $0.paragraph == paragraph } ?? false
  }

  init(_ input: PackagesInput, memory: inout NameMemory) throws {
    let progress = ProgressBar("reading", total: input.fileByteCount, unit: .bytes)
    defer { progress.finish() }
    var position = 0
    let reader = try ControlReader(input)
    var paragraph = ControlParagraph()
    while try reader.next(&paragraph) {
      if paragraphCount % 1024 == 0 {
        try Interruption.check()
        progress.advance(by: input.filePosition - position)
        position = input.filePosition
      }
      try add(paragraph, memory: &memory)
      paragraphCount += 1
    }
    guard packageCount > 0 else {
      throw HedgerowError(
        .badData,
        paragraphCount == 0
          ? "is empty: a Packages file has a paragraph for each package"
          : "names no package: is this a Packages file?",
        at: input.path)
    }
  }

  private mutating func add(_ paragraph: ControlParagraph, memory: inout NameMemory) throws {
    guard let name = paragraph.packageName else {
      namelessCount += 1
      return
    }
    let entry = Entry(
      paragraph: UInt32(paragraphCount), version: paragraph.text(of: "Version") ?? "")
    guard let other = entries[name] else {
      try memory.take(name)
      try memory.take(entry.version)
      entries[name] = entry
      return
    }
    duplicateCount += 1
    if DebianVersion(entry.version) >= DebianVersion(other.version) { entries[name] = entry }
  }
}

extension ControlParagraph {
  /// `nil` when there is none, or it is none that dpkg would take.
  var packageName: String? {
    guard let name = value(of: "Package"), name.isPackageName else { return nil }
    return String(decoding: name, as: UTF8.self)
  }

  /// A field's value in one line, without control characters.
  func text(of field: StaticString) -> String? {
    value(of: field).map(Self.line)
  }

  /// The lines of a text in one, with spaces for control characters; bytes that are no UTF-8 become
  /// U+FFFD.
  static func line(_ bytes: ArraySlice<UInt8>) -> String {
    let line = bytes.lazy.filter { $0 != UInt8(ascii: "\n") }.map { byte -> UInt8 in
      byte < 32 || byte == 127 ? 32 : byte
    }
    return String(decoding: Array(line), as: UTF8.self)
  }
}
