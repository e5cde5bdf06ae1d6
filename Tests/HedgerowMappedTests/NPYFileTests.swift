import Foundation
import HedgerowCore
import HedgerowMapped
import Testing

@Suite final class NPYFileTests {
  private let directory = NSTemporaryDirectory() + "hedgerow-npy-\(UUID().uuidString)"

  init() throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// Makes an array file by hand; `header` replaces the usual dictionary.
  private func make(
    _ header: String, data: [UInt8], version: UInt8 = 1, magic: String = "NUMPY"
  ) throws -> String {
    var bytes: [UInt8] = [0x93] + Array(magic.utf8) + [version, 0]
    let text = Array((header + "\n").utf8)
    bytes +=
      version == 1
      ? [UInt8(text.count & 255), UInt8(text.count >> 8)]
      : (0..<4).map { UInt8(text.count >> (8 * $0) & 255) }
    return try write(bytes + text + data)
  }

  private func write(_ bytes: [UInt8]) throws -> String {
    let path = "\(directory)/\(UUID().uuidString).npy"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func dictionary(_ descr: String, _ shape: String, fortran: Bool = false) -> String {
    "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }"
  }

  private func read(_ file: NPYFile, _ rows: Range<Int>) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: rows.count * file.rowByteCount)
    try bytes.withUnsafeMutableBytes { try file.read(rows: rows, into: $0) }
    return bytes
  }

  @Test func everyAcceptedKindAndVersionIsRead() throws {
    let kinds: [(String, PropertyKind)] = [
      ("<f4", .float32), ("<f2", .float16), ("|u1", .uint8), ("<i8", .int64), ("<f8", .float64),
      ("<i2", .int16), ("<i4", .int32),
    ]
    for version: UInt8 in 1...3 {
      for (descr, kind) in kinds {
        let data = (0..<(6 * kind.byteWidth)).map { UInt8($0) }
        let matrix = try make(dictionary(descr, "(3, 2)"), data: data, version: version)
        let file = try NPYFile(path: matrix)
        #expect(file.element == kind && file.rowCount == 3 && file.columnCount == 2)
        #expect(try read(file, 0..<3) == data)
        #expect(try read(file, 1..<2) == Array(data[(2 * kind.byteWidth)..<(4 * kind.byteWidth)]))
        let vector = try NPYFile(path: make(dictionary(descr, "(6,)"), data: data))
        #expect(vector.rowCount == 6 && vector.columnCount == nil)
        #expect(try read(vector, 5..<6) == Array(data.suffix(kind.byteWidth)))
      }
    }
    let empty = try NPYFile(path: make(dictionary("<f4", "(0, 7)"), data: []))
    #expect(empty.rowCount == 0)
  }

  /// Numbers in any order of bytes and elements, against the numbers themselves.
  @Test func everyOrderIsHandedOutRowByRow() throws {
    func check<Stored: FixedWidthInteger & BitwiseCopyable, T: BitwiseCopyable & Equatable>(
      _ code: String, _ kind: PropertyKind, _ values: [T], _ stored: (T) -> Stored
    ) throws {
      for (isBig, isFortran) in [(false, false), (true, false), (false, true), (true, true)] {
        var data: [UInt8] = []
        for place in 0..<values.count {
          // 3 rows of 4.
          let value = stored(values[isFortran ? place % 3 * 4 + place / 3 : place])
          withUnsafeBytes(of: isBig ? value.bigEndian : value.littleEndian) { data += $0 }
        }
        let header = dictionary((isBig ? ">" : "<") + code, "(3, 4)", fortran: isFortran)
        let file = try NPYFile(path: make(header, data: data))
        #expect(file.element == kind && file.rowCount == 3 && file.columnCount == 4)
        let turned = try file.transposed()
        #expect(turned.rowCount == 4 && turned.columnCount == 3)
        for rows in [0..<3, 1..<3, 2..<2] {
          let found = try read(file, rows).withUnsafeBytes { Array($0.bindMemory(to: T.self)) }
          #expect(found == rows.flatMap { Array(values[(4 * $0)..<(4 * $0 + 4)]) })
        }
        let columns = try read(turned, 1..<4).withUnsafeBytes { Array($0.bindMemory(to: T.self)) }
        #expect(columns == (1..<4).flatMap { column in (0..<3).map { values[4 * $0 + column] } })
      }
    }
    let numbers = (0..<12).map { 200 - 37 * $0 }
    try check("i2", .int16, numbers.map { Int16($0) }) { $0 }
    try check("i4", .int32, numbers.map { Int32($0 << 20) }) { $0 }
    try check("i8", .int64, numbers.map { Int64($0 << 50) }) { $0 }
    try check("u2", .int32, numbers.map { Int32(UInt16(truncatingIfNeeded: $0)) }) { UInt16($0) }
    try check("u4", .int64, numbers.map { Int64(UInt32(truncatingIfNeeded: $0)) }) { UInt32($0) }
    try check("u8", .int64, numbers.map { Int64(abs($0) << 50) }) { UInt64($0) }
    try check("f2", .float16, numbers.map { Float16($0) / 3 }) { $0.bitPattern }
    try check("f4", .float32, numbers.map { Float($0) / 3 }) { $0.bitPattern }
    try check("f8", .float64, numbers.map { Double($0) / 3 }) { $0.bitPattern }
    try check("b1", .bool, (0..<12).map { $0 % 3 == 1 }) { UInt8($0 ? 5 : 0) }
    let beyond = try NPYFile(
      path: make(dictionary("<u8", "(2,)"), data: [UInt8](repeating: 0, count: 15) + [0x80]))
    let error = #expect(throws: HedgerowError.self) { try read(beyond, 0..<2) }
    #expect(error?.code == .badData && error?.message.contains("row 1") == true)
  }

  @Test func shortTextsAreRead() throws {
    #expect(
      try NPYFile.text(in: make(dictionary("|S3", "()"), data: Array("csr".utf8)), called: "x")
        == "csr")
    let wide = Array("coo".utf8).flatMap { byte -> [UInt8] in [byte, 0, 0, 0] }
    #expect(try NPYFile.text(in: make(dictionary("<U3", "()"), data: wide), called: "x") == "coo")
    for (header, data) in [
      (dictionary("<i8", "()"), 8), (dictionary("|S3", "(2,)"), 6), (dictionary("|S3", "()"), 4),
      (dictionary("|S99", "()"), 99),
    ] {
      #expect(throws: HedgerowError.self) {
        try NPYFile.text(
          in: make(header, data: [UInt8](repeating: 65, count: data)), called: "x")
      }
    }
  }

  @Test func whatCannotBeReadIsRefusedInOneLineThatNamesTheFile() throws {
    let data = [UInt8](repeating: 0, count: 24)
    let good = dictionary("<f4", "(3, 2)")
    let cases: [(String, String)] = try [
      (make(dictionary("<U2", "(3,)"), data: data), "texts ('<U2')"),
      (make(dictionary("|S8", "(3,)"), data: data), "texts"),
      (make(dictionary("<M8[s]", "(3,)"), data: data), "'<M8[s]'"),
      (make(dictionary("|O", "(3,)"), data: data), "objects"),
      (make(dictionary("<c8", "(3,)"), data: data), "'<c8'"),
      (make(good, data: Array(data.dropLast())), "23 bytes"),
      (make(good, data: data + [0]), "25 bytes"),
      (make(dictionary("<f4", "()"), data: []), "0 dimensions"),
      (make(dictionary("<f4", "(1, 2, 3)"), data: data), "3 dimensions"),
      (make(dictionary("<f4", "(4611686018427387904, 16)"), data: data), "more elements"),
      (make(dictionary("<f4", "(99999999999999999999,)"), data: data), "no array description"),
      (make(good, data: data, version: 9), "version 9"),
      (make(good, data: data, magic: "NUMPX"), "no .npy file"),
      (make("{'descr': '<f4'}", data: data), "no array description"),
      (make("__import__('os')", data: data), "no array description"),
      (make(good + "}", data: data), "no array description"),
      (write([]), "no .npy file"),
      (write([0x93] + Array("NUMPY".utf8) + [1, 0, 200]), "no .npy file"),
      (write([0x93] + Array("NUMPY".utf8) + [1, 0, 200, 0, 1, 2]), "inside its header"),
      (write([0x93] + Array("NUMPY".utf8) + [2, 0, 255, 255, 255, 127]), "header of"),
    ]
    for (path, part) in cases {
      let error = #expect(throws: HedgerowError.self) { try NPYFile(path: path) }
      #expect(error?.code == .badData && error?.place == path, "\(part)")
      #expect(error?.message.contains(part) == true, "\(String(describing: error)) lacks \(part)")
      #expect(error?.message.contains("\n") == false)
    }
    let error = #expect(throws: HedgerowError.self) { try NPYFile(path: "/nowhere/x.npy") }
    #expect(error?.code == .noInput)
  }

  @Test func mutatedFilesAreReadOrRefusedButNeverCrash() throws {
    let seed: UInt64 = 61
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    let path = try make(dictionary("<f4", "(3, 2)"), data: [UInt8](repeating: 7, count: 24))
    let original = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    var refused = 0
    for _ in 0..<3000 {
      var bytes = original
      for _ in 0...random.next(below: 3) {
        guard bytes.count > 1 else { break }
        let place = Int(random.next(below: UInt64(bytes.count)))
        switch random.next(below: 4) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[place] ^= 1 << UInt8(random.next(below: 8))
        case 2: bytes.remove(at: place)
        default: bytes = Array(bytes[..<max(1, place)])
        }
      }
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      do {
        let file = try NPYFile(path: path)
        if file.rowCount > 0 { _ = try read(file, 0..<file.rowCount) }
      } catch let error as HedgerowError {
        #expect(error.code == .badData)
        refused += 1
      }
    }
    #expect(refused > 1000)
  }
}
