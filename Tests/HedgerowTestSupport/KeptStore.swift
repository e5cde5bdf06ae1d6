import Foundation

/// Stores that earlier builds wrote, kept as archives in `Tests/Stores`.
public enum KeptStore {
  /// Unpacks `Tests/Stores/NAME.tar.gz`, which holds `NAME.hedgerow`; returns the store's path.
  public static func unpack(_ name: String, in directory: TemporaryDirectory) throws -> String {
    let archive = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Stores/\(name).tar.gz")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["tar", "-xzf", archive.path, "-C", directory.path]
    try process.run()
    process.waitUntilExit()
    precondition(process.terminationStatus == 0, "cannot unpack \(archive.path)")
    return directory("\(name).hedgerow")
  }
}
