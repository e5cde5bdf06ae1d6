import Glibc
import Hedgerow

/// The package lists that apt has fetched.
struct PackageLists {
  var directory = "/var/lib/apt/lists"

  /// The largest list of binary packages of an archive's main area, as
  /// `deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages.lz4`.
  ///
  /// - Throws: `noInput` when there is none.
  func largest() throws -> String {
    var best: (name: String, byteCount: Int)?
    for name in names() {
      var status = stat()
      guard stat("\(directory)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG
      else { continue }
      if status.st_size > best?.byteCount ?? 0 { best = (name, Int(status.st_size)) }
    }
    guard let best else {
      throw HedgerowError(
        .noInput,
        "holds no list of a Debian archive's packages: "
          + "run apt-get update, or name a Packages file with --from",
        at: directory)
    }
    return "\(directory)/\(best.name)"
  }

  /// In alphabetical order.
  private func names() -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if Self.isList(name) { names.append(name) }
    }
    return names.sorted()
  }

  static func isList(_ name: String) -> Bool {
    guard let dists = name.firstRange(of: "_dists_"),
      let binary = name[dists.upperBound...].firstRange(of: "_main_binary-"),
      let packages = name[binary.upperBound...].firstRange(of: "_Packages")
    else { return false }
    let rest = name[packages.upperBound...]
    return rest.isEmpty || rest.first == "."
  }
}
