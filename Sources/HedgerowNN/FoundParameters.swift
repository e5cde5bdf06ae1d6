import HedgerowTensor
import Synchronization

/// The parameters of a module under their paths, as reflection found them once.
///
/// Reflection costs microseconds in every step of training. What it found is still right for a module of
/// the same bytes: they are references to the same parameters, arrays and boxes. These live as long as this
/// does, so that nothing else comes to have their addresses, and are copied before they are changed. Bytes
/// between properties mean nothing and are not compared. Modules that are objects may change in place: what
/// is found in them is not kept.
///
/// An optimizer keeps this between its steps (``OptimizerMemory``); as long as somebody does, it is found by
/// whoever asks for the module's parameters.
final class FoundParameters: Sendable {
  let named: [(path: String, parameter: Parameter)]
  let parameters: [Parameter]
  private let module: any Module
  private let bytes: [UInt8]
  /// 255 where a byte means something, otherwise 0.
  private let mask: [UInt8]

  private init<Found: Module>(in module: Found) {
    self.module = module
    named = module.reflectedParameters
    parameters = named.map(\.parameter)
    bytes = Self.bytes(of: module, over: 0)
    mask = zip(bytes, Self.bytes(of: module, over: 255)).map { $0 == $1 ? 255 : 0 }
  }

  /// The bytes of a copy in memory that was filled before: those between properties stay as they were.
  private static func bytes<Found: Module>(of module: Found, over fill: UInt8) -> [UInt8] {
    let count = MemoryLayout<Found>.size
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(1, count), alignment: MemoryLayout<Found>.alignment)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: fill)
    let copy = memory.baseAddress!.initializeMemory(as: Found.self, to: module)
    defer { copy.deinitialize(count: 1) }
    return Array(memory[..<count])
  }

  /// Of a module of the same type.
  private func isFound(in module: some Module) -> Bool {
    withUnsafeBytes(of: module) { other in
      bytes.withUnsafeBufferPointer { bytes in
        mask.withUnsafeBufferPointer { mask in
          var difference: UInt8 = 0
          for index in bytes.indices { difference |= (bytes[index] ^ other[index]) & mask[index] }
          return difference == 0
        }
      }
    }
  }

  private struct Entry {
    weak var found: FoundParameters?
  }
  private static let kept = Mutex<[ObjectIdentifier: [Entry]]>([:])

  /// What somebody keeps of this module; `nil` when nobody does.
  static func kept<Found: Module>(of module: Found) -> FoundParameters? {
    kept.withLock { kept in
      guard let entries = kept[ObjectIdentifier(Found.self)] else { return nil }
      for entry in entries {
        if let found = entry.found, found.isFound(in: module) { return found }
      }
      return nil
    }
  }

  /// The same, or what is found now, for the caller to keep.
  static func all<Found: Module>(of module: Found) -> FoundParameters {
    if let found = kept(of: module) { return found }
    let found = FoundParameters(in: module)
    if module.holdsObjects { return found }
    kept.withLock { kept in
      let key = ObjectIdentifier(Found.self)
      let others = kept[key, default: []].filter { $0.found != nil }
      kept[key] = others + [Entry(found: found)]
    }
    return found
  }
}

extension Module {
  /// Whether this module, or one in it, is an object.
  fileprivate var holdsObjects: Bool {
    type(of: self) is AnyClass
      || ModuleChild.children(of: self).contains { child in
        if case .module(let module) = child.content { module.holdsObjects } else { false }
      }
  }
}
