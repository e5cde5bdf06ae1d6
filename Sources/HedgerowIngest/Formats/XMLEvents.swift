import CHedgerowXML
import Glibc
import HedgerowCore

/// Reads an XML file from front to back with libxml2's push parser and says what comes.
///
/// Nothing is loaded from elsewhere, entities may not be declared, and libxml2's limits hold: 256
/// elements deep, 10 MB of text in a row. Memory does not grow with the file.
final class XMLEvents {
  struct Attributes {
    fileprivate let start: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?
    fileprivate let count: Int

    /// The value of an attribute, in whatever name space.
    subscript(name: String) -> String? {
      guard let start else { return nil }
      for index in 0..<count {
        // Local name, prefix, name space, and both ends of the value.
        let parts = start + 5 * index
        guard let local = parts[0], let begin = parts[3], let end = parts[4],
          strcmp(UnsafeRawPointer(local).assumingMemoryBound(to: CChar.self), name) == 0
        else { continue }
        return String(
          decoding: UnsafeBufferPointer(start: begin, count: end - begin), as: UTF8.self)
      }
      return nil
    }
  }

  let name: String
  private let path: String
  private let onStart: (String, Attributes) throws -> Void
  private let onEnd: (String) throws -> Void
  private let onText: (UnsafeBufferPointer<UInt8>) throws -> Void
  private var context: xmlParserCtxtPtr?
  private var failure: (any Error)?

  private static let initialized: Void = xmlInitParser()

  init(
    _ path: String, called name: String,
    onStart: @escaping (String, Attributes) throws -> Void,
    onEnd: @escaping (String) throws -> Void,
    onText: @escaping (UnsafeBufferPointer<UInt8>) throws -> Void
  ) {
    self.path = path
    self.name = name
    self.onStart = onStart
    self.onEnd = onEnd
    self.onText = onText
  }

  /// The line that the parser is at.
  var line: Int { context.map { Int(xmlSAX2GetLineNumber($0)) } ?? 1 }

  func wrong(_ message: String) -> HedgerowError {
    HedgerowError(.badData, message, at: "\(name):\(line)")
  }

  private func run(_ body: () throws -> Void) {
    guard failure == nil else { return }
    do {
      try body()
    } catch {
      failure = error
      xmlStopParser(context)
    }
  }

  private static func of(_ pointer: UnsafeMutableRawPointer?) -> XMLEvents {
    // The parser hands back what it was made with, while `read` keeps it alive.
    Unmanaged<XMLEvents>.fromOpaque(pointer!).takeUnretainedValue()
  }

  private static func makeHandler() -> xmlSAXHandler {
    var handler = xmlSAXHandler()
    handler.initialized = UInt32(XML_SAX2_MAGIC)
    handler.startElementNs = { pointer, name, _, _, _, _, count, _, attributes in
      let events = XMLEvents.of(pointer)
      events.run {
        try events.onStart(
          String(cString: name!), Attributes(start: attributes, count: Int(count)))
      }
    }
    handler.endElementNs = { pointer, name, _, _ in
      let events = XMLEvents.of(pointer)
      events.run { try events.onEnd(String(cString: name!)) }
    }
    let text: charactersSAXFunc = { pointer, bytes, count in
      let events = XMLEvents.of(pointer)
      events.run { try events.onText(UnsafeBufferPointer(start: bytes, count: Int(count))) }
    }
    handler.characters = text
    handler.cdataBlock = text
    handler.entityDecl = { pointer, name, _, _, _, _ in
      let events = XMLEvents.of(pointer)
      events.run {
        throw events.wrong("declares the entity '\(String(cString: name!))': entities are not read")
      }
    }
    handler.getEntity = { pointer, name in
      let events = XMLEvents.of(pointer)
      events.run {
        throw events.wrong("names the entity '\(String(cString: name!))', which is not known")
      }
      return nil
    }
    return handler
  }

  /// - Parameter progress: how much of how many bytes was read.
  /// - Throws: `badData` with the line where the file is no XML.
  func read(progress: (Int, Int) throws -> Void) throws {
    _ = Self.initialized
    let source = try ByteSource(path: path, called: name)
    var handler = Self.makeHandler()
    let pointer = Unmanaged.passUnretained(self).toOpaque()
    guard let context = xmlCreatePushParserCtxt(&handler, pointer, nil, 0, nil) else {
      throw HedgerowError(.io, "cannot be read: there is no memory for a parser", at: name)
    }
    self.context = context
    defer {
      self.context = nil
      xmlFreeParserCtxt(context)
    }
    // Entities in place of their names: of the five that XML has, since no other may be declared.
    _ = xmlCtxtUseOptions(
      context,
      Int32(
        XML_PARSE_NOENT.rawValue | XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue
          | XML_PARSE_NOWARNING.rawValue))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    var hasBegun = false
    var hasEnded = false
    while !hasEnded {
      let count = try source.read(into: buffer)
      guard hasBegun || count > 0 else { throw HedgerowError(.badData, "is empty", at: name) }
      hasBegun = true
      hasEnded = count < buffer.count
      let status = xmlParseChunk(
        context, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), Int32(count),
        hasEnded ? 1 : 0)
      if let failure { throw failure }
      guard status == 0 else {
        let reason = xmlCtxtGetLastError(context).flatMap { $0.pointee.message }.map {
          String(cString: $0)
        }
        let text = (reason ?? "it cannot be understood")
          .split(whereSeparator: \.isNewline).joined(separator: " ")
        throw wrong("is no XML: \(text)")
      }
      try progress(source.filePosition, source.fileByteCount)
    }
  }
}
