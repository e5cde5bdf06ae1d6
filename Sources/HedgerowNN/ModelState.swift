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
    var file = Safetensors()
    file.metadata = metadata
    file.entries = tensors.map { Safetensors.Entry(name: $0.name, $0.value) }
    return try file.encoded()
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
    let head = try Safetensors.head(
      metadata: metadata, arrays: tensors.map { ($0.name, .float32, $0.value.shape) })
    try FileSystem.replaceFile(path) { write in
      try head.withUnsafeBytes(write)
      for (_, value) in tensors {
        try value.withUnsafeBufferPointer { try write(UnsafeRawBufferPointer($0)) }
      }
    }
  }

  /// Reads a file that ``write(to:)`` or PyTorch wrote.
  public init(contentsOf path: String) throws {
    do {
      try self.init(decoding: FileSystem.contents(of: path))
    } catch var error as HedgerowError {
      error.place = error.place ?? path
      throw error
    }
  }

  /// Reads a safetensors file, of any floating-point kind.
  ///
  /// - Throws: `damaged` when the bytes are no such file; `badData` when an array is not of
  ///   floating-point numbers.
  public init(decoding bytes: [UInt8]) throws {
    let file = try Safetensors(decoding: bytes)
    metadata = file.metadata
    tensors = try file.entries.map { entry in
      guard let tensor = entry.tensor else {
        throw HedgerowError(
          .badData, "a parameter is of floating-point numbers, not \(entry.kind.rawValue)",
          at: entry.name)
      }
      return (entry.name, tensor)
    }
  }
}

extension Module {
  /// The numbers of all parameters now; traps when one has none yet.
  public var state: ModelState {
    ModelState(tensors: namedParameters.map { ($0.path, $0.parameter.value) })
  }

  /// Takes the numbers of a state, all of them or, when something does not fit, none.
  ///
  /// - Throws: `badData` when a parameter is missing, has another shape, or the state holds one
  ///   that the model does not.
  public func load(_ state: ModelState) throws {
    let values = Dictionary(state.tensors.map { ($0.name, $0.value) }) { $1 }
    let parameters = namedParameters
    for (path, parameter) in parameters {
      guard let value = values[path] else {
        throw HedgerowError(.badData, "the state lacks this parameter of the model", at: path)
      }
      guard value.shape == parameter.shape else {
        throw HedgerowError(
          .badData, "the state has shape \(value.shape), the model \(parameter.shape)", at: path)
      }
    }
    if let name = Set(values.keys).subtracting(parameters.map(\.path)).min() {
      throw HedgerowError(.badData, "the model has no parameter of this name", at: name)
    }
    for (path, parameter) in parameters { parameter.value = values[path]! }
  }
}
