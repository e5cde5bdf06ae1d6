import Glibc
import HedgerowCore
import HedgerowTensor

extension Mesh {
  /// The mesh of a file in the Object File Format: a line `OFF`, one of the numbers of vertices, faces and edges, then a
  /// line for each vertex and each face. A face with more than three vertices becomes a fan of triangles; colours behind
  /// a face's vertices, empty lines and comments from `#` on are passed over. The numbers may follow `OFF` in its
  /// line, even without a space.
  ///
  /// - Throws: `noInput` when the file is not there, `io` when it cannot be read, and `badData`, with the line, when
  ///   it is no such file: nothing of it is believed before it is seen.
  public init(offFile path: String) throws {
    guard let file = fopen(path, "r") else {
      throw HedgerowError(
        errno == ENOENT ? .noInput : .io, "cannot open: \(String(cString: strerror(errno)))",
        at: path)
    }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    self = try Self.read(path) {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 && ferror(file) != 0 {
        throw HedgerowError(.io, "cannot read: \(String(cString: strerror(errno)))", at: path)
      }
      return buffer[..<count]
    }
  }

  /// The mesh of such a file's bytes.
  ///
  /// - Parameter name: what errors call it.
  public init(off bytes: [UInt8], named name: String) throws {
    var left: ArraySlice<UInt8>? = bytes[...]
    self = try Self.read(name) {
      defer { left = nil }
      return left ?? []
    }
  }

  private static func read(
    _ name: String, next: () throws -> ArraySlice<UInt8>
  ) throws -> Mesh {
    try withoutActuallyEscaping(next) { next in
      var lines = OFFLines(name: name, next: next)
      var header = try lines.next("the line 'OFF'")
      guard header[0].starts(with: "OFF".utf8) else {
        throw lines.error("'\(lines.text(header[0]))' is not 'OFF': no file of this format")
      }
      header[0].removeFirst(3)
      if header[0].isEmpty { header.removeFirst() }
      if header.isEmpty { header = try lines.next("the numbers of vertices and faces") }
      guard (2...3).contains(header.count) else {
        throw lines.error("\(header.count) numbers are not those of vertices, faces and edges")
      }
      let vertexCount = try lines.integer(header[0], "number of vertices", below: 1 << 32)
      let faceCount = try lines.integer(header[1], "number of faces", below: 1 << 32)
      var numbers: [Float] = []
      for vertex in 0..<vertexCount {
        let line = try lines.next("vertex \(vertex) of \(vertexCount)")
        guard line.count >= 3 else {
          throw lines.error("vertex \(vertex) has \(line.count) coordinates, not three")
        }
        for text in line.prefix(3) { numbers.append(try lines.number(text)) }
      }
      var triangles: [(UInt32, UInt32, UInt32)] = []
      for face in 0..<faceCount {
        let line = try lines.next("face \(face) of \(faceCount)")
        let size = try lines.integer(line[0], "number of a face's vertices", below: 1 << 32)
        guard size >= 3, line.count > size else {
          throw lines.error(
            "face \(face) says \(size) vertices, and \(line.count - 1) numbers follow")
        }
        let corners = try line[1...size].map {
          UInt32(try lines.integer($0, "vertex", below: vertexCount))
        }
        for corner in 2..<size {
          triangles.append((corners[0], corners[corner - 1], corners[corner]))
        }
      }
      return Mesh(positions: Tensor(numbers, shape: [vertexCount, 3]), triangles: triangles)
    }
  }
}

/// The lines of a file that have words, as words.
private struct OFFLines {
  private static let longestLine = 1 << 20

  let name: String
  private let next: () throws -> ArraySlice<UInt8>
  private var chunk: ArraySlice<UInt8> = []
  private var number = 0

  init(name: String, next: @escaping () throws -> ArraySlice<UInt8>) {
    self.name = name
    self.next = next
  }

  func error(_ message: String) -> HedgerowError {
    HedgerowError(.badData, message, at: "\(name):\(number)")
  }

  /// What stands for a word in a message.
  func text(_ word: [UInt8]) -> String { String(decoding: word.prefix(40), as: UTF8.self) }

  /// The words of the next line that has some; throws at the end of the file.
  mutating func next(_ what: String) throws -> [[UInt8]] {
    while let line = try nextLine() {
      let words = line.prefix { $0 != UInt8(ascii: "#") }
        .split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
        .map { Array($0) }
      if !words.isEmpty { return words }
    }
    throw error("the file ends before \(what)")
  }

  private mutating func nextLine() throws -> [UInt8]? {
    var line: [UInt8] = []
    var isThere = false
    while true {
      if chunk.isEmpty { chunk = try next() }
      if chunk.isEmpty {
        if isThere { number += 1 }
        return isThere ? line : nil
      }
      isThere = true
      let end = chunk.firstIndex(of: UInt8(ascii: "\n"))
      line += chunk[..<(end ?? chunk.endIndex)]
      if let end {
        chunk = chunk[(end + 1)...]
        number += 1
        return line
      }
      chunk = []
      if line.count > Self.longestLine {
        number += 1
        throw error("a line is longer than \(Self.longestLine) bytes")
      }
    }
  }

  func integer(_ word: [UInt8], _ what: String, below bound: Int) throws -> Int {
    guard let value = Int(String(decoding: word, as: UTF8.self)), value >= 0 else {
      throw error("'\(text(word))' is no \(what)")
    }
    guard value < bound else { throw error("\(what) \(value) is not below \(bound)") }
    return value
  }

  func number(_ word: [UInt8]) throws -> Float {
    guard let value = Float(String(decoding: word, as: UTF8.self)), value.isFinite else {
      throw error("'\(text(word))' is no coordinate")
    }
    return value
  }
}
