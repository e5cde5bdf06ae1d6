import CHedgerowKernels
import HedgerowCore
import HedgerowMapped
public import HedgerowTensor

/// The numbers of a model's parameters under their dotted paths, and text about them: what a store
/// keeps of a model and a file exchanges with PyTorch.
public struct ModelState: Sendable {
  /// In the order of the model.
  public var tensors: [(name: String, value: Tensor)]
  public var metadata: [String: String]

  public init(tensors: [(name: String, value: Tensor)], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// A safetensors file; the same bytes for the same state.
  ///
  /// - Throws: `usage` when two tensors have one name.
  public func encoded() throws -> [UInt8] {
    var bytes = try head()
    bytes.reserveCapacity(bytes.count + tensors.reduce(0) { $0 + 4 * $1.value.count })
    for (_, value) in tensors {
      value.withUnsafeBufferPointer { bytes.append(contentsOf: UnsafeRawBufferPointer($0)) }
    }
    return bytes
  }

  private func head() throws -> [UInt8] {
    try Safetensors.head(
      metadata: metadata, arrays: tensors.map { ($0.name, .float32, $0.value.shape) })
  }

  /// Hexadecimal CRC-32C over names, shapes, numbers and metadata, whatever their order.
  public var checksum: String {
    var sum: UInt32 = 0
    func add(_ text: String) {
      var text = text
      sum = text.withUTF8 { hr_crc32c(sum, $0.baseAddress, $0.count) }
    }
    for (name, value) in tensors.sorted(by: { $0.name < $1.name }) {
      add("\(name) \(value.shape)\n")
      sum = value.withUnsafeBufferPointer {
        let bytes = UnsafeRawBufferPointer($0)
        return hr_crc32c(sum, bytes.baseAddress, bytes.count)
      }
    }
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { add("\(key)=\(value)\n") }
    return String(sum, radix: 16)
  }

  /// Writes the same file, tensor by tensor; it is there whole or not at all.
  ///
  /// - Throws: `usage` when two tensors have one name, `ioError` when the file cannot be written.
  public func write(to path: String) throws {
    let head = try head()
    try FileSystem.replaceFile(path) { write in
      try head.withUnsafeBytes(write)
      for (_, value) in tensors {
        try value.withUnsafeBufferPointer { try write(UnsafeRawBufferPointer($0)) }
      }
    }
  }

  /// Reads a file that ``write(to:)`` or PyTorch wrote, tensor by tensor: it is not held beside them.
  ///
  /// - Throws: as ``init(decoding:)``; `ioError` when the file cannot be read.
  public init(contentsOf path: String) throws {
    do {
      self = try FileSystem.readFile(path) { fileByteCount, fill in
        func next(_ count: Int) throws -> [UInt8] {
          var bytes = [UInt8](repeating: 0, count: count)
          try bytes.withUnsafeMutableBytes { try fill($0) }
          return bytes
        }
        let length = try Safetensors.headerLength(
          next(min(8, fileByteCount))[...], fileByteCount: fileByteCount)
        let head = try Safetensors.Head(
          decoding: next(length)[...], dataByteCount: fileByteCount - 8 - length)
        let tensors = try head.arrays.map { array in
          // Elements are little-endian there, as they are here.
          let value =
            array.kind == .float32
            ? try Tensor(shape: array.shape) { try fill(UnsafeMutableRawBufferPointer($0)) }
            : try Safetensors.Entry(
              name: array.name, kind: array.kind, shape: array.shape,
              bytes: next(array.byteCount)[...]
            ).numbers
          return (array.name, value)
        }
        return ModelState(tensors: tensors, metadata: head.metadata)
      }
    } catch var error as HedgerowError {
      error.place = error.place ?? path
      throw error
    }
  }

  /// Reads a safetensors file, of numbers of any kind; integers, as PyTorch counts batches with, become
  /// the nearest numbers of single precision.
  ///
  /// - Throws: `damaged` when the bytes are no such file.
  public init(decoding bytes: [UInt8]) throws {
    let file = try Safetensors(decoding: bytes)
    metadata = file.metadata
    tensors = file.entries.map { ($0.name, $0.numbers) }
  }
}

extension Safetensors.Entry {
  fileprivate var numbers: Tensor {
    tensor ?? Tensor(integers!.map { Float($0) }, shape: shape)
  }
}

extension Module {
  /// The numbers of all parameters and buffers now; traps when a parameter has none yet.
  public var state: ModelState {
    ModelState(
      tensors: namedParameters.map { ($0.path, $0.parameter.value) }
        + namedBuffers.map { ($0.path, $0.buffer.value) })
  }

  /// Takes the numbers of a state, all of them or, when something does not fit, none.
  ///
  /// A shared parameter takes the numbers of the first of its paths; those of the others are passed over.
  ///
  /// - Throws: `badData` when a parameter is missing, has another shape, or the state holds one
  ///   that the model does not.
  public func load(_ state: ModelState) throws {
    let values = Dictionary(state.tensors.map { ($0.name, $0.value) }) { $1 }
    let (parameters, buffers) = (namedParameters, namedBuffers)
    func check(_ path: String, _ shape: [Int], _ fits: ([Int]) -> Bool) throws {
      guard let value = values[path] else {
        throw HedgerowError(.badData, "the state lacks this parameter of the model", at: path)
      }
      guard fits(value.shape) else {
        throw HedgerowError(
          .badData, "the state has shape \(value.shape), the model \(shape)", at: path)
      }
    }
    for (path, parameter) in parameters { try check(path, parameter.shape, parameter.fits) }
    for (path, buffer) in buffers { try check(path, buffer.shape) { $0 == buffer.shape } }
    let names = everyNamed { content -> AnyObject? in
      switch content {
      case .parameter(let parameter): parameter
      case .buffer(let buffer): buffer
      case .module: nil
      }
    }.map(\.0)
    if let name = Set(values.keys).subtracting(names).min() {
      throw HedgerowError(.badData, "the model has no parameter of this name", at: name)
    }
    for (path, parameter) in parameters { parameter.value = values[path]! }
    for (path, buffer) in buffers { buffer.value = values[path]! }
  }
}
