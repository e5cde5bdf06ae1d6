// swift-tools-version: 6.2
import PackageDescription

// One table of modules: targets, settings, products and test targets all derive from it. A module
// may import only modules of a strictly lower rank; `tools/check-layers` holds the import lines
// against the same arrows.

struct Module {
  enum Kind {
    /// A module map over a system library; `pkgConfig` where the library has one.
    case system(pkgConfig: String?, apt: String)
    /// Our own C.
    case c
    case swift
    case executable(product: String)
    /// Shared by the tests only.
    case testSupport
    /// A program that tests and tools run; no product.
    case testTool
  }
  var name: String
  var kind: Kind = .swift
  var imports: [String] = []
  var external: [Target.Dependency] = []
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let modules: [Module] = [
  // rank 0
  Module(name: "CHedgerowLMDB", kind: .system(pkgConfig: "lmdb", apt: "liblmdb-dev")),
  Module(name: "CHedgerowRoaring", kind: .system(pkgConfig: nil, apt: "libroaring-dev")),
  Module(name: "CHedgerowBLAS", kind: .system(pkgConfig: "openblas", apt: "libopenblas-dev")),
  Module(name: "CHedgerowZlib", kind: .system(pkgConfig: "zlib", apt: "zlib1g-dev")),
  Module(name: "CHedgerowZstd", kind: .system(pkgConfig: "libzstd", apt: "libzstd-dev")),
  Module(name: "CHedgerowSnappy", kind: .system(pkgConfig: "snappy", apt: "libsnappy-dev")),
  Module(name: "CHedgerowXML", kind: .system(pkgConfig: "libxml-2.0", apt: "libxml2-dev")),
  Module(name: "CHedgerowKernels", kind: .c),
  Module(name: "CHedgerowSystem", kind: .c),
  // rank 1
  Module(name: "HedgerowCore"),
  // rank 2
  Module(name: "HedgerowLMDB", imports: ["CHedgerowLMDB", "CHedgerowKernels", "HedgerowCore"]),
  Module(name: "HedgerowRoaring", imports: ["CHedgerowRoaring", "HedgerowCore"]),
  Module(name: "HedgerowMapped", imports: ["CHedgerowSystem", "CHedgerowKernels", "HedgerowCore"]),
  Module(
    name: "HedgerowColumnar",
    imports: ["CHedgerowSnappy", "CHedgerowZlib", "CHedgerowZstd", "HedgerowCore"]),
  // rank 3
  Module(name: "HedgerowGraph", imports: ["HedgerowRoaring", "CHedgerowKernels", "HedgerowCore"]),
  Module(name: "HedgerowTensor", imports: ["CHedgerowBLAS", "CHedgerowKernels", "HedgerowCore"]),
  // rank 4
  Module(
    name: "HedgerowStore",
    imports: [
      "HedgerowGraph", "HedgerowLMDB", "HedgerowRoaring", "HedgerowMapped", "CHedgerowKernels",
      "CHedgerowSystem", "HedgerowCore",
    ]),
  Module(
    name: "HedgerowSampling",
    imports: ["HedgerowGraph", "HedgerowRoaring", "CHedgerowKernels", "HedgerowCore"]),
  Module(
    name: "HedgerowNN",
    imports: ["HedgerowTensor", "HedgerowMapped", "CHedgerowKernels", "HedgerowCore"]),
  // rank 5
  Module(
    name: "HedgerowLoader",
    imports: [
      "HedgerowSampling", "HedgerowGraph", "HedgerowRoaring", "HedgerowTensor", "HedgerowMapped",
      "HedgerowCore",
    ]),
  Module(
    name: "HedgerowGNN",
    imports: [
      "HedgerowNN", "HedgerowTensor", "HedgerowGraph", "CHedgerowKernels", "HedgerowCore",
    ]),
  // rank 6
  Module(
    name: "HedgerowIngest",
    imports: [
      "HedgerowStore", "HedgerowGraph", "HedgerowMapped", "HedgerowRoaring", "HedgerowColumnar",
      "CHedgerowZlib", "CHedgerowZstd", "CHedgerowXML", "CHedgerowKernels", "HedgerowCore",
    ],
    external: [yams]),
  Module(
    name: "HedgerowExport",
    imports: [
      "HedgerowStore", "HedgerowGraph", "HedgerowMapped", "HedgerowRoaring", "HedgerowColumnar",
      "HedgerowCore",
    ]),
  Module(
    name: "HedgerowTraining",
    imports: [
      "HedgerowLoader", "HedgerowGNN", "HedgerowNN", "HedgerowTensor", "HedgerowStore",
      "HedgerowSampling", "HedgerowGraph", "HedgerowMapped", "HedgerowRoaring", "HedgerowCore",
    ]),
  // rank 7
  Module(
    name: "Hedgerow",
    imports: [
      "HedgerowIngest", "HedgerowExport", "HedgerowTraining", "HedgerowLoader", "HedgerowGNN",
      "HedgerowStore", "HedgerowSampling", "HedgerowNN", "HedgerowGraph", "HedgerowTensor",
      "HedgerowMapped", "HedgerowRoaring", "HedgerowCore",
    ]),
  // rank 8
  Module(
    name: "HedgerowCLI", kind: .executable(product: "hedgerow"), imports: ["Hedgerow"],
    external: [argumentParser]),
  Module(
    name: "HedgerowTestSupport", kind: .testSupport,
    imports: [
      "HedgerowStore", "HedgerowIngest", "HedgerowGraph", "HedgerowNN", "HedgerowTensor",
      "HedgerowMapped", "HedgerowRoaring", "HedgerowCore",
    ]),
  // rank 10
  Module(
    name: "HedgerowFaults", kind: .testTool,
    imports: [
      "HedgerowTestSupport", "HedgerowIngest", "HedgerowStore", "HedgerowMapped",
      "HedgerowRoaring", "HedgerowCore",
    ]),
]

/// The modules that have a folder `Tests/<name>Tests`.
let tested = [
  "HedgerowCore", "HedgerowLMDB", "HedgerowRoaring", "HedgerowMapped", "HedgerowColumnar",
  "HedgerowGraph", "HedgerowTensor", "HedgerowStore", "HedgerowSampling", "HedgerowNN",
  "HedgerowLoader", "HedgerowGNN", "HedgerowIngest", "HedgerowExport", "HedgerowTraining",
  "HedgerowCLI", "CHedgerowKernels",
]

/// What a module's tests import beside what it imports itself: who is not named here is not built anew for.
let testImports = [
  "HedgerowStore": ["HedgerowLoader"], "HedgerowSampling": ["HedgerowStore"],
  "HedgerowLoader": ["HedgerowStore"], "HedgerowExport": ["HedgerowIngest"],
  "CHedgerowKernels": ["HedgerowCore"],
  "HedgerowCLI": ["HedgerowCore", "HedgerowGraph", "HedgerowLMDB"],
]

/// What lies in such folders and is no source.
let testFiles = [
  "HedgerowColumnar": ["Files"], "HedgerowIngest": ["Files"], "HedgerowGNN": ["Files"],
]

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
]

func target(_ module: Module) -> Target {
  let dependencies = module.imports.map { Target.Dependency(stringLiteral: $0) } + module.external
  switch module.kind {
  case .system(let pkgConfig, let apt):
    return .systemLibrary(name: module.name, pkgConfig: pkgConfig, providers: [.apt([apt])])
  case .c:
    return .target(name: module.name, publicHeadersPath: "include")
  case .swift:
    return .target(name: module.name, dependencies: dependencies, swiftSettings: strict)
  case .executable:
    return .executableTarget(name: module.name, dependencies: dependencies, swiftSettings: strict)
  case .testSupport:
    return .target(
      name: module.name, dependencies: dependencies, path: "Tests/\(module.name)",
      swiftSettings: strict)
  case .testTool:
    return .executableTarget(
      name: module.name, dependencies: dependencies, path: "Tests/\(module.name)",
      swiftSettings: strict)
  }
}

func tests(for name: String) -> Target {
  let module = modules.first { $0.name == name }!
  let dependencies =
    [name, "HedgerowTestSupport"] + module.imports + testImports[name, default: []]
  return .testTarget(
    name: "\(name)Tests", dependencies: dependencies.map { .init(stringLiteral: $0) },
    exclude: testFiles[name] ?? [], swiftSettings: strict)
}

let package = Package(
  name: "hedgerow",
  products: [
    .library(name: "Hedgerow", targets: ["Hedgerow"]),
    .executable(name: "hedgerow", targets: ["HedgerowCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: modules.map(target) + tested.map(tests(for:)),
  swiftLanguageModes: [.v6]
)
